"""What pyproject.toml, the lock, the changelog and the workflows say is what the package needs and is."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import intent_adapters
from intent_adapters.extras import EXTRA_OF

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONSTRAINTS = ROOT / ".ci" / "constraints"
# What else answers to a name of a module that we import.
ELSEWHERE = {"yaml": "pyyaml", "PIL": "pillow", "sklearn": "scikit-learn"}


def needs(*extras: str) -> set[str]:
    """The libraries that the package has with these extras, by their canonical names."""
    entries = [
        Requirement(text) for text in (*PROJECT["dependencies"], *(t for extra in extras for t in EXTRAS[extra]))
    ]
    names = {canonicalize_name(entry.name) for entry in entries if entry.name != PROJECT["name"]}
    inner = {extra for entry in entries if entry.name == PROJECT["name"] for extra in entry.extras}
    return names | (needs(*inner) if inner else set())


def imported(path: Path) -> Iterator[str]:
    """The libraries that a file of the package imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [str(node.module)]
        for module in modules:
            top = module.partition(".")[0]
            if top not in sys.stdlib_module_names and top != "intent_adapters":
                yield canonicalize_name(ELSEWHERE.get(top, top))


FILES = [pytest.param(path, id=str(path.relative_to(ROOT))) for path in sorted(ROOT.glob("intent_adapters/**/*.py"))]


@pytest.mark.parametrize("path", FILES)
def test_every_library_that_is_imported_is_a_declared_one(path: Path):
    assert set(imported(path)) <= needs("all", "ray")


def test_the_extra_that_an_error_names_brings_the_library():
    for module, extra in EXTRA_OF.items():
        library = canonicalize_name(ELSEWHERE.get(module, module))
        assert library in {canonicalize_name(Requirement(text).name) for text in EXTRAS[extra]}
        assert library not in needs()


def test_the_names_of_modules_belong_to_the_libraries_that_are_declared():
    for module, library in ELSEWHERE.items():
        assert library in {canonicalize_name(name) for name in packages_distributions()[module]}


def test_the_oldest_lane_has_the_floors():
    pinned: dict[str, set[str]] = {}  # of some, another one for each Python
    for line in (CONSTRAINTS / "oldest.txt").read_text(encoding="utf-8").splitlines():
        name, _, pin = line.split(" ")[0].partition("==")
        pinned.setdefault(canonicalize_name(name), set()).add(pin)
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    for entry in map(Requirement, texts):
        floors = [spec.version for spec in entry.specifier if spec.operator in (">=", "==")]
        if entry.name != PROJECT["name"]:
            assert len(floors) == 1, f"{entry} needs one floor"
            assert any(SpecifierSet(f"=={floors[0]}").filter(pinned[canonicalize_name(entry.name)])), entry


def test_the_lock_pins_all_that_the_extras_name():
    lines = (CONSTRAINTS / "locked.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    assert needs(*EXTRAS) <= pinned
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [torch] = re.findall(r"^TORCH_locked := (\S+)$", makefile, re.MULTILINE)
    assert torch in lines


def test_the_newest_lane_goes_beyond_every_ceiling():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [names] = re.findall(r"^CEILINGS := (.+)$", makefile, re.MULTILINE)
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    capped = {entry.name for entry in map(Requirement, texts) if any(s.operator == "<" for s in entry.specifier)}
    assert set(names.split()) == capped


def test_the_version_has_a_section_in_the_changelog_and_is_the_one_to_cite():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## [{intent_adapters.__version__}] - " in changes
    assert f"\nversion: {intent_adapters.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_lane_of_the_makefile_is_a_job_of_a_workflow():
    workflow = (ROOT / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
    for target in ("lint", "test", "test-light", "test-oldest", "test-newest", "docs", "wheel"):
        assert re.search(rf"make {target}\b", workflow), target
