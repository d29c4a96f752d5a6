"""What the frozen encoder already knows about the intents: class means, and what follows from them for training."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import torch
from scipy.special import bdtrc
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.data.labels import readable

SCALES = (5, 6, 8, 10, 12, 15, 18, 24, 30, 36, 45, 60, 75, 90, 120, 150)
CHANCE_TO_ERR = 0.05
# Both found on validation data. Training wants softer logits than the scale that fits texts the class means have not
# seen; and where the class means hardly ever err, that scale has no upper limit but this one.
SOFTENING = 2 / 3
LARGEST_GAP_IN_LOGITS = 8.0
SCALE_WITHOUT_EVIDENCE = 16.0
ROWS_AT_ONCE = 1024


def class_means(embeddings: Tensor, labels: Tensor, intents: int) -> Tensor:
    """Mean embedding of each intent, (intents, dim); of embeddings (texts, dim) and the intents' numbers (texts,)."""
    sums = embeddings.new_zeros(intents, embeddings.shape[1]).index_add_(0, labels, embeddings)
    return sums / torch.bincount(labels, minlength=intents)[:, None]


def fitting_scale(embeddings: Tensor, labels: Tensor, intents: int) -> float:
    """The initial scale of a cosine head, from how far apart this encoder puts these intents.

    Encoders differ in this by a factor of four: E5 squeezes all cosines into a narrow band. Each text, of embeddings
    (texts, dim) and labels (texts,), is classified by the class means without itself; the scale is 2/3 of the one that
    makes these answers most likely, but no more than puts 8 logits between the mean similarity to its own class mean
    and the mean similarity to the others. It is 16 if no intent has two texts.
    """
    embeddings = F.normalize(embeddings, dim=-1)
    texts = 0
    losses = torch.zeros(len(SCALES), dtype=torch.float64)
    gap = torch.zeros((), dtype=torch.float64)
    for rows, cosines, without_itself in cosines_without_itself(embeddings, labels, intents):
        own, places = labels[rows], torch.arange(len(rows))
        to_own = cosines[places, own]
        gap += (to_own - (cosines.sum(dim=-1) - to_own) / (intents - 1)).sum()
        cosines[places, own] = without_itself
        losses += torch.stack([F.cross_entropy(scale * cosines, own, reduction="sum") for scale in SCALES])
        texts += len(rows)
    if not texts:
        return SCALE_WITHOUT_EVIDENCE
    limit = LARGEST_GAP_IN_LOGITS * texts / max(gap.item(), 1e-6)
    return min(SCALES[int(losses.argmin())] * SOFTENING, limit)


def cosines_without_itself(
    embeddings: Tensor, labels: Tensor, intents: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Cosines of normalised embeddings (texts, dim) with the class means, in chunks.

    Yields numbers of texts (rows,), without those that are the only ones of their intents; their cosines with the
    means of all texts (rows, intents); and their cosines with the mean of their own class without themselves (rows,).
    """
    counts = torch.bincount(labels, minlength=intents)
    sums = class_means(embeddings, labels, intents) * counts[:, None]
    means = F.normalize(sums, dim=-1)
    for rows in torch.nonzero(counts[labels] > 1)[:, 0].split(ROWS_AT_ONCE):
        if len(rows):
            without_itself = F.normalize(sums[labels[rows]] - embeddings[rows], dim=-1)
            yield rows, embeddings[rows] @ means.T, (embeddings[rows] * without_itself).sum(dim=-1)


def names_are_telling(name_embeddings: Tensor, labels: Tensor, means: Tensor, uttered: int = 0) -> bool:
    """Whether the names of the intents say what they mean, as "card arrival" does and "intent 17" does not.

    Names that mean nothing lie nearest to their own intent as often as to any other. The names are telling if more of
    them than that do, with a chance of 5 % to err; or if some are utterances of their intents and half of all are
    right. That is all or nothing: names that are left out one by one do harm, since the regression and the head then
    prefer the intents that have one text more.

    `name_embeddings` (names, dim) and `labels` (names,) are of the readable names that are no utterances, `means`
    (intents, dim) of the texts; `uttered` counts the other intents, those that have their name among their utterances.
    """
    means = F.normalize(means, dim=-1)
    nearest = torch.cat([(chunk @ means.T).argmax(dim=-1) for chunk in name_embeddings.split(ROWS_AT_ONCE)])
    right = int((nearest == labels).sum())
    by_chance = bdtrc(right - 1, len(labels), 1 / len(means)) if right else 1.0
    return bool(by_chance <= CHANCE_TO_ERR) or (uttered > 0 and uttered + right >= (uttered + len(labels)) / 2)


def uttered_names(labels: Sequence[str], texts: Sequence[str], label_of: Sequence[int]) -> list[int]:
    """The numbers of the intents that have their own readable name among their texts."""
    said = set(zip(map(_spelling, texts), label_of, strict=True))
    return [number for number, label in enumerate(labels) if (readable(label), number) in said]


def new_names(labels: Sequence[str], texts: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The intents' numbers and readable names, as far as they have words and are not among the texts already."""
    taken = set(map(_spelling, texts))
    for number, label in enumerate(labels):
        name = readable(label)
        if name and name not in taken:
            taken.add(name)
            yield number, name


def _spelling(text: str) -> str:
    """A text as it is compared with readable names, which are composed and in lower case."""
    return unicodedata.normalize("NFC", text).lower()
