"""Packages that come with an extra of this one, imported when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from intent_adapters.errors import MissingExtraError


def need(module: str, extra: str) -> Any:
    """Import an optional package.

    Args:
        module: Its name.
        extra: The extra of ours that installs it.

    Returns:
        The module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing(module, extra, f" ({error})") from error


def missing(module: str, extra: str, why: str = "") -> MissingExtraError:
    """The error for a package that is not installed."""
    return MissingExtraError(f"This needs {module}: pip install 'intent-adapters[{extra}]'{why}.")
