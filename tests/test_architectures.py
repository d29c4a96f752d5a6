"""Every name in the table of architectures, held against the models of transformers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from intent_adapters.architectures import ARCHITECTURES, architecture_of, find_encoder
from tests.support.tiny import ARCHITECTURES as SHAPES
from tests.support.tiny_files import SHAPE

WIDTH, COUNT = 32, 2


@pytest.fixture(params=ARCHITECTURES)
def encoder(request: pytest.FixtureRequest) -> nn.Module:
    config = AutoConfig.for_model(request.param, **SHAPES.get(request.param, SHAPE))
    with torch.device("meta"):  # names and shapes, no weights
        return AutoModel.from_config(config)


def linears(layer: nn.Module, names: tuple[str, ...]) -> list[nn.Linear]:
    found = [layer.get_submodule(name) for name in names]
    assert all(isinstance(module, nn.Linear) for module in found)
    return found


def test_every_name_is_that_of_a_module_of_its_kind(encoder: nn.Module):
    known = architecture_of(encoder)
    layers = encoder.get_submodule(known.layers)
    assert isinstance(layers, nn.ModuleList)
    assert len(layers) == COUNT
    for layer in layers:
        ends = linears(layer, (known.attended, known.outer))
        assert [linear.out_features for linear in ends] == [WIDTH, WIDTH]
        assert sum(linear.out_features for linear in linears(layer, known.projections)) in (0, 3 * WIDTH)
        sublayer = layer.get_submodule(known.feed_forward)
        assert known.outer.startswith(f"{known.feed_forward}.")
        assert any(isinstance(module, nn.LayerNorm) for module in sublayer.children()) == known.takes_residual
        if known.graph:
            (inner,) = linears(layer, (known.graph.inner,))
            assert inner.out_features == ends[1].in_features
            for name in (known.graph.attended_norm, known.graph.outer_norm):
                assert layer.get_submodule(name).normalized_shape == (WIDTH,)


def test_of_other_models_nothing_is_known():
    assert architecture_of(nn.Linear(2, 2)) is None
    assert find_encoder(nn.Sequential(nn.Linear(2, 2))) is None
    assert find_encoder(nn.Linear(2, 2)) is None
