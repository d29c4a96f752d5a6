"""`IntentModel`: one base, many named agents."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.artifacts.version_folders import KEPT
from intent_adapters.choices import Backend, NonLinearity, Precision, Sites, StoredDtype
from intent_adapters.errors import ConfigError, IntentAdaptersError, TextError, shorten
from intent_adapters.hub.fetching import HubOptions
from intent_adapters.inputs import agents_per_row, check_choice, check_range, check_texts, thresholds_per_row
from intent_adapters.loading import (
    AgentSource,
    check_base,
    find_sources,
    load_for,
)
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.agent import AgentInfo, AgentOrigin, AgentState, StoreStats
from intent_adapters.runtime.answering import Runtime, answer, embed, token_states
from intent_adapters.runtime.onnx.run import OnnxBase, OnnxRuntime, graph_origins
from intent_adapters.runtime.resident import resident_bytes
from intent_adapters.runtime.store import AdapterStore

if TYPE_CHECKING:  # what answers in ONNX Runtime needs none of it
    import torch
    from sentence_transformers import SentenceTransformer

    from intent_adapters.data.definitions import EntityDefinitions
    from intent_adapters.hub.cards import CardFacts
    from intent_adapters.hub.publishing import Published, PublishOptions
    from intent_adapters.runtime.onnx.export import Exported
    from intent_adapters.runtime.tagger import Tokens
    from intent_adapters.runtime.token_counts import TokenCount


class IntentModel:
    """A frozen sentence encoder and the agents that stand on it.

    Every agent is a small adapter (bottlenecks and a classification head). An utterance is answered only by the
    agent it is sent to; utterances of many agents can share one pass of the encoder. Calls are safe from several
    threads: a call works with the agents as they were when it began.

    A model can be copied and pickled, for processes that are spawned. A copy reads agents that were loaded from where
    they came when they are first asked, with the same token if there is one; it carries agents that were trained here,
    and a base in PyTorch. A base in ONNX is opened again from its folder.

    Args:
        base: A sentence-transformers model that begins with a Transformer; it is frozen and never changed. Or a base
            exported to ONNX.
        name: What adapters trained here will name as their base: a Hub id or a folder.
        revision: The Hub revision of `name`.
        dtype: In which the encoder computes: `"bfloat16"` is faster on CPUs that multiply in it (AMX, AVX512_BF16) and
            on GPUs, at some loss of precision. A base in ONNX has its own precision.
        adapter_dtype: In which resident adapters are held: `"float16"` takes half the memory of `"float32"`.
        max_adapter_bytes: How much memory resident adapters may take. When it is used up, the least recently used
            leave, and come back when they are asked. `None` sets no limit.

    Example:
        ```python
        model = IntentModel.from_pretrained("BASE", adapter="ORG/clinic-intents")
        model.predict("I need to cancel my appointment").label
        model.load_adapter("ORG/it-helpdesk", name="it")
        model.predict(["cancel my appointment", "my laptop is dead"], agents=["clinic-intents", "it"])
        ```
    """

    def __init__(
        self,
        base: SentenceTransformer | OnnxBase,
        *,
        name: str | None = None,
        revision: str | None = None,
        dtype: Literal["float32", "bfloat16"] = "float32",
        adapter_dtype: Literal["float32", "float16"] = "float32",
        max_adapter_bytes: int | None = None,
    ) -> None:
        check_choice("dtype", dtype, ("float32", "bfloat16"))
        check_choice("adapter_dtype", adapter_dtype, ("float32", "float16"))
        if max_adapter_bytes is not None:
            check_range("max_adapter_bytes", max_adapter_bytes, 1)
        self.base_name, self.base_revision = name, revision
        self._base = base
        self._settings = {"dtype": dtype, "adapter_dtype": adapter_dtype, "max_adapter_bytes": max_adapter_bytes}
        if isinstance(base, OnnxBase):
            if dtype != "float32":
                raise ConfigError(
                    f"dtype={dtype!r} is for PyTorch; a base in ONNX has the precision it was exported in."
                )
            self.fingerprint = base.description.fingerprint
            self._dimension = base.description.dimension
            self._runtime: Runtime = OnnxRuntime(base, adapter_dtype=adapter_dtype)
        else:
            from intent_adapters.forking import survive_forks
            from intent_adapters.runtime.torch import TorchRuntime

            survive_forks()
            base.eval().requires_grad_(False)
            self.fingerprint = fingerprint(base)
            self._dimension = base.get_embedding_dimension() or 0
            self._runtime = TorchRuntime(base, dtype=dtype, adapter_dtype=adapter_dtype)
        cost = partial(resident_bytes, dtype=adapter_dtype)
        self._store = AdapterStore(self._runtime.admit, cost, max_adapter_bytes)

    def __repr__(self) -> str:
        return f"IntentModel(base={shorten(self.base_name)}, agents={len(self.agents)})"

    def __reduce__(self) -> tuple[object, ...]:
        settings = {"name": self.base_name, "revision": self.base_revision, **self._settings}
        return _rebuilt, (type(self), self._base, settings, self._store.snapshot())

    @property
    def base(self) -> SentenceTransformer:
        """The base in PyTorch, which training needs.

        Raises:
            ConfigError: The base is in ONNX.
        """
        if isinstance(self._base, OnnxBase):
            raise ConfigError(
                "The model runs on a base in ONNX, which cannot be trained on: load the base that it was exported "
                "from. Agents that are trained there run here."
            )
        return self._base

    @classmethod
    def from_pretrained(
        cls,
        base: str | Path | None = None,
        *,
        adapter: str | Path | Mapping[str, str | Path] | None = None,
        adapter_dir: str | Path | None = None,
        max_adapter_bytes: int | None = None,
        adapter_dtype: Literal["float32", "float16"] = "float32",
        dtype: Literal["float32", "bfloat16"] = "float32",
        device: str | torch.device | None = None,
        backend: Backend | None = None,
        precision: Precision | None = None,
        threads: int | None = None,
        **hub: Unpack[HubOptions],
    ) -> IntentModel:
        """Load a base and, if wished, its first agents.

        Args:
            base: Hub id or folder of the encoder; `None` takes the one that the adapter names.
            adapter: Hub id or folder of one adapter, or several by agent name.
            adapter_dir: A folder of adapter folders, each loaded when its agent, named as the folder, is first asked.
            max_adapter_bytes: How much memory resident adapters may take; see the class.
            adapter_dtype: In which resident adapters are held.
            dtype: In which the encoder computes.
            device: Where to run; `None` takes the best device that there is.
            backend: `"onnx"` runs a base that `intent-adapters export` made in ONNX Runtime, on the CPU: several times
                as fast, and without PyTorch. `None` takes `"onnx"` for a folder that holds only such a base and where
                PyTorch is not installed, else `"torch"`.
            precision: For ONNX: which graph of the base, `"float32"` or `"int8"`; `None` takes int8 if there is one.
            threads: For ONNX: how many one pass of the encoder uses; `None`: what OMP_NUM_THREADS says, or as many as
                there are processors for this process.
            **hub: `token`, `cache_dir`, `local_files_only` as in transformers. `revision` and `subfolder` are the
                base's, or those of the one adapter if no base is given; for others call `load_adapter`.

        Returns:
            The model, its agents loaded.

        Raises:
            BaseError: The base cannot be loaded.
            AdapterError: An adapter cannot be loaded, or stands on another base (`BaseMismatchError`).
            ConfigError: Neither a base nor an adapter that names one, or a setting out of range.
        """
        sources = find_sources(base, adapter, adapter_dir, hub)
        loaded, commit = load_for(
            backend, sources.base, device=device, precision=precision, threads=threads, **sources.hub
        )
        model = cls(
            loaded,
            name=str(sources.base),
            revision=commit,
            dtype=dtype,
            adapter_dtype=adapter_dtype,
            max_adapter_bytes=max_adapter_bytes,
        )
        model._register(sources.registered)
        for name, source in sources.loaded.items():
            model._store.load(name, model._loader(name, source))
        return model

    @overload
    def predict(  # type: ignore[overload-overlap] # a str is a Sequence[str] too: the first one wins
        self,
        texts: str,
        agents: str | None = None,
        *,
        top_k: int = 3,
        threshold: float | None = None,
        batch_size: int = 64,
        errors: Literal["raise", "reject"] = "raise",
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        texts: Sequence[str],
        agents: str | Sequence[str] | None = None,
        *,
        top_k: int = 3,
        threshold: float | Sequence[float | None] | None = None,
        batch_size: int = 64,
        errors: Literal["raise", "reject"] = "raise",
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self,
        texts: Sequence[str],
        agents: str | Sequence[str] | None = None,
        *,
        top_k: int = 3,
        threshold: float | Sequence[float | None] | None = None,
        batch_size: int = 64,
        errors: Literal["return"],
    ) -> list[Prediction | IntentAdaptersError]: ...

    def predict(
        self,
        texts: str | Sequence[str],
        agents: str | Sequence[str] | None = None,
        *,
        top_k: int = 3,
        threshold: float | Sequence[float | None] | None = None,
        batch_size: int = 64,
        errors: Literal["raise", "return", "reject"] = "raise",
    ) -> Prediction | list[Prediction] | list[Prediction | IntentAdaptersError]:
        """Tell the intent of one text or many, each by its own agent.

        Args:
            texts: One text, or many. Characters that are no characters (lone surrogates) count as U+FFFD; what
                exceeds the encoder's maximum length is cut off.
            agents: One agent for all texts, or one per text; may be left out if the model has just one.
            top_k: How many intents each prediction lists, at most.
            threshold: Scope score, 0 to 1, below which a prediction is out of scope: about the share of its own
                utterances that a calibrated agent then rejects. `None` takes each agent's own. One for all texts, or
                one per text.
            batch_size: Texts in one pass of the encoder, at most.
            errors: What becomes of a row that cannot be answered, because its text is empty or not a string, or its
                agent is not there or cannot be loaded. `"raise"`: its error is raised, and nothing is answered.
                `"return"`, for many texts: its error stands in the place of its prediction. `"reject"`: a text that
                is empty or not a string is out of scope, with the label `""`, no `top_k` and the scores 0, whatever
                its agent; errors of agents are raised.

        Returns:
            One `Prediction`, or a list of them (and of errors, if they are returned) in the order of the texts.

        Raises:
            TextError: Something is not a string, or is empty.
            AgentError: There is no such agent, or none is named where there are several.
            AdapterError: An agent cannot be loaded.
            ConfigError: `top_k`, `threshold` or `batch_size` out of range, not as many agents or thresholds as
                texts, or `errors="return"` with one text.
        """
        check_range("top_k", top_k, 1)
        check_range("batch_size", batch_size, 1)
        check_choice("errors", errors, ("raise", "return", "reject"))
        single = isinstance(texts, str)
        if single and errors == "return":
            raise ConfigError('errors="return" is for a list of texts; the error of a single one is raised.')
        failures: dict[int, IntentAdaptersError] | None = None if errors == "raise" else {}
        rows = check_texts(texts, failures)
        names = agents_per_row(
            self._store.sole() if agents is None else agents,
            len(rows),
            failures=failures if errors == "return" else None,
        )
        thresholds = thresholds_per_row(threshold, len(rows))
        if not rows:
            return []
        answers = answer(self._runtime, self._store, rows, names, top_k, thresholds, batch_size, failures)
        if errors == "reject":
            answers = [_or_out_of_scope(name, said) for name, said in zip(names, answers, strict=True)]
        return answers[0] if single else answers  # type: ignore[return-value] # errors only where they are returned

    def encode(
        self, texts: str | Sequence[str], agents: str | Sequence[str | None] | None = None, *, batch_size: int = 64
    ) -> NDArray[np.float32]:
        """Sentence embeddings of the bare base or of an agent.

        Args:
            texts: One text, or many.
            agents: `None` for the bare base, one agent for all texts, or one (or `None`) per text.
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
        rows = check_texts(texts)
        names = [None] * len(rows) if agents is None else agents_per_row(agents, len(rows), bare=True)
        if not rows:
            return np.empty((0, self._dimension), dtype=np.float32)
        embeddings = embed(self._runtime, self._store, rows, names, batch_size)
        return embeddings[0] if single else embeddings

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens of texts the base reads; what it makes of them says `count_tokens`.

        Args:
            texts: The texts, each as it is.

        Returns:
            How many of each text, with those that the tokenizer adds, and without those that are cut off.

        Raises:
            TextError: Something is not a string, or is empty.
        """
        return self._runtime.token_lengths(check_texts(texts))

    def count_tokens(self, texts: Sequence[str]) -> list[TokenCount]:
        """How many tokens the base makes of texts, how many of them it does not know, and whether it cuts them.

        Args:
            texts: The texts, each as it is.

        Returns:
            One count for each text.

        Raises:
            TextError: Something is not a string, or is empty.
            ConfigError: The base is in ONNX.
        """
        from intent_adapters.runtime.token_counts import count_tokens

        return count_tokens(self.base, check_texts(texts))

    @property
    def agents(self) -> tuple[str, ...]:
        """The names of the agents that can be asked, in the order in which they came."""
        return self._store.names

    @property
    def stats(self) -> StoreStats:
        """What the adapters in memory take, and how often one had to be loaded or to leave."""
        return self._store.stats()

    @property
    def agent_states(self) -> list[AgentState]:
        """Of every agent: whether it is in memory, in which version, and what it takes."""
        return self._store.states()

    def sole_agent(self) -> str:
        """The name of the agent, where there is just one.

        Returns:
            Its name.

        Raises:
            AgentError: There are several, or none.
        """
        return self._store.sole()

    def adapter(self, agent: str) -> Adapter:
        """The config and the weights of an agent, read anew from where it was loaded from.

        Args:
            agent: Its name.

        Returns:
            The adapter.

        Raises:
            AgentError: There is no such agent.
            AdapterError: Its files are gone or damaged by now.
        """
        return self._store.find_one(agent).adapter()

    def labels(self, agent: str) -> list[str]:
        """The intents of an agent.

        Args:
            agent: Its name.

        Returns:
            Their names, in the order of the logits.

        Raises:
            AgentError: There is no such agent.
        """
        return list(self.agent_info(agent).labels)

    def agent_info(self, agent: str) -> AgentInfo:
        """What is known of an agent as it answers now; it is loaded if it is not in memory.

        Args:
            agent: Its name.

        Returns:
            Its intents, its threshold and its version.

        Raises:
            AgentError: There is no such agent.
            AdapterError: It cannot be loaded.
        """
        found = self._store.find_one(agent)
        [resident] = [lease for held in self._store.leases([found]) for lease in held.values()]
        threshold = resident.config.calibration.threshold
        return AgentInfo(found.name, tuple(resident.labels), threshold, resident.head.version)

    def is_resident(self, agent: str) -> bool:
        """Whether an agent is in memory, so that it can answer without being loaded first.

        Args:
            agent: Its name.

        Returns:
            False also for one whose adapter has left the memory; it comes back when it is asked.

        Raises:
            AgentError: There is no such agent.
        """
        return self._store.find_one(agent).resident is not None

    def register_adapter(
        self,
        adapter: str | Path,
        *,
        name: str | None = None,
        replace: bool = False,
        **hub: Unpack[HubOptions],
    ) -> str:
        """Register an agent; it is loaded, and checked, when it is first asked.

        Args:
            adapter: Hub id or folder.
            name: The agent's name. None: the last part of `adapter`.
            replace: Let it take the place of an agent with the same name.
            **hub: Where on the Hub; see `load_adapter`.

        Returns:
            The agent's name.

        Raises:
            AgentError: The name is taken or cannot be used.
        """
        source = AgentSource(adapter, hub)
        name = source.name if name is None else name
        self._register({name: source}, replace)
        return name

    def register_adapters(self, adapters: Mapping[str, str | Path]) -> None:
        """Register many agents at once, as `register_adapter` does.

        Args:
            adapters: Hub ids or folders by agent name.

        Raises:
            AgentError: A name is taken or cannot be used; then none is registered.
        """
        self._register({name: AgentSource(source, {}) for name, source in adapters.items()})

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
        name = source.name if name is None else name
        self._store.load(name, self._loader(name, source), replace)
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
        check_base(name, adapter, self.fingerprint, self.base_name)
        self._store.add(name, adapter, replace)

    def check_adapter(self, name: str, adapter: Adapter) -> None:
        """See whether an adapter could answer here under a name; nothing changes.

        Args:
            name: Of the agent that it is to be; one of that name may be there.
            adapter: What was read.

        Raises:
            AdapterError: It does not fit the base.
            BaseMismatchError: It was trained on another base.
            AgentError: The name cannot be used.
        """
        self.check_new_name(name, replace=True)
        check_base(name, adapter, self.fingerprint, self.base_name)
        self._runtime.admit(adapter).release()

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

    def set_threshold(self, agent: str, threshold: float | None) -> None:
        """Let an agent reject more or less from now on; `save_adapter` keeps it.

        Args:
            agent: Its name.
            threshold: The scope score, 0 to 1, below which an utterance is out of scope: about the share of its own
                utterances that a calibrated agent then rejects. `None`: it rejects nothing, but for the answers of a
                catch-all intent.

        Raises:
            AgentError: There is no such agent.
            AdapterError: Its files are gone or damaged by now.
            ConfigError: The threshold is out of range.
        """
        self.add_agent(agent, self.adapter(agent).with_threshold(threshold), replace=True)

    def token_states(self, texts: Sequence[str], agent: str, layer: int, *, batch_size: int = 64) -> list[Tokens]:
        """The states of tokens inside an agent's encoder, for training a tagger on them.

        Args:
            texts: The texts.
            agent: The agent.
            layer: Behind which layer, from 1.
            batch_size: Texts in one pass of the encoder, at most.

        Returns:
            Of each text, where its tokens stand and their states (tokens, width).

        Raises:
            TextError: Something is not a string, or is empty.
            AgentError: There is no such agent.
            AdapterError: The base does not give the states of this layer.
            ConfigError: `batch_size` out of range.
        """
        check_range("batch_size", batch_size, 1)
        rows = check_texts(texts)
        self._runtime.keep_states(layer)
        return token_states(self._runtime, self._store, rows, agent, layer, batch_size)

    def set_entities(self, agent: str, entities: EntityDefinitions | None) -> None:
        """Have an agent find entities in utterances from now on; `save_adapter` keeps it.

        Args:
            agent: Its name.
            entities: What they are, as `read_annotated` and `read_definitions` read them; None: it finds none.

        Raises:
            AgentError: There is no such agent.
            AdapterError: Its files are gone or damaged by now, or a pattern is no regular expression.
            ConfigError: `entities` is something else.
            MissingExtraError: Patterns or phone numbers are defined, and `intent-adapters[entities]` is not installed.
        """
        self.add_agent(agent, self.adapter(agent).with_entities(entities), replace=True)

    def save_adapter(self, agent: str, folder: str | Path, *, versions: int = KEPT) -> None:
        """Write an agent as an ordinary PEFT adapter folder, atomically.

        An adapter that is there already is kept as a version of this one, and a card of ours is made again: what a
        person wrote on it stays, and figures of the former version go.

        Args:
            agent: Its name.
            folder: Created, or replaced if it holds an adapter already.
            versions: How many former versions to keep, at most.

        Raises:
            AgentError: There is no such agent in memory.
            AdapterError: The folder holds other things.
            ConfigError: `versions` is below 0.

        Warns:
            IntentAdaptersWarning: A README.md that we did not make was left as it is; or a version is not kept any
                more.
        """
        from intent_adapters.hub.cards.saving import save_with_card

        save_with_card(self.adapter(agent), folder, versions=versions)

    def save_base(self, folder: str | Path, *, dtype: StoredDtype = "auto") -> None:
        """Write the base as an ordinary sentence-transformers folder, atomically.

        Args:
            folder: Created, or replaced if it holds a model already; a README.md in it is kept.
            dtype: How the weights are stored. `"auto"`: float16 if no weight loses anything by it, else float32.

        Raises:
            ConfigError: `dtype` is unknown, or float16 would change weights.
            BaseError: The folder holds other things.
        """
        from intent_adapters.artifacts.base import save_base

        save_base(self.base, folder, dtype=dtype)

    def export_base(
        self,
        folder: str | Path,
        *,
        precision: Precision = "int8",
        sites: Sites = "houlsby",
        non_linearity: NonLinearity = "gelu",
    ) -> Exported:
        """Write the base for `backend="onnx"`; agents need no export.

        Args:
            folder: Created, or replaced if it is an earlier export.
            precision: How the base's weights are held. Adapters compute in float32 in any case.
            sites: Where agents may have bottlenecks; `"houlsby"` includes those of `"pfeiffer"`.
            non_linearity: Of the agents' bottlenecks.

        Returns:
            The folder, what its graph says of itself, and how close its embeddings are to these.

        Raises:
            BaseError: The base cannot be exported, or the folder holds other things.
            ConfigError: A setting makes no sense.
            MissingExtraError: An optional package is missing.
        """
        from intent_adapters.runtime.onnx.export import export_base

        return export_base(
            self.base,
            folder,
            precision=precision,
            sites=sites,
            non_linearity=non_linearity,
            name=self.base_name or "in memory",
        )

    def push_base(
        self,
        repo_id: str,
        *,
        facts: CardFacts | None = None,
        dtype: StoredDtype = "auto",
        **options: Unpack[PublishOptions],
    ) -> Published:
        """Publish the base on the Hub, with the graphs for ONNX Runtime in the folder that it was loaded from.

        Agents that are trained or pushed afterwards name it there as their base.

        Args:
            repo_id: Where to: "ORG/NAME".
            facts: What its makers say about it, for its card.
            dtype: As `save_base`.
            **options: `private`, `token`, `revision`, `commit_message`, `create_pr` as in transformers; `tag`.

        Returns:
            The repository, the commit and its page.

        Raises:
            HubError: The Hub refuses it or cannot be reached.
            ConfigError: `dtype` or options make no sense.
        """
        from intent_adapters.artifacts.base import save_base
        from intent_adapters.hub.publishing import publish_base

        with TemporaryDirectory() as temporary:
            folder = Path(temporary, "base")
            save_base(self.base, folder, dtype=dtype)
            for graph, made_from in graph_origins(Path(self.base_name or folder)).items():
                if made_from == self.fingerprint:
                    (folder / graph.parent.name).mkdir(exist_ok=True)
                    shutil.copyfile(graph, folder / graph.parent.name / graph.name)
            published = publish_base(folder, repo_id, self.fingerprint, facts=facts, **options)
        if not options.get("create_pr"):
            self.base_name, self.base_revision = repo_id, published.commit
        return published

    def push_adapter(
        self,
        agent: str,
        repo_id: str,
        *,
        base: str | None = None,
        facts: CardFacts | None = None,
        handler: bool = False,
        **options: Unpack[PublishOptions],
    ) -> Published:
        """Publish an agent on the Hub: config, weights and card in one commit.

        Args:
            agent: Its name here.
            repo_id: Where to: "ORG/NAME".
            base: Hub id of the base. `None`: where it was loaded from or pushed to.
            facts: What its makers say about it, for its card.
            handler: Put in what has a Hugging Face Inference Endpoint answer for the agent.
            **options: `private`, `token`, `revision`, `commit_message`, `create_pr` as in transformers; `tag`.

        Returns:
            The repository, the commit and its page, and the base that the agent is pinned to.

        Raises:
            AgentError: There is no such agent.
            ConfigError: The base is not on the Hub, or options make no sense.
            BaseMismatchError: `base` is another base than this one.
            HubError: The Hub refuses it or cannot be reached.
        """
        from intent_adapters.hub.publishing import publish_adapter

        loaded = (self.base_name, self.base_revision) if self.base_name and self.base_revision else None
        adapter = self.adapter(agent)
        return publish_adapter(
            adapter, repo_id, base=base, loaded_base=loaded, facts=facts, handler=handler, **options
        )

    def _register(self, sources: Mapping[str, AgentSource], replace: bool = False) -> None:
        self._store.register({name: self._loader(name, source) for name, source in sources.items()}, replace)

    def _loader(self, name: str, source: AgentSource) -> Callable[[], Adapter]:
        return partial(_read_agent, name, source, self.fingerprint, self.base_name)


def _read_agent(name: str, source: AgentSource, fingerprint: str, base_name: str | None) -> Adapter:
    adapter = source.read()
    check_base(name, adapter, fingerprint, base_name)
    return adapter


def _or_out_of_scope(agent: str, said: Prediction | IntentAdaptersError) -> Prediction:
    """The answer; for a text that was no usable one, that it is out of scope; other errors are raised."""
    if isinstance(said, TextError):
        return Prediction(agent, "", 0.0, (), in_scope=False, scope_score=0.0)
    if isinstance(said, IntentAdaptersError):
        raise said
    return said


def _rebuilt(
    cls: type[IntentModel],
    base: SentenceTransformer | OnnxBase,
    settings: Mapping[str, Any],
    agents: Sequence[AgentOrigin],
) -> IntentModel:
    """A copy of a model, from what `__reduce__` tells of it."""
    model = cls(base, **settings)
    model._store.restore(agents)
    return model
