"""The fixture `hub`; a conftest.py imports it from here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loopback_hub.client import connect
from tests.support.loopback_hub.server import LoopbackHub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A running Hub without repositories; "ada" of the organisation "org" is logged in here, and the cache is empty.

    Use `connect(hub, folder, monkeypatch, token=...)` in the test to become someone else, or to have an empty cache
    again.
    """
    with LoopbackHub() as server:
        connect(server, tmp_path / "hf-home", monkeypatch, token=server.add_user("ada", orgs=("org",)))
        yield server
