"""What is logged: one JSON object a line, on standard error."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

LOGGERS = ("intent_adapters.serving", "intent_adapters.cluster", "uvicorn", "py.warnings")


class JsonLines(logging.Formatter):
    """Writes a record as an object: time, level, event, and what was passed as `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return _line(record.created, record.levelname.lower(), record.getMessage(), fields)


class AccessLog:
    """Writes a line for each request, those of one turn of the event loop together."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def write(self, fields: Mapping[str, object]) -> None:
        """Log a request."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self._flush)
        self._lines.append(_line(time.time(), "info", "request", fields))

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()


def _line(seconds: float, level: str, event: str, fields: Mapping[str, object]) -> str:
    moment = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    entry = {"time": moment, "level": level, "event": event, "pid": os.getpid(), **fields}
    try:
        return orjson.dumps(entry).decode()
    except TypeError:  # a file name that is no Unicode
        return json.dumps(entry, default=str)


def log_to_stderr() -> None:
    """Have the server, uvicorn below it, and what warns, log to standard error."""
    logging.captureWarnings(True)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO if name.startswith("intent_adapters") else logging.WARNING)
