"""Actions that follow an import, and what they must not change about it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from intent_adapters.after_import import after_import

NAME = "imported_later"


class Counter:
    """Counts how often it is called, and what it sees then."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: list[object] = []

    def __call__(self) -> None:
        self.calls += 1
        self.seen.append(getattr(sys.modules[NAME], "done", None))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that can be imported and was not; afterwards all is as before."""
    path = tmp_path / f"{NAME}.py"
    path.write_text("done = False\ndone = True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    importlib.invalidate_caches()
    yield path
    sys.modules.pop(NAME, None)


def test_it_follows_the_import_and_comes_once(module: Path):
    action = Counter()
    after_import(NAME, action)
    assert action.calls == 0
    imported = importlib.import_module(NAME)
    assert (action.calls, action.seen) == (1, [True])
    importlib.reload(imported)
    del sys.modules[NAME]
    importlib.import_module(NAME)
    assert action.calls == 1


def test_it_comes_at_once_if_the_module_has_been_imported(module: Path):
    importlib.import_module(NAME)
    before = list(sys.meta_path)
    action = Counter()
    after_import(NAME, action)
    assert action.calls == 1
    assert sys.meta_path == before


def test_the_module_is_as_it_would_have_been(module: Path):
    plain = importlib.import_module(NAME)
    expected = type(plain.__loader__), plain.__spec__.origin, plain.__file__
    del sys.modules[NAME]
    after_import(NAME, Counter())
    found = importlib.import_module(NAME)
    assert (type(found.__loader__), found.__spec__.origin, found.__file__) == expected
    assert found.__spec__.loader is found.__loader__
    assert inspect.getsource(found) == module.read_text(encoding="utf-8")


def test_looking_for_the_module_imports_nothing_and_finds_its_source(module: Path):
    action = Counter()
    after_import(NAME, action)
    spec = importlib.util.find_spec(NAME)
    assert spec is not None
    assert spec.loader.get_source(NAME) == module.read_text(encoding="utf-8")
    assert action.calls == 0
    assert NAME not in sys.modules


def test_one_that_is_made_beside_sys_modules_does_not_count(module: Path):
    action = Counter()
    after_import(NAME, action)
    spec = importlib.util.find_spec(NAME)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.done
    assert action.calls == 0


def test_several_actions_each_have_their_turn(module: Path):
    first, second = Counter(), Counter()
    after_import(NAME, first)
    after_import(NAME, second)
    importlib.import_module(NAME)
    assert (first.calls, second.calls) == (1, 1)


def test_an_import_that_fails_is_told_as_ever_and_may_succeed_later(module: Path):
    action = Counter()
    after_import(NAME, action)
    module.write_text("raise RuntimeError('not today')\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="not today"):
        importlib.import_module(NAME)
    assert action.calls == 0
    module.write_text("done = True  # and longer than before\n", encoding="utf-8")
    importlib.invalidate_caches()
    importlib.import_module(NAME)
    assert action.calls == 1


def test_a_module_whose_import_is_forbidden_has_not_been_imported(module: Path, monkeypatch: pytest.MonkeyPatch):
    action = Counter()
    monkeypatch.setitem(sys.modules, NAME, None)
    after_import(NAME, action)
    assert action.calls == 0
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(NAME)


def test_what_is_not_installed_stays_so(module: Path):
    after_import("not_installed_anywhere", Counter())
    assert importlib.util.find_spec("not_installed_anywhere") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("not_installed_anywhere")


def test_a_folder_that_is_only_called_so_is_left_alone(module: Path):
    module.unlink()
    module.with_suffix("").mkdir()
    importlib.invalidate_caches()
    after_import(NAME, Counter())
    assert list(importlib.import_module(NAME).__path__) == [str(module.with_suffix(""))]


def test_finders_of_others_are_asked_before_and_behind(module: Path):
    asked: list[str] = []

    class Finder:
        def __init__(self, name: str) -> None:
            self.name = name

        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname == NAME:
                asked.append(self.name)

    action = Counter()
    sys.meta_path.insert(0, Finder("behind"))
    after_import(NAME, action)
    sys.meta_path.insert(0, Finder("before"))
    importlib.import_module(NAME)
    assert asked == ["before", "behind"]
    assert action.calls == 1


def test_threads_that_import_at_once_get_one_module_and_one_call(module: Path):
    module.write_text("import time\ntime.sleep(0.1)\ndone = True\n", encoding="utf-8")
    action = Counter()
    after_import(NAME, action)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(importlib.import_module(NAME))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert action.calls == 1


# All in one process, which imports PyTorch once: each finds PEFT and this package as if they had not been imported.
IMPORTS = {
    "before": "import intent_adapters\nfrom peft import PeftConfig",
    "after": "from peft import PeftConfig\nimport intent_adapters",
    "looked for": "import intent_adapters\nfrom importlib.util import find_spec\nfind_spec('peft')\n"
    "from peft import PeftConfig",
    "a part of ours": "from intent_adapters.errors import ConfigError\nfrom peft import PeftConfig",
}
PROGRAM = """
import sys
import transformers.modeling_utils
meta_path, modules = sys.meta_path[:], dict(sys.modules)
assert not {"peft", "intent_adapters"} & modules.keys()
for imports in sys.argv[1:]:
    sys.meta_path[:] = meta_path
    for name in sys.modules.keys() - modules.keys():
        if name.partition(".")[0] in ("peft", "intent_adapters"):
            del sys.modules[name]
    exec(imports)
    print(*PeftConfig.from_peft_type(peft_type="INTENT_BOTTLENECK", labels=["a"]).labels)
"""


def test_peft_knows_the_method_whichever_is_imported_first():
    command = [sys.executable, "-c", PROGRAM, *IMPORTS.values()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["a"] * len(IMPORTS), done.stderr


def test_importing_the_package_imports_nothing_heavy_and_its_names_are_there():
    code = """
import sys, intent_adapters
from intent_adapters.errors import DataError
print(*sys.modules)
print(*sorted(set(intent_adapters.__all__) - set(dir(intent_adapters))))
print(intent_adapters.IntentModel.__module__, intent_adapters.BottleneckConfig.__module__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, missing, places = done.stdout.splitlines()
    assert not {"torch", "transformers", "peft", "numpy", "huggingface_hub"} & set(modules.split())
    assert missing == ""
    assert places == "intent_adapters.model intent_adapters.bottleneck.config"
