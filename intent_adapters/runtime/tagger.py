"""The token heads of agents at serving time: from the states of tokens to entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.tagger import TaggerConfig
from intent_adapters.adapter_config.tensors import TAGGER
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.entities.tagged_words import Words, features, words_of
from intent_adapters.entities.tags import best_tags, forbidden, probabilities, spans
from intent_adapters.prediction import PredictedEntity
from intent_adapters.runtime.products import product

Floats = NDArray[np.float32]


class Tokens(NamedTuple):
    """The tokens of one utterance as an agent's encoder reads them.

    Attributes:
        offsets: Where in the utterance each starts and ends; below 0 in what is read before it, such as a prompt.
        states: Behind the tagger's layer, (tokens, width).
    """

    offsets: Sequence[tuple[int, int]]
    states: Floats


class AgentTagger:
    """Marks the entities that an agent has learned.

    Args:
        config: The config of its token head.
        adapter: Has the tensors.
    """

    def __init__(self, config: TaggerConfig, adapter: Adapter) -> None:
        self.config = config
        self.layer = config.layer
        tensors: dict[str, Floats] = {name: adapter.arrays[f"{TAGGER}.{name}"] for name in config.shapes()}
        self._outside = tensors["outside"]
        self._hidden, self._hidden_bias = np.ascontiguousarray(tensors["hidden_weight"].T), tensors["hidden_bias"]
        self._output, self._output_bias = np.ascontiguousarray(tensors["output_weight"].T), tensors["output_bias"]
        self._features = tensors["feature_weights"]
        self._first, behind = forbidden(config.tags)
        self._behind = behind + tensors["transitions"]

    def find(
        self,
        texts: Sequence[str],
        tokens: Sequence[Tokens],
        defined: Sequence[Sequence[PredictedEntity]],
    ) -> list[tuple[PredictedEntity, ...]]:
        """The entities of some utterances.

        Args:
            texts: The utterances.
            tokens: Of each.
            defined: What the agent's definitions find in each.

        Returns:
            For each, in its order, what definitions find of entities of which they are trusted; what was learned; and
            what definitions find of entities that were not learned. What overlaps one before it is left out.
        """
        words = [words_of(text, own.offsets) for text, own in zip(texts, tokens, strict=True)]
        full = [row for row, own in enumerate(words) if own.spans]
        found: list[list[PredictedEntity]] = [[] for _ in texts]
        if full:
            lengths = [len(words[row].spans) for row in full]
            scores = self._scores([words[row] for row in full], [tokens[row].states for row in full], full, defined)
            padded = np.zeros((len(full), max(lengths), self.config.tags), np.float32)
            parts = np.split(scores, np.cumsum(lengths)[:-1])
            for place, part in enumerate(parts):
                padded[place, : len(part)] = part
            for row, part, tags in zip(
                full, parts, best_tags(padded, lengths, self._first, self._behind), strict=True
            ):
                found[row] = self._entities(texts[row], words[row], part, tags)
        return [self._merged(own, hits) for own, hits in zip(found, defined, strict=True)]

    def _scores(
        self,
        words: Sequence[Words],
        states: Sequence[Floats],
        rows: Sequence[int],
        defined: Sequence[Sequence[PredictedEntity]],
    ) -> Floats:
        """The scores of the tags of all words, (words, tags)."""
        table, flat, starts, count = self._features, [], [], 0
        for row, own in zip(rows, words, strict=True):
            for codes in features(own, defined[row], len(table)):
                flat.append(codes)
                starts.append(count)
                count += len(codes)
        inputs = np.concatenate(
            [windows(own_states[own.pieces], self._outside) for own, own_states in zip(words, states, strict=True)]
        )
        inner = product(inputs, self._hidden) + self._hidden_bias
        # GELU by its hyperbolic tangent, as in training.
        inner *= 0.5 * (1 + np.tanh(0.7978845608 * (inner + 0.044715 * inner * inner * inner)))
        spelled = np.add.reduceat(table[np.concatenate(flat)], starts, axis=0)
        scores: Floats = product(inner, self._output) + self._output_bias + spelled
        return scores

    def _entities(self, text: str, words: Words, scores: Floats, tags: Sequence[int]) -> list[PredictedEntity]:
        found: list[PredictedEntity] = []
        marked = list(spans(tags))
        if not marked:
            return found
        chosen = probabilities(scores, self._first, self._behind)[np.arange(len(tags)), tags]
        for first, last, number in marked:
            span = words.span(first, last, starts=self.config.starts, ends=self.config.ends)
            if span is None:
                continue
            name, said = self.config.entities[number], text[slice(*span)]
            score = min(float(chosen[first : last + 1].min()), 1.0)
            found.append(PredictedEntity(*span, said, name, said, None, score, "tagger"))
        return found

    def _merged(
        self, learned: Sequence[PredictedEntity], defined: Sequence[PredictedEntity]
    ) -> tuple[PredictedEntity, ...]:
        """What definitions find of trusted entities; what was learned beside that; what else definitions find."""
        same = {(entity.start, entity.end, entity.entity): entity.value for entity in defined}
        valued = [
            replace(entity, value=same.get((entity.start, entity.end, entity.entity), entity.value))
            for entity in learned
        ]
        trusted = [entity for entity in defined if entity.entity in self.config.trusted]
        others = [entity for entity in defined if entity.entity not in self.config.entities]
        found: list[PredictedEntity] = []
        for entity in (*trusted, *valued, *others):
            if all(entity.end <= own.start or entity.start >= own.end for own in found):
                found.append(entity)
        return tuple(sorted(found, key=lambda entity: entity.start))


def windows(states: Floats, outside: Floats) -> Floats:
    """The state of each word with those of the words beside it: (words, width) to (words, 3 * width)."""
    padded = np.vstack([outside[None], states, outside[None]])
    return np.hstack([padded[:-2], padded[1:-1], padded[2:]])
