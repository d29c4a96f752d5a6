from __future__ import annotations

from pathlib import Path

import pytest

from intent_adapters.data import read_intents
from intent_adapters.errors import DataError


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def csv(*rows: str) -> str:
    return "\n".join(["text,label", *rows]) + "\n"


def test_all_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path: Path):
    fill(
        tmp_path,
        {
            "b.jsonl": '{"utterance": "bye", "intent": "leave"}\n',
            "a.csv": csv("hi,greet"),
            ".hidden.csv": "nonsense",
            "README.txt": "about this data",
            "notes.md": "# notes",
        },
    )
    assert read_intents(tmp_path).to_list() == [{"text": "hi", "label": "greet"}, {"text": "bye", "label": "leave"}]


def test_conflicts_between_files_name_both(tmp_path: Path):
    fill(tmp_path, {"a.csv": csv("hi,greet", "no,deny"), "b.csv": csv("ok,accept", "hi,leave")})
    with pytest.raises(DataError, match=r"b\.csv:3: .* 'leave' here and 'greet' at .*a\.csv:2"):
        read_intents(tmp_path)


def test_one_file_per_split(tmp_path: Path):
    fill(tmp_path, {f"{name}.csv": csv(f"{name} 1,a", f"{name} 2,b") for name in ("train", "train_5", "test")})
    for split in ("train", "train_5", "test"):
        assert read_intents(tmp_path, split=split)["text"][:] == [f"{split} 1", f"{split} 2"]
    with pytest.raises(DataError, match=r"holds splits \(test, train\); choose one with split="):
        read_intents(tmp_path)
    with pytest.raises(DataError, match="there is no split 'dev'; choose among: test, train, train_5"):
        read_intents(tmp_path, split="dev")


def test_a_lone_split_needs_no_name(tmp_path: Path):
    fill(tmp_path, {"train.jsonl": '{"text": "hi", "label": "a"}\n{"text": "bye", "label": "b"}\n'})
    assert len(read_intents(tmp_path)) == 2


def test_one_folder_per_split(tmp_path: Path):
    fill(tmp_path, {"train/a.txt": "hi\nhello\n", "train/b.txt": "bye\n", "test/a.txt": "hey\n"})
    assert read_intents(tmp_path, split="train").to_list() == [
        {"text": "hi", "label": "a"},
        {"text": "hello", "label": "a"},
        {"text": "bye", "label": "b"},
    ]
    with pytest.raises(DataError, match="holds splits"):
        read_intents(tmp_path)


def test_one_text_file_per_intent(tmp_path: Path):
    fill(tmp_path, {"예약.txt": "예약할게요\n\n내일 되나요\n", "cancel.txt": "취소요\n", "README.txt": "notes\n"})
    assert [(row["label"], row["text"]) for row in read_intents(tmp_path)] == [
        ("cancel", "취소요"),
        ("예약", "예약할게요"),
        ("예약", "내일 되나요"),
    ]
    fill(tmp_path, {"broken.txt": "ok\n\n\u200b\n"})
    with pytest.raises(DataError, match=r"broken\.txt:3: the text is empty"):
        read_intents(tmp_path)


def test_a_rasa_project_folder(tmp_path: Path):
    block = "nlu:\n- intent: {0}\n  examples: |\n    - {0} please\n"
    fill(
        tmp_path,
        {"nlu.yml": block.format("book"), "more.yml": block.format("cancel"), "stories.yml": "stories:\n- story: a\n"},
    )
    assert read_intents(tmp_path)["label"][:] == ["cancel", "book"]
    fill(tmp_path / "only", {"stories.yml": "stories:\n- story: a\n"})
    with pytest.raises(DataError, match="no YAML file has an `nlu` section"):
        read_intents(tmp_path / "only")


def test_folders_without_anything_usable(tmp_path: Path):
    fill(tmp_path, {"deep/a.csv": csv("hi,greet"), "x.pkl": ""})
    with pytest.raises(DataError, match=r"the folder holds no usable file; it should hold \.csv"):
        read_intents(tmp_path)
