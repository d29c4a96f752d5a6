"""One version of an agent in a store, and what the store says of itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AgentError
from intent_adapters.runtime.resident import Resident

# A name becomes a folder name and a column of a table: no separators, nothing hidden, nothing invisible.
AGENT_NAME = re.compile(r"\w[\w .+-]{0,94}(?<![ .])")

Load = Callable[[], Adapter]


class AgentOrigin(NamedTuple):
    """What another store needs to have the same agent.

    Attributes:
        name: Its name.
        source: Reads its adapter; or the adapter, if it is only in memory.
        pinned: Whether it may not leave.
    """

    name: str
    source: Load | Adapter
    pinned: bool


class AgentInfo(NamedTuple):
    """What is known of an agent as it answers.

    Attributes:
        name: Its name.
        labels: Its intents, in the order of the logits.
        threshold: The scope score below which it rejects an utterance; `None`: it rejects none.
        version: `Adapter.version`.
    """

    name: str
    labels: tuple[str, ...]
    threshold: float | None
    version: str


class AgentState(NamedTuple):
    """Where an agent of a store stands.

    Attributes:
        name: Its name.
        version: `Adapter.version` of what is in memory; `None` if nothing is.
        bytes: What it takes of the memory.
        pinned: Whether it may not leave.
    """

    name: str
    version: str | None
    bytes: int
    pinned: bool


@dataclass(frozen=True)
class StoreStats:
    """What a store holds, and what it has done since it was made.

    Attributes:
        known: Agents that can be asked.
        resident: Adapters in memory, those included that only calls under way still use.
        pinned: Agents that may not leave.
        bytes: What the resident adapters take.
        max_bytes: The budget; `None` if there is none.
        hits: How often an agent that was asked was resident.
        misses: How often it had to be loaded first.
        loads: How many adapters were loaded.
        evictions: How many left to make room.
    """

    known: int
    resident: int
    pinned: int
    bytes: int
    max_bytes: int | None
    hits: int
    misses: int
    loads: int
    evictions: int


class Agent:
    """One version of an agent; a new version is a new one of these. Only the store changes it.

    Attributes:
        name: Its name.
        load: Reads its adapter; `None` for one that is only in memory.
        kept: Its adapter, if it is only in memory.
    """

    __slots__ = ("cost", "kept", "leases", "load", "name", "pinned", "removed", "resident", "state")

    def __init__(self, name: str, load: Load | None = None, kept: Adapter | None = None) -> None:
        self.name = name
        self.load = load
        self.kept = kept
        self.resident: Resident | None = None
        self.cost = 0
        self.leases = 0
        self.pinned = False
        self.removed = False
        # "reading" ends by itself; "waiting", for room, ends when others give leases back.
        self.state: Literal["", "reading", "waiting"] = ""

    def adapter(self) -> Adapter:
        """Config and weights, read anew if they are not kept."""
        if self.kept is not None:
            return self.kept
        assert self.load is not None
        return self.load()


def composed(name: str) -> str:
    """One spelling of a name: a folder packed on a Mac has its accents and Hangul taken apart."""
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def agent_name(name: str) -> str:
    """The name under which an agent is kept.

    Raises:
        AgentError: It cannot be a name.
    """
    name = composed(name)
    if not isinstance(name, str) or not AGENT_NAME.fullmatch(name):
        raise AgentError(
            f"{name!r} cannot name an agent. Use 1 to 96 letters (of any script), digits, spaces, '_', '.', '+' "
            "or '-', beginning with a letter or digit; pass another with `name=`."
        )
    return name
