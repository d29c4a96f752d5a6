"""What users really wrote, looked through: what an agent rejects or is unsure of, grouped by meaning."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from intent_adapters.data import texts_of
from intent_adapters.data.row_files import write_rows
from intent_adapters.data.texts import Texts
from intent_adapters.data.validation import reduced
from intent_adapters.evaluation.answers import ask
from intent_adapters.evaluation.arrays import Figures
from intent_adapters.inputs import check_number
from intent_adapters.model import IntentModel
from intent_adapters.training.agent.background import background_texts
from intent_adapters.vectors import unit_vectors

# In units of the mean distance between everyday utterances of all kinds, since encoders differ in how far apart they
# put texts. Average linkage up to it finds the intents of CLINC150, HINT3 and Korean chatbots best.
SAME_MEANING = 0.75
# Memory and time of the clustering grow with the square.
MOST_CLUSTERED = 4000
WORDS_IN_A_NAME = 3
LONGEST_WORD = 30
COLUMNS = ("text", "label", "count", "group", "name", "nearest", "said", "probability", "scope_score", "reason")


@dataclass(frozen=True, slots=True)
class ReviewedText(Figures):
    """A message that the agent should be taught, or that it rightly rejects.

    Attributes:
        text: The message, as it was first written.
        count: How often it was written, whatever its white space.
        reason: Why it is here: the agent rejected it, or answered without being sure.
        said: The most probable intent.
        probability: Of that intent, between 0 and 1.
        scope_score: As `Prediction.scope_score`.
    """

    text: str
    count: int
    reason: Literal["rejected", "unsure"]
    said: str
    probability: float
    scope_score: float


@dataclass(frozen=True, slots=True)
class TextGroup(Figures):
    """Messages of one meaning.

    Attributes:
        name: A name that an intent of them might have: the words that they share, and that other groups do not have.
        nearest: The intent that comes nearest to them, all their probabilities together.
        count: How many messages, repeated ones as often as they were written.
        texts: The messages, the most typical first.
    """

    name: str
    nearest: str
    count: int
    texts: tuple[ReviewedText, ...]


@dataclass(frozen=True, slots=True)
class Drift(Figures):
    """How far the traffic is from what the agent was trained on.

    Attributes:
        rejected: Share of the messages that were rejected, between 0 and 1.
        expected: Share of its own utterances that a calibrated agent rejects by its threshold; None without one.
        unsure: Share of the messages that were answered with less than the probability asked for.
        scope_score: Median scope score of the messages: of utterances like the examples about 0.5. None for an agent
            that was not calibrated.
        distance: How much lower the scope scores are than those of utterances like the examples, between 0 (no lower)
            and 1: the largest distance between the two distribution functions (Kolmogorov and Smirnov). None likewise.
    """

    rejected: float
    expected: float | None
    unsure: float
    scope_score: float | None
    distance: float | None


@dataclass(frozen=True, slots=True)
class Review(Figures):
    """What `review` found.

    Attributes:
        agent: The agent's name.
        messages: How many messages there were.
        distinct: How many different ones.
        drift: How far they are from the examples.
        groups: Those that were rejected or answered without being sure, the largest group first.
    """

    agent: str
    messages: int
    distinct: int
    drift: Drift
    groups: tuple[TextGroup, ...]

    def write(self, path: str | Path) -> None:
        """Writes the groups as a file to be labelled, which `read_intents(..., add=[path])` reads again.

        Rows whose label stays empty are left out then. The columns beside `text` and `label` are for the eye.

        Args:
            path: Of a .csv file, which spreadsheets open in any language, or of a .jsonl file.

        Raises:
            ConfigError: It has another suffix, or its folder is not there.
        """
        rows = (
            {**text.to_dict(), "label": "", "group": number, "name": group.name, "nearest": group.nearest}
            for number, group in enumerate(self.groups, start=1)
            for text in group.texts
        )
        write_rows(path, COLUMNS, rows, digits=3)


def review(
    model: IntentModel,
    texts: Texts,
    agent: str | None = None,
    *,
    unsure: float = 0.5,
    threshold: float | None = None,
    batch_size: int = 64,
) -> Review:
    """Looks through messages: which the agent rejects or is unsure of, and what they are about.

    Args:
        model: The model.
        texts: The messages, or rows whose labels play no part.
        agent: The agent's name; may be left out if the model has just one.
        unsure: Below which probability an answer counts as unsure, from 0 to 1.
        threshold: As in `IntentModel.predict`; None takes the agent's own.
        batch_size: Texts in one pass of the encoder, at most.

    Returns:
        Groups of messages, and how far all of them are from the examples.

    Raises:
        DataError: There are no messages, or one is empty or no string.
        AgentError: The agent is not in memory, or none is named where there are several.
        ConfigError: `unsure` or the threshold is out of range.
    """
    check_number("unsure", unsure, 0, 1)
    agent = model.sole_agent() if agent is None else agent
    given = texts_of(texts, "texts")
    counts = Counter(map(reduced, given))
    first = {reduced(text): text for text in reversed(given)}
    distinct = [first[key] for key in counts]
    answers = ask(model, distinct, agent, threshold=threshold, batch_size=batch_size)
    weights = np.array(list(counts.values()))
    doubtful = answers.accepted & (answers.confidence < unsure)
    calibration = model.adapter(agent).config.calibration
    calibrated = calibration.scope_location is not None
    limit = calibration.threshold if threshold is None else threshold
    repeated = np.repeat(answers.scores, weights)
    drift = Drift(
        rejected=_share(~answers.accepted, weights),
        expected=limit if calibrated else None,
        unsure=_share(doubtful, weights),
        scope_score=float(np.median(repeated)) if calibrated else None,
        distance=_lower(repeated) if calibrated else None,
    )
    chosen = np.flatnonzero(~answers.accepted | doubtful)
    reviewed = [
        ReviewedText(
            text=distinct[row],
            count=int(weights[row]),
            reason="unsure" if answers.accepted[row] else "rejected",
            said=answers.labels[row],
            probability=float(answers.confidence[row]),
            scope_score=float(answers.scores[row]),
        )
        for row in chosen
    ]
    groups = _groups(model, reviewed, answers.probabilities[chosen], answers.intents, batch_size)
    return Review(agent, len(given), len(distinct), drift, groups)


def _share(flags: NDArray[np.bool_], weights: NDArray[np.int64]) -> float:
    return float((flags * weights).sum() / weights.sum())


def _lower(scores: NDArray[np.float64]) -> float:
    """By how much the share of scores below some value exceeds that value, at most: 0 for uniform ones."""
    ordered = np.sort(scores)
    return max(float((np.arange(1, len(ordered) + 1) / len(ordered) - ordered).max()), 0.0)


def _groups(
    model: IntentModel,
    texts: Sequence[ReviewedText],
    probabilities: NDArray[np.float32],
    intents: Sequence[str],
    batch_size: int,
) -> tuple[TextGroup, ...]:
    if not texts:
        return ()
    counts = np.array([text.count for text in texts])
    embeddings = unit_vectors(model.encode([text.text for text in texts], batch_size=batch_size))
    everyday = unit_vectors(model.encode(list(background_texts()), batch_size=batch_size))
    count = len(everyday)
    scale = 1 - (np.square(everyday.sum(axis=0)).sum() - count) / (count * (count - 1))
    group_of = _cluster(embeddings, counts, SAME_MEANING * float(scale))
    by_group = np.argsort(group_of, kind="stable")
    members = np.split(by_group, np.flatnonzero(np.diff(group_of[by_group])) + 1)
    words = [_words(text.text) for text in texts]
    in_groups = Counter(word for rows in members for word in {word for row in rows for word in words[row]})
    groups = []
    for rows in members:
        times = counts[rows][:, None]
        middle = (embeddings[rows] * times).sum(axis=0)
        order = rows[np.argsort(-(embeddings[rows] @ middle), kind="stable")]
        nearest = int((probabilities[rows] * times).sum(axis=0).argmax())
        name = _name([words[row] for row in order], in_groups)
        groups.append(TextGroup(name, intents[nearest], int(times.sum()), tuple(texts[row] for row in order)))
    return tuple(sorted(groups, key=lambda group: -group.count))


def _cluster(embeddings: NDArray[np.float64], counts: NDArray[np.int64], distance: float) -> NDArray[np.int64]:
    """The group of each text. Of very many texts the most frequent ones make the groups, and the others join them."""
    if len(embeddings) == 1:
        return np.zeros(1, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")
    first = order[:MOST_CLUSTERED]
    clustering = AgglomerativeClustering(
        n_clusters=None, distance_threshold=distance, metric="cosine", linkage="average"
    )
    group_of = np.empty(len(embeddings), dtype=np.int64)
    group_of[first] = clustering.fit_predict(embeddings[first])
    rest = order[MOST_CLUSTERED:]
    if len(rest):
        centres = np.zeros((group_of[first].max() + 1, embeddings.shape[1]))
        np.add.at(centres, group_of[first], embeddings[first])
        group_of[rest] = (embeddings[rest] @ unit_vectors(centres).T).argmax(axis=1)
    return group_of


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if len(word) <= LONGEST_WORD]


def _name(words: Sequence[list[str]], in_groups: Counter[str]) -> str:
    """The words that most texts of a group have and few other groups do, in the order of the most typical text."""
    shared = Counter(word for own in words for word in set(own))
    weight = {word: count * math.log(1 + len(in_groups) / in_groups[word]) for word, count in shared.items()}
    best = sorted(weight, key=lambda word: (-weight[word], word))[:WORDS_IN_A_NAME]
    said = [word for own in words for word in own]
    return "_".join(sorted(best, key=said.index))
