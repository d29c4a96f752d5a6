"""Saving an agent over a former version of it: the card in its folder is made again, so that it tells of this one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.contents import CARD_NAME
from intent_adapters.artifacts.version_folders import KEPT
from intent_adapters.errors import ConfigError, IntentAdaptersWarning
from intent_adapters.hub.cards.agent import adapter_card
from intent_adapters.hub.cards.merging import has_parts
from intent_adapters.hub.naming import folder_name


def save_with_card(
    adapter: Adapter, folder: str | Path, *, versions: int = KEPT, beside: Callable[[Path], object] | None = None
) -> None:
    """Write an adapter folder as `Adapter.write` does, and in the same step make a card of ours in it again.

    What a person wrote on the card is kept, and so are its licence, languages and data sets; figures of other weights
    go. A README.md without parts of ours stays as it is, with a warning.
    """
    folder = Path(folder)

    def write_beside(staging: Path) -> None:
        if beside:
            beside(staging)
        if (folder / CARD_NAME).is_file():
            _make_again(folder, staging)

    adapter.write(folder, versions=versions, beside=write_beside)


def existing_card(folder: str | Path) -> str | None:
    """The text of the card in a folder, None if there is none; a ConfigError if it is not in UTF-8."""
    path = Path(folder, CARD_NAME)
    try:
        return path.read_bytes().decode("utf-8-sig") if path.is_file() else None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{str(path)!r} is not in UTF-8 ({error}): save it in UTF-8.") from error


def _make_again(folder: Path, staging: Path) -> None:
    """Make the card of a folder again for the adapter in the one that will take its place."""
    try:
        existing = existing_card(folder) or ""
        if not has_parts(existing):
            raise ConfigError("No part of it is between markers of `intent-adapters card`.")
        adapter_card(staging, name=folder_name(folder), existing=existing).save(staging / CARD_NAME)
    except ConfigError as error:
        warnings.warn(
            f"{str(folder / CARD_NAME)!r} is left as it is and may tell of the former version: {error}",
            IntentAdaptersWarning,
            stacklevel=5,
        )
