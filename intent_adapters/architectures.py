"""All that is known of each family of encoders, by the `model_type` of its transformers config.

This module imports nothing of ours. To add a family, add an entry to `ARCHITECTURES`: `tests/test_architectures.py`
holds every name in it against transformers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class GraphNames:
    """What writing a graph of an encoder in ONNX takes besides; every sub-layer must end with a LayerNorm.

    Attributes:
        attended_norm: The LayerNorm behind the attention.
        inner: The Linear that begins the feed-forward sub-layer.
        outer_norm: The LayerNorm behind the feed-forward sub-layer.
        token_types: Whether there are embeddings for the segments of a text.
        counts_from_padding: Whether the first token's position is one more than the number of the padding token.
        padding: That number, where it is not the config's `pad_token_id`.
        relative_positions: Whether attention scores are biased by the distance of the tokens.
    """

    attended_norm: str
    inner: str
    outer_norm: str
    token_types: bool = True
    counts_from_padding: bool = False
    padding: int | None = None
    relative_positions: bool = False


@dataclass(frozen=True)
class Architecture:
    """Names of modules: `layers` in the encoder, all others in one of its layers.

    Attributes:
        layers: The list of layers.
        projections: What makes queries, keys and values, in this order, or the one that makes all three side by side;
            empty where queries, keys and values alone do not say what the attention does.
        attended: The Linear that ends the attention.
        feed_forward: The feed-forward sub-layer, as one module.
        outer: The Linear that ends the feed-forward sub-layer.
        takes_residual: Whether `feed_forward` is called as `module(h, x)` where x, the input of the sub-layer, is only
            the residual inside it; otherwise it is the whole sub-layer without its residual, called as `module(x)`.
        graph: What an export to ONNX takes; `None` where there is none.
    """

    layers: str
    projections: tuple[str, ...]
    attended: str
    feed_forward: str
    outer: str
    takes_residual: bool = False
    graph: GraphNames | None = None

    def layer_names(self, layers: int) -> Iterator[str]:
        """What the names of all modules and tensors of a layer begin with, for each of so many layers."""
        return (f"{self.layers}.{index}." for index in range(layers))


_BERT = Architecture(
    layers="encoder.layer",
    projections=("attention.self.query", "attention.self.key", "attention.self.value"),
    attended="attention.output.dense",
    feed_forward="output",
    outer="output.dense",
    takes_residual=True,
    graph=GraphNames("attention.output.LayerNorm", "intermediate.dense", "output.LayerNorm"),
)
_ROBERTA = replace(
    _BERT,
    graph=GraphNames("attention.output.LayerNorm", "intermediate.dense", "output.LayerNorm", counts_from_padding=True),
)

ARCHITECTURES: Mapping[str, Architecture] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": _BERT,
    "ernie": replace(_BERT, graph=None),  # its embeddings have types of tasks
    "deberta-v2": replace(_BERT, projections=(), graph=None),  # its attention has positions of its own
    "mpnet": replace(
        _BERT,
        projections=("attention.attn.q", "attention.attn.k", "attention.attn.v"),
        attended="attention.attn.o",
        graph=GraphNames(
            "attention.LayerNorm",
            "intermediate.dense",
            "output.LayerNorm",
            token_types=False,
            counts_from_padding=True,
            padding=1,
            relative_positions=True,
        ),
    ),
    "distilbert": Architecture(
        layers="transformer.layer",
        projections=("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        attended="attention.out_lin",
        feed_forward="ffn",
        outer="ffn.lin2",
        graph=GraphNames("sa_layer_norm", "ffn.lin1", "output_layer_norm", token_types=False),
    ),
    "modernbert": Architecture(
        layers="layers", projections=("attn.Wqkv",), attended="attn.Wo", feed_forward="mlp", outer="mlp.Wo"
    ),
}


def model_type_of(encoder: nn.Module) -> str | None:
    """What the config of an encoder calls its family; `None` without a config."""
    found = getattr(getattr(encoder, "config", None), "model_type", None)
    return None if found is None else str(found)


def architecture_of(encoder: nn.Module) -> Architecture | None:
    """What is known of an encoder's family; `None` if nothing is."""
    return ARCHITECTURES.get(str(model_type_of(encoder)))


def find_encoder(model: nn.Module) -> PreTrainedModel | None:
    """The transformers model in a sentence-transformers model; `None` if that does not start with one."""
    from transformers import PreTrainedModel

    first = next(iter(model.children()), None)
    encoder = getattr(first, "model", None)
    return encoder if isinstance(encoder, PreTrainedModel) else None
