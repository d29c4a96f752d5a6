"""Where the parts of an encoder are: the names of its modules, by architecture."""

from __future__ import annotations

from dataclasses import dataclass, replace

from transformers import PreTrainedModel

from intent_adapters.errors import BaseError


@dataclass(frozen=True)
class EncoderLayout:
    """Names of modules: of the whole encoder's, and relative to a layer.

    Attributes:
        layers: The list of layers.
        queries: The projection to queries; likewise `keys` and `values`.
        attended: The projection after the attention, and `attended_norm` the LayerNorm behind it.
        inner: The first map of the feed-forward part, `outer` the second, `outer_norm` the LayerNorm behind it.
        counts_from_padding: Whether the first token's position is one more than the number of the padding token.
        relative_positions: Whether attention scores are biased by the distance of the tokens.
    """

    layers: str = "encoder.layer"
    queries: str = "attention.self.query"
    keys: str = "attention.self.key"
    values: str = "attention.self.value"
    attended: str = "attention.output.dense"
    attended_norm: str = "attention.output.LayerNorm"
    inner: str = "intermediate.dense"
    outer: str = "output.dense"
    outer_norm: str = "output.LayerNorm"
    counts_from_padding: bool = False
    relative_positions: bool = False


_BERT = EncoderLayout()
_ROBERTA = replace(_BERT, counts_from_padding=True)

LAYOUTS: dict[str, EncoderLayout] = {
    "bert": _BERT,
    "electra": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": replace(
        _ROBERTA,
        queries="attention.attn.q",
        keys="attention.attn.k",
        values="attention.attn.v",
        attended="attention.attn.o",
        attended_norm="attention.LayerNorm",
        relative_positions=True,
    ),
    "distilbert": EncoderLayout(
        layers="transformer.layer",
        queries="attention.q_lin",
        keys="attention.k_lin",
        values="attention.v_lin",
        attended="attention.out_lin",
        attended_norm="sa_layer_norm",
        inner="ffn.lin1",
        outer="ffn.lin2",
        outer_norm="output_layer_norm",
    ),
}
"""The architectures that can be exported, by the `model_type` of their transformers config."""


def layout_of(encoder: PreTrainedModel) -> EncoderLayout:
    """The layout of an encoder.

    Raises:
        BaseError: Its architecture cannot be exported.
    """
    kind = encoder.config.model_type
    if kind not in LAYOUTS:
        raise BaseError(
            f"Encoders of the architecture {kind!r} cannot be exported to ONNX; these can: {', '.join(LAYOUTS)}. "
            'Run this base with backend="torch".'
        )
    return LAYOUTS[kind]
