"""The token head of an agent: trained after its intents, on the states of its finished adapter."""

from __future__ import annotations

import dataclasses
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from intent_adapters.adapter_config.tagger import NEIGHBOURS, TaggerConfig, tagger_layer
from intent_adapters.adapter_config.tensors import TAGGER
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.bottleneck.tagger import Tagger
from intent_adapters.data.annotations import EntityAnnotation, entities_of_text, overlapping
from intent_adapters.data.problems import Problems
from intent_adapters.data.validation import check_text
from intent_adapters.entities.finder import EntityFinder
from intent_adapters.entities.tagged_words import Words, features, is_sign, words_of
from intent_adapters.entities.tags import forbidden
from intent_adapters.errors import DataError
from intent_adapters.inputs import check_range
from intent_adapters.model import IntentModel
from intent_adapters.prediction import PredictedEntity
from intent_adapters.runtime.tagger import neighbourhoods
from intent_adapters.training.randomness import OwnDraws, check_seed

# What follows was chosen on rows of Restaurants-8k and KLUE-NER that are not in their test files.
BATCH = 16
# Up to so many utterances an utterance comes again with other examples of its entities, as often as makes so many.
VARIED = 640
MOST_COPIES = 9
EPOCHS = 10
RATE, FEATURE_RATE, TRANSITION_RATE = 2e-3, 5e-3, 6e-3
WARM_UP = 0.1
# From here on there is more to learn, and less to learn by heart.
MANY_TEXTS = 1500
# Steps take time and memory by the square of it.
MOST_ENTITIES = 200
# A definition's finds count by themselves where so many of them were right.
TRUST = 0.9

Defined = Mapping[str, Sequence[PredictedEntity]]


@dataclasses.dataclass(frozen=True)
class TaggerResult:
    """What `train_tagger` did.

    Attributes:
        agent: The agent.
        texts: How many utterances it was trained on.
        entities: How many of each entity are marked in them.
        inexact: How many of them do not begin and end with words of theirs, so that they can be found with other
            boundaries only.
        left_out: How many were left out, since they overlap others.
        loss: Mean over the last epoch, a text.
        seconds: What it took.
    """

    agent: str
    texts: int
    entities: dict[str, int]
    inexact: int
    left_out: int
    loss: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class _Marked:
    """An utterance and what is marked in it."""

    text: str
    entities: tuple[EntityAnnotation, ...]


