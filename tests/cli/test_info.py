from __future__ import annotations

import json
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.extras import is_installed
from intent_adapters.loading import load_base
from tests.cli.conftest import Agents, run

needs_torch = pytest.mark.skipif(not is_installed("sentence_transformers"), reason="PyTorch is not installed")


def test_json_of_an_adapter(agents: Agents):
    result = run("info", agents.it, "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    model = IntentModel.from_pretrained(agents.base, adapter=agents.it)
    assert facts["kind"] == "adapter"
    assert facts["labels"] == model.labels("it")
    assert facts["base"] == str(agents.base)
    assert facts["base_fingerprint"] == model.fingerprint
    assert facts["parameters"] == model.adapter("it").num_parameters
    assert facts["bytes"] == sum(path.stat().st_size for path in agents.it.iterdir() if "adapter_" in path.name)
    assert (facts["sites"], facts["bottleneck_size"], facts["head"]) == ("houlsby", 4, "cosine")


def test_json_of_a_base(agents: Agents):
    result = run("info", agents.base, "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    assert facts["kind"] == "base"
    assert (facts["architecture"], facts["layers"], facts["hidden_size"]) == ("bert", 2, 32)
    assert facts["bytes"] == 4 * facts["parameters"]
    assert facts["fingerprint"] == IntentModel.from_pretrained(agents.base).fingerprint


@needs_torch
def test_a_base_is_read_from_its_files_as_sentence_transformers_loads_it(agents: Agents):
    shown = json.loads(run("info", agents.base, "--json").stdout)
    model = load_base(agents.base)
    assert shown["fingerprint"] == fingerprint(model)
    assert shown["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert (shown["embedding_dimension"], shown["maximum_tokens"]) == (32, model.max_seq_length)
    assert shown["graphs"] == ["encoder_float32.onnx"]


def test_a_base_in_onnx_alone(agents: Agents, exported: Path):
    facts = json.loads(run("info", exported, "--json").stdout)
    assert (facts["kind"], facts["precision"], facts["embedding_dimension"]) == ("base", "float32", 32)
    assert facts["fingerprint"] == json.loads(run("info", agents.base, "--json").stdout)["fingerprint"]


def test_tables(agents: Agents, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "300")
    shown = run("info", agents.it).stdout
    for expected in (f"adapter {agents.it}", "bottleneck size", "houlsby", "intent 3"):
        assert expected in shown
    shown = run("info", agents.base).stdout
    assert f"base {agents.base}" in shown
    assert "fingerprint" in shown


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"peft_type": "LORA"}'])
def test_damaged_adapters_are_errors_of_ours(tmp_path: Path, content: str):
    (tmp_path / "adapter_config.json").write_text(content)
    result = run("info", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")


def test_nothing_there(tmp_path: Path):
    for source in (tmp_path, tmp_path / "nowhere"):
        result = run("info", source)
        assert result.exit_code == 1
        assert str(source) in result.stderr.replace("\n", "")


def test_environment():
    facts = json.loads(run("info", "--environment", "--json").stdout)
    assert facts["versions"]["onnxruntime"] in run("info", "--environment").stdout


def test_either_something_to_look_at_or_the_environment(tmp_path: Path):
    for arguments in ((), (tmp_path, "--environment")):
        result = run("info", *arguments)
        assert result.exit_code == 2
        assert "--environment" in result.stderr
