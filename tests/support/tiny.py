"""Tiny random encoders of every supported architecture: made in memory, in milliseconds, from a fixed seed."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerFast

from tests.support.tiny_files import SHAPE, tiny_wordpiece

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "bert": SHAPE,
    "roberta": SHAPE,
    "xlm-roberta": SHAPE,
    "mpnet": SHAPE,
    "electra": {**SHAPE, "embedding_size": 32},
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 66},
    "modernbert": {**SHAPE, "global_attn_every_n_layers": 2, "local_attention": 16},
}

# Those that can be exported to ONNX.
EXPORTED = sorted(set(ARCHITECTURES) - {"modernbert"})


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """`tiny_wordpiece` as transformers has it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tiny_wordpiece(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


def tiny_encoder(architecture: str = "bert", seed: int = 0) -> PreTrainedModel:
    """A random encoder: 2 layers, hidden size 32, 4 heads, in eval mode."""
    tokens = tiny_tokenizer()
    special = {name: getattr(tokens, name) for name in ("pad_token_id", "cls_token_id", "sep_token_id")}
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokens),
        bos_token_id=tokens.cls_token_id,
        eos_token_id=tokens.sep_token_id,
        **special,
        **ARCHITECTURES[architecture],
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModel.from_config(config).eval()


def tiny_base(folder: Any, architecture: str = "bert", seed: int = 0, normalize: bool = True) -> SentenceTransformer:
    """A tiny sentence-transformers model, saved once to `folder` and loaded from there on the CPU."""
    source = folder / f"{architecture}-{seed}"
    tiny_encoder(architecture, seed).save_pretrained(source)
    tiny_tokenizer().save_pretrained(source)
    transformer = Transformer(str(source), max_seq_length=64)
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")]
    if normalize:
        modules.append(Normalize())
    return SentenceTransformer(modules=modules, device="cpu")
