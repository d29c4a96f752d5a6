"""Checks rows before anything is trained on them, and says every mistake with its place."""

from __future__ import annotations

import enum
import numbers
import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, get_args

from intent_adapters.data.annotations import entities_of_text
from intent_adapters.data.columns import pick_examples
from intent_adapters.data.labels import look_alikes, visible
from intent_adapters.data.objects import table_of_object
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.table import Example, Row
from intent_adapters.errors import DataWarning, shorten
from intent_adapters.extras import need
from intent_adapters.inputs import CONTROLS, SURROGATES, check_choice

if TYPE_CHECKING:
    from datasets import Dataset

MAX_TEXT_CHARACTERS = 10_000
MAX_LABEL_CHARACTERS = 200

Purpose = Literal["training", "evaluation"]


def validate_rows(
    rows: Dataset | Sequence[Mapping[str, object]],
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    purpose: Purpose = "training",
    origin: str = "rows",
    entities: bool = False,
) -> Dataset:
    """Checks rows that are already in memory and brings them into the form that training takes.

    Texts and labels lose surrounding white space; labels are composed (NFC), so that Hangul typed on a Mac and on
    Windows is one label; a whole number as label becomes its digits, a member of an enumeration its value. For
    training, rows that repeat a text under the same label are left out; for evaluation every row counts and one label
    is enough.

    Args:
        rows: A `datasets.Dataset` or a list of dicts.
        text_column: The column of the utterances; found by its name if None.
        label_column: The column of the intents; found by its name if None. ClassLabel numbers become their names.
        purpose: "training" or "evaluation".
        origin: What an error calls them.
        entities: Check what is marked in the texts too.

    Returns:
        A dataset with exactly the string columns `text` and `label`, rows in their order; and `entities` if asked for,
        None where nobody said what a row has.

    Raises:
        DataError: Up to ten problems, each with its row: text or label missing, empty, not a string, with a NUL
            character or half a surrogate pair, a text over 10,000 or a label over 200 characters; for training also a
            text with two labels, and fewer than two labels.
        ConfigError: `purpose` is another word.

    Warns:
        DataWarning: How many rows were repeated; and labels that differ only in case, width, white space or characters
            that do not show.
    """
    table, problems = table_of_object(rows, origin, text_column=text_column, label_column=label_column), Problems()
    examples = pick_examples(table, problems, text_column, label_column)
    checked = check_examples(table.origin, examples, problems, purpose, entities=entities)
    return dataset_of(checked, entities=entities)


def check_examples(
    origin: str, examples: list[Example], problems: Problems, purpose: Purpose, *, entities: bool = False
) -> list[Row]:
    """Checks examples that know their places; problems found while reading are raised together with those here.

    Without `entities`, what is marked in the texts is not looked at.
    """
    check_choice("purpose", purpose, get_args(Purpose))
    checked: list[Row] = []
    for example in examples:
        text = check_text(example.place, example.text, problems)
        label = check_label(example.place, example.label, problems)
        if text is not None and label is not None:
            marked, written = (example.entities if entities else None), str(_plain(example.text))
            found = entities_of_text(marked, example.place, written, problems)
            checked.append(Row(example.place, text, label, found or (), annotated=found is not None))
    if purpose == "training":
        checked = _without_repetitions(checked, problems)
    problems.report()
    labels = {row.label for row in checked}
    _check_amount(origin, labels, purpose)
    _warn_of_look_alikes(labels)
    return checked


def dataset_of(rows: Sequence[Row], *, entities: bool = False) -> Dataset:
    """Rows without their places, as training takes them; with a column of their entities if asked for."""
    need("datasets")
    from datasets import Dataset, Features, Value

    columns: dict[str, list[Any]] = {"text": [row.text for row in rows], "label": [row.label for row in rows]}
    features: dict[str, Any] = {"text": Value("string"), "label": Value("string")}
    if entities:
        columns["entities"] = [list(map(asdict, row.entities)) if row.annotated else None for row in rows]
        offsets = {"start": Value("int32"), "end": Value("int32")}
        features["entities"] = [{**offsets, **dict.fromkeys(("entity", "value", "role", "group"), Value("string"))}]
    return Dataset.from_dict(columns, features=Features(features))


def is_empty(value: object) -> bool:
    """Whether nothing stands in the place of a text or a label, or nothing that shows."""
    return _is_missing(value) or (isinstance(value, str) and not visible(value))


def is_unusable(text: object) -> bool:
    """Whether something is no text: missing, empty, no string, far too long, or with characters that no text has."""
    return _text_fault(_plain(text)) is not None


