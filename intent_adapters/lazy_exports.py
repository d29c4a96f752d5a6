"""Public names of a package that are imported when they are first asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from intent_adapters.extras import missing


def lazy_exports(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` of a package.

    Args:
        package: Its name.
        places: The module that each public name is in.
    """
    namespace = vars(sys.modules[package])

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            value = namespace[name] = getattr(import_module(places[name]), name)
        except ModuleNotFoundError as error:
            raise missing(error) from error
        return value

    return get, lambda: sorted({*namespace, *places})
