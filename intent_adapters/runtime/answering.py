"""From texts and the names of agents to embeddings and answers: what every way of running the base has in common."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import IntentAdaptersError
from intent_adapters.prediction import PredictedEntity, Prediction
from intent_adapters.runtime.agent import Agent
from intent_adapters.runtime.head import AgentRows, predictions
from intent_adapters.runtime.resident import Resident
from intent_adapters.runtime.store import AdapterStore
from intent_adapters.runtime.tagger import Tokens
from intent_adapters.runtime.token_states import TokenStates


class Runtime(Protocol):
    """A way of running the base."""

    def admit(self, adapter: Adapter) -> Resident:
        """Make an adapter resident; raises AdapterError if it does not fit the base."""
        ...

    def embed(
        self,
        texts: Sequence[str],
        residents: Sequence[Resident | None],
        batch_size: int,
        states: TokenStates | None = None,
    ) -> NDArray[np.float32]:
        """Sentence embeddings, each text through its own adapter.

        Args:
            texts: As the encoder is to read them, with the prompts of their agents.
            residents: One per text; `None` for the bare base.
            batch_size: Texts in one pass of the encoder, at most.
            states: Takes the offsets of all tokens, and the token states of texts for which it has a layer.

        Returns:
            (texts, dimensions).
        """
        ...

    def keep_states(self, layer: int) -> None:
        """See to it that token states behind a layer, from 1, can be had; raises AdapterError if they cannot."""
        ...

    def token_lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens of each text the encoder reads, with those that the tokenizer adds."""
        ...


def answer(
    runtime: Runtime,
    store: AdapterStore,
    texts: Sequence[str],
    names: Sequence[str],
    top_k: int,
    thresholds: Sequence[float | None],
    batch_size: int,
    failures: dict[int, IntentAdaptersError] | None = None,
) -> list[Prediction | IntentAdaptersError]:
    """What each text's agent says to it.

    Args:
        runtime: Runs the base.
        store: Has the agents.
        texts: The texts.
        names: The agent of each.
        top_k: How many intents an answer lists, at most.
        thresholds: Of each text, the scope score below which it is out of scope; `None` takes its agent's own.
        batch_size: Texts in one pass of the encoder, at most.
        failures: Errors by row; these rows are not answered, and those whose agent cannot answer are added. `None`:
            such an error is raised.

    Returns:
        One answer or error a row.

    Raises:
        AgentError: There is no such agent.
        AdapterError: An agent cannot be loaded.
    """
    answers: dict[int, Prediction | IntentAdaptersError] = {}
    with closing(_groups(store, names, failures)) as groups:
        for rows, residents in groups:
            prompted = _prompted(texts, rows, residents)
            layers = {
                place: resident.tagger.layer
                for place, resident in enumerate(residents)
                if resident and resident.tagger
            }
            states = TokenStates(layers) if layers else None
            embeddings = runtime.embed(prompted, residents, batch_size, states)
            places: dict[Resident | None, list[int]] = {}
            for place, resident in enumerate(residents):
                places.setdefault(resident, []).append(place)
            by_agent = [
                AgentRows(names[rows[own[0]]], resident.head, own) for resident, own in places.items() if resident
            ]
            entities = _entities(texts, rows, places, states)
            for place, prediction in predictions(by_agent, embeddings, top_k, [thresholds[row] for row in rows]):
                found = entities.get(place)
                answers[rows[place]] = prediction if found is None else replace(prediction, entities=found)
    answers |= failures or {}
    return [answers[row] for row in range(len(texts))]


def _entities(
    texts: Sequence[str],
    rows: Sequence[int],
    places: Mapping[Resident | None, Sequence[int]],
    states: TokenStates | None,
) -> dict[int, tuple[PredictedEntity, ...]]:
    """The entities of the texts in some rows whose agents look for some, by their places among these rows."""
    found = {
        place: resident.finder.find(texts[rows[place]])
        for resident, own in places.items()
        if resident and resident.finder
        for place in own
    }
    if states is None:
        return found
    for resident, own in places.items():
        if resident and resident.tagger:
            tokens = [_tokens(states, place, len(resident.prompt)) for place in own]
            defined = [found.get(place, ()) for place in own]
            asked = [texts[rows[place]] for place in own]
            value_of = resident.finder.value_of if resident.finder else str
            found |= zip(own, resident.tagger.find(asked, tokens, defined, value_of), strict=True)
    return found


