"""The agents of a model: loaded, added, looked at, kept and forgotten by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Unpack

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.hub.fetching import HubOptions
from intent_adapters.loading import AgentSource, check_base, read_agent
from intent_adapters.runtime import AdapterStore
from intent_adapters.runtime.known import StoreStats


class AgentCollection:
    """Agents that stand on one base, by name.

    Args:
        store: Holds them.
        fingerprint: Of the base that their adapters must have been trained on.
        base_name: What that base is called in messages.
    """

    def __init__(self, store: AdapterStore, fingerprint: str, base_name: str | None) -> None:
        self._store = store
        self.fingerprint = fingerprint
        self.base_name = base_name

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of the agents that can be asked, in the order in which they came."""
        return self._store.names

    @property
    def stats(self) -> StoreStats:
        """What the adapters in memory take, and how often one had to be loaded or to leave."""
        return self._store.stats()

    def sole_agent(self) -> str:
        """The name of the agent, where there is just one.

        Raises:
            AgentError: There are several, or none.
        """
        return self._store.sole()

    def adapter(self, agent: str) -> Adapter:
        """The config and the weights of an agent, read anew from where it was loaded from.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent.
            AdapterError: Its files are gone or damaged by now.
        """
        return self._store.find_one(agent).adapter()

    def labels(self, agent: str) -> list[str]:
        """The intents of an agent.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent.
        """
        [resident] = [lease for held in self._store.leases([self._store.find_one(agent)]) for lease in held.values()]
        return list(resident.labels)

    def register_adapter(
        self,
        adapter: str | Path,
        *,
        name: str | None = None,
        replace: bool = False,
        **hub: Unpack[HubOptions],
    ) -> str:
        """Make an agent known; it is loaded, and checked, when it is first asked.

        Args:
            adapter: Hub id or folder.
            name: The agent's name; `None` takes the last part of the id or folder.
            replace: Let it take the place of an agent of the same name.
            **hub: `revision`, `subfolder`, `token`, `cache_dir`, `local_files_only` as in transformers.

        Returns:
            The agent's name.

        Raises:
            AgentError: The name is taken or cannot be used.
        """
        source = AgentSource(adapter, hub)
        name = source.name if name is None else name
        self._store.register({name: self._loader(name, source)}, replace)
        return name

    def register_adapters(self, adapters: Mapping[str, str | Path]) -> None:
        """Make many agents known at once, as `register_adapter` does.

        Args:
            adapters: Hub ids or folders by agent name.

        Raises:
            AgentError: A name is taken or cannot be used; then none is taken in.
        """
        sources = {name: AgentSource(source, {}) for name, source in adapters.items()}
        self._store.register({name: self._loader(name, source) for name, source in sources.items()})

    def pin_adapter(self, agent: str) -> None:
        """Load an agent if it is not in memory, and keep it, and what takes its place, there.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent, or it has no room beside the others that may not leave.
            AdapterError: It cannot be loaded.
        """
        self._store.pin(agent)

    def unpin_adapter(self, agent: str) -> None:
        """Let a pinned agent leave again when others need its room.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent.
        """
        self._store.unpin(agent)

    def load_adapter(
        self,
        adapter: str | Path,
        *,
        name: str | None = None,
        replace: bool = False,
        **hub: Unpack[HubOptions],
    ) -> str:
        """Load an agent from a folder or the Hub. If anything is wrong with it, the model stays as it was.

        Args:
            adapter: Hub id or folder.
            name: The agent's name; `None` takes the last part of the id or folder.
            replace: Let it take the place of an agent of the same name.
            **hub: `revision`, `subfolder`, `token`, `cache_dir`, `local_files_only` as in transformers.

        Returns:
            The agent's name.

        Raises:
            AdapterError: Missing, damaged or not fitting files.
            BaseMismatchError: It was trained on another base.
            AgentError: The name is taken or cannot be used.
        """
        source = AgentSource(adapter, hub)
        return self._load(source.name if name is None else name, source, replace)

    def add_agent(self, name: str, adapter: Adapter, *, replace: bool = False) -> None:
        """Give an adapter that is in memory a name here. If anything is wrong with it, the model stays as it was.

        Args:
            name: The agent's name: letters of any script, digits, space, `_ . + -`, at most 96 characters.
            adapter: What `train_agent` made or `Adapter.read` read.
            replace: Let it take the place of an agent of the same name.

        Raises:
            AdapterError: It does not fit the base.
            BaseMismatchError: It was trained on another base.
            AgentError: The name is taken or cannot be used.
        """
        self.check_new_name(name, replace=replace)
        check_base(name, adapter, self.fingerprint, self.base_name)
        self._store.add(name, adapter, replace)

    def check_new_name(self, name: str, *, replace: bool = False) -> None:
        """See whether a name is free for a new agent.

        Args:
            name: Letters of any script, digits, space, `_ . + -`, at most 96 characters.
            replace: An agent of that name may be there.

        Raises:
            AgentError: The name is taken or cannot be used.
        """
        self._store.check_name(name, replace)

    def unload_adapter(self, agent: str) -> None:
        """Forget an agent; calls under way still finish with it.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent in memory.
        """
        self._store.remove(agent)

    def save_adapter(self, agent: str, folder: str | Path) -> None:
        """Write an agent as an ordinary PEFT adapter folder, atomically.

        Args:
            agent: Its name.
            folder: Created, or replaced if it holds an adapter already; a README.md in it is kept.

        Raises:
            AgentError: There is no such agent in memory.
            AdapterError: The folder holds other things.
        """
        self.adapter(agent).write(folder)

    def _load(self, name: str, source: AgentSource, replace: bool = False) -> str:
        self._store.load(name, self._loader(name, source), replace)
        return name

    def _loader(self, name: str, source: AgentSource) -> Callable[[], Adapter]:
        return partial(read_agent, name, source, self.fingerprint, self.base_name)
