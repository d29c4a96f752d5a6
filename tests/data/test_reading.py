from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Audio, ClassLabel, Dataset, DatasetDict, Features, Value, load_dataset

from intent_adapters.data import read_intents
from intent_adapters.errors import ConfigError, DataError, DataWarning
from tests.support.shared import shared_path

ROWS = [
    {"text": "예약을 취소하고 싶어요", "label": "cancel"},
    {"text": 'he said "no, never"\nand left', "label": "refuse"},
    {"text": "안녕 👋🏽", "label": "인사"},
]


def write_csv(path: Path) -> None:
    Dataset.from_list(ROWS).to_csv(path)


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def write_array(path: Path) -> None:
    path.write_text(json.dumps(ROWS, ensure_ascii=False, indent=2), encoding="utf-8")


def write_parquet(path: Path) -> None:
    Dataset.from_list(ROWS).to_parquet(path)


def write_tsv(path: Path) -> None:
    Dataset.from_list(ROWS).to_csv(path, sep="\t")


WRITERS = {
    "a.csv": write_csv,
    "a.tsv": write_tsv,
    "a.jsonl": write_jsonl,
    "a.ndjson": write_jsonl,
    "lines.json": write_jsonl,
    "array.json": write_array,
    "a.parquet": write_parquet,
    "A.CSV": write_csv,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str):
    WRITERS[name](tmp_path / name)
    dataset = read_intents(tmp_path / name)
    assert dataset.to_list() == ROWS
    assert dataset.features == Features({"text": Value("string"), "label": Value("string")})


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "array.json", "a.tsv"])
def test_gzip(tmp_path: Path, name: str):
    WRITERS[name](tmp_path / name)
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert read_intents(packed).to_list() == ROWS


@pytest.mark.parametrize("encoding", ["cp949", "euc-kr", "utf-16", "utf-8-sig"])
def test_other_encodings_can_be_named(tmp_path: Path, encoding: str):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\n예약을 취소해 주세요,취소\n진료비가 얼마예요,요금\n".encode(encoding))
    assert read_intents(path, encoding=encoding)["label"][:] == ["취소", "요금"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\r\nhi,greet\r\nbye,leave\r\n".encode("utf-8-sig"))
    assert read_intents(path)["text"][:] == ["hi", "bye"]


def test_wrong_or_unknown_encodings(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nhi,greet\nça va,salut\n".encode())
    with pytest.raises(DataError, match=r"a\.csv:3: byte c3 is not ascii; give another encoding="):
        read_intents(path, encoding="ascii")
    for name in ("klingon", "base64"):
        with pytest.raises(DataError, match=f"encoding '{name}' is unknown; try"):
            read_intents(path, encoding=name)


def test_an_encoding_is_of_text_files(tmp_path: Path):
    write_parquet(tmp_path / "a.parquet")
    assert read_intents(tmp_path / "a.parquet", encoding="cp949").to_list() == ROWS


@pytest.mark.parametrize("separator", [";", "|", "\t"])
def test_other_separators_are_seen_in_the_header(tmp_path: Path, separator: str):
    path = tmp_path / "a.csv"
    path.write_text(f"text{separator}label\nhi, you{separator} greet\nbye{separator}leave\n")
    assert read_intents(path).to_list() == [{"text": "hi, you", "label": "greet"}, {"text": "bye", "label": "leave"}]


def test_rows_of_separators_alone_as_spreadsheets_leave_them_are_no_rows(tmp_path: Path):
    (tmp_path / "a.csv").write_text("text;label\nhello;greet\n;\n ; \nbye;leave\n;\n", encoding="utf-8")
    with pytest.warns(DataWarning, match=r"left out: blank rows \(3: "):
        rows = read_intents(tmp_path / "a.csv", purpose="evaluation")
    assert rows["text"][:] == ["hello", "bye"]


def test_a_row_after_a_text_of_two_lines_knows_its_line(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"hi\nyou",greet\n\n,greet\n')
    with pytest.raises(DataError, match=r"a\.csv:5: the text is empty"):
        read_intents(path)


def test_texts_of_several_lines_with_commas_are_texts(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"well, hello\nyes, greet, bye",greet\n"no, leave\nplease",leave\n', encoding="utf-8")
    assert read_intents(path)["text"][:] == ["well, hello\nyes, greet, bye", "no, leave\nplease"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("utterance,intent", "greet"),
        ("Utterance , Category", "greet"),
        ("발화,의도", "greet"),
        ("query,class", "greet"),
        ("sentence,label", "greet"),
        ("내용,분류", "greet"),
        ("content,topic", "greet"),
        ("질문,의도,내용,분류", "greet"),
    ],
)
def test_usual_column_names_are_found(tmp_path: Path, header: str, expected: str):
    path = tmp_path / "a.csv"
    more = ",x" * (header.count(",") - 1)
    path.write_text(f"{header}\nhi,greet{more}\nbye,leave{more}\n", encoding="utf-8")
    assert read_intents(path)["label"][0] == expected


def test_our_own_names_win_and_spelt_labels_win_over_numbers():
    rows = [
        {"text": "hi", "query": "q", "label": "greet", "category": "x"},
        {"text": "bye", "query": "q", "label": "leave", "category": "x"},
    ]
    assert read_intents(rows)["label"][:] == ["greet", "leave"]
    rows = [{"text": "hi", "label": 0, "label_text": "greet"}, {"text": "bye", "label": 1, "label_text": "leave"}]
    assert read_intents(rows)["label"][:] == ["greet", "leave"]


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\ntext;label\n1,5 litres, please;order\nbye;leave\n",
        "SEP=;\r\ntext;label\r\n1,5 litres, please;order\r\nbye;leave\r\n",
        "\ufeffsep=^\ntext^label\n1,5 litres, please^order\nbye^leave\n",
        'text,label\r"1,5 litres, please",order\rbye,leave\r',
        "text;label\r1,5 litres, please;order\rbye;leave",
    ],
)
def test_separators_and_line_ends_of_other_programs(tmp_path: Path, content: str):
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode())
    assert read_intents(path).to_list() == [
        {"text": "1,5 litres, please", "label": "order"},
        {"text": "bye", "label": "leave"},
    ]


