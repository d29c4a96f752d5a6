"""Everyday utterances of all kinds, Korean and English, which stand for what an agent is not about."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from torch import Tensor
from torch.nn import functional as F

TOO_NEAR = 0.05


@cache
def background_texts() -> tuple[str, ...]:
    """The utterances; they were written for this."""
    return tuple((files(__package__) / "background.txt").read_text("utf-8").splitlines())


def outside(background: Tensor, utterances: Tensor) -> Tensor:
    """Which background utterances are not about what an agent is about, shape (texts,).

    Both are embeddings of the frozen base (texts, dim), at least two of them the agent's. Those are left out that are
    as near to one of the agent's utterances as these are to each other: nearer than 5 % of them are to their nearest
    neighbour.
    """
    background, utterances = F.normalize(background, dim=-1), F.normalize(utterances, dim=-1)
    similar = utterances @ utterances.T
    limit = similar.fill_diagonal_(-1).max(dim=-1).values.quantile(TOO_NEAR)
    outside: Tensor = (background @ utterances.T).max(dim=-1).values <= limit
    return outside