def reduced(text: str) -> str:
    """What of a text tells it from others: neither its white space nor how its letters are composed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def check_text(place: str, value: object, problems: Problems) -> str | None:
    """A text without surrounding white space; None if it is not a text, which becomes a problem."""
    text = _plain(value)
    fault = _text_fault(text)
    if fault:
        problems.add(place, *fault)
    return text.strip() if isinstance(text, str) and not fault else None


def check_label(place: str, value: object, problems: Problems) -> str | None:
    """A label in the form that training takes; None if it is no label, which becomes a problem."""
    label = _plain(value)
    if isinstance(label, numbers.Integral) and not isinstance(label, bool) and abs(int(label)) < 10**18:
        label = str(int(label))
    fault = _label_fault(label)
    if fault:
        problems.add(place, *fault)
    return unicodedata.normalize("NFC", label.strip()) if isinstance(label, str) and not fault else None


def _plain(value: object) -> object:
    """The value of a member of an enumeration, whose `str` is the name of the member; anything else as it is."""
    return value.value if isinstance(value, enum.Enum) else value


def _text_fault(text: object) -> tuple[str, str] | None:
    """What is wrong with a text and what to do, or None."""
    too_long = "cut it to one utterance (is a quotation mark missing before it?)"
    fault = _fault("text", text, ("an utterance", "it as text"), MAX_TEXT_CHARACTERS, too_long)
    if fault or not isinstance(text, str):
        return fault
    if SURROGATES.search(text):
        return f"the text holds half of a surrogate pair: {shorten(text)}", "save the character whole, as UTF-8"
    if "\0" in text:
        return f"the text holds a NUL character: {shorten(text)}", "delete it (a UTF-16 file needs encoding='utf-16')"
    return None


def _label_fault(label: object) -> tuple[str, str] | None:
    """What is wrong with a label and what to do, or None."""
    too_long = "shorten it (are the text and label columns swapped?)"
    fault = _fault("label", label, ("the intent", "the intent's name"), MAX_LABEL_CHARACTERS, too_long)
    if fault or not isinstance(label, str):
        return fault
    if SURROGATES.search(label) or CONTROLS.search(label.strip()):
        what = f"the label holds a control character or half of a surrogate pair: {shorten(label)}"
        return what, "write it in one line of plain characters"
    return None


def _fault(role: str, value: object, write: tuple[str, str], limit: int, too_long: str) -> tuple[str, str] | None:
    """What can be wrong with a text and a label alike; `write`: instead of nothing, and instead of no string."""
    shown = shorten(value)
    if _is_missing(value):
        return f"the {role} is missing ({shown})", f"write {write[0]} or delete the row"
    if not isinstance(value, str):
        what = f"the {role} is not a string but {type(value).__name__} {shown}"
        return what, f"write {write[1]}, or name another column with {role}_column="
    if not visible(value):
        return f"the {role} is empty: {shown}", f"write {write[0]} or delete the row"
    if len(value) > limit:
        return f"the {role} has {len(value):,} characters, over {limit:,}: {shown}", too_long
    return None


def _without_repetitions(rows: list[Row], problems: Problems) -> list[Row]:
    first: dict[str, Row] = {}
    kept: list[Row] = []
    for row in rows:
        earlier = first.setdefault(reduced(row.text), row)
        if earlier is row:
            kept.append(row)
        elif earlier.label == row.label:
            other = " with other entities" * (earlier.entities != row.entities)
            problems.leave_out(f"rows that repeat another{other}", f"{row.place} as {earlier.place}")
        else:
            what = (
                f"the text {shorten(row.text)} has the label {shorten(row.label)} here "
                f"and {shorten(earlier.label)} at {earlier.place}"
            )
            problems.add(row.place, what, "keep one of the two rows")
    return kept


def _check_amount(origin: str, labels: set[str], purpose: Purpose) -> None:
    if not labels:
        cure = "add one row for each utterance, with its text and its label"
        raise data_error(origin, "there are no rows", cure)
    if len(labels) == 1 and purpose == "training":
        what = f"every row has the same label, {shorten(*labels)}"
        raise data_error(origin, what, "add utterances of at least one other intent: there is nothing to tell apart")


def _warn_of_look_alikes(labels: Iterable[str]) -> None:
    pairs = [" and ".join(map(shorten, group)) for group in look_alikes(labels)]
    if pairs:
        warnings.warn(
            f"labels that differ only in case, width, white space or characters that do not show: "
            f"{', '.join(pairs[:10])}; they are trained and counted as different intents: spell them alike if they "
            "are one",
            DataWarning,
            stacklevel=2,
        )


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, numbers.Real) and value != value)
