"""The agents of a model by name: known ones, of which as many are resident as a byte budget allows.

An agent comes from somewhere it can be loaded from again, or only exists in memory (it was trained here). Loaded ones
leave when the budget is used up, the least recently used first, and come back when they are asked. While a call works
with an agent it holds a lease on it, and the agent stays, also if its name is taken by a new version or unloaded in
the meantime: the call finishes with the version it began with.

No deadlock is possible: whoever holds a lease never waits for memory, and files are read outside the lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AgentError, IntentAdaptersError
from intent_adapters.runtime.agent import Agent, AgentOrigin, AgentState, Load, StoreStats, agent_name, composed
from intent_adapters.runtime.malloc_trim import trim_malloc
from intent_adapters.runtime.resident import Resident

# Freed memory is given back to the system after so many loads: it takes as long as one of them.
LOADS_PER_TRIM = 32


class AdapterStore:
    """Agents by name. Safe to use from several threads.

    Args:
        admit: Makes an adapter resident; raises AdapterError if it does not fit.
        cost: The bytes that an adapter takes when it is resident.
        max_bytes: The budget; `None`: everything stays.
    """

    def __init__(
        self, admit: Callable[[Adapter], Resident], cost: Callable[[Adapter], int], max_bytes: int | None = None
    ) -> None:
        self._admit = admit
        self._cost = cost
        self._max_bytes = max_bytes
        self._agents: dict[str, Agent] = {}
        # Those that could leave, the least recently used first.
        self._idle: OrderedDict[Agent, None] = OrderedDict()
        self._changed = threading.Condition()
        self._bytes = 0
        self._resident = self._leases = 0
        self._hits = self._misses = self._loads = self._evictions = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The agents that can be asked, in the order in which they came."""
        with self._changed:
            return tuple(self._agents)

    def sole(self) -> str:
        """The name of the only agent.

        Raises:
            AgentError: There are several, or none.
        """
        names = self.names
        if len(names) != 1:
            have = f"has {len(names)} agents" if names else "has no agent yet"
            raise AgentError(f"The model {have}: name the agent to ask.", names)
        return names[0]

    def find(self, names: Iterable[str], failed: dict[str, IntentAdaptersError] | None = None) -> dict[str, Agent]:
        """The current versions of some agents by name, all taken at one moment.

        Args:
            names: Those wanted.
            failed: Takes the error of each agent that is not there, which is then left out. `None`: it is raised.

        Raises:
            AgentError: There is no such agent.
        """
        found: dict[str, Agent] = {}
        with self._changed:
            for name in names:
                agent = self._agents.get(composed(name))
                if agent is not None:
                    found[name] = agent
                    continue
                error = AgentError(f"There is no agent {name!r}: load it, or train it.", self._agents)
                if failed is None:
                    raise error
                failed[name] = error
        return found

    def find_one(self, name: str) -> Agent:
        """The current version of an agent.

        Raises:
            AgentError: There is no such agent.
        """
        return self.find([name])[name]

    def check_name(self, name: str, replace: bool) -> str:
        """See whether a name can be given to a new agent.

        Returns:
            The name under which the agent is to be kept.

        Raises:
            AgentError: It is taken or cannot be used.
        """
        name = agent_name(name)
        if not replace and name in self._agents:
            raise AgentError(f"There is an agent {name!r} already: pass `replace=True` or another name.")
        return name

    def add(self, name: str, adapter: Adapter, replace: bool = False) -> None:
        """Take in an agent that is only in memory. It never leaves by itself, even if the budget is used up.

        Raises:
            AdapterError: It does not fit.
            AgentError: The name is taken or cannot be used.
        """
        agent = Agent(self.check_name(name, replace), kept=adapter)
        agent.resident = self._admit(adapter)
        agent.cost = self._cost(adapter) + sum(array.nbytes for array in adapter.arrays.values())
        with self._changed:
            self._enter([agent], replace)
            self._bytes += agent.cost
            self._resident += 1
            self._evict(0)

    def load(self, name: str, load: Load, replace: bool = False) -> None:
        """Load an agent now and take it in. If anything is wrong with it, everything stays as it was.

        Raises:
            AdapterError: It cannot be read or does not fit.
            AgentError: The name is taken or cannot be used, or the agents that may not leave take the whole budget.
        """
        agent = Agent(self.check_name(name, replace), load)
        agent.state = "reading"
        self._make_resident(agent, wait=True)
        with self._changed:
            try:
                self._enter([agent], replace)
            except AgentError:
                agent.removed = True
                raise
            finally:
                self._give_back(agent)

    def register(self, loads: Mapping[str, Load], replace: bool = False) -> None:
        """Make agents known; each is loaded when it is first asked.

        Raises:
            AgentError: A name is taken or cannot be used; then none is taken in.
        """
        with self._changed:
            self._enter([Agent(self.check_name(name, replace), load) for name, load in loads.items()], replace)

    def states(self) -> list[AgentState]:
        """Where every agent stands, all taken at one moment, in the order in which they came."""
        with self._changed:
            return [
                AgentState(agent.name, agent.resident.head.version, agent.cost, agent.pinned)
                if agent.resident
                else AgentState(agent.name, None, 0, agent.pinned)
                for agent in self._agents.values()
            ]

    def snapshot(self) -> list[AgentOrigin]:
        """Where every agent comes from, all taken at one moment, in the order in which they came."""
        with self._changed:
            return [
                AgentOrigin(agent.name, agent.load or agent.adapter(), agent.pinned) for agent in self._agents.values()
            ]

    def restore(self, agents: Iterable[AgentOrigin]) -> None:
        """Take in the agents of another store; those that it loaded are loaded when they are first asked or pinned.

        Raises:
            AdapterError: A pinned agent cannot be read or does not fit.
            AgentError: A name is taken, or the agents that may not leave take the whole budget.
        """
        for name, source, pinned in agents:
            if isinstance(source, Adapter):
                self.add(name, source)
            else:
                self.register({name: source})
            if pinned:
                self.pin(name)

    def remove(self, name: str) -> None:
        """Forget an agent; calls under way still finish with it.

        Raises:
            AgentError: There is no such agent.
        """
        with self._changed:
            agent = self.find_one(name)
            del self._agents[agent.name]
            self._retire(agent)

    def pin(self, name: str) -> None:
        """Keep an agent, and later versions of it, in memory, loading it if it is not there.

        Raises:
            AdapterError: It cannot be read or does not fit.
            AgentError: There is no such agent, or the agents that may not leave take the whole budget.
        """
        for _ in self.leases([self.find_one(name)]):
            with self._changed:
                self.find_one(name).pinned = True

    def unpin(self, name: str) -> None:
        """Let an agent leave again when room is needed.

        Raises:
            AgentError: There is no such agent.
        """
        with self._changed:
            agent = self.find_one(name)
            agent.pinned = False
            if agent.resident is not None and not agent.leases and agent.kept is None:
                self._idle[agent] = None
            self._evict(0)

    def stats(self) -> StoreStats:
        """Counts and bytes, all taken at one moment."""
        with self._changed:
            return StoreStats(
                known=len(self._agents),
                resident=self._resident,
                pinned=sum(agent.pinned for agent in self._agents.values()),
                bytes=self._bytes,
                max_bytes=self._max_bytes,
                hits=self._hits,
                misses=self._misses,
                loads=self._loads,
                evictions=self._evictions,
            )

    def leases(
        self, agents: Iterable[Agent], failed: dict[Agent, IntentAdaptersError] | None = None
    ) -> Generator[dict[Agent, Resident]]:
        """Make agents resident and keep them so while the caller works with them.

        Args:
            agents: Those wanted.
            failed: Takes the error of each agent that cannot be loaded, which is then left out. `None`: it is raised.

        Yields:
            All of them, or, if they do not fit into memory at the same time, as many as do, then as many others. What
            was yielded is the caller's until the next step, or until the iterator is closed.

        Raises:
            AdapterError: One cannot be read or does not fit.
            AgentError: The agents that may not leave take the whole budget.
        """
        wanted = list(dict.fromkeys(agents))
        while wanted:
            held: dict[Agent, Resident] = {}
            try:
                while wanted:
                    agent = wanted[0]
                    try:
                        resident = self._acquire(agent, wait=not held)
                    except IntentAdaptersError as error:
                        if failed is None:
                            raise
                        failed[agent] = error
                    else:
                        if resident is None:
                            break
                        held[agent] = resident
                    wanted.pop(0)
                yield held
            finally:
                with self._changed:
                    for agent in held:
                        self._give_back(agent)

    def _acquire(self, agent: Agent, wait: bool) -> Resident | None:
        """Take out a lease; `None` if there is no room and the caller should give leases back instead of waiting."""
        with self._changed:
            hit = agent.resident is not None
            while agent.resident is None and agent.state:
                if agent.state == "waiting" and not wait:
                    return None
                self._changed.wait()
            if agent.resident is not None:
                self._count(hit)
                return self._take(agent)
            agent.state = "reading"
        resident = self._make_resident(agent, wait)
        if resident is not None:
            with self._changed:
                self._count(False)
        return resident

    def _make_resident(self, agent: Agent, wait: bool) -> Resident | None:
        """Load an agent whose state the caller has set to "reading", and take out a lease on it."""
        resident = None
        reserved = 0
        try:
            adapter = agent.adapter()
            needed = self._cost(adapter)
            if self._reserve(agent, needed, wait):
                reserved = needed
                resident = self._admit(adapter)
                if self._loads % LOADS_PER_TRIM == LOADS_PER_TRIM - 1:
                    trim_malloc()
            return resident
        finally:
            with self._changed:
                if reserved:
                    self._leases -= 1
                if resident is None:
                    self._bytes -= reserved
                else:
                    agent.resident, agent.cost = resident, reserved
                    self._resident += 1
                    self._loads += 1
                    self._take(agent)
                agent.state = ""
                self._changed.notify_all()

    def _reserve(self, agent: Agent, needed: int, wait: bool) -> bool:
        """Set bytes aside, making room; False if they can't be had without waiting.

        What is set aside counts as a lease, until `_make_resident` is done: it will be given back.
        """
        with self._changed:
            while True:
                self._evict(needed)
                if self._max_bytes is None or self._bytes + needed <= self._max_bytes:
                    self._bytes += needed
                    self._leases += 1
                    return True
                if not wait:
                    return False
                if not self._leases:
                    raise AgentError(
                        f"No room for agent {agent.name!r}: it takes {needed} bytes of memory, and pinned agents "
                        f"and those that were trained here take {self._bytes} of max_adapter_bytes="
                        f"{self._max_bytes}. Raise that, or unpin or unload agents."
                    )
                agent.state = "waiting"
                self._changed.notify_all()
                self._changed.wait()

    # What follows is called with the lock held.

    def _count(self, hit: bool) -> None:
        if hit:
            self._hits += 1
        else:
            self._misses += 1

    def _enter(self, agents: list[Agent], replace: bool) -> None:
        for agent in agents:
            self.check_name(agent.name, replace)
        for agent in agents:
            old = self._agents.get(agent.name)
            self._agents[agent.name] = agent
            if old is not None:
                agent.pinned = old.pinned
                self._retire(old)

    def _retire(self, agent: Agent) -> None:
        agent.removed = True
        if not agent.leases:
            self._drop(agent)

    def _take(self, agent: Agent) -> Resident:
        assert agent.resident is not None
        agent.leases += 1
        self._leases += 1
        self._idle.pop(agent, None)
        return agent.resident

    def _give_back(self, agent: Agent) -> None:
        agent.leases -= 1
        self._leases -= 1
        self._changed.notify_all()
        if agent.leases:
            return
        if agent.removed:
            self._drop(agent)
            return
        if not agent.pinned and agent.kept is None:
            self._idle[agent] = None
        self._evict(0)

    def _evict(self, needed: int) -> None:
        if self._max_bytes is not None:
            while self._idle and self._bytes + needed > self._max_bytes:
                agent, _ = self._idle.popitem(last=False)
                self._evictions += 1
                self._drop(agent)

    def _drop(self, agent: Agent) -> None:
        self._idle.pop(agent, None)
        resident, agent.resident = agent.resident, None
        if resident is not None:
            self._bytes -= agent.cost
            self._resident -= 1
            resident.release()
