"""The agents of a folder, as it is now and as it becomes: what is added, replaced or removed there is so here, too."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from intent_adapters.artifacts.agents_folder import OWN_FOLDER, is_upgraded_from, version_on
from intent_adapters.artifacts.folders import read_whole
from intent_adapters.errors import (
    AgentError,
    BaseMismatchError,
    ConfigError,
    IntentAdaptersError,
    RequestError,
    shorten,
)
from intent_adapters.model import IntentModel
from intent_adapters.runtime.agent import AgentInfo, composed
from intent_adapters.serving.folders import AdapterFolder, AdapterFolders
from intent_adapters.serving.shared import WIDTH

log = logging.getLogger(__name__)

# So that one agent on a slow disk does not keep others from being read.
READERS = 4
# Looking at the folder may take this share of the time, at most.
WATCHING_SHARE = 0.02
PINS_NAME = "pinned.json"


class Agents:
    """The agents of a folder, in a model.

    Args:
        model: What answers; the agents are registered with it.
        folder: Of adapter folders.
        told: Is told each new generation.

    Attributes:
        folder: As given, absolute.
        generation: Tells what was taken over from any other state of the folder: processes that say the same have the
            same agents.
        problems: The last thing that was wrong with agents.
    """

    def __init__(self, model: IntentModel, folder: Path, told: Callable[[str], object] = lambda _: None) -> None:
        self._model = model
        # Absolute, since `agents/clinic` could be a repository on the Hub, too, once that folder is gone.
        self.folder = folder.absolute()
        self._told = told
        self._folders = AdapterFolders(self.folder)
        self._seen: dict[str, AdapterFolder] = {}
        self._missing: set[str] = set()
        self._pinned: set[str] = set()
        self._upgraded = False
        self.problems: dict[str, str] = {}
        self.generation = ""
        self._looking = threading.Lock()
        self._begun = False
        # Adapters are read here, so that neither the event loop nor the batches wait for a disk.
        self._readers = ThreadPoolExecutor(READERS, "intent-adapters-reader")
        self.refresh()
        self._begun = True

    @property
    def names(self) -> tuple[str, ...]:
        """The agents that there are."""
        return self._model.agents

    async def info(self, name: str) -> AgentInfo:
        """What is known of an agent.

        Raises:
            RequestError: There is no such agent, or it cannot be loaded.
        """
        return await self._read(name)

    async def prepare(self, names: Iterable[str]) -> dict[str, RequestError]:
        """Load those agents that are not in memory.

        Returns:
            The errors of those that are not there, or cannot be loaded.
        """
        failed: dict[str, RequestError] = {}
        for name in names:
            if composed(name) not in self._seen:  # the model's error would list all that there are
                failed[name] = unknown_agent(name)
                continue
            try:
                if not self._model.is_resident(name):
                    await self._read(name)
            except AgentError:
                failed[name] = unknown_agent(name)
            except RequestError as error:
                failed[name] = error
        return failed

    async def _read(self, name: str) -> AgentInfo:
        read = partial(asyncio.get_running_loop().run_in_executor, self._readers, self._model.agent_info, name)
        try:
            try:
                return await read()
            except BaseMismatchError:
                if is_upgraded_from(self.folder, self._model.fingerprint) == self._upgraded:
                    raise
                await self.look()  # all agents were upgraded a moment ago
                return await read()
        except (IntentAdaptersError, OSError) as error:
            raise self.problem(name, error) from error

    def problem(self, name: str, error: Exception) -> RequestError:
        """What to tell of an agent that cannot answer; whose files it is about stands in the log alone."""
        name = composed(name)
        found = self._seen.get(name)
        if found is None or (self.folder.is_dir() and not os.path.lexists(found.folder)):
            return unknown_agent(name)  # also one whose folder went a moment ago
        self._report("agent cannot be loaded", name, error)
        message = f"Agent {shorten(name)} cannot be loaded; the server's log says why."
        return RequestError(503, "agent_unavailable", message)

    def try_out(self) -> None:
        """See that agents can answer; an empty folder is one that is filled later.

        Raises:
            ConfigError: There are agents, and none of them can.
        """
        for name in self.names:
            try:
                self._model.agent_info(name)
            except (IntentAdaptersError, OSError) as error:
                self._report("agent cannot be loaded", name, error)
            else:
                return
        for name, problem in self.problems.items():
            message = f"No agent in {str(self.folder)!r} can answer, {shorten(name)} for one: {problem}"
            raise ConfigError(message)
        log.warning("no agents yet", extra={"fields": {"folder": str(self.folder)}})

    def _report(self, event: str, name: str, error: Exception) -> None:
        """Log what is wrong with an agent, once."""
        if self.problems.get(name) != str(error):
            self.problems[name] = str(error)
            log.error(event, extra={"fields": {"agent": name, "problem": str(error)}})

    async def look(self) -> None:
        """Look at the folder now.

        Raises:
            OSError: The folder cannot be read.
        """
        await asyncio.get_running_loop().run_in_executor(self._readers, self.refresh)

    async def watch(self, seconds: float) -> None:
        """Look at the folder again and again, until cancelled.

        Args:
            seconds: How long to wait in between; longer where looking takes long.
        """
        took = 0.0
        while True:
            await asyncio.sleep(max(seconds, took / WATCHING_SHARE))
            started = time.perf_counter()
            try:
                await self.look()
            except OSError as error:
                log.error("the folder of agents cannot be read", extra={"fields": {"problem": str(error)}})
            took = time.perf_counter() - started

    def refresh(self) -> None:
        """Take over what has changed in the folder.

        Raises:
            OSError: The folder cannot be read.
        """
        with self._looking:
            self._refresh()

    def _refresh(self) -> None:
        found, pinned = self._folders.look(), read_pins(self.folder)
        if (found, pinned) == (self._seen, self._pinned):
            self._missing.clear()
            return
        # Then this goes on with the versions that stand on its own base.
        self._upgraded = is_upgraded_from(self.folder, self._model.fingerprint)
        changed = not self.generation
        for name in [name for name, adapter in found.items() if adapter != self._seen.get(name)]:
            changed |= self._take_over(name, found[name])
        gone = self._seen.keys() - found.keys()
        # Where folders cannot be exchanged in one step, one that is replaced is away for a moment.
        for name in gone & self._missing:
            changed = True
            del self._seen[name]
            self._pinned.discard(name)
            try:
                self._model.unload_adapter(name)
            except AgentError:
                continue  # it could never be registered
            log.info("agent removed", extra={"fields": {"agent": name}})
        self._missing = gone - self._missing
        for name in self.problems.keys() - found.keys() - self._seen.keys():
            self.problems.pop(name, None)
        if changed | self._pin(pinned):
            state = repr((sorted(self._seen.items()), sorted(self._pinned)))
            self.generation = hashlib.sha256(state.encode()).hexdigest()[:WIDTH]
            self._told(self.generation)

    def _pin(self, wanted: set[str]) -> bool:
        """Keep those agents in memory that are to stay there, and let others go; whether that changed anything."""
        before = set(self._pinned)
        for name in sorted(wanted & self._seen.keys() - self._pinned):
            try:
                self._model.pin_adapter(name)
            except (IntentAdaptersError, OSError) as error:
                self._report("agent not pinned", name, error)
            else:
                self._pinned.add(name)
        for name in self._pinned - wanted:
            self._model.unpin_adapter(name)
            self._pinned.discard(name)
        return self._pinned != before

    def _take_over(self, name: str, found: AdapterFolder) -> bool:
        """Have an agent answer as its folder is now; whether that can be done."""
        is_new = name not in self._seen
        folder = Path(found.folder)
        try:
            if self._upgraded:
                folder = read_whole(folder, lambda: version_on(folder, self._model.fingerprint))
            if not is_new and self._model.is_resident(name):
                self._model.load_adapter(folder, name=name, replace=True)
            else:
                self._model.register_adapter(folder, name=name, replace=not is_new)
        except (IntentAdaptersError, OSError) as error:
            # What was there before goes on answering, and the next look tries again: a disk may have failed.
            self._report("agent not taken over", name, error)
            return False
        self._seen[name] = found
        self.problems.pop(name, None)
        if self._begun:
            log.info("agent added" if is_new else "agent replaced", extra={"fields": {"agent": name}})
        return True


def place_of(folder: Path, name: str) -> Path:
    """Where in a folder an agent is, or would be: its letters may be taken apart there."""
    return folder / next((entry for entry in sorted(os.listdir(folder)) if composed(entry) == name), name)


def read_pins(folder: Path) -> set[str]:
    """The agents of a folder that are to stay in memory, whether they are there or not."""
    try:
        names = json.loads((folder / OWN_FOLDER / PINS_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {composed(name) for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def unknown_agent(name: str) -> RequestError:
    """The same for an agent that is not there and for one that the token may not ask, so that nobody can find out."""
    return RequestError(404, "unknown_agent", f"There is no agent {shorten(name)} that you may ask.")
