"""A server that answers for every agent of a folder over HTTP."""

from __future__ import annotations

from intent_adapters.serving.settings import Settings, Token, read_settings
from intent_adapters.serving.workers import serve

__all__ = ["Settings", "Token", "read_settings", "serve"]
