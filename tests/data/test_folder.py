from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest

from intent_adapters.data import read_intents
from intent_adapters.errors import DataError, DataWarning


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
    with pytest.raises(
        DataError, match=r"holds splits \(test, train, train_5\); choose one with split= among: test, "
    ):
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
    with pytest.warns(DataWarning, match=r"without an `nlu` section \(1: [^,;]*stories\.yml\)$"):
        assert read_intents(tmp_path)["label"][:] == ["cancel", "book"]
    fill(tmp_path / "only", {"stories.yml": "stories:\n- story: a\n"})
    with pytest.raises(DataError, match="no YAML file has an `nlu` section"):
        read_intents(tmp_path / "only")


def test_folders_without_anything_usable(tmp_path: Path):
    with pytest.raises(DataError, match=r"the folder holds no usable file; it should hold \.csv"):
        read_intents(tmp_path)
    fill(tmp_path, {"deep/a.csv": csv("hi,greet"), "x.pkl": ""})
    with pytest.raises(DataError, match="the folder holds no usable file; read one of its subfolders: deep"):
        read_intents(tmp_path)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("clinic_train.csv", "clinic_test.csv"),
        ("Train-Clinic.csv", "TEST.clinic.csv"),
        ("진료_학습.csv", unicodedata.normalize("NFD", "진료_평가.csv")),
        ("trainset.csv", "testset.csv"),
        ("clinicTrain.csv", "clinicTestData.csv"),
        ("학습데이터.csv", "평가용.csv"),
    ],
)
def test_splits_are_told_by_a_word_in_the_name(tmp_path: Path, train: str, test: str):
    fill(tmp_path, {train: csv("hi,greet", "bye,leave"), test: csv("hello,greet", "ciao,leave")})
    with pytest.raises(DataError, match=r"holds splits .* choose one with split="):
        read_intents(tmp_path)
    for name, texts in ((train, ["hi", "bye"]), (test, ["hello", "ciao"])):
        word = next(word for word in ("train", "test", "학습", "평가") if word in folded(name))
        assert read_intents(tmp_path, split=word)["text"][:] == texts
        assert read_intents(tmp_path, split=Path(name).stem)["text"][:] == texts


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def test_a_split_beside_the_file_that_it_belongs_to(tmp_path: Path):
    block = "nlu:\n- intent: a\n  examples: |\n    - {0} a\n- intent: b\n  examples: |\n    - {0} b\n"
    fill(
        tmp_path,
        {"nlu.yml": block.format("one"), "test_nlu.yml": block.format("two"), "test_stories.yml": "stories:\n"},
    )
    with pytest.raises(DataError, match=r"holds splits \(test_nlu\); choose one with split= among: nlu, test_nlu"):
        read_intents(tmp_path)
    with pytest.warns(DataWarning, match="YAML files without an `nlu` section"):
        assert read_intents(tmp_path, split="nlu")["text"][:] == ["one a", "one b"]
        assert read_intents(tmp_path, split="test")["text"][:] == ["two a", "two b"]


def test_a_folder_of_a_split_beside_files(tmp_path: Path):
    fill(tmp_path, {"a.csv": csv("hi,greet", "bye,leave"), "test/a.csv": csv("hello,greet", "ciao,leave")})
    with pytest.raises(DataError, match=r"holds splits \(test\); choose one with split= among: a, test"):
        read_intents(tmp_path)
    assert read_intents(tmp_path, split="test")["text"][:] == ["hello", "ciao"]


def test_an_intent_may_be_called_train(tmp_path: Path):
    fill(tmp_path, {"train.txt": "a seat to Daegu\n", "ferry.txt": "a cabin to Jeju\n"})
    assert read_intents(tmp_path)["label"][:] == ["ferry", "train"]
    with pytest.raises(DataError, match="no split 'train'; the folder has no splits: leave split= out"):
        read_intents(tmp_path, split="train")


def test_text_files_that_are_all_called_like_splits_are_no_intents(tmp_path: Path):
    fill(tmp_path, {"train.txt": "hi\n", "test.txt": "hello\n"})
    with pytest.raises(DataError, match=r"splits \(test.txt, train.txt\); a .txt file is an intent"):
        read_intents(tmp_path)


