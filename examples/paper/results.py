"""What a track came to: one JSON value, from which all tables and pictures are made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from examples.paper.claims import CLAIMS, Claim, Difference, compare_pairs
from examples.paper.tracks import Track
from intent_adapters.errors import DataError
from intent_adapters.evaluation import Repeated

FORMAT = 1


@dataclass(frozen=True)
class Results:
    """The results of one track.

    Attributes:
        values: JSON: `track`, `title`, `machines`, `columns` and, by column and system, `accuracy` and `seconds` by
            repetition; `footprint` and `response` if they were measured.
    """

    values: Mapping[str, Any]

    @staticmethod
    def of_cells(track: Track, cells: Sequence[Mapping[str, Any]]) -> Results:
        """Gather what `run` gave for each cell."""
        accuracy: dict[str, dict[str, dict[str, float]]] = {}
        seconds: dict[str, dict[str, dict[str, float]]] = {}
        sizes: dict[str, dict[str, int]] = {}
        for cell in cells:
            repetition = str(cell["repetition"])
            column, system = cell["column"], cell["system"]
            accuracy.setdefault(column, {}).setdefault(system, {})[repetition] = cell["accuracy"]
            seconds.setdefault(column, {}).setdefault(system, {})[repetition] = cell["seconds"]
            sizes[column] = {"train": cell["train"], "test": cell["test"]}
        return Results(
            {
                "format": FORMAT,
                "track": track.name,
                "title": track.title,
                "machines": sorted({cell["machine"] for cell in cells}),
                "columns": [
                    {"name": column.name, "shots": column.shots, "domain": column.domain, **sizes[column.name]}
                    for column in track.columns
                    if column.name in sizes
                ],
                "accuracy": accuracy,
                "seconds": seconds,
            }
        )

    @staticmethod
    def read(file: Path) -> Results:
        """Read results that `write` wrote.

        Raises:
            DataError: The file cannot be read, or holds something else.
        """
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{file} cannot be read as results of the paper's tables: {error}") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT or "track" not in values:
            raise DataError(f"{file} holds no results of the paper's tables in format {FORMAT}")
        return Results(values)

    def write(self, file: Path) -> None:
        """Write them as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(self.values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def extended(self, **more: object) -> Results:
        """The same with further values."""
        return Results({**self.values, **more})

    @property
    def columns(self) -> list[str]:
        """Names of the columns with results."""
        return [column["name"] for column in self.values["columns"]]

    def domain(self, column: str) -> str | None:
        """The paper's name of a column, if it has it."""
        return next(found["domain"] for found in self.values["columns"] if found["name"] == column)

    def accuracy(self, column: str, system: str) -> Repeated | None:
        """Accuracy in [0, 1] of a row by repetition; None if it was not run."""
        found = self._by_repetition(column, system)
        return Repeated(tuple(found.values())) if found else None

    def check_claims(self, column: str) -> list[tuple[Claim, Difference]]:
        """The claims of which both rows were run on a column, with what came of them."""
        tested = [(claim, self.difference(column, claim.better, claim.worse)) for claim in CLAIMS]
        return [(claim, difference) for claim, difference in tested if difference is not None]

    def difference(self, column: str, first: str, second: str) -> Difference | None:
        """One row against another on the repetitions that both have; None if there are none."""
        one, other = self.on_both(column, first, second)
        return compare_pairs(one, other) if one else None

    def kept(self, column: str, small: str, large: str) -> float | None:
        """Accuracy of one row as a share of another's, over the repetitions that both have."""
        one, other = self.on_both(column, small, large)
        return sum(one) / sum(other) if one else None

    def on_both(self, column: str, first: str, second: str) -> tuple[list[float], list[float]]:
        """Accuracies in [0, 1] of two rows on the repetitions that both have; empty if there are none."""
        one, other = self._by_repetition(column, first), self._by_repetition(column, second)
        both = [repetition for repetition in one if repetition in other]
        return [one[repetition] for repetition in both], [other[repetition] for repetition in both]

    def _by_repetition(self, column: str, system: str) -> dict[str, float]:
        found: dict[str, float] = self.values["accuracy"].get(column, {}).get(system, {})
        return found
