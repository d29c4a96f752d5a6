"""What is said where a package of an extra is missing."""

from __future__ import annotations

import pytest

from intent_adapters.extras import EXTRA_OF
from tests.support.processes import run_without

PROGRAM = """
import sys
from intent_adapters.errors import IntentAdaptersError
try:
    {statement}
except IntentAdaptersError as error:
    print(f"{{type(error).__name__}}, {{isinstance(error, ImportError)}}: {{error}}")
"""


@pytest.mark.parametrize(
    ("statement", "extra"),
    [
        ("from intent_adapters import BottleneckConfig", "torch"),
        ("from intent_adapters import train_agent", "train"),
        ("from intent_adapters.bottleneck import BottleneckModel", "torch"),
        ("from intent_adapters.losses import CircleLoss", "torch"),
        ("from intent_adapters.training import distill", "train"),
        ("from intent_adapters.evaluation import evaluate", "train"),
        ("from intent_adapters.evaluation.plots import save_plots", "train"),
        ("from intent_adapters import IntentModel; IntentModel.from_pretrained('org/base', backend='torch')", "torch"),
        ("from intent_adapters.data import read_intents; read_intents([{'text': 'a', 'label': 'x'}])", "train"),
        ("from intent_adapters.data import texts_of; texts_of([{'text': 'a'}])", "train"),
        ("from intent_adapters.data import read_pairs; read_pairs([{'anchor': 'a', 'positive': 'b'}])", "train"),
        ("from intent_adapters.runtime.onnx.export import export_folder; export_folder('a', 'b')", "export"),
    ],
)
def test_the_error_names_the_extra(statement: str, extra: str):
    done = run_without(EXTRA_OF, PROGRAM.format(statement=statement))
    assert done.stdout.startswith("MissingExtraError, True: "), done.stderr
    assert f"pip install 'intent-adapters[{extra}]'" in done.stdout


@pytest.mark.parametrize("command", ["train rows.csv -b base -o agent", "check rows.csv", "check rows.csv -b base"])
def test_a_command_names_its_extra(command: str, tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("text,label\nhello,greet\nhi,greet\nbye,part\nsee you,part\n", encoding="utf-8")
    (tmp_path / "base").mkdir()
    absent = [module for module, extra in EXTRA_OF.items() if extra in ("torch", "train")]
    done = run_without(absent, "from intent_adapters.cli import app\napp()", *command.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'intent-adapters[train]'" in " ".join(done.stderr.split())


def test_what_no_extra_brings_is_an_error_as_any_other():
    done = run_without(["numpy"], "from intent_adapters import IntentModel")
    assert "ModuleNotFoundError" in done.stderr and "intent-adapters[" not in done.stderr


def test_public_names_are_listed_before_they_are_imported():
    code = "import sys, intent_adapters, intent_adapters.hub as hub; print(dir(intent_adapters), dir(hub))"
    done = run_without(EXTRA_OF, code + "; assert 'huggingface_hub' not in sys.modules")
    assert done.returncode == 0, done.stderr
    assert "'IntentModel'" in done.stdout and "'publish_adapter'" in done.stdout