def token_states(
    runtime: Runtime, store: AdapterStore, texts: Sequence[str], name: str, layer: int, batch_size: int
) -> list[Tokens]:
    """The tokens of texts as an agent's encoder reads them.

    Raises:
        AgentError: There is no such agent.
        AdapterError: It cannot be loaded.
    """
    with closing(_groups(store, [name] * len(texts))) as groups:
        for rows, residents in groups:
            prompted = _prompted(texts, rows, residents)
            states = TokenStates(dict.fromkeys(range(len(rows)), layer))
            runtime.embed(prompted, residents, batch_size, states)
            before = len(prompted[0]) - len(texts[rows[0]])
            return [_tokens(states, place, before) for place in range(len(rows))]
    return []


def _tokens(states: TokenStates, place: int, before: int) -> Tokens:
    """The tokens of a text, which begins behind so many characters of what was read."""
    offsets = states.offsets[place]
    if before:
        offsets = [(start - before, end - before) for start, end in offsets]
    return Tokens(offsets, states.found[place])


def embed(
    runtime: Runtime, store: AdapterStore, texts: Sequence[str], names: Sequence[str | None], batch_size: int
) -> NDArray[np.float32]:
    """The embedding of each text by its agent, or by the bare base where the name is `None`.

    Returns:
        (texts, dimensions); there is at least one text.

    Raises:
        AgentError: There is no such agent.
        AdapterError: An agent cannot be loaded.
    """
    parts: list[NDArray[np.float32]] = []
    order: list[int] = []
    with closing(_groups(store, names)) as groups:
        for rows, residents in groups:
            parts.append(runtime.embed(_prompted(texts, rows, residents), residents, batch_size))
            order += rows
    together = np.concatenate(parts)
    embeddings = np.empty_like(together)
    embeddings[order] = together
    return embeddings


def _prompted(texts: Sequence[str], rows: Sequence[int], residents: Sequence[Resident | None]) -> list[str]:
    """The texts of some rows as the encoder is to read them."""
    return [(resident.prompt if resident else "") + texts[row] for row, resident in zip(rows, residents, strict=True)]


def _groups(
    store: AdapterStore, names: Sequence[str | None], failures: dict[int, IntentAdaptersError] | None = None
) -> Generator[tuple[Sequence[int], list[Resident | None]]]:
    """Rows whose agents are in memory at the same time, and those agents: all rows, unless the budget is small.

    With `failures`, rows in it are left out, and so are those whose agent cannot be had: they are added to it.
    """
    rows_of: dict[str | None, list[int]] = {}
    for row, name in enumerate(names):
        if not failures or row not in failures:
            rows_of.setdefault(name, []).append(row)
    wanted = [name for name in rows_of if name is not None]
    if not wanted:
        bare = rows_of.get(None, [])
        if bare:
            yield bare, [None] * len(bare)
        return
    missing: dict[str, IntentAdaptersError] | None = None if failures is None else {}
    broken: dict[Agent, IntentAdaptersError] | None = None if failures is None else {}
    versions = store.find(wanted, missing)
    found: dict[str | None, Resident | None] = {None: None}
    with closing(store.leases(versions.values(), broken)) as groups:
        for held in groups:
            found |= {name: held[version] for name, version in versions.items() if version in held}
            rows = sorted(row for name in found for row in rows_of.get(name, ()))
            if rows:
                yield rows, [found[names[row]] for row in rows]
            found = {}
    if failures is not None and missing is not None and broken is not None:
        missing |= {name: broken[version] for name, version in versions.items() if version in broken}
        failures |= {row: error for name, error in missing.items() for row in rows_of[name]}
