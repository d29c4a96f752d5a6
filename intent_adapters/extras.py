"""Packages that come with an extra of this one: which extra, and what to say where one is missing."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from intent_adapters.errors import MissingExtraError

# By the name that is imported.
EXTRA_OF = {
    **dict.fromkeys(("torch", "transformers", "sentence_transformers", "peft"), "torch"),
    **dict.fromkeys(("accelerate", "datasets", "pyarrow", "scipy", "sklearn"), "train"),
    "matplotlib": "plots",
    "onnx": "export",
    **dict.fromkeys(("phonenumbers", "regex"), "entities"),
    "openpyxl": "xlsx",
    "ray": "ray",
    **dict.fromkeys(
        ("filelock", "httptools", "orjson", "prometheus_client", "pydantic", "starlette", "uvicorn"), "serve"
    ),
}


def is_installed(module: str) -> bool:
    """Whether a package can be imported; nothing is imported to find out."""
    return importlib.util.find_spec(module) is not None


def need(module: str) -> Any:
    """Import a package of `EXTRA_OF`.

    Returns:
        The module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing(error) from error


def missing(error: ModuleNotFoundError) -> ModuleNotFoundError:
    """What to raise instead of an error of an import: it names the extra, if one of ours brings what is missing."""
    module = str(error.name).partition(".")[0]
    if module not in EXTRA_OF:
        return error
    what = f"This needs {module}: pip install 'intent-adapters[{EXTRA_OF[module]}]'."
    return MissingExtraError(what, name=module)