def train_tagger(
    model: IntentModel,
    agent: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    seed: int = 0,
    epochs: int | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> TaggerResult:
    """Have an agent mark entities as they are marked in utterances.

    A conditional random field over words (Lafferty et al., 2001): their states and those of their neighbours inside
    the agent's adapted encoder, their spelling, and what the agent's definitions find there. Bottlenecks and head stay
    as they are, so the agent says the same of intents, to the bit. Where utterances are few, each comes again with
    other examples of its entities.

    Args:
        model: Has the agent; a base in PyTorch.
        agent: Its name. A tagger that it has is replaced.
        rows: Objects with `text` and `entities`, as `read_intents(..., entities=True)` gives them. Those whose
            `entities` are None are not used; those with an empty list say that there is none in the text.
        seed: Of all that is random.
        epochs: Passes over the utterances; None: by how many there are.
        progress: Called after each step with "tagging", its number and how many there are.

    Returns:
        What was done. The agent has the tagger, and `IntentModel.save_adapter` keeps it.

    Raises:
        AgentError: There is no such agent.
        ConfigError: The base is in ONNX, or a setting is out of range.
        AdapterError: The base cannot have a tagger.
        DataError: Nothing is marked in any row, or more than 200 entities are; or a row is no utterance or has what is
            no entity of it.

    Warns:
        DataWarning: What is marked and not learned: entities that overlap others, roles and groups.
    """
    started = time.perf_counter()
    check_seed(seed)
    if epochs is not None:
        check_range("epochs", epochs, 1)
    adapter = model.adapter(agent)
    given = _given(rows)
    marked = [dataclasses.replace(row, entities=_apart(row.entities)) for row in given]
    counts = Counter(entity.entity for row in marked for entity in row.entities)
    if not counts:
        raise DataError("no entity is marked in any utterance: mark some, or define entities instead")
    if len(counts) > MOST_ENTITIES:
        raise DataError(
            f"{len(counts):,} entities are marked, and {MOST_ENTITIES} can be learned: mark several as one, "
            "or define those that have a list of values instead"
        )
    names = sorted(counts)
    copies = min(MOST_COPIES, VARIED // len(marked))
    varied = marked + _varied(marked, copies, random.Random(seed))
    encoder = encoder_of(model.base)
    config = TaggerConfig(
        entities=names,
        layer=tagger_layer(int(encoder.config.num_hidden_layers)),
        width=int(encoder.config.hidden_size),
        hidden=128 if len(marked) < MANY_TEXTS else 256,
        starts=_signs(row.text[entity.start] for row in marked for entity in row.entities),
        ends=_signs(row.text[entity.end - 1] for row in marked for entity in row.entities),
    )
    finder = EntityFinder(adapter.entities) if adapter.entities else None
    defined = {row.text: finder.find(row.text) if finder else () for row in varied}
    config = dataclasses.replace(config, trusted=_trusted(marked, defined, names))
    data = _Examples(model, agent, varied, config, defined)
    dropout = 0.5 if len(marked) < MANY_TEXTS else 0.3
    with OwnDraws(seed):
        tagger, loss = _fit(data, config, epochs or EPOCHS, dropout, seed, progress)
    tensors = {f"{TAGGER}.{name}": value.half().float().numpy() for name, value in tagger.state_dict().items()}
    kept = {name: array for name, array in adapter.arrays.items() if not name.startswith(f"{TAGGER}.")}
    model.add_agent(agent, adapter.with_tagger(config, {**kept, **tensors}), replace=True)
    return TaggerResult(
        agent=agent,
        texts=len(marked),
        entities={name: counts[name] for name in names},
        inexact=data.inexact(len(marked)),
        left_out=sum(len(row.entities) for row in given) - counts.total(),
        loss=loss,
        seconds=time.perf_counter() - started,
    )


def _given(rows: Iterable[Mapping[str, Any]]) -> list[_Marked]:
    """The utterances of which somebody said what there is, checked; what of them is not learned is said."""
    problems, found = Problems(), list[_Marked]()
    for number, row in enumerate(rows):
        place, text, marked = f"rows[{number}]", row.get("text"), row.get("entities")
        checked = check_text(place, text, problems)
        if isinstance(marked, Iterable) and not isinstance(marked, str):
            marked = [dataclasses.asdict(one) if isinstance(one, EntityAnnotation) else one for one in marked]
        entities = entities_of_text(marked, place, text if isinstance(text, str) else "", problems)
        if checked is None or entities is None:
            continue
        found.append(_Marked(checked, entities))
        for _ in overlapping(entities):
            problems.leave_out("entities that overlap others", place)
        for entity in entities:
            if entity.role or entity.group:
                problems.leave_out("roles and groups of entities", place)
    problems.report()
    return found


def _apart(entities: Sequence[EntityAnnotation]) -> tuple[EntityAnnotation, ...]:
    """Those that do not overlap one before them."""
    entities = sorted(entities, key=lambda entity: (entity.start, entity.end))
    crossing = overlapping(entities)
    return tuple(entity for entity in entities if entity not in crossing)


def _signs(letters: Iterable[str]) -> str:
    return "".join(sorted({letter for letter in letters if is_sign(letter)}))


def _varied(rows: Sequence[_Marked], copies: int, draw: random.Random) -> list[_Marked]:
    """The utterances with other examples of their entities in the place of most of them (mention replacement)."""
    known: dict[str, list[str]] = {}
    for row in rows:
        for entity in row.entities:
            known.setdefault(entity.entity, []).append(row.text[entity.start : entity.end])
    return [_with_others(row, known, draw) for row in rows if row.entities for _ in range(copies)]


def _with_others(row: _Marked, known: Mapping[str, Sequence[str]], draw: random.Random) -> _Marked:
    text, last, entities = "", 0, []
    for entity in row.entities:
        text += row.text[last : entity.start]
        said = row.text[entity.start : entity.end]
        if draw.random() < 0.7:
            said = draw.choice(known[entity.entity])
        entities.append(dataclasses.replace(entity, start=len(text), end=len(text) + len(said), value=said))
        text, last = text + said, entity.end
    return _Marked(text + row.text[last:], tuple(entities))


def _trusted(rows: Sequence[_Marked], defined: Defined, names: Sequence[str]) -> list[str]:
    """Of which entities definitions find hardly anything but what is marked."""
    found, right = Counter[str](), Counter[str]()
    for row in rows:
        spans = {(entity.start, entity.end, entity.entity) for entity in row.entities}
        for entity in defined[row.text]:
            found[entity.entity] += 1
            right[entity.entity] += (entity.start, entity.end, entity.entity) in spans
    return [name for name in names if found[name] and right[name] >= TRUST * found[name]]


class _Examples:
    """Utterances as the token head reads them.

    Args:
        model: Has the agent.
        agent: Its name.
        rows: The utterances.
        config: Of the token head.
        defined: What the agent's definitions find in each text.
    """

    def __init__(
        self,
        model: IntentModel,
        agent: str,
        rows: Sequence[_Marked],
        config: TaggerConfig,
        defined: Defined,
    ) -> None:
        number = {name: place for place, name in enumerate(config.entities)}
        texts = list(defined)
        place = {text: row for row, text in enumerate(texts)}
        self.words: list[Words] = []
        self._states: list[NDArray[np.float16]] = []
        self._features: list[NDArray[np.int64]] = []
        for text, tokens in zip(texts, model.token_states(texts, agent, config.layer), strict=True):
            words = words_of(text, tokens.offsets)
            self.words.append(words)
            self._states.append(tokens.states[words.pieces].astype(np.float16))
            self._features.append(features([words], [defined[text]], config.features))
        self.rows = [(place[row.text], row) for row in rows if self.words[place[row.text]].spans]
        if not self.rows:
            raise DataError("the utterances have no words that the base's tokenizer knows")
        self.tags = [_tags(self.words[own], row.entities, number) for own, row in self.rows]
        self.mean, self.deviation = self._moments()

    def inexact(self, count: int) -> int:
        """How many of the entities of the first rows are not made of whole words."""
        return sum(not _is_exact(self.words[own], entity) for own, row in self.rows[:count] for entity in row.entities)

    def _moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each element of the states."""
        count = sum(len(states) for states in self._states)
        mean = np.sum([states.sum(axis=0, dtype=np.float64) for states in self._states], axis=0) / count
        square = np.sum([(states.astype(np.float64) ** 2).sum(axis=0) for states in self._states], axis=0) / count
        return mean.astype(np.float32), (np.sqrt(np.maximum(square - mean**2, 0)) + 1e-3).astype(np.float32)

    def batch(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor, list[int]]:
        """Inputs of the head for some rows, standardised, and how many words each has."""
        own = [self.rows[row][0] for row in rows]
        states = [(self._states[row].astype(np.float32) - self.mean) / self.deviation for row in own]
        inputs, beside = neighbourhoods(states, np.zeros_like(self.mean))
        return (
            torch.from_numpy(inputs),
            torch.from_numpy(beside),
            torch.from_numpy(np.concatenate([self._features[row] for row in own])),
            [len(part) for part in states],
        )


def _tags(words: Words, entities: Sequence[EntityAnnotation], number: Mapping[str, int]) -> list[int]:
    tags = [0] * len(words.spans)
    for entity in entities:
        free = [row for row in words.within(entity) if not tags[row]]
        for row in free:
            tags[row] = 1 + 2 * number[entity.entity] + (row != free[0])
    return tags


def _is_exact(words: Words, entity: EntityAnnotation) -> bool:
    starts, ends = zip(*words.places, strict=True)
    return entity.start in starts and entity.end in ends


def _fit(
    data: _Examples,
    config: TaggerConfig,
    epochs: int,
    dropout: float,
    seed: int,
    progress: Callable[[str, int, int], object] | None,
) -> tuple[Tagger, float]:
    """Trains the head, with AdamW; its inputs' mean and deviation go into its weights."""
    tagger = Tagger(config)
    first, behind = map(torch.from_numpy, forbidden(config.tags))
    dense = [tagger.hidden_weight, tagger.hidden_bias, tagger.output_weight, tagger.output_bias]
    rates = (RATE, FEATURE_RATE, TRANSITION_RATE)
    groups = zip((dense, [tagger.feature_weights], [tagger.transitions]), rates, (1e-3, 0.0, 0.0), strict=True)
    optimizer = torch.optim.AdamW([{"params": p, "lr": rate, "weight_decay": decay} for p, rate, decay in groups])
    steps, step, loss_sum = epochs * math.ceil(len(data.rows) / BATCH), 0, 0.0
    draw = np.random.default_rng(seed)
    with torch.enable_grad():
        for _ in range(epochs):
            order, loss_sum = draw.permutation(len(data.rows)), 0.0
            for start in range(0, len(order), BATCH):
                step += 1
                factor = min(1.0, step / (WARM_UP * steps)) * 0.5 * (1 + math.cos(math.pi * step / steps))
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * factor
                rows = order[start : start + BATCH].tolist()
                states, beside, codes, lengths = data.batch(rows)
                scores = tagger(states, beside, codes, dropout)
                tags = [torch.tensor(data.tags[row]) for row in rows]
                loss = crf_loss(scores.split(lengths), tags, first, tagger.transitions + behind)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                loss_sum += loss.item() * len(rows)
                if progress:
                    progress("tagging", step, steps)
    with torch.no_grad():
        deviation, mean = (torch.from_numpy(np.tile(part, NEIGHBOURS)) for part in (data.deviation, data.mean))
        tagger.hidden_weight.div_(deviation)
        tagger.hidden_bias.sub_(tagger.hidden_weight @ mean)
        tagger.outside.copy_(torch.from_numpy(data.mean))
    return tagger, loss_sum / len(data.rows)


def crf_loss(scores: Sequence[Tensor], tags: Sequence[Tensor], first: Tensor, behind: Tensor) -> Tensor:
    """Minus the log probability of the tags of an utterance in a linear-chain CRF, the mean over utterances.

    Args:
        scores: Of each tag of each word of an utterance: (words, tags) each.
        tags: The right ones, (words,) each.
        first: What each tag adds at the beginning, (tags,).
        behind: What each tag adds behind another, (tags, tags).
    """
    lengths = torch.tensor([len(own) for own in tags])
    padded = torch.nn.utils.rnn.pad_sequence(list(scores), batch_first=True)
    right = torch.nn.utils.rnn.pad_sequence(list(tags), batch_first=True)
    reached = padded[:, 0] + first
    total = reached.gather(1, right[:, :1])[:, 0]
    for word in range(1, padded.shape[1]):
        here = (lengths > word)[:, None]
        further = torch.logsumexp(reached[:, :, None] + behind, dim=1) + padded[:, word]
        reached = torch.where(here, further, reached)
        own = padded[:, word].gather(1, right[:, word : word + 1])[:, 0] + behind[right[:, word - 1], right[:, word]]
        total = total + torch.where(here[:, 0], own, torch.zeros_like(own))
    return (torch.logsumexp(reached, dim=1) - total).mean()