def test_rasa_files_of_subfolders_are_read_as_rasa_does(tmp_path: Path):
    block = "nlu:\n- intent: {0}\n  examples: |\n    - {0} please\n"
    files = {"nlu.yml": "book", "nlu/faq.yml": "ask", "nlu/deep/more.yaml": "cancel", ".cache/old.yml": "gone"}
    fill(tmp_path, {name: block.format(intent) for name, intent in files.items()})
    assert sorted(read_intents(tmp_path)["label"]) == ["ask", "book", "cancel"]


def test_of_a_rasa_project_the_data_is_read(tmp_path: Path):
    nlu = "nlu:\n- intent: a\n  examples: |\n    - hi\n- intent: b\n  examples: |\n    - bye\n"
    files = {"data/nlu.yml": nlu, "data/rules.yml": "rules: []\n", "config.yml": "language: ko\n"}
    others = {"package.json": '{"name": "bot"}', "chart.yaml": "a: {{ .Values.b }}\n", "old/nlu.yml": nlu}
    fill(tmp_path, {**files, **others})
    with pytest.warns(
        DataWarning, match=r"beside its `data` \(4: [^,]*chart\.yaml, [^,]*config\.yml, [^,]*old, \.\.\."
    ):
        assert read_intents(tmp_path)["text"][:] == ["hi", "bye"]


def test_other_yaml_of_a_project_may_be_any_yaml(tmp_path: Path):
    fill(
        tmp_path,
        {
            "nlu.yml": "nlu:\n- intent: a\n  examples: |\n    - hi\n- intent: b\n  examples: |\n    - bye\n",
            "docker-compose.yml": "x: &x\n  a: 1\nservices:\n  one: *x\n  two:\n    <<: *x\n",
            "manifests.yml": "kind: a\n---\nkind: !secret b\n",
        },
    )
    with pytest.warns(
        DataWarning, match=r"without an `nlu` section \(2: [^,]*docker-compose\.yml, [^,]*manifests\.yml\)"
    ):
        assert len(read_intents(tmp_path)) == 2
    fill(tmp_path, {"second.yml": "version: '3.1'\n---\nnlu: []\n"})
    with pytest.raises(DataError, match=r"second\.yml:1: there is no `nlu` section"):
        read_intents(tmp_path)


def test_what_a_folder_holds_besides_is_said(tmp_path: Path):
    rows = csv("hi,greet", "bye,leave")
    files = {"a.csv": rows, "old/b.csv": rows, "c.xlsx": "x", "d.txt": "hi", "readme.txt": "hi", "e.png": "x"}
    fill(tmp_path, {**files, "domain.yml": "intents: [a]\n", "images/f.png": "x"})
    with pytest.warns(DataWarning) as caught:
        assert len(read_intents(tmp_path)) == 2
    (message,) = (str(warning.message) for warning in caught)
    assert re.search(r"YAML files without an `nlu` section \(1: [^,;]*domain\.yml\)", message)
    assert re.search(r"other files \(2: [^,;]*c\.xlsx, [^,;]*d\.txt\)", message)
    assert re.search(r"subfolders \(1: [^,;]*old\)", message)


def test_what_else_is_called_like_a_split_is_said(tmp_path: Path):
    rows = csv("hi,greet", "bye,leave")
    fill(tmp_path, {"train.csv": rows, "train_more.csv": rows, "train/more.csv": rows, "test.csv": rows})
    with pytest.warns(
        DataWarning, match=r"others with 'train' in their names \(2: [^,]*train, [^,]*train_more\.csv\)"
    ):
        assert len(read_intents(tmp_path, split="train")) == 2
    (tmp_path / "train.csv").unlink()
    with pytest.warns(DataWarning, match=r"others with 'train' in their names \(1: [^,]*train_more\.csv\)"):
        assert len(read_intents(tmp_path, split="train")) == 2


def test_an_intent_called_like_a_note_is_not_lost_in_silence(tmp_path: Path):
    fill(tmp_path, {"greet.txt": "hi\n", "leave.txt": "bye\n", "license.txt": "renew my driving licence\n"})
    with pytest.warns(DataWarning, match=r"other files \(1: [^,]*license\.txt\)"):
        assert read_intents(tmp_path)["label"][:] == ["greet", "leave"]
