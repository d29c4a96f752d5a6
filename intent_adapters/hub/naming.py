"""Telling Hub ids from folders."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import utils
from huggingface_hub.errors import HFValidationError


def check_repo_id(name: str) -> None:
    """Let names pass that a Hub repository can have.

    Raises:
        HFValidationError: It is none; the message says why.
    """
    utils.validate_repo_id(name)  # type: ignore[attr-defined] # public, but exported lazily


def is_hub_id(name: str) -> bool:
    """Whether a name can be that of a Hub repository."""
    try:
        check_repo_id(name)
    except HFValidationError:
        return False
    return True


def is_repo_id(name: str) -> bool:
    """Whether a name can be that of a Hub repository and is not that of a folder here."""
    return is_hub_id(name) and not Path(name).is_dir()
