"""`IntentModel`: one base, many named agents."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from intent_adapters.base import fingerprint, load_base
from intent_adapters.errors import AgentError, BaseMismatchError, ConfigError
from intent_adapters.fetch import HubOptions, adapter_folder
from intent_adapters.inputs import check_range, check_texts
from intent_adapters.prediction import Prediction
from intent_adapters.runtime import Adapter, TorchRuntime
from intent_adapters.runtime.resident import Resident

# A name becomes a folder name and a column of a table: no separators, nothing hidden, nothing invisible.
AGENT_NAME = re.compile(r"\w[\w .+-]{0,94}(?<![ .])")


class IntentModel:
    """A frozen sentence encoder and the agents that stand on it.

    Every agent is a small adapter (bottlenecks and a classification head). An utterance is answered only by the
    agent it is sent to; utterances of many agents can share one pass of the encoder. Calls are safe from several
    threads: a call works with the agents as they were when it began.

    Args:
        base: A sentence-transformers model that begins with a Transformer; it is frozen and never changed.
        name: What adapters trained here will name as their base: a Hub id or a folder.
        revision: The Hub revision of `name`.

    Example:
        ```python
        model = IntentModel.from_pretrained("BASE", adapter="ORG/clinic-intents")
        model.predict("I need to cancel my appointment").label
        model.load_adapter("ORG/it-helpdesk", name="it")
        model.predict(["cancel my appointment", "my laptop is dead"], agents=["clinic-intents", "it"])
        ```
    """

    def __init__(self, base: SentenceTransformer, *, name: str | None = None, revision: str | None = None) -> None:
        self.base = base.eval().requires_grad_(False)
        self.base_name = name
        self.base_revision = revision
        self.fingerprint = fingerprint(base)
        self._runtime = TorchRuntime(base)
        # Replaced whole on every change, never edited, so that readers need no lock.
        self._agents: Mapping[str, Resident] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_pretrained(
        cls,
        base: str | Path | None = None,
        *,
        adapter: str | Path | Mapping[str, str | Path] | None = None,
        device: str | torch.device | None = None,
        **hub: Unpack[HubOptions],
    ) -> IntentModel:
        """Load a base and, if wished, its first agents.

        Args:
            base: Hub id or folder of the encoder; `None` takes the one that the adapter names.
            adapter: Hub id or folder of one adapter, or several by agent name.
            device: Where to run; `None` takes the best device that there is.
            **hub: `token`, `cache_dir`, `local_files_only` as in transformers; `revision` is the base's.

        Returns:
            The model, its agents loaded.

        Raises:
            BaseError: The base cannot be loaded.
            AdapterError: An adapter cannot be loaded, or stands on another base (`BaseMismatchError`).
            ConfigError: Neither a base nor an adapter that names one.
        """
        sources: list[tuple[str | None, str | Path]] = []
        if isinstance(adapter, Mapping):
            sources = list(adapter.items())
        elif adapter is not None:
            sources = [(None, adapter)]
        revision = hub.pop("revision", None)
        if base is None:
            if not sources:
                raise ConfigError("from_pretrained needs a base, or an adapter that names its base; it got neither.")
            base, revision = _base_of(sources[0][1], **hub)
        of_base: HubOptions = {**hub, "revision": revision}
        model = cls(load_base(base, device=device, **of_base), name=str(base), revision=revision)
        for name, source in sources:
            model.load_adapter(source, name=name, **hub)
        return model

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of the agents in memory, in the order in which they came."""
        return tuple(self._agents)

    def adapter(self, agent: str) -> Adapter:
        """The config and the weights of an agent.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent in memory.
        """
        return self._resident(self._agents, agent).adapter

    def labels(self, agent: str) -> list[str]:
        """The intents of an agent.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent in memory.
        """
        return self.adapter(agent).labels

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
            **hub: `revision`, `token`, `cache_dir`, `local_files_only` as in transformers.

        Returns:
            The agent's name.

        Raises:
            AdapterError: Missing, damaged or not fitting files.
            BaseMismatchError: It was trained on another base.
            AgentError: The name is taken or cannot be used.
        """
        name = Path(adapter).resolve().name if name is None and Path(adapter).is_dir() else name
        name = str(adapter).rpartition("/")[2] if name is None else name
        self.check_new_name(name, replace=replace)
        self.add_agent(name, Adapter.read(adapter_folder(adapter, **hub)), replace=replace)
        return name

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
        trained_on = adapter.config.base_fingerprint
        if trained_on is not None and trained_on != self.fingerprint:
            raise BaseMismatchError(
                f"The adapter for agent {name!r} was trained on the base "
                f"{adapter.config.base_model_name_or_path or 'unknown'!r} (fingerprint {trained_on[:12]}), not on "
                f"{self.base_name or 'this one'!r} ({self.fingerprint[:12]}): its answers would be noise. "
                "Load that base, or train the agent again on this one."
            )
        resident = self._runtime.admit(adapter)
        with self._lock:
            self.check_new_name(name, replace=replace)
            self._agents = {**self._agents, name: resident}

    def check_new_name(self, name: str, *, replace: bool = False) -> None:
        """See whether a name is free for a new agent.

        Args:
            name: Letters of any script, digits, space, `_ . + -`, at most 96 characters.
            replace: An agent of that name may be there.

        Raises:
            AgentError: The name is taken or cannot be used.
        """
        if not isinstance(name, str) or not AGENT_NAME.fullmatch(name):
            raise AgentError(
                f"{name!r} cannot name an agent. Use 1 to 96 letters (of any script), digits, spaces, '_', '.', '+' "
                "or '-', beginning with a letter or digit; pass another with `name=`."
            )
        if name in self._agents and not replace:
            raise AgentError(f"There is an agent {name!r} already: pass `replace=True` or another name.")

    def unload_adapter(self, agent: str) -> None:
        """Forget an agent; calls under way still finish with it.

        Args:
            agent: Its name.

        Raises:
            AgentError: There is no such agent in memory.
        """
        with self._lock:
            self._resident(self._agents, agent)
            self._agents = {name: resident for name, resident in self._agents.items() if name != agent}

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

    @overload
    def predict(  # type: ignore[overload-overlap] # a str is a Sequence[str] too: the first one wins
        self,
        texts: str,
        agents: str | None = None,
        *,
        top_k: int = 3,
        threshold: float | None = None,
        batch_size: int = 64,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        texts: Sequence[str],
        agents: str | Sequence[str] | None = None,
        *,
        top_k: int = 3,
        threshold: float | None = None,
        batch_size: int = 64,
    ) -> list[Prediction]: ...

    def predict(
        self,
        texts: str | Sequence[str],
        agents: str | Sequence[str] | None = None,
        *,
        top_k: int = 3,
        threshold: float | None = None,
        batch_size: int = 64,
    ) -> Prediction | list[Prediction]:
        """Tell the intent of one text or many, each by its own agent.

        Args:
            texts: One text, or many. Characters that are no characters (lone surrogates) count as U+FFFD; what
                exceeds the encoder's maximum length is cut off.
            agents: One agent for all texts, or one per text; may be left out if the model has just one.
            top_k: How many intents each prediction lists, at most.
            threshold: Probability below which a prediction is out of scope; `None` takes each agent's own.
            batch_size: Texts in one pass of the encoder, at most.

        Returns:
            One `Prediction`, or a list of them in the order of the texts.

        Raises:
            TextError: Something is not a string, or is empty.
            AgentError: An agent is not in memory, or none is named where there are several.
            ConfigError: `top_k`, `threshold` or `batch_size` out of range, or not as many agents as texts.
        """
        check_range("top_k", top_k, 1)
        check_range("batch_size", batch_size, 1)
        if threshold is not None and not (isinstance(threshold, (int, float)) and 0 <= threshold <= 1):
            raise ConfigError(f"threshold is a probability between 0 and 1, not {threshold!r}.")
        single = isinstance(texts, str)
        rows = check_texts([texts] if isinstance(texts, str) else texts)
        names, residents = self._route(agents, len(rows))
        if not rows:
            return []
        embeddings = self._runtime.embed(rows, residents, batch_size)
        rows_of: dict[str, list[int]] = {}
        for row, name in enumerate(names):
            rows_of.setdefault(name, []).append(row)
        by_row: dict[int, Prediction] = {}
        for name, own in rows_of.items():
            head = residents[own[0]].head
            by_row |= zip(own, head.answer(name, embeddings[own], top_k, threshold), strict=True)
        answers = [by_row[row] for row in range(len(rows))]
        return answers[0] if single else answers

    def encode(
        self, texts: str | Sequence[str], agents: str | Sequence[str] | None = None, *, batch_size: int = 64
    ) -> NDArray[np.float32]:
        """Sentence embeddings of the bare base or of an agent.

        Args:
            texts: One text, or many.
            agents: `None` for the bare base, one agent for all texts, or one per text.
            batch_size: Texts in one pass of the encoder, at most.

        Returns:
            (dimensions,) for one text, (len(texts), dimensions) for many.

        Raises:
            TextError: Something is not a string, or is empty.
            AgentError: An agent is not in memory.
            ConfigError: `batch_size` out of range, or not as many agents as texts.
        """
        check_range("batch_size", batch_size, 1)
        single = isinstance(texts, str)
        rows = check_texts([texts] if isinstance(texts, str) else texts)
        residents: Sequence[Resident | None] = [None] * len(rows)
        if agents is not None:
            residents = self._route(agents, len(rows))[1]
        if not rows:
            return np.empty((0, self.base.get_embedding_dimension() or 0), dtype=np.float32)
        embeddings = self._runtime.embed(rows, residents, batch_size).float().cpu().numpy()
        return embeddings[0] if single else embeddings

    def _route(self, agents: str | Sequence[str] | None, count: int) -> tuple[list[str], list[Resident]]:
        """The agent of every row. All names are checked before anything is computed."""
        current = self._agents
        if agents is None:
            if len(current) != 1:
                have = f"has {len(current)} agents ({', '.join(current)})" if current else "has no agent yet"
                raise AgentError(f"The model {have}: name the agent to ask with `agents=`.")
            agents = next(iter(current))
        names = [agents] * count if isinstance(agents, str) else list(agents)
        if len(names) != count:
            raise ConfigError(f"{count} text(s) but {len(names)} agent(s): give one agent, or one per text.")
        found = {name: self._resident(current, name) for name in dict.fromkeys(names)}
        return names, [found[name] for name in names]

    @staticmethod
    def _resident(agents: Mapping[str, Resident], name: str) -> Resident:
        if not isinstance(name, str) or name not in agents:
            known = ", ".join(agents) if agents else "none"
            raise AgentError(f"No agent {name!r} in memory (there: {known}). Load it with load_adapter.")
        return agents[name]


def _base_of(source: str | Path, **hub: Unpack[HubOptions]) -> tuple[str, str | None]:
    """The base that an adapter was trained on, and its revision."""
    config = Adapter.read(adapter_folder(source, **hub)).config
    if not config.base_model_name_or_path:
        raise ConfigError(f"The adapter {str(source)!r} does not name its base: pass it as the first argument.")
    return config.base_model_name_or_path, config.revision
