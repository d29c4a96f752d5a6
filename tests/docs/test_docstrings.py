"""Public names say all that a reader of the reference needs: every argument, what comes back, what is raised."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.running import ROOT

SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises|Warns|Example|Examples|References|Requirements):", re.MULTILINE
)
ENTRY = re.compile(r"^ {4}\*{0,2}(\w+)(?: \(.*?\))?:", re.MULTILINE)
# What users import from. Commands are documented by their --help, the rooms of the runtime are for ourselves.
ROOMS = ("", ".bottleneck", ".cluster", ".data", ".evaluation", ".evaluation.plots", ".hub", ".losses", ".training")


def public_rooms() -> Iterator[Any]:
    for name in ROOMS:
        yield importlib.import_module(f"intent_adapters{name}")


def inherited(owner: type, name: str) -> bool:
    """Whether a method is an answer to another library's call, and so documented there."""
    return any(name in vars(base) for base in owner.__mro__ if not base.__module__.startswith("intent_adapters"))


def public_objects() -> dict[str, Any]:
    """Every public function, class and public method written here, by where it is defined."""
    objects: dict[str, Any] = {}
    for room in public_rooms():
        for name in room.__all__:
            value = getattr(room, name)
            if not (inspect.isclass(value) or inspect.isfunction(value)):
                continue
            objects[f"{value.__module__}.{value.__qualname__}"] = value
            for method, member in vars(value).items() if inspect.isclass(value) else ():
                function = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
                if not method.startswith("_") and inspect.isfunction(function) and not inherited(value, method):
                    objects[f"{value.__module__}.{value.__qualname__}.{method}"] = function
    return objects


OBJECTS = public_objects()


def documented(docstring: str, section: str) -> set[str] | None:
    """The names in a section of a docstring; None if there is no such section."""
    parts = SECTION.split(docstring)
    entries = dict(zip(parts[1::2], parts[2::2], strict=True))
    return set(ENTRY.findall(entries[section])) if section in entries else None


def parameters(value: Any) -> list[str]:
    """The arguments that a docstring has to explain; of a class, those that it adds to its bases'."""
    if dataclasses.is_dataclass(value):
        foreign = {name for base in value.__mro__[1:] for name in inspect.get_annotations(base)}
        own = inspect.get_annotations(value).keys() - foreign
        return [field.name for field in dataclasses.fields(value) if field.init and field.name in own]
    if inspect.isclass(value) and "__init__" not in vars(value):
        return []
    return [name for name in inspect.signature(value).parameters if name not in ("self", "cls")]


@pytest.mark.parametrize("where", OBJECTS)
def test_docstring_is_complete(where: str):
    value = OBJECTS[where]
    docstring = inspect.getdoc(value) or ""
    assert docstring, f"{where} has no docstring"
    written = (documented(docstring, "Args") or set()) | (documented(docstring, "Attributes") or set())
    if "\n" not in docstring:  # one line, which is enough for a small method
        return
    missing = [name for name in parameters(value) if name not in written]
    assert not missing, f"{where} does not document its arguments {', '.join(missing)}"
    if inspect.isfunction(value):
        unknown = (documented(docstring, "Args") or set()) - set(parameters(value))
        assert not unknown, f"{where} documents arguments that it does not have: {', '.join(unknown)}"
        gives = inspect.signature(value).return_annotation
        told = SECTION.search(docstring) is None or re.search(r"^(Returns|Yields):", docstring, re.MULTILINE)
        assert gives in (None, "None", "NoReturn") or told, f"{where} does not say what it returns"


def test_every_public_name_is_in_the_reference():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    listed = {name.rpartition(".")[2] for name in re.findall(r"^::: ([\w.]+)", text, re.MULTILINE)}
    public = {name for room in public_rooms() for name in room.__all__}
    functions_and_classes = {where.rpartition(".")[2] for where in OBJECTS}
    errors = {name for name in public if name.endswith("Error")}  # listed as a module
    assert not (public & functions_and_classes) - listed - errors
