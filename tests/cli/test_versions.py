"""`versions`, `diff` and `rollback`, on random agents of a tiny base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.hub import adapter_card
from tests.cli.conftest import Agents, run
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base

TEXTS = [f"예약 {number} 취소 {number % 7} {'abc'[number % 3]}" for number in range(60)]


@pytest.fixture(scope="module")
def model(agents: Agents) -> IntentModel:
    return IntentModel.from_pretrained(agents.base, adapter=agents.it, device="cpu")


@pytest.fixture
def folder(agents: Agents, tmp_path: Path) -> Path:
    """An agent that was trained twice, the second time to other weights."""
    folder = tmp_path / "clinic"
    for number, source in enumerate((agents.it, agents.hr)):
        adapter = Adapter.read(source)
        provenance = type(adapter.config.provenance)(
            adapter.config.provenance.base_fingerprint,
            {"method": "adapter", "seed": number},
            rows=90 + number,
            data_digest="0123456789abcdef" * 4,
            versions={"torch": "2.13.0"},
            date=f"2026-11-2{number}T10:00:00Z",
            accuracy=0.912,
            accuracy_source="cross-validation",
        )
        adapter.with_config(provenance=provenance).write(folder)
    return folder


@pytest.fixture
def data(model: IntentModel, tmp_path: Path) -> Path:
    """Utterances whose right answers are those of the first training."""
    rows = [
        {"text": text, "label": answer.label} for text, answer in zip(TEXTS, model.predict(TEXTS, "it"), strict=True)
    ]
    path = tmp_path / "heldout.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_table_of_the_versions(folder: Path):
    shown = run("versions", folder).stdout
    for expected in ("2026-11-20 10:00", "2026-11-21 10:00", "91.2 %", "in use", "90"):
        assert expected in shown
    (folder / "versions" / "1" / "adapter_config.json").unlink()
    result = run("versions", folder)
    assert result.exit_code == 0
    assert "damaged" in result.stdout
    assert "version 1: No adapter_config.json" in result.stdout.replace("\n", "")


def test_json_of_the_versions_and_of_a_rollback(folder: Path):
    found = json.loads(run("versions", folder, "--json").stdout)
    assert [(version["number"], version["in_use"], version["rows"]) for version in found] == [
        (1, False, 90),
        (2, True, 91),
    ]
    assert found[0]["training"] == {"method": "adapter", "seed": 0}
    assert found[0]["digest"] == Adapter.read(folder / "versions" / "1").digest
    back = json.loads(run("rollback", folder, "--json").stdout)
    assert (back["number"], back["in_use"], back["rows"]) == (1, True, 90)
    assert json.loads(run("info", folder, "--json").stdout)["utterances"] == 90
    assert "version 2" in run("rollback", folder, "2").stdout
    assert json.loads(run("info", folder, "--json").stdout)["utterances"] == 91


def test_a_rollback_says_where_the_card_is_that_does_not_go_along(folder: Path):
    adapter_card(folder).save(folder / "README.md")
    assert "versions/2/README.md" in run("rollback", folder).stderr.replace("\n", "").replace("\\", "/")


def test_a_threshold_that_is_set_shows_on_the_card_and_is_no_version(folder: Path):
    adapter_card(folder).save(folder / "README.md")
    assert run("set-threshold", folder, 0.25).exit_code == 0
    assert "| threshold | 0.25 |" in (folder / "README.md").read_text(encoding="utf-8")
    assert [version["number"] for version in json.loads(run("versions", folder, "--json").stdout)] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rollback", "{folder}", "3"), "has no version 3"),
        (("rollback", "{folder}", "2"), "is the one in use"),
        (("versions", "{base}"), "no adapter folder"),
        (("diff", "{folder}@7", "--on", "{data}"), "has no version 7"),
        (("diff", "{it}", "--on", "{data}"), "keeps no former version"),
        (("diff", "./nowhere", "{it}", "--on", "{data}"), "./nowhere"),
    ],
)
def test_what_cannot_be_is_an_error_of_ours(agents: Agents, folder: Path, data: Path, arguments, message: str):
    places = {"folder": folder, "base": agents.base, "it": agents.it, "data": data}
    result = run(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 1, result.output
    assert message in result.stderr.replace("\n", " ")


def test_training_made_worse_is_refused_and_a_rollback_is_not(folder: Path, data: Path):
    result = run("diff", folder, "--on", data)
    assert result.exit_code == 1, result.output
    for expected in ("100.0 %", "worse", TEXTS[0][:3], "more answers changed", "intent "):
        assert expected in result.output
    found = json.loads(run("diff", folder, "--on", data, "--json").stdout)
    assert found["verdict"] == "worse"
    assert found["labelled"]["old_accuracy"] == 1
    assert {change["kind"] for change in found["changes"]} == {"worse"}
    assert len(found["changes"]) == found["labelled"]["worse"] > 20
    assert run("diff", folder, "--on", data, "--fail-on", "never").exit_code == 0
    run("rollback", folder)
    result = run("diff", folder, "--on", data, "--fail-on", "loss")
    assert result.exit_code == 0
    assert "better" in result.stdout


def test_a_version_is_named_by_its_number(folder: Path, data: Path):
    explicit = json.loads(run("diff", f"{folder}@1", f"{folder}@2", "--on", data, "--json").stdout)
    assert (explicit["old"], explicit["new"]) == (str(folder / "versions" / "1"), str(folder))
    assert json.loads(run("diff", f"{folder}@1", "--on", data, "--json").stdout) == explicit
    assert json.loads(run("diff", f"{folder}@2", folder, "--on", data, "--json").stdout)["changes"] == []
    twin = folder.with_name("clinic@1")
    shutil.copytree(folder, twin)
    assert json.loads(run("diff", twin, folder, "--on", data, "--json").stdout)["old"] == str(twin)


def test_a_loss_by_chance_is_refused_where_that_is_wanted(folder: Path, model: IntentModel, data: Path):
    lines = data.read_text(encoding="utf-8").splitlines()
    fresh = IntentModel(model.base)
    fresh.load_adapter(folder)
    new = [answer.label for answer in fresh.predict(TEXTS)]
    changed = [line for line, label in zip(lines, new, strict=True) if json.loads(line)["label"] != label]
    same = [line for line in lines if line not in changed]
    data.write_text("\n".join([*same, *changed[:2]]), encoding="utf-8")
    assert run("diff", folder, "--on", data).exit_code == 0
    assert run("diff", folder, "--on", data, "--fail-on", "loss").exit_code == 1


def test_agents_of_two_bases_are_compared(agents: Agents, data: Path, tmp_path: Path):
    tiny_base(tmp_path, seed=1).save(str(tmp_path / "next"))
    other = IntentModel.from_pretrained(tmp_path / "next", device="cpu")
    adapter = random_adapter(
        other.base, labels=5, base_model_name_or_path=str(tmp_path / "next"), base_fingerprint=other.fingerprint
    )
    adapter.write(tmp_path / "it")
    result = run("diff", agents.it, tmp_path / "it", "--on", data, "--json", "--fail-on", "never")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["added"], found["removed"], found["common"]["rows"]) == (["intent 4"], [], 60)
    refused = run("diff", agents.it, tmp_path / "it", "--on", data, "--base", agents.base)
    assert refused.exit_code == 1
    assert "was trained on the base" in refused.stderr.replace("\n", " ")
    (tmp_path / "chatter.txt").write_text("where is the moon\n", encoding="utf-8")
    result = run("diff", agents.it, tmp_path / "it", "--on", data, "--out-of-scope", tmp_path / "chatter.txt")
    assert "out of scope" in result.stdout
    assert "intents added: intent 4" in result.stdout


def test_what_entities_an_agent_has_is_shown_and_compared(agents: Agents, data: Path, tmp_path: Path):
    old, new = tmp_path / "old", tmp_path / "new"
    for place, entities in (
        (old, {"city": {"values": {"Seoul": []}}, "when": {"system": ["date"]}}),
        (
            new,
            {
                "city": {"values": {"Seoul": [], "Busan": []}, "patterns": ["[A-Z]{3}"]},
                "order": {"system": ["number"]},
            },
        ),
    ):
        shutil.copytree(agents.it, place)
        (place / "entities.json").write_text(json.dumps({"entities": entities}))
    shown = json.loads(run("info", new, "--json").stdout)
    assert shown["entities"] == {"city": "2 values, 1 pattern", "order": "number"}
    assert json.loads(run("info", agents.it, "--json").stdout)["entities"] is None
    assert "1 pattern" in run("info", new).stdout
    arguments = ("diff", old, new, "--on", data, "--fail-on", "never")
    assert json.loads(run(*arguments, "--json").stdout)["entities"] == {
        "added": ["order"],
        "removed": ["when"],
        "changed": ["city"],
    }
    assert "entities changed: city" in run(*arguments).stdout