def test_words_that_could_be_column_names_are_utterances_too(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("발화,label\n질문,질문\nlabel,print\nmessage,send\nother,category\n", encoding="utf-8")
    assert read_intents(path)["text"][:] == ["질문", "label", "message", "other"]


def test_lines_are_counted_with_the_line_of_the_separator(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("sep=;\ntext;label\nhi;greet\n;leave\n")
    with pytest.raises(DataError, match=r"a\.csv:4: the text is empty"):
        read_intents(path)


def test_lines_of_old_macs_are_lines_of_every_format(tmp_path: Path):
    lines = "".join(json.dumps(row) + "\r" for row in ROWS)
    rasa = "nlu:\r- intent: a\r  examples: |\r    - hi\r    - ho\r- intent: b\r  examples: |\r    - bye\r"
    for name, content, rows in (("a.jsonl", lines, 3), ("a.yml", rasa, 3), ("a.json", lines, 3)):
        (tmp_path / name).write_bytes(content.encode())
        assert len(read_intents(tmp_path / name)) == rows


def test_a_parquet_file_with_a_column_twice(tmp_path: Path):
    table = pa.table([pa.array(["hi"]), pa.array(["a"]), pa.array(["b"])], names=["text", "label", "label"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: column 'label' occurs twice"):
        read_intents(tmp_path / "a.parquet")


def test_columns_can_be_named():
    rows = [
        {"a": "hi", "b": "greet", "text": "x", "label": "y"},
        {"a": "bye", "b": "leave", "text": "x", "label": "y"},
    ]
    assert read_intents(rows, text_column="a", label_column="b").to_list() == [
        {"text": "hi", "label": "greet"},
        {"text": "bye", "label": "leave"},
    ]
    with pytest.raises(DataError, match="there is no column 'c'; the columns are: 'a', 'b', 'text', 'label'"):
        read_intents(rows, text_column="c")
    with pytest.raises(DataError, match="both be the column 'a'"):
        read_intents(rows, text_column="a", label_column="a")


FEATURES = Features({"text": Value("string"), "intent": ClassLabel(names=["greet", "leave"])})


def labelled(values: list[int]) -> Dataset:
    return Dataset.from_dict({"text": [f"t{i}" for i in range(len(values))], "intent": values}, features=FEATURES)


def test_class_labels_become_their_names(tmp_path: Path):
    dataset = labelled([1, 0])
    assert read_intents(dataset)["label"][:] == ["leave", "greet"]
    assert read_intents(dataset.with_format("numpy"))["label"][:] == ["leave", "greet"]
    dataset.to_parquet(tmp_path / "a.parquet")
    assert read_intents(tmp_path / "a.parquet")["label"][:] == ["leave", "greet"]


def test_unlabelled_hub_rows_are_missing_labels(tmp_path: Path):
    with pytest.raises(DataError, match=r"rows\[1\]: the label is missing"):
        read_intents(labelled([1, -1, 0]))
    labelled([1, -1, 0]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet:row 2: the label is missing"):
        read_intents(tmp_path / "a.parquet")


def test_splits_of_a_dataset_dict():
    both = DatasetDict({"train": labelled([0, 1]), "test": labelled([1, 0])})
    assert read_intents(both, split="test")["label"][:] == ["leave", "greet"]
    assert read_intents(DatasetDict({"train": both["train"]}))["label"][:] == ["greet", "leave"]
    with pytest.raises(DataError, match="several splits: 'train', 'test'; choose one with split="):
        read_intents(both)
    with pytest.raises(DataError, match="there is no split 'dev'; choose among: 'train', 'test'"):
        read_intents(both, split="dev")


def test_split_and_stream_where_they_make_no_sense(tmp_path: Path):
    write_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="one file has no split 'test'"):
        read_intents(tmp_path / "a.csv", split="test")
    with pytest.raises(DataError, match="a list has no splits"):
        read_intents(ROWS, split="test")
    with pytest.raises(DataError, match="streamed; load it without streaming"):
        read_intents(labelled([0, 1]).to_iterable_dataset())


def test_hub_names_go_through_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_csv(tmp_path / "train.csv")
    asked: dict[str, object] = {}

    def load(name: str, subset: str | None, **options: object) -> DatasetDict:
        asked.update(name=name, subset=subset, **options)
        return load_dataset("csv", data_files=str(tmp_path / "train.csv"), cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr("datasets.load_dataset", load)
    dataset = read_intents("org/clinic-intents", subset="small", revision="main", token=False)
    assert dataset.to_list() == ROWS
    assert asked == {
        "name": "org/clinic-intents",
        "subset": "small",
        "revision": "main",
        "token": False,
        "cache_dir": None,
    }


def test_folders_of_save_to_disk(tmp_path: Path):
    labelled([0, 1]).save_to_disk(tmp_path / "one")
    assert read_intents(tmp_path / "one")["label"][:] == ["greet", "leave"]
    DatasetDict({"train": labelled([0, 1]), "test": labelled([1, 0, -1])}).save_to_disk(tmp_path / "two")
    assert read_intents(tmp_path / "two", split="train")["label"][:] == ["greet", "leave"]
    with pytest.raises(DataError, match=r"two/test\[2\]: the label is missing"):
        read_intents(tmp_path / "two", split="test")
    (tmp_path / "one" / "state.json").write_text("{}")
    with pytest.raises(DataError, match="one: the saved data set cannot be loaded"):
        read_intents(tmp_path / "one")


def test_other_columns_are_not_decoded():
    columns = {"text": ["a", "b"], "label": ["x", "y"], "sound": [{"bytes": b"noise", "path": None}] * 2}
    dataset = Dataset.from_dict(columns).cast_column("sound", Audio())
    assert len(read_intents(dataset)) == 2


def test_evaluation_rows_are_kept_as_they_are():
    rows = [{"text": "hi", "label": "oos"}, {"text": "hi", "label": "oos"}, {"text": "hi", "label": "oos"}]
    assert len(read_intents(rows, purpose="evaluation")) == 3
    with pytest.raises(DataError, match="every row has the same label, 'oos'"):
        read_intents(rows)
    with pytest.raises(ConfigError, match="purpose is one of training, evaluation, not 'test'"):
        read_intents(rows, purpose="test")  # type: ignore[arg-type]


def test_the_published_benchmarks_are_read_whole():
    assert len(read_intents(shared_path("data/intents/banking77"), split="train_5")) == 385
    assert len(read_intents(shared_path("data/intents/clinc150/test.jsonl"), purpose="evaluation")) == 4500


SPLIT_ROWS = [
    {"utt": "hi", "intent": "greet", "partition": "train"},
    {"utt": "bye", "intent": "leave", "partition": "train"},
    {"utt": "hello", "intent": "greet", "partition": "test"},
]


def test_a_file_of_several_splits_is_read_one_at_a_time(tmp_path: Path):
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in SPLIT_ROWS), encoding="utf-8")
    with pytest.raises(DataError, match="several splits: train, test; choose one with split="):
        read_intents(path)
    assert read_intents(path, split="train")["text"][:] == ["hi", "bye"]
    assert read_intents(path, split="test", purpose="evaluation")["text"][:] == ["hello"]
    with pytest.raises(DataError, match="no split 'dev'; choose among: 'train', 'test'"):
        read_intents(path, split="dev")


@pytest.mark.parametrize("kind", [list, Dataset.from_list])
def test_rows_of_several_splits_are_not_trained_on_together(kind):
    with pytest.raises(DataError, match="several splits: train, test"):
        read_intents(kind(SPLIT_ROWS))
    assert len(read_intents(kind(SPLIT_ROWS[:2]))) == 2
    rows = [{"text": row["utt"], "label": row["partition"], "split": "odd"} for row in SPLIT_ROWS]
    assert len(read_intents(kind(rows))) == 3


def test_what_python_cannot_hold_is_our_error(tmp_path: Path):
    days = pa.array([2**30, 1], pa.date32())
    pq.write_table(pa.table({"text": ["hi", "bye"], "label": ["a", "b"], "day": days}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"not a readable parquet file .*days=1073741824"):
        read_intents(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("text,label\nhi,a\nbye,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"encoding 'utf.*8' is unknown"):
        read_intents(tmp_path / "a.csv", encoding="utf\0008")
