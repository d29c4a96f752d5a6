from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import BaseError
from intent_adapters.hub import problems
from tests.cli.conftest import Agents, run
from tests.support.loopback_hub import LoopbackHub, connect
from tests.support.loopback_hub.fixture import hub
from tests.support.tiny import tiny_base
from tests.support.tiny_files import write_tiny_base

__all__ = ["hub"]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(problems, "PAUSES", (0.0, 0.0))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = ["text,label", *(f"utterance {n}.{i},intent {i}" for i in range(4) for n in range(3))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "rows.csv"


@pytest.fixture
def published(hub: LoopbackHub, agents: Agents) -> LoopbackHub:
    """The base and the agent "it" on the Hub."""
    for arguments in (("push", agents.base, "org/base"), ("push", agents.it, "org/it", "--base", "org/base")):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
    return hub


def ok(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_push_says_what_it_did(hub: LoopbackHub, agents: Agents):
    base = json.loads(ok("push", agents.base, "org/base", "--json", "--license", "mit", "--tag", "v1"))
    assert base["commit"] == hub.storage.repos["org/base"].tags["v1"]
    it = json.loads(ok("push", agents.it, "org/it", "--base", "org/base", "--private", "-m", "First", "--json"))
    assert (it["base"], it["base_revision"]) == ("org/base", base["commit"])
    assert hub.storage.repos["org/it"].private
    assert hub.storage.repos["org/it"].head.title == "First"
    assert str(agents.base) not in hub.files("org/it", "main")["adapter_config.json"].decode()
    assert "org/base" in ok("push", agents.it, "org/again", "--base", "org/base")


def test_push_writes_the_card_from_facts_rows_and_scores(published, agents: Agents, data: Path, tmp_path: Path):
    (tmp_path / "facts.json").write_text(json.dumps({"license": "mit", "language": "en", "limits": "- Only a test."}))
    for seed, accuracy in enumerate((0.5, 0.7)):
        (tmp_path / f"{seed}.json").write_text(json.dumps({"accuracy": accuracy, "macro_f1": 0.4}))
    options = ["--facts", tmp_path / "facts.json", "--data", data, "--language", "ko"]
    options += ["--scores", tmp_path / "0.json", "--scores", tmp_path / "1.json", "--scores-name", "calls"]
    ok("push", agents.it, "org/it", "--base", "org/base", *options)
    card = published.files("org/it", "main")["README.md"].decode()
    for expected in ("license: mit", "- ko", "- Only a test.", "utterance 0.3", "12 utterances", "60.00 % ± 14.14 %"):
        assert expected in card
    assert "- en" not in card


def test_push_adds_what_an_inference_endpoint_needs(published, agents: Agents):
    ok("push", agents.it, "org/it", "--base", "org/base", "--handler")
    assert {"handler.py", "requirements.txt"} <= set(published.files("org/it", "main"))


def test_former_versions_are_not_pushed(published, agents: Agents, tmp_path: Path):
    for source in (agents.hr, agents.it):
        Adapter.read(source).write(tmp_path / "it")
    assert (tmp_path / "it" / "versions" / "1").is_dir()
    before = set(published.files("org/it", "main"))
    ok("push", tmp_path / "it", "org/again", "--base", "org/base")
    assert set(published.files("org/again", "main")) == before


def test_push_of_something_that_nobody_could_use_is_an_error(published, agents: Agents, tmp_path: Path):
    result = run("push", agents.hr, "org/hr")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--base" in result.stderr or "base=" in result.stderr
    assert run("push", agents.base, "org/other", "--base", "org/base").exit_code == 2
    assert run("push", agents.base, "org/other", "--handler").exit_code == 2
    (tmp_path / "empty").mkdir()
    assert run("push", tmp_path / "empty", "org/empty").exit_code == 1
    assert run("push", tmp_path / "nowhere", "org/empty").exit_code == 2
    assert set(published.storage.repos) == {"org/base", "org/it"}


def test_a_wrong_token_is_not_repeated(published, agents: Agents):
    secret = "hf_" + "s3cret" * 5
    result = run("push", agents.it, "org/it", "--base", "org/base", "--token", secret)
    assert result.exit_code == 1
    assert "token" in result.stderr
    assert secret not in result.output


def test_list_finds_the_agents_of_a_base(published):
    [agent] = [json.loads(line) for line in ok("list", "org/base", "--json").splitlines()]
    assert (agent["repo_id"], agent["intents"]) == ("org/it", 4)
    assert "org/it" in ok("list", "org/base")
    assert ok("list", "org/nothing") == ""
    assert run("list", "no/such/id").exit_code == 1


def test_pull_makes_an_agent_ready_for_offline_use(published, agents: Agents, tmp_path: Path, monkeypatch):
    connect(published, tmp_path / "bob", monkeypatch, token=published.add_user("bob", role="read"))
    facts = json.loads(ok("pull", "org/it", "--output", tmp_path / "mine", "--json"))
    assert (facts["kind"], facts["intents"], facts["base"]) == ("adapter", 4, "org/base")
    assert facts["commit"] == published.storage.repos["org/it"].branches["main"]
    assert Adapter.read(tmp_path / "mine").digest == Adapter.read(agents.it).digest
    assert (tmp_path / "mine" / "README.md").is_file()
    assert not any(path.is_symlink() for path in (tmp_path / "mine").iterdir())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    model = IntentModel.from_pretrained(adapter="org/it", device="cpu")
    assert model.predict("cancel").label == IntentModel.from_pretrained(adapter=agents.it).predict("cancel").label


def test_pull_of_a_base_of_an_agent_alone_and_of_a_revision(published, agents: Agents, tmp_path: Path, monkeypatch):
    ok("push", agents.hr, "org/it", "--base", "org/base", "--revision", "next")
    connect(published, tmp_path / "bob", monkeypatch, token=published.add_user("bob", role="read"))
    published.log.clear()
    assert json.loads(ok("pull", "org/it", "--no-base", "--revision", "next", "--json"))["kind"] == "adapter"
    assert not [name for name in published.log.bytes_by_path() if name.startswith("org/base/")]
    facts = json.loads(ok("pull", "org/base", "--output", tmp_path / "base", "--json"))
    assert facts["kind"] == "base"
    assert facts["fingerprint"] == IntentModel.from_pretrained(tmp_path / "base", device="cpu").fingerprint
    assert "adapter" in ok("pull", "org/it")
    assert run("pull", "org/base", "--output", tmp_path / "base").exit_code == 2
    result = run("pull", "org/nowhere")
    assert result.exit_code == 1
    assert "org/nowhere" in result.stderr


def test_a_graph_in_the_folder_of_a_base_travels_with_it(hub, agents: Agents, tmp_path: Path, monkeypatch):
    base = shutil.copytree(agents.base, tmp_path / "base")
    ok("export", base)
    ok("push", base, "org/base")
    ok("push", agents.it, "org/it", "--base", "org/base")
    assert "onnx/encoder_int8.onnx" in hub.files("org/base", "main")
    assert "for ONNX Runtime" in hub.files("org/base", "main")["README.md"].decode()

    connect(hub, tmp_path / "other", monkeypatch, token=hub.add_user("bob", role="read"))
    facts = json.loads(ok("pull", "org/it", "--backend", "onnx", "--json"))
    assert facts["kind"] == "adapter"
    small = tmp_path / "small"
    assert json.loads(ok("pull", "org/base", "--backend", "onnx", "-o", small, "--json"))["kind"] == "base"
    names = {path.name for path in small.rglob("*") if path.is_file()}
    assert {"encoder_int8.onnx", "tokenizer.json"} <= names
    assert "model.safetensors" not in names
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    answers = [
        IntentModel.from_pretrained(source, adapter="org/it", backend="onnx").predict("my laptop")
        for source in (None, base)
    ]
    assert answers[0] == answers[1]

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    connect(hub, tmp_path / "third", monkeypatch, token=hub.add_user("eve", role="read"))
    ok("pull", "org/base", "-o", tmp_path / "weights")
    assert not (tmp_path / "weights/onnx").exists()


def test_a_base_on_the_hub_without_a_graph_says_how_to_make_one(hub, tmp_path: Path):
    ok("push", write_tiny_base(tmp_path / "plain"), "org/plain")
    with pytest.raises(
        BaseError, match=r"'org/plain' has no graph .*intent-adapters export BASE FOLDER .* load FOLDER"
    ):
        IntentModel.from_pretrained("org/plain", backend="onnx")


def test_a_graph_of_other_weights_is_not_pushed_and_goes_when_there_is_none(hub, agents: Agents, tmp_path: Path):
    base = shutil.copytree(agents.base, tmp_path / "base")
    ok("export", base)
    ok("push", base, "org/base")
    tiny_base(tmp_path, seed=5).save_pretrained(str(tmp_path / "other"), create_model_card=False)
    shutil.copytree(base / "onnx", tmp_path / "other/onnx")
    result = run("push", tmp_path / "other", "org/base")
    assert result.exit_code == 1
    assert "not made from the weights beside it" in result.stderr
    IntentModel.from_pretrained(base, device="cpu").push_base("org/base")
    assert "onnx/encoder_int8.onnx" in hub.files("org/base", "main")
    shutil.rmtree(tmp_path / "other/onnx")
    ok("push", tmp_path / "other", "org/base")
    assert "onnx/encoder_int8.onnx" not in hub.files("org/base", "main")


def test_card_is_written_into_the_folder_and_keeps_what_was_written(agents: Agents, tmp_path: Path):
    Adapter.read(agents.it).write(tmp_path / "it")
    ok("card", tmp_path / "it", "--repo-id", "org/it", "--license", "mit")
    card = (tmp_path / "it" / "README.md").read_text(encoding="utf-8")
    assert "license: mit" in card
    (tmp_path / "it" / "README.md").write_text(card + "\nAsk Kim.\n", encoding="utf-8")
    shown = ok("card", tmp_path / "it", "--print")
    assert "Ask Kim." in shown
    assert "license: mit" in shown
    assert "Ask Kim." in (tmp_path / "it" / "README.md").read_text(encoding="utf-8")
    assert "library_name: sentence-transformers" in ok("card", agents.base, "--print")
    assert run("card", tmp_path, "--print").exit_code == 1


def test_info_reads_from_the_hub(published):
    assert json.loads(ok("info", "org/it", "--json"))["kind"] == "adapter"
    assert json.loads(ok("info", "org/base", "--json"))["kind"] == "base"
