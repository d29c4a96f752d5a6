from __future__ import annotations

from pathlib import Path

import pytest

from intent_adapters.data import read_annotated, read_intents
from intent_adapters.errors import DataError, DataWarning

NLU = """
version: "3.1"

nlu:
- intent: greet
  examples: |
    - hey
    - hello there, [Kim](PERSON)

    - 안녕하세요
- intent: book
  examples: |
    - from [Seoul]{"entity": "city", "role": "from"} to [Busan](city:PUS)
    - [내일](date) [두 시](time:14) 예약이요
    - see [this] or (that)
    - [NYC][{"entity": "city"}, {"entity": "code"}] please
- intent: faq/ask_price
  examples:
  - text: |
      how much is it
    metadata:
      sentiment: neutral
  - text: what does it cost
- intent: yes
  examples: "- yes"
- synonym: Seoul
  examples: |
    - SEL
- regex: date
  examples: |
    - \\d+
- lookup: city
  examples: |
    - Seoul
responses:
  utter_faq/ask_price:
  - text: it is free
"""


def test_rasa_training_data(tmp_path: Path):
    path = tmp_path / "nlu.yml"
    path.write_text(NLU, encoding="utf-8")
    with pytest.warns(DataWarning) as caught:
        rows = read_intents(path)
    kinds = {"`responses` sections": 35, "synonym tables": 26, "regex tables": 29, "lookup tables": 32}
    parts = "; ".join(f"{kind} (1: {path}:{line})" for kind, line in kinds.items())
    assert [str(warning.message) for warning in caught] == [f"left out: {parts}"]
    assert [(row["label"], row["text"]) for row in rows] == [
        ("greet", "hey"),
        ("greet", "hello there, Kim"),
        ("greet", "안녕하세요"),
        ("book", "from Seoul to Busan"),
        ("book", "내일 두 시 예약이요"),
        ("book", "see [this] or (that)"),
        ("book", "NYC please"),
        ("faq/ask_price", "how much is it"),
        ("faq/ask_price", "what does it cost"),
        ("yes", "yes"),
    ]


def block(*lines: str) -> str:
    examples = "".join(f"    {line}\n" for line in lines)
    return f"nlu:\n- intent: a\n  examples: |\n{examples}- intent: b\n  examples: |\n    - other\n"


@pytest.mark.parametrize(
    ("example", "text"),
    [
        ("[tea](drink)", "tea"),
        ("[tea](drink:tea (green))", "tea"),
        ("[tea](drink:tea (green (cold)), a cup) please", "tea please"),
        ("([tea](drink)) and [milk](drink:milk (warm))", "(tea) and milk"),
        ('[tea]{"entity": "drink", "value": "{tea}"} now', "tea now"),
        ('[tea]{"entity": "drink", "value": "a \\"cup\\" of }"} now', "tea now"),
        ('[tea][{"entity": "drink", "value": "[x]"}, {"entity": "warm"}] now', "tea now"),
        ('[tea][ {"entity": "drink"} ][milk](drink)', "teamilk"),
        ("tea :( or [milk", "tea :( or [milk"),
        ("tea [1](", "tea [1]("),
        ("tea [1]() or [2](:x)", "tea [1]() or [2](:x)"),
        ("tea {x} [y] [z]", "tea {x} [y] [z]"),
    ],
)
def test_markup_of_entities_goes_and_nothing_else(tmp_path: Path, example: str, text: str):
    path = tmp_path / "nlu.yml"
    path.write_text(block(f"- {example}"), encoding="utf-8")
    assert read_intents(path)["text"][0] == text


def test_lines_of_a_block_are_read_as_rasa_reads_them(tmp_path: Path):
    path = tmp_path / "nlu.yml"
    path.write_text(block("-no space", "# - not now", "#-nor now", "-  wide", "", "- - two", "- #1 is # best"))
    with pytest.warns(DataWarning, match=r"left out: examples behind `#` \(2: [^,]*nlu\.yml:5, [^,]*nlu\.yml:6\)"):
        assert read_intents(path)["text"][:-1] == ["no space", "wide", "- two", "#1 is # best"]


@pytest.mark.parametrize("examples", [">\n    - hi", '"- hi"', "\n    - hi", "|-\n    - hi", "|2\n    - hi"])
def test_one_example_may_stand_in_any_kind_of_text(tmp_path: Path, examples: str):
    path = tmp_path / "nlu.yml"
    path.write_text(block("- x") + f"- intent: c\n  examples: {examples}\n")
    assert read_intents(path)["text"][2] == "hi"


def test_examples_in_one_quoted_text_are_all_of_its_line(tmp_path: Path):
    path = tmp_path / "nlu.yml"
    path.write_text(block("- x") + '- intent: c\n  examples: "- hi\\n- ho\\n- "\n')
    with pytest.raises(DataError, match=r"nlu\.yml:9: the text is empty"):
        read_intents(path)


@pytest.mark.parametrize(
    ("example", "line"),
    [
        ("- hey", 7),
        ("- hello there, [Kim](PERSON)", 8),
        ("- 안녕하세요", 10),
        ("how much is it", 20),
        ("- text: what", 23),
    ],
)
def test_lines_are_those_of_the_file(tmp_path: Path, example: str, line: int):
    long = "y" * 10_001
    path = tmp_path / "nlu.yml"
    path.write_text(NLU.replace(example, f"{example} {long}"), encoding="utf-8")
    assert example in NLU.splitlines()[line - 1]
    with pytest.raises(DataError, match=f"nlu.yml:{line}: the text has 10,0"):
        read_intents(path)


def test_tags_are_not_obeyed(tmp_path: Path):
    path = tmp_path / "nlu.yml"
    marker = tmp_path / "marker"
    path.write_text(
        f"nlu:\n- intent: !!python/object/apply:os.mkdir ['{marker}']\n  examples: |\n    - hi\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"nlu\.yml:2: `intent` is not a name"):
        read_intents(path)
    assert not marker.exists()


def test_unpaired_brackets_are_fast(tmp_path: Path):
    path = tmp_path / "nlu.yml"
    noise = "[" * 3000 + "[a](" * 1500
    path.write_text(f"nlu:\n- intent: a\n  examples: |\n    - {noise}\n- intent: b\n  examples: |\n    - ok\n")
    assert read_intents(path)["text"][0] == noise


def test_several_lines_below_text_are_not_one_example(tmp_path: Path):
    path = tmp_path / "nlu.yml"
    path.write_text(
        "nlu:\n- intent: a\n  examples:\n  - text: |\n      - hi\n      - hello\n"
        "- intent: b\n  examples: |\n    - bye\n",
        encoding="utf-8",
    )
    with pytest.raises(DataError, match=r"nlu\.yml:4: these lines become one example"):
        read_intents(path)


def test_a_regex_that_is_named_as_an_intent_defines_no_entity(tmp_path: Path):
    entries = "".join(
        f"- intent: {intent}\n  examples: |\n    - {example}\n"
        for intent, example in (("greet", "hi"), ("seat", "I sit on [12A](seat)"))
    )
    tables = "".join(f"- regex: {name}\n  examples: |\n    - {name[0]}+\n" for name in ("greet", "seat", "code"))
    path = tmp_path / "nlu.yml"
    path.write_text(f"nlu:\n{entries}{tables}")
    with pytest.warns(DataWarning, match=r"regexes for intents \(1: .*nlu\.yml:8\)"):
        _, definitions = read_annotated(path)
    assert definitions.to_dict()["entities"] == {"seat": {"patterns": ["s+"]}, "code": {"patterns": ["c+"]}}
