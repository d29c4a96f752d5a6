from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.data import Definition, EntityDefinitions
from tests.cli.conftest import Agents, run
from tests.support.short_trainings import short_trainings

__all__ = ["short_trainings"]

TEXTS = ["예약", "취소", "cancel", "how much", "a", "b?", "주세요", "진료비", "얼마", "0123"]


@pytest.fixture
def data(agents: Agents, tmp_path: Path) -> Path:
    """Rows labelled with what the agent says, but for the first, which is labelled with another intent."""
    model = IntentModel.from_pretrained(agents.base, adapter=agents.it, device="cpu")
    labels = [prediction.label for prediction in model.predict(TEXTS)]
    labels[0] = next(label for label in model.labels("it") if label != labels[0])
    path = tmp_path / "test.csv"
    path.write_text("\n".join(["text,label", *map(",".join, zip(TEXTS, labels, strict=True))]), encoding="utf-8")
    return path


def test_json_has_all_scores(agents: Agents, data: Path):
    result = run("evaluate", data, "-a", agents.it, "--json")
    assert result.exit_code == 0
    scores = json.loads(result.stdout)
    assert scores["accuracy"] == pytest.approx(0.9)
    assert len(scores["confusions"]) == 1
    assert sum(intent["support"] for intent in scores["intents"]) == len(TEXTS)


def test_tables_show_the_weak_intents_and_the_confused_pairs(agents: Agents, data: Path):
    result = run("evaluate", data, "-b", agents.base, "-a", agents.it)
    assert result.exit_code == 0
    assert "accuracy 90.0 %" in result.stdout
    assert "on 10 utterances" in result.stdout
    assert "taken for" in result.stdout
    assert "taken for" not in run("evaluate", data, "-a", agents.it, "--worst", 0).stdout


