"""The student of stage 2: chosen layers of the teacher, or a shape with random weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from torch import nn
from transformers import AutoModel

from intent_adapters.architectures import ARCHITECTURES, architecture_of
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.errors import ConfigError
from intent_adapters.training.randomness import own_process

SMALL_SHAPE: Mapping[str, int] = {
    "num_hidden_layers": 6,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_attention_heads": 12,
}


def student_from_layers(teacher: SentenceTransformer, layers: int | Sequence[int] = 6) -> SentenceTransformer:
    """A copy of the teacher that keeps only some of its layers, with their weights.

    Args:
        teacher: The teacher, which stays as it is.
        layers: Which layers to keep, in order, from 0; or how many, evenly spread and with the last one.

    Raises:
        ConfigError: An unknown architecture, one whose layers are of several kinds, or layers that the teacher does
            not have.
    """
    encoder = encoder_of(teacher)
    config: Any = encoder.config
    architecture = architecture_of(encoder)
    if architecture is None:
        raise ConfigError(
            f"do not know where a {config.model_type!r} encoder keeps its layers; use {sorted(ARCHITECTURES)}"
        )
    if getattr(config, "layer_types", None):
        raise ConfigError(
            f"the layers of a {config.model_type!r} encoder are not alike, so that some of them make no encoder: "
            "start from random weights (student_from_shape, or distill --random)"
        )
    count = int(config.num_hidden_layers)
    if isinstance(layers, int):
        if not 1 <= layers <= count:
            raise ConfigError(f"layers must be in 1 .. {count}, the layers of the teacher, but it is {layers}")
        layers = [(index + 1) * count // layers - 1 for index in range(layers)]
    if not layers or not all(0 <= index < count for index in layers):
        raise ConfigError(f"layers must be numbers in 0 .. {count - 1}, but they are {list(layers)}")
    student = copy.deepcopy(teacher)
    path, _, name = architecture.layers.rpartition(".")
    parent = encoder_of(student).get_submodule(path)
    kept = parent.get_submodule(name)
    student_config: Any = encoder_of(student).config
    # A layer that is taken twice has weights of its own each time. The config stays one, that all settings of it hold.
    chosen = [copy.deepcopy(kept.get_submodule(str(index)), {id(student_config): student_config}) for index in layers]
    setattr(parent, name, nn.ModuleList(chosen))
    student_config.num_hidden_layers = len(layers)
    return student.requires_grad_(True)


def student_from_shape(
    teacher: SentenceTransformer, shape: Mapping[str, int] = SMALL_SHAPE, *, seed: int = 0
) -> SentenceTransformer:
    """An encoder of the teacher's architecture and tokenizer, of another shape, with random weights and mean pooling.

    Args:
        teacher: Gives architecture, tokenizer and the length of texts.
        shape: Settings of the architecture's config to change; by default 6 layers, hidden size 384, feed-forward size
            1536, 12 heads.
        seed: Of the weights.

    Raises:
        ConfigError: A setting that the architecture's config does not have, or a seed that is out of range.
    """
    config: Any = copy.deepcopy(encoder_of(teacher).config)
    for name, value in shape.items():
        if not hasattr(config, name):
            raise ConfigError(f"a {config.model_type} config has no setting {name!r}")
        setattr(config, name, value)
    if kinds := getattr(config, "layer_types", None):
        config.layer_types = list(islice(cycle(kinds), config.num_hidden_layers))
    with own_process(seed):
        encoder = AutoModel.from_config(config)
    transformer: Any = copy.deepcopy(next(iter(teacher.children())))
    transformer.model = encoder.float()
    modules = [transformer, Pooling(encoder.config.hidden_size, pooling_mode="mean"), Normalize()]
    return SentenceTransformer(modules=modules, device=str(teacher.device)).requires_grad_(True)
