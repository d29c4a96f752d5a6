"""A server that answers for every agent of a folder over HTTP."""

from __future__ import annotations

from intent_adapters.extras import missing

try:
    import httptools  # noqa: F401 # which uvicorn would do without, and be slower
    import uvicorn  # noqa: F401
except ModuleNotFoundError as error:
    raise missing(error) from error

from intent_adapters.serving.settings import Settings, Token, read_settings
from intent_adapters.serving.workers import serve

__all__ = ["Settings", "Token", "read_settings", "serve"]
