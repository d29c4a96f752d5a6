"""A table of plain cells, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

NOTHING = "-"


@dataclass
class Table:
    """A title, columns, and rows of as many cells; all columns but the first `left` ones hold numbers."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    left: int = 1

    def markdown(self) -> str:
        """As Markdown, without the title."""
        marks = ["---"] * self.left + ["---:"] * (len(self.columns) - self.left)
        lines = [self.columns, marks, *self.rows]
        return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
