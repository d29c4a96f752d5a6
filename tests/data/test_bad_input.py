from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import pytest

from intent_adapters.data import read_intents
from intent_adapters.errors import DataError

HEAD = b"text,label\nhello,greet\nbye now,leave\n"
LINES = b'{"text": "hello", "label": "greet"}\n{"text": "bye now", "label": "leave"}\n'
RASA = b"nlu:\n- intent: greet\n  examples: |\n    - hello\n- intent: leave\n  examples: |\n    - bye now\n"
KOREAN = "text,label\n예약을 취소해 주세요,취소\n진료비가 얼마예요,요금\n"

# name of the case: (file name, content, what the message must hold besides the file: place, value or reason, cure)
BAD_FILES: dict[str, tuple[str, bytes, list[str]]] = {
    "empty file": ("a.csv", b"", [":1: the file is empty", "write a row"]),
    "only white space": ("a.jsonl", b" \n\n", [":1: the file is empty"]),
    "only a header": ("a.csv", b"text,label\n", ["there are no rows", "add one row"]),
    "empty JSON array": ("a.json", b"[]", ["there are no rows"]),
    "empty text": ("a.csv", HEAD + b",greet\n", [":4: the text is empty: ''", "delete the row"]),
    "white space as text": ("a.csv", HEAD + b'"  \t ",greet\n', [":4: the text is empty: '  \\t '"]),
    "invisible text": ("a.csv", HEAD + "\u200b\u200d,greet\n".encode(), [":4: the text is empty: '\\u200b"]),
    "empty label": ("a.csv", HEAD + b"thanks,\n", [":4: the label is empty: ''", "write the intent"]),
    "one label only": (
        "a.csv",
        b"text,label\nhello,greet\nhi,greet\n",
        ["the same label, 'greet'", "at least one other"],
    ),
    "one text, two labels": (
        "a.csv",
        HEAD + b"hello ,leave\n",
        [":4: the text 'hello' has the label 'leave' here and 'greet' at ", "a.csv:2", "keep one"],
    ),
    "over-long text": ("a.csv", HEAD + b"x" * 10_001 + b",greet\n", [":4: the text has 10,001 characters", "cut it"]),
    "over-long label": ("a.csv", HEAD + b"hi," + b"y" * 201 + b"\n", [":4: the label has 201", "columns swapped"]),
    "label of two lines": ("a.csv", HEAD + b'hi,"a\nb"\n', [":4: the label holds a control", "plain characters"]),
    "NUL in a text": ("a.csv", HEAD + b"h\0i,greet\n", [":4: the text holds a NUL", "encoding='utf-16'"]),
    "half a surrogate pair": (
        "a.jsonl",
        LINES + b'{"text": "\\ud83d", "label": "greet"}\n',
        [":3: the text holds half of a surrogate pair: '\\ud83d'", "as UTF-8"],
    ),
    "surrogate in a label": (
        "a.jsonl",
        LINES + b'{"text": "hi", "label": "\\udc00"}\n',
        [":3: the label holds", "plain characters"],
    ),
    "number as text": ("a.jsonl", LINES + b'{"text": 3, "label": "x"}\n', [":3: the text is not a string but int 3"]),
    "list as text": ("a.jsonl", LINES + b'{"text": ["a"], "label": "x"}', [":3: the text is not a string but list"]),
    "truth value as label": ("a.jsonl", LINES + b'{"text": "hi", "label": true}', [":3: the label is not a string"]),
    "fraction as label": ("a.jsonl", LINES + b'{"text": "hi", "label": 1.5}', [":3: the label is not a string"]),
    "enormous number as label": (
        "a.jsonl",
        LINES + b'{"text": "hi", "label": 1' + b"0" * 30 + b"}",
        [":3: the label is not a string but int"],
    ),
    "null text": ("a.jsonl", LINES + b'{"text": null, "label": "x"}', [":3: the text is missing (None)"]),
    "NaN text": ("a.jsonl", LINES + b'{"text": NaN, "label": "x"}', [":3: the text is missing (nan)"]),
    "missing label": ("a.jsonl", LINES + b'{"text": "hi"}', [":3: the label is missing (None)", "write the intent"]),
    "no text column": (
        "a.csv",
        b"a,label\nhello,greet\n",
        ["no column looks like the text", "'a', 'label'", "text_column="],
    ),
    "no header": ("a.csv", b"hello,greet\nbye,leave\n", ["no column looks like", "'hello', 'greet'", "first line"]),
    "several label columns": (
        "a.csv",
        b"text,intent,category\nhello,greet,x\n",
        ["several columns could be the label: 'intent', 'category'", "label_column="],
    ),
    "several columns of vague names": (
        "a.csv",
        "내용,분류,유형\n안녕,인사,x\n".encode(),
        ["several columns could be the label: '분류', '유형'", "label_column="],
    ),
    "the column names again": (
        "a.csv",
        HEAD + b" Label,text\nhi,greet\n",
        [":4: column names in the middle of the file: ['Label', 'text']", "delete the line"],
    ),
    "other column names in the middle": (
        "a.csv",
        HEAD + "발화,의도\n안녕,greet\n".encode(),
        [":4: column names in the middle of the file: ['발화', '의도']"],
    ),
    "files joined with their marks": (
        "a.jsonl",
        LINES + b"\xef\xbb\xbf" + LINES,
        [":3: the line starts with a byte order mark", "delete the mark"],
    ),
    "a column twice": ("a.csv", b"text,label,label\nhi,a,b\n", [":1: column 'label' occurs twice"]),
    "too many fields": (
        "a.csv",
        HEAD + b"why, how are you,greet\n",
        [":4: fields: 3, column names: 2, row: ['why'", "double quotes"],
    ),
    "too few fields": ("a.tsv", b"text\tlabel\nhello greet\n", [":2: fields: 1, column names: 2"]),
    "open quotation mark": ("a.csv", HEAD + b'"why,greet\nhi,greet\n', [":4: the quotation marks", "close every"]),
    "text after a quotation": ("a.csv", HEAD + b'"why" so,greet\n', [":4: the quotation marks", "twice"]),
    "quotation marks around rows": (
        "a.csv",
        HEAD + b'"why,greet\nhi,greet\nso",leave\n',
        [":4: this line looks like a row, but stands in quotation marks: ['why', 'greet']", ":5: this line"],
    ),
    "quotation marks around rows with the label first": (
        "a.csv",
        b'label,text\r\ngreet,hello\r\nleave,"bye now\r\ngreet,hi\r\nleave,bye"\r\n',
        [":4: this line looks like a row", ":5: this line", "close the quotation mark"],
    ),
    "open quotation mark, large": (
        "a.csv",
        HEAD + b'"why,greet\n' + b"hi there,greet\n" * 10_000,
        [":4: the quotation marks"],
    ),
    "a JSON key twice": (
        "a.jsonl",
        LINES + b'{"text": "hi", "label": "a", "text": "ho"}\n',
        [":3: the key 'text' occurs twice", "keep one"],
    ),
    "a JSON key twice, inside an array": (
        "a.json",
        b'[{"text": "hi", "label": "a"},\n{"text": "ho", "label": "b", "more": {"x": 1, "x": 1}}]',
        [":2: the key 'x' occurs twice"],
    ),
    "two JSON arrays": (
        "a.json",
        b'[{"text": "hi", "label": "a"}, {"text": "ho", "label": "b"}]\n[{"text": "he", "label": "c"}]',
        [":2: more follows behind the closing ]", "in one array"],
    ),
    "one JSON object of all rows": (
        "a.json",
        b'{\n"name": "clinic",\n"rows": [{"text": "hi", "label": "a"}]\n}',
        [":1: this is one JSON object over several lines with the keys 'name', 'rows', and not rows", "as one object"],
    ),
    "JSON objects over several lines": (
        "a.jsonl",
        b'{\n"text": "hi",\n"label": "a"\n}\n{\n"text": "ho",\n"label": "b"\n}\n',
        [":1: this is one JSON object over several lines", "in one line"],
    ),
    "broken JSON line": ("a.jsonl", LINES + b'{"text": "hi"', [":3: broken JSON", '{"text": "hi"', "as one object"]),
    "JSON line without object": ("a.jsonl", LINES + b'"hi"\n', [":3: not an object but 'hi'", "as one object"]),
    "broken JSON array": (
        "a.json",
        b'[\n{"text": "hi", "label": "a"},\n{"text": }]',
        [":3: broken JSON (Expecting value)", '{"text": }', "as one object"],
    ),
    "JSON array without comma": (
        "a.json",
        b'[\n{"text": "hi", "label": "a"}\n{"text": "ho", "label": "b"}]',
        [":3: broken JSON (a comma", "separate the objects"],
    ),
    "open JSON array": ("a.json", b'[{"text": "hi", "label": "a"}', [":1: broken JSON", "close the array"]),
    "deeply nested JSON": ("a.jsonl", LINES + b"[" * 200_000, [":3: broken JSON (nested too deeply)"]),
    "JSON number without end": ("a.jsonl", LINES + b"9" * 5000, [":3: broken JSON"]),
    "JSON of columns": ("a.json", b'{"text": ["hi"], "label": ["a"]}', [":1: the text is not a string but list"]),
    "cp949": ("a.csv", KOREAN.encode("cp949"), [":2: byte", "it looks like cp949", "re-save it as UTF-8"]),
    "Latin-1": ("a.csv", HEAD + "café,order\n".encode("latin-1"), [":4: byte e9", "it looks like cp1252"]),
    "UTF-16": ("a.csv", KOREAN.encode("utf-16"), [":1: the file looks like UTF-16", "encoding='utf-16'"]),
    "UTF-16 without mark": ("a.csv", HEAD.decode().encode("utf-16-le"), [":1: the file looks like UTF-16 without"]),
    "Excel named csv": ("a.csv", b"PK\x03\x04" + b"x" * 40, [":1: this is a zip archive or an Excel", "CSV UTF-8"]),
    "pickle named csv": ("a.csv", pickle.dumps([1]), [":1: this is a Python pickle", "save it as csv"]),
    "gzip without suffix": ("a.csv", gzip.compress(HEAD), [":1: this is compressed with gzip", "end in .gz"]),
    "pickle": ("a.pkl", pickle.dumps([1]), ["pickled data is never read", "save it as csv, jsonl or parquet"]),
    "torch file": ("a.pt", b"x", ["pickled data is never read"]),
    "workbook that is none": ("a.xlsx", HEAD, ["not a readable workbook", "save it as .xlsx again"]),
    "workbook of another program": ("a.ods", b"x", ["workbooks (.ods) are not read", "save it as .xlsx"]),
    "unknown suffix": ("a.docx", b"x", ["suffix '.docx' are not read", "use one of .csv"]),
    "Rasa's Markdown": ("nlu.md", b"## intent:hi\n- hi\n", ["Markdown is not read", "rasa data convert nlu"]),
    "no suffix": ("a", b"x", ["suffix '' are not read"]),
    "one text file": ("greet.txt", b"hello\n", ["suffix '.txt' are not read"]),
    "gzip of what": ("a.gz", gzip.compress(HEAD), ["does not say what is compressed", ".csv.gz"]),
    "cut gzip": ("a.csv.gz", gzip.compress(HEAD)[:-9], ["the gzip file is damaged", "compress it again"]),
    "gzip that is none": ("a.csv.gz", HEAD, ["the gzip file is damaged"]),
    "broken gzip": ("a.jsonl.gz", gzip.compress(LINES)[:12] + b"\xff" * 20, ["the gzip file is damaged"]),
    "parquet that is none": ("a.parquet", HEAD, ["not a readable parquet file", "write it again"]),
    "empty parquet": ("a.parquet", b"", ["not a readable parquet file"]),
    "parquet of marks": ("a.parquet", b"PAR1" + b"\xff" * 60 + b"PAR1", ["not a readable parquet file"]),
    "a Rasa key twice": (
        "nlu.yml",
        RASA + b"  examples: |\n    - see you\n",
        [":8: the key `examples` stands in line 6 already", "start a new entry with a dash"],
    ),
    "two nlu sections": ("nlu.yml", RASA + RASA, [":8: the key `nlu` stands in line 1 already"]),
    "a mistyped key": (
        "nlu.yml",
        RASA + b"- itnent: ask\n  examples: |\n    - x\n",
        [":8: the key 'itnent' is unknown", "intent"],
    ),
    "a mistyped key of an example": (
        "nlu.yml",
        RASA + b"- intent: ask\n  examples:\n  - text: x\n    metdata: y\n",
        [":11: the key 'metdata' is unknown here"],
    ),
    "a mistyped section": ("nlu.yml", RASA + b"nlu2:\n- intent: x\n", [":8: the key 'nlu2' is unknown here"]),
    "a YAML merge key": ("nlu.yml", RASA + b"- <<: {intent: ask}\n  examples: |\n    - x\n", [":8: the key '<<'"]),
    "two kinds in one entry": (
        "nlu.yml",
        RASA + b"- intent: ask\n  lookup: x\n  examples: |\n    - x\n",
        [":8: the entry is both `intent` and `lookup`"],
    ),
    "a folded block": (
        "nlu.yml",
        RASA + b"- intent: ask\n  examples: >\n    - x\n    - y\n",
        [":9: the lines of these examples become one", "write `examples: |`"],
    ),
    "examples without block": (
        "nlu.yml",
        RASA + b"- intent: ask\n  examples:\n    x\n    y\n",
        [":10: the lines of these examples become one"],
    ),
    "an empty block": ("nlu.yml", RASA + b"- intent: ask\n  examples: |\n", [":8: intent 'ask' has no examples"]),
    "an empty list of examples": ("nlu.yml", RASA + b"- intent: ask\n  examples: []\n", [":8: intent 'ask' has no"]),
    "an intent all commented out": (
        "nlu.yml",
        RASA + b"- intent: ask\n  examples: |\n    # - x\n",
        [":8: intent 'ask' has no examples"],
    ),
    "an entity that is no JSON": (
        "nlu.yml",
        RASA + b"    - to [Seoul]{'entity': 'city'}\n",
        [":8: the braces behind an entity are no JSON", '"entity": "city"'],
    ),
    "YAML without nlu": ("nlu.yml", b"stories: []\n", [":1: there is no `nlu` section", "examples: |"]),
    "YAML scalar": ("nlu.yml", b"hello\n", [":1: there is no `nlu` section"]),
    "nlu is no list": ("nlu.yml", b"nlu:\n  intent: greet\n", [":2: `nlu` is not a list"]),
    "nlu of words": ("nlu.yml", RASA + b"- hello\n", [":8: the entry has no key such as `intent`"]),
    "intent is a list": ("nlu.yml", RASA + b"- intent: [a]\n  examples: |\n    - x\n", [":8: `intent` is not a name"]),
    "intent without examples": ("nlu.yml", RASA + b"- intent: ask\n", [":8: intent 'ask' has no examples", "write"]),
    "example without dash": (
        "nlu.yml",
        RASA + b"    thanks\n",
        [":8: the example does not start with `- `: 'thanks'"],
    ),
    "empty example": ("nlu.yml", RASA + b"    -\n", [":8: the text is empty"]),
    "empty intent": ("nlu.yml", RASA + b"- intent: ''\n  examples: |\n    - x\n", [":10: the label is empty"]),
    "listed example without text": (
        "nlu.yml",
        RASA + b"- intent: ask\n  examples:\n  - metadata: x\n",
        [":10: the example has no `text`", "- text: hello"],
    ),
    "broken indentation": ("nlu.yml", RASA + b" - x: [\n", [":8: broken YAML", "check the indentation"]),
    "open YAML bracket": ("nlu.yml", b"nlu: [\n", [":2: broken YAML", "check the indentation"]),
    "tab in YAML": ("nlu.yml", b"nlu:\n\t- intent: a\n", [":2: broken YAML"]),
    "YAML alias bomb": (
        "nlu.yml",
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nnlu: [*c, *c]\n",
        [":2: broken YAML (alias *a is not allowed)"],
    ),
    "YAML nested deeply": ("nlu.yml", b"nlu: " + b"[" * 20_000, [":1: the YAML is nested too deeply"]),
    "two YAML documents": ("nlu.yml", RASA + b"---\nnlu: []\n", [":9: this is another YAML document", "`---`"]),
    "control character in YAML": (
        "nlu.yml",
        RASA.replace(b"bye", b"b\x07e"),
        [":7: a control character, U+0007", "delete it"],
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_explained(tmp_path: Path, case: str):
    name, content, expected = BAD_FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_intents(str(path))
    message = str(caught.value)
    assert str(path) in message
    assert message.count("; ") >= 1, "what is wrong and what to do"
    for fragment in expected:
        assert fragment in message
    assert len(message) < 1000


BAD_OBJECTS = {
    "a number": (3, ["cannot read rows from int 3", "give a datasets.Dataset"]),
    "None": (None, ["cannot read rows from NoneType"]),
    "a dict of columns": ({"text": ["hi"], "label": ["a"]}, ["cannot read rows from dict"]),
    "an empty list": ([], ["rows: there are no rows"]),
    "a list of tuples": ([("hi", "greet")], ["rows[0]: the row is not a dict but tuple", "write it as {'text'"]),
    "bytes as text": ([{"text": b"hi", "label": "a"}], ["rows[0]: the text is not a string but bytes b'hi'"]),
    "NaN as label": ([{"text": "hi", "label": float("nan")}], ["rows[0]: the label is missing (nan)"]),
    "a number without end as text": (
        [{"text": 10**5000, "label": "a"}],
        ["rows[0]: the text is not a string but int a"],
    ),
    "an empty path": ("  ", ["the path is empty"]),
    "a missing file": ("./nowhere/a.csv", ["./nowhere/a.csv: there is no such file", "check the path"]),
    "a missing file without folder": ("nowhere.jsonl", ["nowhere.jsonl: there is no such file"]),
    "a NUL in a path": ("./a\0.csv", ["there is no such file"]),
    "an endless path": ("./" + "a" * 5000, ["there is no such file"]),
    "a bad Hub name": ("no such name!", ["the Hub data set cannot be loaded", "check the name (ORG/NAME)"]),
}


@pytest.mark.parametrize("case", BAD_OBJECTS)
def test_bad_objects_are_explained(case: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    source, expected = BAD_OBJECTS[case]
    with pytest.raises(DataError) as caught:
        read_intents(source)
    for fragment in expected:
        assert fragment in str(caught.value)


def test_a_device_is_not_a_file():
    with pytest.raises(DataError, match="/dev/null: this is neither a file nor a folder"):
        read_intents("/dev/null")


def test_up_to_ten_problems_come_in_one_error(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(HEAD + b",greet\n" * 7 + b"one,two,three\n" * 6)
    with pytest.raises(DataError) as caught:
        read_intents(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "13 problems in the data:"
    assert len(lines) == 12
    assert lines[-1].strip() == "... and 3 more"
    assert len(set(lines)) == 12


def test_messages_stay_short_and_printable(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINES + b'{"text": {"a": "' + b"\\ud800" * 10_000 + b'"}, "label": "x"}\n')
    with pytest.raises(DataError) as caught:
        read_intents(path)
    assert len(str(caught.value)) < 400 + len(str(path))
    str(caught.value).encode("utf-8")
