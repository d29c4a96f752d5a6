"""What a file is, for the keys of what was made of it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache
def file_digest(file: Path) -> str:
    """SHA-256 of a file, read once in a process."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
