"""Queries, keys and values of a chosen attention layer, seen from outside through forward hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from transformers import PreTrainedModel

from intent_adapters.architectures import ARCHITECTURES, architecture_of, find_encoder, model_type_of
from intent_adapters.errors import ConfigError


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside a `DistributedDataParallel` wrapper, or the model itself."""
    inner = getattr(model, "module", None)
    return inner if isinstance(inner, nn.Module) else model


def transformer_of(model: nn.Module) -> PreTrainedModel:
    """The transformers encoder of a `SentenceTransformer`.

    Raises:
        ConfigError: The model does not start with a transformer.
    """
    encoder = find_encoder(unwrap(model))
    if encoder is None:
        raise ConfigError(f"the model must start with a Transformer module, but it is {unwrap(model)!r}")
    return encoder


def attention_projections(encoder: nn.Module, layer: int) -> tuple[nn.Module, ...]:
    """The query, key and value projections of one attention layer, or the one that makes all three.

    Args:
        encoder: A transformers encoder of a known architecture.
        layer: Which layer; negative numbers count from the last.

    Raises:
        ConfigError: An architecture whose projections are not known, or no such layer.
    """
    model_type, architecture = model_type_of(encoder), architecture_of(encoder)
    if architecture is None or not architecture.projections:
        usable = sorted(name for name, known in ARCHITECTURES.items() if known.projections)
        raise ConfigError(
            f"do not know where a {model_type!r} encoder keeps its queries, keys and values; use one of: "
            f"{', '.join(usable)}"
        )
    layers = encoder.get_submodule(architecture.layers)
    count = len(list(layers.children()))
    if not -count <= layer < count:
        raise ConfigError(
            f"layer {layer} was asked for, but the {model_type} encoder has {count}: choose 0 .. {count - 1}"
        )
    chosen = layers.get_submodule(str(layer % count))
    return tuple(chosen.get_submodule(name) for name in architecture.projections)


def projected_width(projections: tuple[nn.Module, ...]) -> int:
    """The width of the queries, and so of the keys and of the values."""
    return sum(int(projection.get_parameter("weight").shape[0]) for projection in projections) // 3


@contextmanager
def captured_states(projections: tuple[nn.Module, ...]) -> Iterator[list[Tensor]]:
    """Collects queries, keys and values, each (B, L, D), while the block runs.

    The hooks live only inside the block: a forward pass elsewhere (an evaluator's, a model card's) must not replace
    what was captured. The list is complete after one forward pass.
    """
    outputs: dict[int, Tensor] = {}
    collected: list[Tensor] = []

    def hook(position: int) -> object:
        def keep(_module: nn.Module, _arguments: object, output: Tensor) -> None:
            outputs[position] = output
            if len(outputs) == len(projections):
                states = [outputs[index] for index in range(len(projections))]
                collected[:] = states if len(states) > 1 else states[0].chunk(3, dim=-1)

        return keep

    handles = [module.register_forward_hook(hook(position)) for position, module in enumerate(projections)]  # type: ignore[arg-type]
    try:
        yield collected
    finally:
        for handle in handles:
            handle.remove()
