"""A file of labelled utterances that grows, such as one of corrections."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

from intent_adapters.data.columns import find_columns
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import read_file
from intent_adapters.data.readers.delimited import separator_of
from intent_adapters.data.readers.text_file import read_text
from intent_adapters.data.row_files import cell_of, check_row_file
from intent_adapters.data.validation import check_label, check_text, reduced


class ExampleFile:
    """A csv or jsonl file that `read_intents` reads and that rows are added to, one by one.

    Args:
        path: Ends in .csv or .jsonl. What is there already stays as it is; a csv file keeps its columns.

    Raises:
        ConfigError: The suffix is another, or the folder is not there.
        DataError: What is there cannot be read, or has no columns of texts and labels.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = check_row_file(path)
        self._columns, self._text, self._label, self._separator = ["text", "label"], "text", "label", ","
        self._labels: dict[str, str] = {}
        if self.path.exists() and self.path.stat().st_size:
            self._read()

    def _read(self) -> None:
        problems = Problems()
        table = read_file(self.path, problems)
        self._columns = table.columns
        self._text, self._label = find_columns(table.origin, table.columns)
        problems.report()
        for row in table.records:
            label = str(row.values.get(self._label) or "").strip()
            if label:
                self._labels[reduced(str(row.values.get(self._text)))] = label
        written = read_text(self.path)
        if self.path.suffix == ".csv":
            self._separator = separator_of(self.path, written)
        elif written.lstrip().startswith("["):
            raise data_error(str(self.path), "this is one array of JSON", "name a file of one object a line")

    def add(self, text: str, label: str) -> bool:
        """Adds a row at the end, unless it is there already, and says whether it did.

        Raises:
            DataError: Text or label cannot be trained on, the text is there with another label, or the file cannot be
                written.
        """
        problems = Problems()
        values = {
            self._text: check_text("the utterance", text, problems) or "",
            self._label: check_label("the intent", label, problems) or "",
        }
        problems.report()
        known = self._labels.get(reduced(text))
        if known is not None:
            if known == values[self._label]:
                return False
            raise data_error(str(self.path), f"the text is there with the label {known!r}", "change it in the file")
        try:
            with self.path.open("ab+") as file:
                file.write(self._written(values, new=file.tell() == 0, whole=_ends_a_line(file)))
        except OSError as error:
            reason = error.strerror or str(error)
            raise data_error(
                str(self.path), f"the file cannot be written ({reason})", "check its permissions"
            ) from error
        self._labels[reduced(text)] = values[self._label]
        return True

    def _written(self, values: dict[str, str], *, new: bool, whole: bool) -> bytes:
        rest = "" if whole else "\n"
        if self.path.suffix == ".jsonl":
            return f"{rest}{json.dumps(values, ensure_ascii=False)}\n".encode()
        lines = io.StringIO()
        # Left to itself, the writer puts a carriage return into quotes only if lines end in one.
        table = csv.writer(lines, delimiter=self._separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if new:
            lines.write("\ufeff")  # by which Excel knows UTF-8
            table.writerow(self._columns)
        table.writerow([cell_of(values.get(column, "")) for column in self._columns])
        return f"{rest}{lines.getvalue()}".encode()


def _ends_a_line(file: io.BufferedRandom) -> bool:
    """Whether a file is empty or its last line has its end."""
    if file.tell() == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
