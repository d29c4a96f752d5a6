"""The code blocks of a Markdown page, and what an HTML comment before a block says about running it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = {"python": "python", "py": "python", "bash": "shell", "shell": "shell", "sh": "shell", "console": "shell"}
FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}|~{3,})\s*(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?")
TAB = re.compile(r"=== \"(?P<label>.+)\"")
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
        language: "python", "shell" or "file": the reader saves it under its title.
        code: Without the indentation that all its lines share.
        kind: "run"; "slow": run with -m slow only; "skip": never run.
        reason: Why it is slow or skipped.
        title: What is written over it, the name of a file.
        tab: The label of the tab that it is in; None outside of tabs.
    """

    page: Path
    line: int
    language: str
    code: str
    kind: str
    reason: str
    title: str | None = None
    tab: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The Python and shell blocks of a page, and the files that it shows with their names.

    `<!-- test: slow, REASON -->` or `<!-- test: skip, REASON -->` on a line of its own before a block is about that
    block alone.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    number, kind, reason, tab = 0, "run", "", None
    while number < len(lines):
        marker, fence = MARKER.search(lines[number]), FENCE.match(lines[number].removeprefix("> "))
        if lines[number] and not lines[number].startswith(" "):
            opened = TAB.match(lines[number])
            tab = opened["label"] if opened else None
        if marker:
            kind, reason = marker["kind"], marker["reason"].strip()
            if kind not in KINDS or len(reason.split()) < 3:
                raise MarkerError(f"{page}:{number + 1}: say `test: slow, WHY` or `test: skip, WHY` in three words")
        elif fence:
            first = number + 1
            end = next(i for i in range(first, len(lines)) if lines[i].strip() == fence["ticks"])
            language = "file" if fence["title"] else LANGUAGES.get(fence["language"])
            if language:
                code = textwrap.dedent("\n".join(lines[first:end])) + "\n"
                yield Block(page, first + 1, language, code, kind, reason, fence["title"], tab)
            number, kind, reason = end, "run", ""
        number += 1
