"""The worker's side of the protocol: one JSON object a line in, one a line out.

A request is `{"call": NAME, "arguments": {...}}`. The reply is `{"result": ...}`, or `{"unavailable": REASON}` if a
package is missing or too little memory is free, or `{"error": TEXT}`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any, Protocol

CALLS = ("write_files", "prepare", "seconds", "loading")


class Peer(Protocol):
    """What a worker can be asked for. A plan is `Plan.to_dict()`; its texts have the asked number of tokens each."""

    def write_files(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Saves a base and the agents, random ones; returns `base_bytes` and `agent_bytes`."""

    def prepare(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Loads the base and the agents; returns `versions` by package."""

    def seconds(self, reference: bool, rows: int, agents: int, slice_seconds: float) -> list[float]:
        """Times predictions, or the bare encoder on the same tokens if `reference`."""

    def loading(self, plan: dict[str, Any], most: int, budget_seconds: float) -> dict[str, Any]:
        """What `clock.measure_loading` returns, for this peer's agents."""


class NoRoom(Exception):
    """Something cannot be measured on this machine; the message is the reason."""


def serve(peer: Peer) -> None:
    """Answers requests until standard input ends. Whatever libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)
        for line in sys.stdin:
            replies.write(json.dumps(_reply(peer, json.loads(line))) + "\n")
            replies.flush()


def _reply(peer: Peer, request: dict[str, Any]) -> dict[str, Any]:
    if request["call"] not in CALLS:
        return {"error": f"no call {request['call']!r}; there are {', '.join(CALLS)}"}
    try:
        return {"result": getattr(peer, request["call"])(**request["arguments"])}
    except (ImportError, NoRoom) as error:
        return {"unavailable": str(error)}
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
