"""Where things come from: a local folder, or a Hub repository of which only the files we read are fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypedDict, Unpack

from intent_adapters.artifacts.contents import ADAPTER, BASE, CONFIG_NAME, ONNX_BASE, Files
from intent_adapters.artifacts.folders import is_there
from intent_adapters.errors import AdapterError, BaseError, IntentAdaptersError


class HubOptions(TypedDict, total=False):
    """What every call that may go to the Hub understands; the names and meanings are those of transformers.

    Attributes:
        revision: Branch, tag or commit of the repository.
        token: Hub token, `True` for the stored one.
        cache_dir: Where downloads are kept.
        local_files_only: Do not go to the network.
        subfolder: Folder of the repository that holds the files.
    """

    revision: str | None
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool
    subfolder: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """Something that is on this machine now.

    Attributes:
        folder: Where it is.
        commit: The Hub commit that it is from; `None` for a folder that was local all along.
    """

    folder: Path
    commit: str | None = None


def check_hub_options(hub: Mapping[str, object]) -> None:
    """Let keyword arguments pass that are `HubOptions`.

    Raises:
        TypeError: There are others.
    """
    if unknown := sorted(set(hub) - HubOptions.__optional_keys__):
        raise TypeError(
            f"unknown keyword arguments {', '.join(unknown)}; of the Hub there are "
            f"{', '.join(sorted(HubOptions.__optional_keys__))}"
        )


def adapter_folder(source: str | Path, **hub: Unpack[HubOptions]) -> Path:
    """Find an adapter's folder, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        **hub: See `HubOptions`.

    Returns:
        A local folder.

    Raises:
        AdapterError: There is no such folder, nothing to fetch by that name, or files that are too large.
    """
    return fetch(source, ADAPTER, **hub).folder


def fetch_base(source: str | Path, *, onnx: bool = False, **hub: Unpack[HubOptions]) -> Fetched:
    """Find a base's folder, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        onnx: Fetch the ONNX graphs instead of the safetensors weights.
        **hub: See `HubOptions`.

    Returns:
        The folder, and the commit that it is from.

    Raises:
        BaseError: There is no such folder, nothing to fetch by that name, or files that are too large.
    """
    return fetch(source, ONNX_BASE if onnx else BASE, **hub)


def fetch_either(source: str | Path, *, onnx: bool = False, **hub: Unpack[HubOptions]) -> tuple[Fetched, bool]:
    """Find the folder of an adapter or a base, whichever it is, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        onnx: Of a base fetch the ONNX graphs instead of the safetensors weights.
        **hub: See `HubOptions`.

    Returns:
        The folder, and whether it is an adapter's.

    Raises:
        AdapterError: There is neither.
        BaseError: The same with `onnx`: most likely it is a base without a graph.
    """
    try:
        found = fetch(source, ADAPTER, **hub)
    except AdapterError as error:
        try:
            return fetch_base(source, onnx=onnx, **hub), False
        except BaseError as base_error:
            raise (base_error if onnx else error) from None
    return found, (found.folder / CONFIG_NAME).is_file()


def fetch(source: str | Path, files: Files, **hub: Unpack[HubOptions]) -> Fetched:
    """Find a folder, downloading it if it is on the Hub.

    The sizes that the Hub states are checked before anything is downloaded. A repository whose download was cut off
    is never taken for a whole one: the weights come last, and without them there is nothing to load.

    Raises:
        IntentAdaptersError: Of the kind `files.error`: it cannot be had.
        TypeError: There is no such option.
    """
    check_hub_options(hub)
    subfolder = _checked_subfolder(hub.pop("subfolder", None), files.error)
    if is_there(Path(source)):
        return Fetched(_inside(Path(source), subfolder, str(source), files))
    from intent_adapters.hub.downloading import download  # the Hub's client takes a third of a second to import

    folder, commit = download(str(source), files, subfolder, {**hub})
    return Fetched(_inside(folder, subfolder, str(source), files), commit)


def _checked_subfolder(subfolder: str | None, error: type[IntentAdaptersError]) -> str:
    """A folder's path inside a repository, ending with "/"; "" for the repository itself."""
    if not subfolder:
        return ""
    path = PurePosixPath(subfolder)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]|^~", subfolder):
        raise error(
            f"subfolder={subfolder!r} leads out of the repository: name a folder inside it, such as 'agents/clinic'."
        )
    return f"{path}/" if path.parts else ""


def _inside(folder: Path, subfolder: str, source: str, files: Files) -> Path:
    inside = folder / subfolder
    if not inside.is_dir():
        raise files.error(f"The {files.what} {source!r} has no folder {subfolder.rstrip('/')!r}.")
    return inside
