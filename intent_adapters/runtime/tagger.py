"""The token heads of agents at serving time: from the states of tokens to entities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.tagger import STEEPNESS, TaggerConfig
from intent_adapters.adapter_config.tensors import TAGGER
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.entities.tagged_words import Words, features, words_of
from intent_adapters.entities.tags import best_tags, forbidden, spans
from intent_adapters.prediction import PredictedEntity
from intent_adapters.runtime.products import one_thread

Floats = NDArray[np.float32]
ROWS, CELLS = 128, 2**21
"""So many utterances are tagged at once, and so many pairs of tags looked at, for the sake of memory."""
_BESIDE = np.arange(-1, 2)


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
        value_of: Callable[[str], str],
    ) -> list[tuple[PredictedEntity, ...]]:
        """The entities of some utterances.

        Args:
            texts: The utterances.
            tokens: Of each.
            defined: What the agent's definitions find in each.
            value_of: Gives the value of the words of an entity, unless a definition found the same span.

        Returns:
            For each, in its order, what definitions find of entities of which they are trusted; what was learned; and
            what definitions find of entities that were not learned. What overlaps one before it is left out.
        """
        words = [words_of(text, own.offsets) for text, own in zip(texts, tokens, strict=True)]
        found: list[list[PredictedEntity]] = [[] for _ in texts]
        full = [row for row, own in enumerate(words) if own.spans]
        count = max(1, min(ROWS, CELLS // self.config.tags**2))
        for start in range(0, len(full), count):
            rows = full[start : start + count]
            own = [words[row] for row in rows]
            states = [tokens[row].states[words[row].pieces] for row in rows]
            scores = self._scores(own, states, [defined[row] for row in rows])
            lengths = [len(part) for part in states]
            tags, shares = (part.tolist() for part in best_tags(scores, lengths, self._first, self._behind))
            end = 0
            for row, length in zip(rows, lengths, strict=True):
                part = slice(end, end := end + length)
                found[row] = self._entities(texts[row], words[row], tags[part], shares[part])
        return [self._merged(own, hits, value_of) for own, hits in zip(found, defined, strict=True)]

    def _scores(
        self, words: Sequence[Words], states: Sequence[Floats], defined: Sequence[Sequence[PredictedEntity]]
    ) -> Floats:
        """The scores of the tags of all words of some utterances, (words, tags)."""
        codes = features(words, defined, len(self._features))
        inputs, beside = neighbourhoods(states, self._outside)
        windows, spelled = inputs[beside].reshape(len(beside), -1), self._features[codes].sum(axis=1)
        with one_thread():
            inner: Floats = windows @ self._hidden + self._hidden_bias
            # The logistic function by the hyperbolic tangent, which cannot overflow.
            inner = inner * (0.5 + 0.5 * np.tanh(0.5 * STEEPNESS * inner))
            scores: Floats = inner @ self._output + self._output_bias
        return scores + spelled

    def _entities(
        self, text: str, words: Words, tags: Sequence[int], shares: Sequence[float]
    ) -> list[PredictedEntity]:
        found: list[PredictedEntity] = []
        for first, last, number in spans(tags):
            span = words.span(first, last, starts=self.config.starts, ends=self.config.ends)
            if span is not None:
                name, said = self.config.entities[number], text[slice(*span)]
                score = min(shares[first : last + 1])
                found.append(PredictedEntity(*span, said, name, said, None, score, "tagger"))
        return found

    def _merged(
        self,
        learned: Sequence[PredictedEntity],
        defined: Sequence[PredictedEntity],
        value_of: Callable[[str], str],
    ) -> tuple[PredictedEntity, ...]:
        """What definitions find of trusted entities; what was learned beside that; what else definitions find."""
        same = {(entity.start, entity.end, entity.entity): entity.value for entity in defined}
        valued = [
            replace(entity, value=same.get((entity.start, entity.end, entity.entity)) or value_of(entity.text))
            for entity in learned
        ]
        trusted = [entity for entity in defined if entity.entity in self.config.trusted]
        others = [entity for entity in defined if entity.entity not in self.config.entities]
        found: list[PredictedEntity] = []
        for entity in (*trusted, *valued, *others):
            if all(entity.end <= own.start or entity.start >= own.end for own in found):
                found.append(entity)
        return tuple(sorted(found, key=lambda entity: entity.start))


def neighbourhoods(states: Sequence[Floats], outside: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The states of words, and for each word the rows of the word before it, of itself and of the one behind it.

    Args:
        states: Of the words of each utterance, (words, width) each.
        outside: What stands for the word before the first and behind the last, (width,).

    Returns:
        The states, with those of `outside`; and the rows, (words of all utterances, 3).
    """
    apart, places, before = [outside[None]], [], 1
    for own in states:
        apart += [own, outside[None]]
        places.append(np.arange(before, before + len(own)))
        before += len(own) + 1
    return np.concatenate(apart), np.concatenate(places)[:, None] + _BESIDE
