"""Names of repositories and folders."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def check_repo_id(name: str) -> None:
    """Let names pass that a Hub repository can have.

    Raises:
        HFValidationError: It cannot be such a name; the message says why.
    """
    from huggingface_hub import utils  # which takes a tenth of a second to import

    utils.validate_repo_id(name)  # type: ignore[attr-defined] # public, but exported lazily


def folder_name(folder: str | Path) -> str:
    """What a folder is called.

    A link keeps its own name: agents/clinic may lead to releases/2026-11-29. Letters are composed, as a keyboard types
    them; a folder that was packed on a Mac has them taken apart.
    """
    return unicodedata.normalize("NFC", Path(os.path.abspath(folder)).name)


def is_hub_id(name: str) -> bool:
    """Whether a name can be that of a Hub repository."""
    from huggingface_hub.errors import HFValidationError

    try:
        check_repo_id(name)
    except HFValidationError:
        return False
    return True


def is_repo_id(name: str) -> bool:
    """Whether a name can be that of a Hub repository and is not that of a folder here."""
    return is_hub_id(name) and not Path(name).is_dir()
