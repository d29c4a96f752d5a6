"""A Hugging Face Hub on 127.0.0.1 for tests: what the unmodified `huggingface_hub` client calls, and faults on demand.

It keeps everything in memory. `LoopbackHub` is the server; `connect` points the client in this process to it, and
`environment` one in another process. Tests get both from the fixture `hub` in `tests/support/loopback_hub/fixture.py`.
"""

from __future__ import annotations

from tests.support.loopback_hub.client import connect, environment
from tests.support.loopback_hub.faults import (
    Corrupted,
    CorruptedUpload,
    Cut,
    Slow,
    Status,
    Truncated,
    WrongETag,
    WrongLength,
)
from tests.support.loopback_hub.server import LoopbackHub

__all__ = [
    "Corrupted",
    "CorruptedUpload",
    "Cut",
    "LoopbackHub",
    "Slow",
    "Status",
    "Truncated",
    "WrongETag",
    "WrongLength",
    "connect",
    "environment",
]
