"""Gives all agents of a folder their new adapters, in one step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from intent_adapters.artifacts.adapter import Adapter, in_place_of
from intent_adapters.artifacts.agents_folder import OWN_FOLDER, write_base
from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.artifacts.folders import link_or_copy, replaced_folder, sole_writer
from intent_adapters.artifacts.version_folders import has_own_base
from intent_adapters.cluster.report import REPORT_NAME
from intent_adapters.errors import AdapterError
from intent_adapters.hub.cards.saving import save_with_card
from intent_adapters.hub.naming import folder_name


def agents_in(folder: Path) -> dict[str, Path]:
    """The adapter folders in a folder that can be exchanged for others, by the names of their agents.

    Raises:
        AdapterError: There are none, or one has a base of its own, or nothing can take the place of the folder.
    """
    if not folder.is_dir():
        raise AdapterError(f"There is no folder {str(folder)!r}.")
    if os.path.ismount(folder) or not os.access(folder.parent, os.W_OK | os.X_OK):
        raise AdapterError(
            f"Nothing can take the place of {str(folder)!r}: it is a mount point, or the folder above it cannot be "
            "written. Keep the agents in a folder inside it."
        )
    found = {folder_name(path): path for path in sorted(folder.glob("[!.]*")) if (path / CONFIG_NAME).is_file()}
    if not found:
        raise AdapterError(f"No adapter folders in {str(folder)!r}. Give the folder that holds them.")
    for name, path in found.items():
        if has_own_base(path):
            raise AdapterError(
                f"Agent {name!r} was fine-tuned whole and has a base of its own, in {str(path)!r}: it needs no other "
                "base. Move it out of the folder."
            )
    return found


def switch(folder: Path, source: Path, expected: Mapping[str, str]) -> None:
    """Let agents of a folder have new adapters, all of them or, if anything fails, none.

    Each new one takes the place of the old one as if it had been trained there: that becomes a former version. What
    else is in the folder stays. A file in it names the base that the agents have from then on, so that servers of
    another base know that they go on with former versions.

    Args:
        folder: Of the adapter folders.
        source: Of the new ones, by the names of their agents.
        expected: The agents, and which version (`Adapter.version`) of each is to be replaced.

    Raises:
        AdapterError: An agent has another version by now, or is gone.
    """
    with sole_writer(folder / OWN_FOLDER):  # who writes an agent waits until it is over
        places = agents_in(folder)
        for name, version in expected.items():
            if name not in places or Adapter.read(places[name]).version != version:
                raise AdapterError(f"Agent {name!r} was replaced or removed meanwhile, so nothing was. Run it again.")
        with replaced_folder(folder) as staging:
            if (folder / OWN_FOLDER).is_dir():
                shutil.copytree(folder / OWN_FOLDER, staging / OWN_FOLDER, copy_function=link_or_copy)
            for name in expected:
                adapter, place = Adapter.read(source / name), staging / places[name].name
                adapter = in_place_of(adapter, places[name])
                shutil.copytree(places[name], place, copy_function=link_or_copy)
                save_with_card(adapter, place)
            if (source / REPORT_NAME).is_file():
                shutil.copy2(source / REPORT_NAME, staging / REPORT_NAME)
            config = adapter.config
            write_base(staging, config.base_model_name_or_path, config.provenance.base_fingerprint)
