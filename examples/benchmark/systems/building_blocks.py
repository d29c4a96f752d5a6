"""Saving, tokens, pooling and heads for the systems that have no library of their own for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import PreTrainedTokenizerBase

Head = tuple[Tensor, Tensor]
"""Weight (labels, dim) and bias (labels,) of a linear head."""


def open_encoder(base: str, dtype: torch.dtype = torch.float32) -> SentenceTransformer:
    """The base on the CPU, whatever its files are in."""
    return SentenceTransformer(base, device="cpu", model_kwargs={"dtype": dtype})


def save_encoder(base: str, folder: Path, dtype: torch.dtype = torch.float32) -> None:
    """The base as sentence-transformers saves it."""
    open_encoder(base, dtype).save(str(folder), create_model_card=False)


def tokenise(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> dict[str, Tensor]:
    """Token ids and attention mask, each (texts, tokens)."""
    encoded: Any = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}


def mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    """Sentence embeddings of unit length, (rows, dim), from hidden states (rows, tokens, dim) and their mask."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    summed = (hidden * weights).sum(1) / weights.sum(1).clamp_min(1e-9)
    return torch.nn.functional.normalize(summed, dim=-1)


def rows_of_agents(agents: Sequence[int]) -> dict[int, list[int]]:
    """The rows of each agent, in the order in which the agents come."""
    rows: dict[int, list[int]] = {}
    for row, agent in enumerate(agents):
        rows.setdefault(agent, []).append(row)
    return rows


def linear_head(labels: int, dim: int, seed: int) -> Head:
    """A random one."""
    return torch.randn(labels, dim, generator=torch.Generator().manual_seed(seed)), torch.zeros(labels)


def answer(embeddings: Tensor, agents: Sequence[int], heads: Sequence[Head]) -> list[tuple[int, float]]:
    """Label number and probability of every row, by the head of its agent."""
    answers: dict[int, tuple[int, float]] = {}
    for agent, rows in rows_of_agents(agents).items():
        weight, bias = heads[agent]
        best = torch.nn.functional.linear(embeddings[rows], weight, bias).softmax(-1).max(-1)
        answers |= zip(rows, zip(best.indices.tolist(), best.values.tolist(), strict=True), strict=True)
    return [answers[row] for row in range(len(agents))]