def test_a_base_in_onnx_has_the_same_scores(agents: Agents, data: Path, exported: Path):
    result = run("evaluate", data, "-a", agents.it, "-b", exported, "--backend", "onnx", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["accuracy"] == pytest.approx(0.9)


def test_the_agent_and_the_split_can_be_chosen(agents: Agents, data: Path):
    (data.parent / "train.csv").write_text("text,label\n")
    result = run(
        "evaluate", data.parent, "--split", "test", "-a", agents.hr, "-a", agents.it, "--agent", "it", "--json"
    )
    assert json.loads(result.stdout)["accuracy"] == pytest.approx(0.9)


def test_bad_data_and_unknown_labels(agents: Agents, tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n,intent 0\n")
    result = run("evaluate", path, "-a", agents.it)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a.csv:2: the text is empty" in result.stderr
    path.write_text("text,label\nhi,oos\n")
    result = run("evaluate", path, "-a", agents.it)
    assert result.exit_code == 1
    assert "a.csv:2: 'oos' of the rows is no intent of agent 'it'" in result.stderr


@pytest.fixture
def chatter(tmp_path: Path) -> Path:
    path = tmp_path / "chatter.txt"
    path.write_text("주세요 0\n\nis it\n자차\n", encoding="utf-8")
    return path


def test_out_of_scope_utterances_and_a_threshold(agents: Agents, data: Path, chatter: Path):
    arguments = ("evaluate", data, "-a", agents.it, "--out-of-scope", chatter)
    rejecting = json.loads(run(*arguments, "--threshold", 1, "--json").stdout)
    assert rejecting["out_of_scope"]["rows"] == 3
    assert rejecting["out_of_scope"]["recall"] == 1
    assert rejecting["rejection"]["false_rejection_rate"] == 1
    accepting = json.loads(run(*arguments, "--threshold", 0, "--json").stdout)
    assert accepting["out_of_scope"]["recall"] == 0
    assert accepting["out_of_scope"]["auroc"] == rejecting["out_of_scope"]["auroc"]
    assert accepting["accuracy"] == rejecting["accuracy"]
    assert json.loads(run("evaluate", data, "-a", agents.it, "--json").stdout)["out_of_scope"] is None


def test_tables_show_how_far_to_trust_the_agent_and_what_slipped_through(agents: Agents, data: Path, chatter: Path):
    result = run("evaluate", data, "-a", agents.it, "--out-of-scope", chatter, "--threshold", 0)
    assert result.exit_code == 0
    for expected in ("expected calibration error", "AUROC", "wrongly accepted", "주세요 0", "is it"):
        assert expected in result.stdout
    result = run("evaluate", data, "-a", agents.it)
    assert "it answers everything" in result.stdout
    assert "AUROC" not in result.stdout


def test_pictures_go_into_a_folder_and_not_into_the_json(agents: Agents, data: Path, chatter: Path, tmp_path: Path):
    folder = tmp_path / "new" / "pictures"
    result = run("evaluate", data, "-a", agents.it, "--out-of-scope", chatter, "--plots", folder, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["rows"] == len(TEXTS)
    names = {"confusion", "similarity", "map", "confidence", "reliability", "risk_coverage"}
    assert {path.stem for path in folder.iterdir()} == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in folder.iterdir())
    assert "confusion.png" in result.stderr


def test_without_matplotlib_nothing_is_computed(agents: Agents, data: Path, tmp_path: Path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("intent_adapters.evaluation.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("evaluate", data, "-a", agents.it, "--plots", tmp_path / "pictures")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "pip install 'intent-adapters[plots]'" in result.stderr


def test_bad_out_of_scope_files_and_plot_folders(agents: Agents, data: Path, tmp_path: Path):
    path = tmp_path / "b.csv"
    path.write_text("text\n\u200b\n", encoding="utf-8")
    result = run("evaluate", data, "-a", agents.it, "--out-of-scope", path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "b.csv:2: the text is empty" in result.stderr
    assert run("evaluate", data, "-a", agents.it, "--out-of-scope", tmp_path / "no.csv").exit_code == 1
    assert run("evaluate", data, "-a", agents.it, "--plots", data).exit_code == 2
    assert run("evaluate", data, "-a", agents.it, "--threshold", 2).exit_code == 2


def test_every_mistake_is_named_and_written_with_its_line(agents: Agents, data: Path, tmp_path: Path):
    path = tmp_path / "errors.jsonl"
    result = run("evaluate", data, "-a", agents.it, "--errors", path)
    assert result.exit_code == 0, result.stderr
    assert "wrong: 1" in result.stdout
    [mistake] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (mistake["kind"], mistake["text"], mistake["place"]) == ("wrong", TEXTS[0], f"{data}:2")
    assert f"wrote 1 mistakes to {path}" in result.stderr
    everything = run("evaluate", data, "-a", agents.it, "--threshold", 1, "--errors", tmp_path / "e.csv", "--worst", 3)
    assert "falsely rejected: 10, the first 3" in everything.stdout
    assert len((tmp_path / "e.csv").read_text(encoding="utf-8-sig").splitlines()) == 11
    refused = run("evaluate", data, "-a", agents.it, "--errors", tmp_path / "e.txt")
    assert (refused.exit_code, refused.stdout) == (1, "")


def test_few_rows_say_so(agents: Agents, data: Path):
    shown = run("evaluate", data, "-a", agents.it, "--train", data).stdout
    assert "95 % interval 59.6 to 98.2 %" in shown
    assert "10 utterances are too few to tell" in " ".join(shown.split())
    assert "also in the training data" in shown


@pytest.mark.usefixtures("short_trainings")
def test_cross_validation_needs_no_test_file(agents: Agents, tmp_path: Path):
    path = tmp_path / "train.csv"
    rows = [
        (f"{verb} {thing}", verb) for verb in ("book", "cancel", "price") for thing in ("room", "table", "seat", "bed")
    ]
    mark = '"[{""start"": 0, ""end"": 4, ""entity"": ""verb""}]"'
    marks = [mark, mark, *[""] * 10]
    lines = [f"{text},{label},{marked}\n" for (text, label), marked in zip(rows, marks, strict=True)]
    path.write_text("text,label,entities\n" + "".join(lines), encoding="utf-8")
    arguments = ("evaluate", path, "--cross-validate", "--folds", 2, "-b", agents.base)
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    scores = json.loads(result.stdout)
    assert (scores["rows"], len(scores["accuracies"]), scores["never_held_out"]) == (12, 2, 0)
    assert "part 1 of 2" in result.stderr
    assert "not measured: 2 marked entities; cross-validation is of intents alone" in result.stderr
    for option in (("-a", agents.it), ("--threshold", 0.1), ("--train", path), ("--plots", tmp_path / "p")):
        assert run(*arguments, *option).exit_code == 2
    assert run("evaluate", path, "--cross-validate").exit_code == 2
    assert run("evaluate", path).exit_code == 2


def test_marked_entities_are_measured_where_the_agent_finds_some(agents: Agents, data: Path, tmp_path: Path):
    intent = data.read_text(encoding="utf-8").splitlines()[2].rpartition(",")[2]
    rows = [
        {"text": "서울 12:30", "entities": [{"start": 0, "end": 2, "entity": "city", "value": "Seoul"}]},
        {"text": "15:30", "entities": [{"start": 0, "end": 2, "entity": "when"}]},
        {"text": "cancel"},
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    path, plain = folder / "marked.jsonl", folder / "plain.csv"
    path.write_text("".join(json.dumps(row | {"label": intent}) + "\n" for row in rows), encoding="utf-8")
    plain.write_text(f"text,label\nhello,{intent}\n", encoding="utf-8")
    silent = run("evaluate", path, "-a", agents.it)
    assert silent.exit_code == 0, silent.stderr
    assert "not measured: 2 marked entities; it does not look for any" in silent.stderr
    assert "entit" not in silent.stdout
    assert "entities" not in json.loads(run("evaluate", path, "-a", agents.it, "--json").stdout)

    model = IntentModel.from_pretrained(agents.base, adapter=agents.it, device="cpu")
    definitions = {"city": Definition({"Seoul": ("서울",)}), "when": Definition(system=("time",))}
    model.set_entities("it", EntityDefinitions(definitions))
    model.save_adapter("it", tmp_path / "it")
    errors, pictures = tmp_path / "errors.csv", tmp_path / "pictures"
    result = run("evaluate", path, "-b", agents.base, "-a", tmp_path / "it", "--errors", errors, "--plots", pictures)
    assert result.exit_code == 0, result.stderr
    shown = " ".join(result.stdout.split())
    assert "entities: F1 40.0 % (precision 33.3 %, recall 50.0 %); 80.0 % if it is enough" in shown
    assert "2 marked in 3 utterances" in shown
    assert "right values: 100.0 % of 1" in shown
    assert "wrong boundaries" in shown
    assert (pictures / "entities.png").exists()
    written = errors.read_text(encoding="utf-8-sig")
    assert f"entity: wrong boundaries,{path}:2,15:30,when: 15,when: 15:30,," in written
    assert "entity: spurious" in written
    scores = json.loads(run("evaluate", folder, "-b", agents.base, "-a", tmp_path / "it", "--json").stdout)["entities"]
    assert (scores["rows"], scores["unknown_rows"], scores["support"]) == (3, 1, 2)
