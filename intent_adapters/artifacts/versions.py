"""The versions of an adapter: what its folder holds and held, and going back to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.contents import CARD_NAME, CONFIG_NAME, ENTITIES_NAME
from intent_adapters.artifacts.folders import read_whole, replaced_folder, sole_writer
from intent_adapters.artifacts.version_folders import (
    BASE_FOLDER,
    copy_version,
    has_own_base,
    numbers,
    version_path,
    write_versions,
)
from intent_adapters.errors import AdapterError


@dataclass(frozen=True)
class Version:
    """One version of an adapter.

    Attributes:
        number: Its number, which stays with it.
        folder: Where it is, an adapter folder of its own.
        in_use: Whether it is the one that the adapter's folder holds.
        adapter: Its config and weights; None if its files are missing or damaged.
        problem: What is wrong with them; None if nothing is.
    """

    number: int
    folder: Path
    in_use: bool
    adapter: Adapter | None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """What there is to know of it, as values that JSON can hold."""
        facts: dict[str, Any] = {"number": self.number, "in_use": self.in_use, "folder": str(self.folder)}
        if self.adapter is None:
            return {**facts, "problem": self.problem}
        config = self.adapter.config
        trained = config.provenance
        return {
            **facts,
            "date": trained.date,
            "rows": trained.rows,
            "data_digest": trained.data_digest,
            "intents": len(self.adapter.labels),
            "accuracy": trained.accuracy,
            "accuracy_source": trained.accuracy_source,
            "training": trained.training,
            "libraries": trained.versions,
            "threshold": config.calibration.threshold,
            "digest": self.adapter.digest,
        }


def list_versions(folder: str | Path) -> list[Version]:
    """The versions of an adapter, by their numbers.

    Args:
        folder: The adapter's folder.

    Returns:
        The one in use and those that are kept; the files of these may be damaged.

    Raises:
        AdapterError: That is no adapter folder.
    """

    def read() -> list[Version]:
        place = _adapter_folder(folder)
        *_, current = found = numbers(place)
        return [_read(place, number, number == current) for number in sorted(found)]

    return read_whole(Path(folder), read)


def find_version(folder: str | Path, number: int | None = None) -> Path:
    """The folder of one version of an adapter.

    Args:
        folder: The adapter's folder.
        number: Its number; None for the one that was in use before the one that is now.

    Returns:
        An adapter folder.

    Raises:
        AdapterError: There is no such version.
    """
    folder = _adapter_folder(folder)
    found = numbers(folder)
    if number is None:
        if len(found) < 2:
            raise AdapterError(
                f"{str(folder)!r} keeps no former version: it was trained once, or its folder `versions` was removed."
            )
        number = found[-2]
    if number not in found:
        raise AdapterError(
            f"{str(folder)!r} has no version {number}; it has {', '.join(map(str, sorted(found)))}, and "
            f"{found[-1]} is in use."
        )
    return version_path(folder, number)


def rollback(folder: str | Path, number: int | None = None) -> Version:
    """Put a kept version of an adapter in use again, atomically; the one that was in use is kept in turn.

    Its card goes along: what stands on it was true of these weights.

    Args:
        folder: The adapter's folder.
        number: Of the version; None for the one that was in use before the one that is now, so that a second rollback
            undoes the first.

    Returns:
        The version that is in use now.

    Raises:
        AdapterError: There is no such version, it is in use already, or its files are damaged: nothing has changed.
    """
    folder = _adapter_folder(folder)
    with sole_writer(folder):
        former, source = numbers(folder), find_version(folder, number)
        if source == folder:
            raise AdapterError(
                f"Version {number} of {str(folder)!r} is the one in use: there is nothing to roll back."
            )
        Adapter.read(source)
        number = int(source.name)
        without = [CARD_NAME, ENTITIES_NAME, *([BASE_FOLDER] if has_own_base(folder) else [])]
        with replaced_folder(folder, without=without) as new:
            copy_version(source, new, folder)
            write_versions(folder, new, [*(kept for kept in former if kept != number), number])
    return _read(folder, number, True)


def _adapter_folder(folder: str | Path) -> Path:
    folder = Path(folder)
    if not (folder / CONFIG_NAME).is_file():
        raise AdapterError(f"No {CONFIG_NAME} in {str(folder)!r}: that is no adapter folder.")
    return folder


def _read(folder: Path, number: int, in_use: bool) -> Version:
    path = version_path(folder, number)
    try:
        return Version(number, path, in_use, Adapter.read(path))
    except AdapterError as error:
        return Version(number, path, in_use, None, str(error))
