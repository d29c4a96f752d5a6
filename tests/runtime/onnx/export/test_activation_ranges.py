"""Where activations lie: everything that has a fixed scale in int8 was looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.runtime.onnx.export.activation_ranges import UTTERANCES, measure_ranges
from intent_adapters.runtime.onnx.export.layout import layout_of
from tests.support.tiny import ARCHITECTURES, tiny_base


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"modernbert"}))
def test_every_layer_norm_and_every_attention_is_watched(tmp_path: Path, architecture: str):
    base = tiny_base(tmp_path, architecture)
    encoder = encoder_of(base)
    names, _ = layout_of(encoder)
    ranges = measure_ranges(base)
    norms = [path for path, module in encoder.named_modules() if isinstance(module, nn.LayerNorm)]
    layers = len(list(encoder.get_submodule(names.layers).children()))
    assert sorted(ranges.norms) == sorted(norms)
    assert sorted(ranges.attended) == [f"{names.layers}.{layer}.{names.attended}" for layer in range(layers)]
    assert all(max_abs > 0 for max_abs in ranges.attended.values())


def test_centre_and_reach_are_those_of_the_columns(tmp_path: Path):
    base = tiny_base(tmp_path)
    encoder = encoder_of(base)
    seen: list[torch.Tensor] = []
    handle = encoder.embeddings.LayerNorm.register_forward_hook(lambda *call: seen.append(call[-1][0]))
    spread = measure_ranges(base).norms["embeddings.LayerNorm"]
    handle.remove()
    values = np.concatenate([part.numpy() for part in seen]).astype(np.float64)
    assert len(seen) == len(UTTERANCES)
    np.testing.assert_allclose(spread.centre, values.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(spread.max_abs, np.abs(values - values.mean(axis=0)).max(axis=0), atol=1e-6)


def test_watching_leaves_no_hooks(tmp_path: Path):
    base = tiny_base(tmp_path)
    measure_ranges(base)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in encoder_of(base).modules())
