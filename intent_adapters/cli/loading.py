"""From `--base` and `--adapter` to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from intent_adapters.choices import Backend
from intent_adapters.cli.console import working
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.inputs import is_path

if TYPE_CHECKING:
    from intent_adapters.model import IntentModel


def open_model(
    base: str | None, adapters: list[str], device: str | None, backend: Backend | None = None
) -> IntentModel:
    """Loads the base and every adapter; without a base, the one that the first adapter names."""
    named = [name_and_source(adapter) for adapter in adapters]
    first = {name: source for name, source in named[:1] if name}
    with working("loading"):
        from intent_adapters.hub.naming import folder_name
        from intent_adapters.model import IntentModel

        model = IntentModel.from_pretrained(
            base, adapter=first or (named[0][1] if named else None), device=device, backend=backend
        )
        for name, source in named[1:]:
            if (called := name or folder_name(source)) in model.agents:
                raise typer.BadParameter(
                    f"two agents would be called {called!r}: give {source} another name, NAME={source}",
                    param_hint="--adapter",
                )
            model.load_adapter(source, name=name)
    return model


def check_folders(value: Any) -> Any:
    """Sees whether the folders that an option names are there, before anything is imported for them."""
    for source in [value] if isinstance(value, str) else value or ():
        folder = name_and_source(source)[1]
        if is_path(folder) and not Path(folder).exists():
            raise IntentAdaptersError(f"There is no folder {folder!r}; check the path and the working directory.")
    return value


def name_and_source(adapter: str) -> tuple[str | None, str]:
    """Splits NAME=ADAPTER, unless a folder has just that name."""
    name, equals, source = adapter.partition("=")
    return (name, source) if equals and not Path(adapter).exists() else (None, adapter)
