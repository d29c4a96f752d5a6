"""All agents upgraded to another base: compared honestly, and switched together or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intent_adapters import IntentModel, train_agents
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.version_folders import numbers
from intent_adapters.cluster import comparison, upgrade, upgrade_agents
from intent_adapters.data import AgentData, Definition, EntityDefinitions
from intent_adapters.errors import AdapterError, ConfigError, DataError
from tests.cluster.conftest import ROWS, SETTINGS, TESTED, contents, states, write_rows

# What random bases make of the utterances is chance.
ANY = {"max_drop": 100.0, "max_agent_drop": 100.0, "uncompared": True, **SETTINGS}
# Where they are compared.
MEASURED = {**ANY, "uncompared": False, "calibrate": True}


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    agents = {"clinic": ROWS, "it help": AgentData(ROWS[:8], settings={"catch_all": ["취소"]}), "병원": ROWS[4:]}
    output = tmp_path_factory.mktemp("trained") / "agents"
    train_agents(base, agents, output, **{**SETTINGS, "calibrate": True})
    return output


@pytest.fixture
def agents(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "agents")
    (tmp_path / "agents" / ".intent-adapters").mkdir()
    (tmp_path / "agents" / ".intent-adapters" / "pinned.json").write_text('["clinic"]', encoding="utf-8")
    return tmp_path / "agents"


def fingerprints(folder: Path) -> set[str]:
    return {
        Adapter.read(path.parent).config.provenance.base_fingerprint for path in folder.glob("*/adapter_config.json")
    }


def fingerprint(base: Path) -> str:
    return IntentModel.from_pretrained(base).fingerprint


def test_all_agents_have_the_new_base_and_keep_the_old_version(
    agents: Path, base: Path, next_base: Path, data: Path, tmp_path: Path
):
    write_rows(data / "not there.jsonl", ROWS)
    definitions = EntityDefinitions({"when": Definition(system=("time",))})
    Adapter.read(agents / "clinic").with_entities(definitions).write(agents / "clinic")
    report = upgrade_agents(agents, next_base, data, **MEASURED)
    assert (report.switched, report.reasons, report.left_out) == (True, (), ("not there",))
    assert {one.agent: one.measured_on for one in report.comparisons} == {
        "clinic": "cross-validation",
        "it help": "test",
        "병원": "cross-validation",
    }
    assert fingerprints(agents) == {fingerprint(next_base)}
    for name in ("clinic", "it help", "병원"):
        assert numbers(agents / name) == ([1, 2, 3] if name == "clinic" else [1, 2])
        assert Adapter.read(agents / name / "versions" / "1").config.provenance.base_fingerprint == fingerprint(base)
    assert Adapter.read(agents / "it help").config.catch_all == ["취소"]  # as the old one had it
    assert Adapter.read(agents / "clinic").entities == definitions
    assert (agents / ".intent-adapters" / "pinned.json").read_text(encoding="utf-8") == '["clinic"]'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agents", "data"]
    said = json.loads((agents / "report.json").read_text(encoding="utf-8"))
    assert said["base_fingerprint"] == fingerprint(next_base)
    # The next run finds nothing to do.
    after = contents(agents)
    again = upgrade_agents(agents, next_base, data, **MEASURED)
    assert (again.switched, again.comparisons) == (True, ())
    assert set(states(again.training).values()) == {"unchanged"}
    assert contents(agents) == after
    json.dumps(report.to_dict())


def test_what_is_learned_anew_goes_by_what_the_old_adapter_defines(
    agents: Path, base: Path, next_base: Path, data: Path
):
    cities = EntityDefinitions({"city": Definition(values={"Busan": (), "Seoul": ()})})
    marked = [
        {"text": f"{verb} {city}", "label": label, "entities": [{"start": 5, "end": 10, "entity": "city"}]}
        for city in ("Busan", "Seoul")
        for verb, label in (("go to"[:4], "go"), ("book", "book"))
    ]
    for name in ("it help", "병원"):
        shutil.rmtree(agents / name)
    # One that a command trained has no digest of its job.
    train_agents(base, {"clinic": AgentData(marked, definitions=cities)}, agents, entities=True, **SETTINGS)
    old = Adapter.read(agents / "clinic")
    assert old.config.tagger
    assert old.config.tagger.trusted == ["city"]
    old.with_config(provenance=replace(old.config.provenance, job_digest=None)).write(agents / "clinic")
    assert upgrade_agents(agents, next_base, {"clinic": marked}, **ANY).switched
    new = Adapter.read(agents / "clinic")
    assert new.entities == cities
    assert new.config.tagger
    assert new.config.tagger.trusted == ["city"]


def test_nothing_is_switched_if_the_new_ones_are_worse(
    agents: Path, next_base: Path, data: Path, monkeypatch: pytest.MonkeyPatch
):
    def worse(self: Any, agent: str, *given: Any) -> comparison.Comparison:
        new = 0.5 if agent == "clinic" else 0.8
        return comparison.Comparison(agent, "test", 10, 0.8, new, "worse")

    monkeypatch.setattr(comparison.Comparer, "compare", worse)
    before = contents(agents)
    report = upgrade_agents(agents, next_base, data, max_drop=5, max_agent_drop=20, **SETTINGS)
    assert not report.switched
    assert report.means == pytest.approx((0.8, 0.7))
    assert report.reasons == (
        "the mean fell by 10.0 points, and 5 are allowed",
        "clinic fell by 30.0 points, and 20 are allowed",
    )
    assert contents(agents) == before
    # What was trained is taken up again.
    report = upgrade_agents(agents, next_base, data, max_drop=10, max_agent_drop=30, dry_run=True, **SETTINGS)
    assert report.reasons == ("it was not asked for",)
    report = upgrade_agents(agents, next_base, data, max_drop=10, max_agent_drop=30, **SETTINGS)
    assert report.switched
    assert set(states(report.training).values()) == {"unchanged"}


def test_one_agent_that_cannot_be_trained_keeps_all_back(agents: Path, next_base: Path, data: Path):
    write_rows(data / "clinic.jsonl", ROWS[:4])
    before = contents(agents)
    report = upgrade_agents(agents, next_base, data, **ANY)
    assert report.reasons == ("1 could not be trained: clinic",)
    assert contents(agents) == before


def test_utterances_that_either_has_seen_are_no_comparison(agents: Path, next_base: Path):
    tested = [*TESTED, ROWS[0], {"text": f"  {ROWS[1]['text']}", "label": ROWS[1]["label"]}]
    data = {
        "clinic": AgentData(ROWS, test=tested),
        "it help": AgentData([*ROWS[:8], {"text": "나가자", "label": "취소"}], test=TESTED),  # more than before
        "병원": ROWS,  # likewise, and no test
    }
    report = upgrade_agents(agents, next_base, data, **MEASURED)
    clinic, it, hospital = report.comparisons
    assert (clinic.measured_on, clinic.rows, clinic.left_out, clinic.note) == ("test", 2, 2, None)
    assert (it.measured_on, it.note) == ("test", comparison.MAY_HAVE_SEEN)
    assert (hospital.measured_on, hospital.note) == (None, comparison.NOT_COMPARED)
    assert report.reasons == ("1 cannot be compared: 병원",)
    assert upgrade_agents(agents, next_base, data, **{**MEASURED, "uncompared": True}).switched


def test_an_old_base_that_is_gone_is_said(agents: Path, base: Path, next_base: Path):
    for path in agents.glob("*/adapter_config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**config, "base_model_name_or_path": "./gone"}), encoding="utf-8")
    data = {"clinic": AgentData(ROWS, test=TESTED), "it help": ROWS[:8], "병원": ROWS[4:]}
    report = upgrade_agents(agents, next_base, data, **{**ANY, "uncompared": False})
    assert report.reasons == ("3 cannot be compared: clinic, it help, 병원",)
    assert "./gone" in report.comparisons[0].note


def test_what_cannot_be_upgraded_is_refused_before_anything_is_trained(
    agents: Path, next_base: Path, data: Path, tmp_path: Path
):
    (data / "clinic.jsonl").unlink()
    with pytest.raises(DataError, match=r"no data for 1 agent.*clinic"):
        upgrade_agents(agents, next_base, data, **ANY)
    with pytest.raises(AdapterError, match="No adapter folders"):
        upgrade_agents(data, next_base, data, **ANY)
    with pytest.raises(AdapterError, match="no folder"):
        upgrade_agents(tmp_path / "nowhere", next_base, data, **ANY)
    with pytest.raises(ConfigError, match="max_drop"):
        upgrade_agents(agents, next_base, data, max_drop=-1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agents", "data"]


def test_an_agent_that_is_replaced_meanwhile_keeps_all_back(
    agents: Path, next_base: Path, data: Path, monkeypatch: pytest.MonkeyPatch
):
    def replace(*given: Any) -> None:
        adapter = Adapter.read(agents / "병원")
        adapter.with_threshold(0.123).write(agents / "병원")

    monkeypatch.setattr(upgrade, "_worse", lambda *given: replace() or [])
    with pytest.raises(AdapterError, match="'병원' was replaced or removed meanwhile"):
        upgrade_agents(agents, next_base, data, **ANY)
    assert fingerprint(next_base) not in fingerprints(agents)


# Ends the process where a kill may: while the new folder is made, before it takes its place, and after.
KILLED = """
import os, sys
from pathlib import Path
from intent_adapters.artifacts import folders
from intent_adapters.cluster import switching

