"""Many agents trained at once: what is done, what is left as it is, and what fails alone."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest

from intent_adapters import IntentModel, train_agent, train_agents
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.version_folders import numbers
from intent_adapters.data import AgentData
from intent_adapters.errors import BaseError, ConfigError, DataError
from tests.cluster.conftest import ADAPTER, ROWS, SETTINGS, contents, states, write_rows

AGENTS = ["clinic", "it help", "병원"]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "agents"


def train(base: Path, agents: object, output: Path, **settings: object):
    return train_agents(base, agents, output, **{**SETTINGS, **settings})


def test_each_agent_becomes_what_train_agent_makes_of_it(base: Path, data: Path, output: Path):
    over = []
    report = train_agents(base, data, output, seed=3, on_agent=lambda *said: over.append(said), **ADAPTER)
    assert states(report) == dict.fromkeys(AGENTS, "trained")
    assert [said[0].agent for said in over] == AGENTS
    assert [said[1:3] for said in over] == [(1, 3), (2, 3), (3, 3)]
    assert over[-1][3] == 0 < over[0][3]
    clinic = report.agents[0]
    assert (clinic.intents, clinic.texts, clinic.accuracy_source) == (3, len(ROWS), "cross-validation")
    assert json.loads((output / "report.json").read_text(encoding="utf-8")) == json.loads(json.dumps(report.to_dict()))
    model = IntentModel.from_pretrained(base, adapter_dir=output)
    assert sorted(model.agents) == sorted(AGENTS)
    train_agent(model, "alone", ROWS, seed=3, progress=False, **ADAPTER)
    assert model.adapter("alone").digest == model.adapter("clinic").digest


def test_what_is_done_is_left_as_it_is_and_what_has_changed_is_trained_again(base: Path, data: Path, output: Path):
    train(base, data, output)
    before = contents(output)
    assert states(train(base, data, output)) == dict.fromkeys(AGENTS, "unchanged")
    assert contents(output) == before
    same = {"effort": "default", "false_rejection_rate": 0.05, "label_names": None}  # as if they were left out
    assert states(train(base, data, output, **same)) == dict.fromkeys(AGENTS, "unchanged")
    write_rows(data / "clinic.jsonl", ROWS[::-1])  # the same in another order
    write_rows(data / "병원.jsonl", ROWS)
    shutil.rmtree(output / "it help")
    report = train(base, data, output)
    assert states(report) == {"clinic": "unchanged", "it help": "trained", "병원": "trained"}
    assert contents(output / "it help") == {
        name.removeprefix("it help/"): content for name, content in before.items() if name.startswith("it help/")
    }
    assert numbers(output / "병원") == [1, 2]
    assert states(train(base, data, output, seed=1)) == dict.fromkeys(AGENTS, "trained")


def test_agents_find_the_entities_that_their_data_defines_and_go_on_to(base: Path, data: Path, output: Path):
    definitions = data / "clinic.entities.json"
    definitions.write_text('{"entities": {"when": {"system": ["time"]}}}', encoding="utf-8")
    train(base, data, output)
    assert Adapter.read(output / "clinic").entities is None
    report = train(base, data, output, entities=True)
    assert states(report) == {"clinic": "trained", "it help": "unchanged", "병원": "unchanged"}
    assert not [warning for agent in report.agents for warning in agent.warnings if "entit" in warning]
    found = Adapter.read(output / "clinic").entities
    assert found
    assert states(train(base, data, output, entities=True)) == dict.fromkeys(AGENTS, "unchanged")
    definitions.write_text('{"entities": {"when": {"patterns": ["("]}}}', encoding="utf-8")
    failed = train(base, data, output, entities=True).agents[0]
    assert failed.status == "failed"
    assert (failed.error or "").startswith("The pattern '(' of 'when' is no regular expression")
    definitions.unlink()
    assert states(train(base, data, output, entities=True))["clinic"] == "unchanged"  # has what the former one had
    assert states(train(base, data, output, seed=1))["clinic"] == "trained"
    assert Adapter.read(output / "clinic").entities == found


def test_a_damaged_adapter_is_trained_again(base: Path, data: Path, output: Path):
    train(base, data, output)
    weights = output / "clinic" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert states(train(base, data, output))["clinic"] == "trained"
    assert Adapter.read(output / "clinic").labels == ["price", "예약", "취소"]


def test_what_is_bad_fails_alone(base: Path, data: Path, output: Path):
    write_rows(data / "one intent.jsonl", ROWS[:4])
    write_rows(data / "#1.jsonl", ROWS)
    write_rows(data / "CLINIC.jsonl", ROWS)
    write_rows(data / f"{'가' * 80}.jsonl", ROWS)
    (data / "empty").mkdir()
    (output / "병원").mkdir(parents=True)
    (output / "병원" / "notes.txt").write_text("mine", encoding="utf-8")
    report = train(base, data, output)
    found = {agent.agent: agent.error for agent in report.agents if agent.status == "failed"}
    messages = {
        "one intent": "every row has the same label",
        "#1": "cannot name an agent",
        "CLINIC": "capitals",
        "clinic": "capitals",
        "가" * 80: "too long a name",
        "empty": "holds no usable file",
        "병원": "holds other things",
    }
    assert found.keys() == messages.keys()
    for agent, message in messages.items():
        assert message in found[agent]
    assert states(report)["it help"] == "trained"
    assert not report.is_whole
    assert sorted(path.name for path in output.iterdir()) == ["it help", "report.json", "병원"]


def test_what_is_to_be_said_of_the_data_stands_in_the_report(base: Path, output: Path):
    report = train(base, {"twice": [*ROWS, ROWS[0]], "once": ROWS}, output)
    assert ["rows that repeat" in " ".join(agent.warnings) for agent in report.agents] == [True, False]


def test_an_agent_has_settings_of_its_own_and_what_it_should_reject(base: Path, output: Path):
    agents = {
        "plain": AgentData(ROWS),
        "adapter": AgentData(ROWS, settings={"method": "adapter", **ADAPTER}),
        "picky": AgentData(
            ROWS, out_of_scope=["차 가자", "바다"], settings={"calibrate": True, "descriptions": {"price": ["얼마"]}}
        ),
        "wrong": AgentData(ROWS, settings={"epochs": 0}),
        "strange": AgentData(ROWS, settings={"catch_all": {1, 2}}),
    }
    report = train(base, agents, output)
    assert [agent.status for agent in report.agents] == ["trained", "trained", "trained", "failed", "failed"]
    assert [agent.method for agent in report.agents[:2]] == ["probe", "adapter"]
    config = Adapter.read(output / "picky").config
    assert config.descriptions == {"price": ["얼마"]}
    assert config.provenance.training["out_of_scope"] == 2
    assert "epochs" in report.agents[3].error
    assert "JSON" in report.agents[4].error


def test_ctrl_c_leaves_whole_adapters_and_the_next_run_goes_on(base: Path, data: Path, output: Path):
    def stop(report, over, agents, left):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, data, output, on_agent=stop)
    saved = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert [agent["status"] for agent in saved["agents"]] == ["trained", "waiting", "waiting"]
    assert [path.parent.name for path in output.rglob("adapter_config.json")] == ["clinic"]
    assert not list(output.glob(".*"))
    assert states(train(base, data, output)) == {"clinic": "unchanged", "it help": "trained", "병원": "trained"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"executor": "cloud"}, "executor is one of local, process, ray"),
        ({"workers": 0}, "workers"),
        ({"seed": -1}, "seed"),
        ({"method": "full"}, "method is one of adapter, probe"),
        ({"learning_rat": 1}, "there is no setting 'learning_rat'"),
        ({"learning_rate": 7}, "learning_rate"),
        ({"false_rejection_rate": 2}, "false_rejection_rate"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_at_once(base: Path, data: Path, output: Path, settings, message):
    with pytest.raises(ConfigError, match=message):
        train(base, data, output, **settings)
    assert not output.exists()


def test_without_agents_or_a_base_nothing_is_made(base: Path, data: Path, output: Path):
    with pytest.raises(DataError, match="no agents"):
        train(base, {}, output)
    with pytest.raises(BaseError):
        train(data / "nothing", data, output)
    assert not list(output.glob("*"))


def test_a_folder_whose_letters_are_taken_apart_is_the_agents(base: Path, data: Path, output: Path):
    train(base, data, output)
    apart = unicodedata.normalize("NFD", "병원")
    (output / "병원").rename(output / apart)
    assert states(train(base, data, output))["병원"] == "unchanged"
    train(base, data, output, seed=1)
    assert [path.name for path in output.iterdir() if path.name not in (*AGENTS, "report.json")] == [apart]
