"""Addresses of mail and of pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EMAIL = re.compile(r"(?<![a-z0-9._+-])[a-z0-9._+-]++@[a-z0-9-]++(?:\.[a-z0-9-]++)+")
_URL = re.compile(r"(?<![a-z0-9])(?:https?://|www\.)[!-~]++")


def find_emails(text: str) -> Iterator[tuple[int, int, None]]:
    """Addresses of mail."""
    for found in _EMAIL.finditer(text):
        yield *found.span(), None


def find_urls(text: str) -> Iterator[tuple[int, int, None]]:
    """Addresses of pages, without the punctuation of the sentence that they stand in."""
    for found in _URL.finditer(text):
        yield found.start(), found.start() + len(found[0].rstrip(".,;:!?)]}'\"")), None