place, agents, source = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
names = ["clinic", "it help", "병원"]
versions = {name: switching.Adapter.read(agents / name).version for name in names}
swap, save, saved = folders._swap_in, switching.save_with_card, []

def swap_in(new, target):
    if target == agents and place == "before":
        os._exit(9)
    swap(new, target)
    if target == agents:
        os._exit(9)

def save_with_card(adapter, folder):
    save(adapter, folder)
    saved.append(folder)
    if place == "while" and len(saved) == 2:
        os._exit(9)

folders._swap_in, switching.save_with_card = swap_in, save_with_card
switching.switch(agents, source, versions)
"""


def test_a_kill_leaves_all_old_or_all_new(agents: Path, base: Path, next_base: Path, data: Path, tmp_path: Path):
    upgrade_agents(agents, next_base, data, dry_run=True, **ANY)
    environment = {**os.environ, "PYTHONUTF8": "1"}
    old, new = fingerprint(base), fingerprint(next_base)
    for place, expected in (("while", old), ("before", old), ("after", new)):
        command = [sys.executable, "-c", KILLED, place, str(agents), str(tmp_path / ".agents.upgrade")]
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
        assert done.returncode == 9, done.stderr
        assert fingerprints(agents) == {expected}
        assert {path.parent.name for path in agents.glob("*/adapter_config.json")} == {"clinic", "it help", "병원"}
    report = upgrade_agents(agents, next_base, data, **ANY)
    assert report.switched and not report.comparisons
    assert not (tmp_path / ".agents.upgrade").exists()
    # What the killed ones left goes when it is old for certain.
    left = list(tmp_path.glob(".agents.*"))
    assert len(left) == 3
    for path in left:
        os.utime(path, (0, 0))
    upgrade_agents(agents, next_base, data, **ANY)
    assert not list(tmp_path.glob(".agents.*"))


def test_what_a_link_leads_to_is_switched(agents: Path, next_base: Path, data: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(agents, target_is_directory=True)
    assert upgrade_agents(tmp_path / "link", next_base, data, **ANY).switched
    assert (tmp_path / "link").is_symlink()
    assert fingerprints(agents) == {fingerprint(next_base)}


def test_what_was_chosen_for_the_old_adapters_is_chosen_again(base: Path, next_base: Path, tmp_path: Path):
    named = [*ROWS, {"text": "사자", "label": "기타"}, {"text": "가자 가자", "label": "기타"}]
    agents = {
        "by name": AgentData(named),
        "none": AgentData(named, settings={"catch_all": []}),
        "described": AgentData(ROWS, settings={"descriptions": {"price": ["얼마"], "취소": ["취소"]}}),
    }
    train_agents(base, agents, tmp_path / "agents", **SETTINGS)
    rows = [row for row in ROWS if row["label"] != "취소"]  # one intent is there no more
    data = {"by name": named, "none": named, "described": rows}
    assert upgrade_agents(tmp_path / "agents", next_base, data, **ANY).switched
    configs = {name: Adapter.read(tmp_path / "agents" / name).config for name in agents}
    assert {name: config.catch_all for name, config in configs.items()} == {
        "by name": ["기타"],
        "none": None,
        "described": None,
    }
    assert configs["described"].descriptions == {"price": ["얼마"]}
    # What nobody chose is no setting: the same data, trained by itself, is the same.
    report = train_agents(next_base, {"by name": named}, tmp_path / "agents", **SETTINGS)
    assert states(report) == {"by name": "unchanged"}
