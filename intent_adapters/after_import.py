"""Does something as soon as a module of another library has been imported, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from itertools import dropwhile, islice
from types import ModuleType
from typing import Any


def after_import(name: str, action: Callable[[], object]) -> None:
    """Do something now if a module has been imported, or else right after it will be.

    The module's own loader loads it. If that fails, or is done again (`importlib.reload`), `action` is called by the
    next import that succeeds; the first success is the last call.

    Args:
        name: The module's full name; it need not be installed.
        action: What it raises goes to whoever imports the module, which then counts as not imported.
    """
    if sys.modules.get(name) is not None:  # None: somebody forbids its import
        action()
    else:
        sys.meta_path.insert(0, _Finder(name, action))


class _Finder:
    """Finds one module where the finders behind this one find it, and has its loader watched."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self._name = name
        self._action: Callable[[], object] | None = action

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As every finder's."""
        if fullname != self._name or self._action is None:
            return None
        for finder in islice(dropwhile(lambda finder: finder is not self, sys.meta_path), 1, None):
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:  # as that of a folder which only happens to be called so
                    watched: Any = _Loader(spec.loader, self._done)
                    spec.loader = watched
                return spec
        return None

    def _done(self) -> None:
        if self._action is not None:
            self._action()
            # It stays where it is: a list that gets shorter makes other threads, on their way along it, skip a finder.
            self._action = None


class _Loader:
    """Another loader, which it puts in its own place before the module can see it."""

    def __init__(self, loader: Any, done: Callable[[], None]) -> None:
        self._loader = loader
        self._done = done

    def __getattr__(self, name: str) -> Any:
        # For whoever looks at the spec of a module that is not imported: its source, its data files.
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the other loader's."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """As the other loader's, and what was to be done afterwards."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if sys.modules.get(module.__name__) is module:  # it is not one that somebody makes beside it
            self._done()
