"""The worker's side of the protocol, `python -m PACKAGE.loop MODULE`: one JSON object a line in, one a line out.

A request is `{"call": NAME, "arguments": {...}}`. The reply is `{"result": ...}`, or `{"unavailable": REASON}` if a
package is missing or the machine is too small, or `{"error": TEXT}`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from functools import cache
from importlib import import_module
from typing import Any, Protocol

from .measuring import NotMeasurable

CALLS = ("write_files", "prepare", "seconds", "loading")


class PeerProtocol(Protocol):
    """What the class `Peer` of a worker's module does. A plan is `asdict(Plan)`."""

    def write_files(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Saves a base and the agents, random ones; returns `base_bytes` and `agent_bytes`."""

    def prepare(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Loads the base and the agents; returns `versions` by package."""

    def seconds(self, reference: bool, rows: int, agents: int, slice_seconds: float) -> list[float]:
        """Times predictions, or the bare encoder on the same tokens if `reference`."""

    def loading(self, plan: dict[str, Any], most: int, budget_seconds: float) -> dict[str, Any]:
        """What `measure_loading` returns, for this peer's agents."""


def serve(module: str) -> None:
    """Answers requests until standard input ends. Whatever libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        for line in sys.stdin:
            replies.write(json.dumps(_reply(module, json.loads(line))) + "\n")
            replies.flush()


@cache
def _peer(module: str) -> PeerProtocol:
    peer: PeerProtocol = import_module(f".{module}", __package__).Peer()
    return peer


def _reply(module: str, request: dict[str, Any]) -> dict[str, Any]:
    if request["call"] not in CALLS:
        return {"error": f"no call {request['call']!r}; there are {', '.join(CALLS)}"}
    try:
        return {"result": getattr(_peer(module), request["call"])(**request["arguments"])}
    except (ImportError, NotMeasurable) as error:
        return {"unavailable": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    serve(sys.argv[1])
