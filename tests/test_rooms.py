"""Imports run downwards only: a room knows those below it, and nothing of those beside and above it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "intent_adapters"

# From the roof to the ground; rooms of one floor do not know each other.
FLOORS = (
    {"cli"},
    {"__init__"},
    {"cluster"},
    {"serving"},
    {"evaluation", "training_process"},
    {"training"},
    {"model"},
    {"loading"},
    {"hub", "runtime"},
    {"artifacts", "entities"},
    {"bottleneck", "losses", "data"},
    {"adapter_config"},
    {
        "after_import",
        "architectures",
        "environment",
        "forking",
        "inputs",
        "lazy_exports",
        "prediction",
        "progress_bars",
        "surroundings",
        "vectors",
    },
    {"extras"},
    {"choices", "errors"},
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Arrows that still run upwards, as (file, module). Nothing may be added.
EXCEPTIONS: set[tuple[str, str]] = set()


def room_of(module: str) -> str:
    room = module.partition(".")[2].partition(".")[0]
    return room if room in FLOOR else "__init__"


def imports_of(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, also inside functions and for type checkers alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{path}: name the module in full"  # of its own folder it may be named in short
            names = [node.module or ""]
            if node.module == "intent_adapters":  # whose version is a constant, which any room may name
                names = [f"intent_adapters.{alias.name}" for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "intent_adapters")


def rooms() -> set[str]:
    return {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}


def arrows() -> Iterator[tuple[str, str]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for module in imports_of(path):
            yield path.relative_to(PACKAGE).as_posix(), module


def is_downwards(file: str, module: str) -> bool:
    here, there = Path(file).with_suffix("").parts[0], room_of(module)
    return here == there or FLOOR[there] > FLOOR[here]


def test_every_room_has_its_floor():
    assert rooms() == set(FLOOR)


def test_imports_run_downwards_only():
    upwards = {arrow for arrow in arrows() if not is_downwards(*arrow)}
    assert upwards <= EXCEPTIONS, f"upwards: {sorted(upwards - EXCEPTIONS)}"
    assert upwards >= EXCEPTIONS, f"exceptions that are needed no more: {sorted(EXCEPTIONS - upwards)}"


def test_running_an_exported_base_needs_nothing_of_exporting_one():
    files = sorted((PACKAGE / "runtime/onnx/run").glob("*.py"))
    assert files
    for path in files:
        assert not [module for module in imports_of(path) if ".onnx.export" in module], path


@pytest.mark.parametrize(
    ("code", "module"),
    [
        ("import intent_adapters.model", "intent_adapters.model"),
        ("from intent_adapters.cli.train import x", "intent_adapters.cli.train"),
        ("from intent_adapters import model", "intent_adapters.model"),
        ("from intent_adapters import train_agent", "intent_adapters.train_agent"),
        ("def f():\n    from intent_adapters.cli import x", "intent_adapters.cli"),
        ("if TYPE_CHECKING:\n    from intent_adapters.hub import x", "intent_adapters.hub"),
    ],
)
def test_every_way_of_importing_is_seen(tmp_path: Path, code: str, module: str):
    (tmp_path / "code.py").write_text(code)
    assert list(imports_of(tmp_path / "code.py")) == [module]
    assert not is_downwards("runtime/onnx/run/base.py", module)
