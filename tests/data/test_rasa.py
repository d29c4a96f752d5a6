from __future__ import annotations

from pathlib import Path

import pytest

from intent_adapters.data import read_intents
from intent_adapters.errors import DataError

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
    assert [(row["label"], row["text"]) for row in read_intents(path)] == [
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
