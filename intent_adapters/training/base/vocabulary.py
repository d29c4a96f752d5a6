"""Trimming a vocabulary to a corpus: in a small multilingual encoder most weights are embeddings of unused pieces."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedTokenizerFast

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.errors import ConfigError

BATCH = 1000
SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def trim_vocabulary(model: SentenceTransformer, texts: Iterable[str], *, min_count: int = 1) -> SentenceTransformer:
    """A copy of a model that keeps only the pieces that a corpus uses.

    Special tokens and pieces of one character stay too, so that words of other texts can still be spelt. A text that
    consists of kept pieces gets the same pieces, and the same embedding, as before: both the best Unigram segmentation
    and WordPiece's longest match stay what they were when pieces go that they do not use.

    Args:
        model: A model with a Unigram or WordPiece tokenizer; it stays as it is.
        texts: The corpus.
        min_count: How often a piece must occur.

    Raises:
        ConfigError: Another kind of tokenizer: the merges of BPE need pieces that no text shows.
    """
    tokenizer: Any = model.tokenizer
    definition = json.loads(tokenizer.backend_tokenizer.to_str())
    kind = definition["model"]["type"]
    if kind not in ("Unigram", "WordPiece"):
        raise ConfigError(
            f"a {kind} vocabulary cannot be trimmed; use an encoder with a Unigram or WordPiece tokenizer"
        )
    if min_count < 1:
        raise ConfigError(f"min_count must be at least 1, but it is {min_count!r}")
    kept = _kept_ids(tokenizer, texts, min_count)
    numbers = {old: new for new, old in enumerate(kept)}
    trimmed = copy.deepcopy(model)
    first: Any = trimmed[0]
    first.processor = _renumbered(tokenizer, definition, numbers)
    _cut_embeddings(encoder_of(trimmed), kept, numbers)
    return trimmed


def _kept_ids(tokenizer: Any, texts: Iterable[str], min_count: int) -> list[int]:
    counts: Counter[int] = Counter()
    iterator = iter(texts)
    while batch := list(islice(iterator, BATCH)):
        for encoding in tokenizer.backend_tokenizer.encode_batch(batch, add_special_tokens=False):
            counts.update(encoding.ids)
    used = {number for number, count in counts.items() if count >= min_count}
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    characters = {
        number
        for piece, number in tokenizer.get_vocab().items()
        if len(piece.removeprefix("##").removeprefix("▁")) <= 1
    }
    return sorted(used | special | characters)


def _renumbered(tokenizer: Any, definition: dict[str, Any], numbers: dict[int, int]) -> PreTrainedTokenizerFast:
    model = definition["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [entry for number, entry in enumerate(model["vocab"]) if number in numbers]
        if model.get("unk_id") is not None:
            model["unk_id"] = numbers[model["unk_id"]]
    else:
        model["vocab"] = {piece: numbers[number] for piece, number in model["vocab"].items() if number in numbers}
    for token in definition["added_tokens"]:
        token["id"] = numbers[token["id"]]
    definition["post_processor"] = _renumber_processor(definition.get("post_processor"), numbers)
    definition["truncation"] = definition["padding"] = None
    special = {name: getattr(tokenizer, name) for name in SPECIAL_NAMES if getattr(tokenizer, name, None) is not None}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(definition)),
        model_max_length=tokenizer.model_max_length,
        padding_side=tokenizer.padding_side,
        model_input_names=tokenizer.model_input_names,
        **special,
    )


def _renumber_processor(processor: dict[str, Any] | None, numbers: dict[int, int]) -> dict[str, Any] | None:
    """The post-processor, which puts special tokens around a text by their numbers, with the new numbers."""
    if processor is None:
        return None
    processor = dict(processor)
    if processor["type"] == "Sequence":
        processor["processors"] = [_renumber_processor(part, numbers) for part in processor["processors"]]
    for name in ("cls", "sep"):
        if name in processor:
            piece, number = processor[name]
            processor[name] = [piece, numbers[number]]
    if processor["type"] == "TemplateProcessing":
        processor["special_tokens"] = {
            name: {**token, "ids": [numbers[number] for number in token["ids"]]}
            for name, token in processor["special_tokens"].items()
        }
    return processor


def _cut_embeddings(encoder: nn.Module, kept: list[int], numbers: dict[int, int]) -> None:
    config: Any = encoder.config
    if config.pad_token_id is not None and numbers.get(config.pad_token_id) != config.pad_token_id:
        # RoBERTa and MPNet count positions from the padding token's number.
        raise ConfigError(f"the padding token's number {config.pad_token_id} would change: use a model with a low one")
    accessor: Any = encoder
    embeddings: nn.Embedding = accessor.get_input_embeddings()
    cut = nn.Embedding(len(kept), embeddings.embedding_dim, padding_idx=embeddings.padding_idx)
    with torch.no_grad():
        cut.weight = nn.Parameter(embeddings.weight[torch.tensor(kept, device=embeddings.weight.device)].clone())
    accessor.set_input_embeddings(cut)
    config.vocab_size = len(kept)
    for name in ("bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id", "mask_token_id"):
        if isinstance(getattr(config, name, None), int):
            setattr(config, name, numbers[getattr(config, name)])
