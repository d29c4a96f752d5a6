"""The code blocks of a Markdown page, and what an HTML comment before a block says about running it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = {"python": "python", "py": "python", "bash": "shell", "shell": "shell", "sh": "shell", "console": "shell"}
FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}|~{3,})\s*(?P<language>\w*)")
MARKER = re.compile(r"<!--\s*test:\s*(?P<kind>\w+)\s*[,:(]?\s*(?P<reason>[^-)]*?)\)?\s*-->")
KINDS = {"slow", "skip"}


class MarkerError(ValueError):
    """A marker that names no known kind, or gives no reason."""


@dataclass(frozen=True)
class Block:
    """One fenced block of code.

    Attributes:
        page: The file it is in.
        line: The number of its first line of code, from 1.
        language: "python" or "shell".
        code: Without the indentation that all its lines share.
        kind: "run"; "slow": run with -m slow only; "skip": never run.
        reason: Why it is slow or skipped.
    """

    page: Path
    line: int
    language: str
    code: str
    kind: str
    reason: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The Python and shell blocks of a page.

    `<!-- test: slow, REASON -->` or `<!-- test: skip, REASON -->` on a line of its own before a block is about that
    block alone.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    number, kind, reason = 0, "run", ""
    while number < len(lines):
        marker, fence = MARKER.search(lines[number]), FENCE.match(lines[number].removeprefix("> "))
        if marker:
            kind, reason = marker["kind"], marker["reason"].strip()
            if kind not in KINDS or len(reason.split()) < 3:
                raise MarkerError(f"{page}:{number + 1}: say `test: slow, WHY` or `test: skip, WHY` in three words")
        elif fence:
            first = number + 1
            end = next(i for i in range(first, len(lines)) if lines[i].strip() == fence["ticks"])
            if fence["language"] in LANGUAGES:
                code = textwrap.dedent("\n".join(lines[first:end])) + "\n"
                yield Block(page, first + 1, LANGUAGES[fence["language"]], code, kind, reason)
            number, kind, reason = end, "run", ""
        number += 1
