"""The examples use the library as a user would: through what the reference documents."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "examples").rglob("*.py"))
# Errors are documented as a whole; the commands by their --help.
WHOLE_MODULES = {"intent_adapters.errors", "intent_adapters.cli"}


def documented_modules() -> set[str]:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    return {name.rpartition(".")[0] for name in re.findall(r"^::: ([\w.]+)", pages, re.MULTILINE)}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "intent_adapters":
            yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in FILES])
def test_what_is_imported_is_public(path: Path):
    modules = documented_modules() | WHOLE_MODULES
    hidden = [
        f"{module}.{name}"
        for module, name in imports(path)
        if name not in getattr(importlib.import_module(module), "__all__", ()) and module not in modules
    ]
    assert not hidden
