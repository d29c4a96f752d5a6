"""The optional packages of this room, imported when they are first needed."""

from __future__ import annotations

import importlib
from typing import Any

from intent_adapters.errors import ConfigError


def need(module: str, extra: str) -> Any:
    """Import an optional package.

    Args:
        module: Its name.
        extra: The extra of ours that installs it.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"This needs {module}: pip install 'intent-adapters[{extra}]' ({error}).") from error
