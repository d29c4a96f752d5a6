"""From `--base` and `--adapter` to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from intent_adapters.cli.console import working
from intent_adapters.model import IntentModel


def open_model(
    base: str | None, adapters: list[str], device: str | None, backend: Literal["torch", "onnx"] = "torch"
) -> IntentModel:
    """Loads the base and every adapter; without a base, the one that the first adapter names.

    Raises:
        IntentAdaptersError: as `IntentModel.from_pretrained` and `IntentModel.load_adapter`.
    """
    named = [name_and_source(adapter) for adapter in adapters]
    first = {name: source for name, source in named[:1] if name}
    with working("loading"):
        model = IntentModel.from_pretrained(
            base, adapter=first or (named[0][1] if named else None), device=device, backend=backend
        )
        for name, source in named[1:]:
            model.load_adapter(source, name=name)
    return model


def name_and_source(adapter: str) -> tuple[str | None, str]:
    """Splits NAME=ADAPTER, unless a folder has just that name."""
    name, equals, source = adapter.partition("=")
    return (name, source) if equals and not Path(adapter).exists() else (None, adapter)
