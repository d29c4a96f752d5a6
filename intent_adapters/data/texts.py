"""Utterances without intents, such as those that an agent should not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from intent_adapters.data.columns import find_text_column
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import read_file
from intent_adapters.data.readers.text_file import read_lines
from intent_adapters.data.reading import read_rows
from intent_adapters.data.validation import check_text, is_unusable
from intent_adapters.errors import DataError, shorten
from intent_adapters.extras import need

if TYPE_CHECKING:
    from datasets import Dataset

Texts: TypeAlias = "Sequence[str | Mapping[str, object]] | Dataset"


def read_texts(
    source: str | Path,
    *,
    text_column: str | None = None,
    encoding: str | None = None,
    leave_out_unusable: bool = False,
) -> list[str]:
    """Reads utterances whose labels play no part.

    Args:
        source: The path of a file that `read_intents` reads, with or without a column of labels; of a .txt file with
            an utterance a line, where empty lines do not count; or a folder or the name of a data set on the Hub, as
            `read_intents` reads them.
        text_column: The column of the utterances; found by its name if None.
        encoding: Encoding of text files; UTF-8 if None.
        leave_out_unusable: Leave out rows of a file whose text is missing, empty, over 10,000 characters long or holds
            a NUL, as a log has them, instead of refusing them.

    Returns:
        The utterances in their order, at least one.

    Raises:
        DataError: Up to ten problems, each with file, line and cure; as `read_intents`.

    Warns:
        DataWarning: What was left out, how much and where.
    """
    return [text for _, text in read_placed_texts(source, text_column, encoding, leave_out_unusable)]


def read_placed_texts(
    source: str | Path, text_column: str | None = None, encoding: str | None = None, leave_out_unusable: bool = False
) -> list[tuple[str, str]]:
    """As `read_texts`, but each text with where it was written."""
    path = Path(source)
    if not path.is_file():
        rows = read_rows(source, text_column=text_column, encoding=encoding, purpose="evaluation")
        return [(row.place, row.text) for row in rows]
    problems = Problems()
    values: list[tuple[str, object]]
    if path.suffix.lower() == ".txt":
        values = list(read_lines(path, encoding))
    else:
        table = read_file(path, problems, encoding)
        table.leave_out_definitions(problems)
        try:
            column = find_text_column(table.origin, table.columns, text_column)
        except DataError:
            problems.report()
            raise
        values = [(row.place, row.values.get(column)) for row in table.records]
    usable = []
    for place, text in values:
        if leave_out_unusable and is_unusable(text):
            problems.leave_out("rows without a usable text", place)
        else:
            usable.append((place, text))
    return _checked(str(source), usable, problems)


def texts_of(rows: Texts, origin: str = "rows") -> list[str]:
    """The utterances of rows whose labels play no part.

    Args:
        rows: Texts, or rows whose column of texts is found by its name.
        origin: What an error calls them.

    Returns:
        The utterances in their order, at least one, without surrounding white space.

    Raises:
        DataError: Up to ten problems, each with its row, as `validate_rows`.
    """
    need("datasets")
    from datasets import Dataset

    if isinstance(rows, (str, bytes)) or not isinstance(rows, (Sequence, Dataset)):
        what = f"cannot read texts from {type(rows).__name__} {shorten(rows)}"
        raise data_error(origin, what, "give a list of texts, or of rows such as {'text': 'hello'}")
    if isinstance(rows, Dataset):
        values: list[object] = rows.with_format(None)[find_text_column(origin, rows.column_names)][:]
    else:
        columns = dict.fromkeys(key for row in rows if isinstance(row, Mapping) for key in row if isinstance(key, str))
        column = find_text_column(origin, list(columns)) if columns else "text"
        values = [row.get(column) if isinstance(row, Mapping) else row for row in rows]
    placed = [(f"{origin}[{index}]", value) for index, value in enumerate(values)]
    return [text for _, text in _checked(origin, placed, Problems())]


def _checked(origin: str, values: Sequence[tuple[str, object]], problems: Problems) -> list[tuple[str, str]]:
    texts = [(place, check_text(place, value, problems)) for place, value in values]
    if not texts:
        problems.add(origin, "there are no utterances", "add one a row")
    problems.report()
    return [(place, text) for place, text in texts if text is not None]
