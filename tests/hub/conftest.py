from __future__ import annotations

from tests.support.loopback_hub.fixture import hub

__all__ = ["hub"]
