"""A base is exported, published and used where PyTorch is not installed, and is the same as where it is."""

from __future__ import annotations

import json
from pathlib import Path

from intent_adapters.artifacts.fingerprint import fingerprint
from tests.runtime.onnx.conftest import Exports
from tests.runtime.onnx.run.test_without_torch import COMMAND
from tests.support.adapters import random_adapter
from tests.support.processes import HEAVY, run_without


def test_the_hint_for_a_base_without_a_graph_works(exports: Exports, tmp_path: Path):
    base, agent = tmp_path / "base", tmp_path / "agent"
    exports.base.save_pretrained(str(base), create_model_card=False)
    random_adapter(exports.base, base_fingerprint=fingerprint(exports.base)).write(agent)
    ask = ("predict", "예약 취소", "--adapter", agent, "--base", base, "--backend", "onnx", "--json")
    failed = run_without(HEAVY, COMMAND, *ask)
    assert failed.returncode == 1
    assert f"intent-adapters export {base} --precision int8" in failed.stderr.replace("\n", " ")

    done = run_without(HEAVY, COMMAND, "export", base, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fingerprint"] == fingerprint(exports.base)
    assert (base / "onnx/encoder_int8.onnx").read_bytes() == (exports.int8 / "onnx/encoder_int8.onnx").read_bytes()
    answered = run_without(HEAVY, COMMAND, *ask)
    assert answered.returncode == 0, answered.stderr
    assert json.loads(answered.stdout)["agent"] == "agent"


def test_what_takes_pytorch_says_so(exports: Exports, tmp_path: Path):
    exports.base.save_pretrained(str(tmp_path / "base"), create_model_card=False)
    (tmp_path / "base/modules.json").unlink()
    failed = run_without(HEAVY, COMMAND, "export", tmp_path / "base", tmp_path / "onnx")
    assert failed.returncode == 1
    assert "pip install 'intent-adapters[torch]'" in failed.stderr.replace("\n", " ")
    assert not (tmp_path / "onnx").exists()
