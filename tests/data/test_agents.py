"""The agents in a folder, or in a table of many."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import datasets
import pytest

from intent_adapters.data import AgentData, find_agents
from intent_adapters.errors import DataError, DataWarning

ROWS = [{"text": f"{word} it", "label": word} for word in ("book", "cancel", "change")]
OTHERS = [{"text": f"{word} that", "label": word} for word in ("book", "cancel")]


def write(file: Path, rows: list[dict[str, str]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def texts(data: AgentData) -> list[str]:
    return [row.text for row in data.training_rows()]


def test_each_file_and_each_folder_is_an_agent(tmp_path: Path):
    write(tmp_path / "clinic.jsonl", ROWS)
    write(tmp_path / unicodedata.normalize("NFD", "병원.jsonl"), OTHERS)
    write(tmp_path / "it" / "train.jsonl", ROWS)
    write(tmp_path / "it" / "test.jsonl", OTHERS)
    write(tmp_path / "it" / "out_of_scope.jsonl", [{"text": "sing"}])
    write(tmp_path / "도움" / "학습.jsonl", ROWS)
    write(tmp_path / "도움" / "평가.jsonl", OTHERS)
    (tmp_path / "hotel").mkdir()
    (tmp_path / "hotel" / "book.txt").write_text("book a room\n", encoding="utf-8")
    (tmp_path / "hotel" / "cancel.txt").write_text("cancel my room\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("about", encoding="utf-8")
    (tmp_path / ".hidden").mkdir()
    found = find_agents(tmp_path)
    assert sorted(found) == ["clinic", "hotel", "it", "도움", "병원"]
    assert texts(found["clinic"]) == texts(found["it"]) == texts(found["도움"]) == [row["text"] for row in ROWS]
    assert texts(found["hotel"]) == ["book a room", "cancel my room"]
    for name, count in {"clinic": 0, "hotel": 0, "it": 2, "도움": 2}.items():
        assert len(found[name].test_rows()) == count
    assert found["it"].rejected_texts() == ["sing"]
    assert found["clinic"].rejected_texts() is None


def test_definitions_of_no_agent_are_said(tmp_path: Path):
    for name in ("clinic.jsonl", unicodedata.normalize("NFD", "병원.jsonl")):
        write(tmp_path / name, ROWS).with_suffix(".entities.json").write_text("{}")
    (tmp_path / "clinics.entities.json").write_text("{}")
    with pytest.warns(DataWarning, match=r"definitions of no agent \(1: .*clinics\.entities\.json\)"):
        assert len(find_agents(tmp_path)) == 2


def test_what_is_wrong_with_one_agent_shows_when_it_is_read(tmp_path: Path):
    write(tmp_path / "clinic.jsonl", ROWS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.csv").write_text("text,label\na,b,c\n", encoding="utf-8")
    found = find_agents(tmp_path)
    assert len(texts(found["clinic"])) == 3
    for name in ("empty", "broken"):
        with pytest.raises(DataError, match=name):
            found[name].training_rows()


def test_the_splits_may_be_named(tmp_path: Path):
    for split, rows in {"a": ROWS, "b": OTHERS}.items():
        write(tmp_path / "clinic" / f"{split}.jsonl", rows)
    found = find_agents(tmp_path, split="a", test_split="b")["clinic"]
    assert (len(found.training_rows()), len(found.test_rows())) == (3, 2)


def test_the_folder_of_one_agent_is_not_taken_for_one_of_many(tmp_path: Path):
    write(tmp_path / "train.jsonl", ROWS)
    write(tmp_path / "test.jsonl", OTHERS)
    with pytest.raises(DataError, match="the folder of one agent"):
        find_agents(tmp_path)


def test_what_is_no_agent_is_left_out_and_said(tmp_path: Path):
    write(tmp_path / "clinic.jsonl", ROWS)
    (tmp_path / "old.xls").touch()
    (tmp_path / "picture.png").touch()
    with pytest.warns(DataWarning, match=r"left out: other files \(1: .*old.xls"):
        assert list(find_agents(tmp_path)) == ["clinic"]
    (tmp_path / "clinic").mkdir()
    with pytest.raises(DataError, match="both of an agent 'clinic'"):
        find_agents(tmp_path)
    with pytest.raises(DataError, match="no data of agents"):
        find_agents(tmp_path / "clinic")


def table(column: str = "agent") -> list[dict[str, str]]:
    return [
        *({column: "clinic", "split": "train", **row} for row in ROWS),
        *({column: " 병원 ", "split": "train", **row} for row in OTHERS),
        *({column: "clinic", "split": "test", **row} for row in OTHERS),
    ]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "saved"])
@pytest.mark.parametrize("column", ["agent", "챗봇", "whose"])
def test_the_rows_of_a_table_are_dealt_out(tmp_path: Path, kind: str, column: str):
    rows = datasets.Dataset.from_list([{**row, "more": "x"} for row in table(column)])
    place = tmp_path / f"all.{kind}"
    if kind == "saved":
        rows.save_to_disk(place)
    else:
        rows.to_csv(place) if kind == "csv" else rows.to_json(place, force_ascii=False)
    found = find_agents(place, agent_column=column if column == "whose" else None)
    assert list(found) == ["clinic", "병원"]
    assert texts(found["clinic"]) == [row["text"] for row in ROWS]
    assert texts(found["병원"]) == [row["text"] for row in OTHERS]
    assert [len(data.test_rows()) for data in found.values()] == [2, 0]


def test_the_splits_of_a_data_set_are_those_of_its_agents(tmp_path: Path):
    parts = {
        split: datasets.Dataset.from_list([row for row in table() if row["split"] == split]).remove_columns("split")
        for split in ("train", "test")
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    found = find_agents(tmp_path / "saved")
    assert [(len(data.training_rows()), len(data.test_rows())) for data in found.values()] == [(3, 2), (2, 0)]


def test_a_row_is_told_by_its_place(tmp_path: Path):
    write(tmp_path / "all.jsonl", [*table(), {"agent": "it", "split": "train", "text": "", "label": "a"}])
    found = find_agents(tmp_path / "all.jsonl")
    with pytest.raises(DataError, match=r"all.jsonl:8: the text is empty"):
        found["it"].training_rows()
    assert len(found["clinic"].training_rows()) == 3


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"bots": "a", **ROWS[0]}], "no column says whose a row is"),
        ([{"agent": " ", **ROWS[0]}], "all.jsonl:1: no agent is named"),
        ([], "the file is empty"),
    ],
)
def test_a_table_that_does_not_say_whose_rows_they_are(tmp_path: Path, rows: list[dict[str, str]], message: str):
    with pytest.raises(DataError, match=message):
        find_agents(write(tmp_path / "all.jsonl", rows))
    with pytest.raises(DataError, match=r"there is no column 'whose'|the file is empty"):
        find_agents(tmp_path / "all.jsonl", agent_column="whose")
