from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intent_adapters.adapter_config.sites import SiteShape
from intent_adapters.adapter_config.tensors import site_tensors
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.errors import AdapterError
from intent_adapters.runtime.bottlenecks import Bottlenecks, Layout, numbers_of
from intent_adapters.runtime.routing import site_tensors_of
from tests.support.memory import linux, resident_memory


def layout(sites: int = 2, width: int = 32, size: int = 4, dtype: str = "float32") -> Layout:
    return Layout(
        {f"site {index}": SiteShape("after", width, size) for index in range(sites)}, "gelu", np.dtype(dtype)
    )


def adapter(shape: Layout, seed: int, scaling: float = 1.0) -> Adapter:
    """Weights as `nn.Linear` holds them."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for path, site in shape.sites.items():
        sizes = ((site.size, site.width), (site.size,), (site.width, site.size), (site.width,))
        for name, size in zip(site_tensors(path, site.kind), sizes, strict=True):
            tensors[name] = torch.randn(size, generator=generator)
    return Adapter(BottleneckConfig(scaling=scaling), tensors)


def held_as_tensor(source: Adapter, shape: Layout) -> Bottlenecks:
    return Bottlenecks(shape, torch.from_numpy(numbers_of(source, shape)))


def site_of(bottlenecks: Bottlenecks, path: str):
    shape = bottlenecks.layout
    values = dict(zip(shape.sites, bottlenecks.values.split(shape.numbers), strict=True))
    return site_tensors_of(shape, path, values[path])


@settings(max_examples=30, deadline=None)
@given(sites=st.integers(1, 3), width=st.integers(1, 300), size=st.integers(1, 40), half=st.booleans())
def test_tensors_are_those_of_the_adapter_transposed(sites, width, size, half):
    shape = layout(sites, width, size, "float16" if half else "float32")
    source = adapter(shape, seed=0)
    held = held_as_tensor(source, shape)
    for path, site in shape.sites.items():
        down, down_bias, up, up_bias = (source.tensors[name] for name in site_tensors(path, site.kind))
        for found, expected in zip(site_of(held, path), (down.T, down_bias, up.T, up_bias), strict=True):
            assert torch.equal(found, expected.half() if half else expected)


def test_scaling_is_folded_into_the_up_projection():
    shape = layout(sites=1)
    source = adapter(shape, seed=0, scaling=-2.5)
    down, _, up, up_bias = (source.tensors[name] for name in site_tensors("site 0", "after"))
    found = site_of(held_as_tensor(source, shape), "site 0")
    assert torch.equal(found.down_weight, down.T)
    assert torch.equal(found.up_weight, up.T * -2.5)
    assert torch.equal(found.up_bias, up_bias * -2.5)


def test_the_sites_of_several_adapters_can_be_stacked():
    shape = layout()
    held = [held_as_tensor(adapter(shape, seed), shape) for seed in range(3)]
    second = [bottlenecks.values.split(shape.numbers)[1] for bottlenecks in held]
    together = site_tensors_of(shape, "site 1", torch.stack(second))
    for index, bottlenecks in enumerate(held):
        for stack, own in zip(together, site_of(bottlenecks, "site 1"), strict=True):
            assert torch.equal(stack[index], own)


def test_what_float16_cannot_hold_is_refused_by_the_name_of_its_site():
    shape = layout(dtype="float16")
    source = adapter(shape, seed=0)
    source.tensors[site_tensors("site 1", "after")[2]][0, 0] = 1e6
    with pytest.raises(AdapterError, match=r"'site 1' are too large for float16"):
        held_as_tensor(source, shape)


@linux
def test_memory_goes_back_to_the_system_with_each_adapter_wherever_it_lies():
    shape = layout(sites=12, width=384, size=16)
    source = adapter(shape, seed=0)
    held_as_tensor(source, shape)
    before = resident_memory()
    held = [held_as_tensor(source, shape) for _ in range(100)]
    size = held[0].values.nbytes
    assert resident_memory(trim=False) - before == pytest.approx(100 * size, rel=0.1)
    del held[::2]
    assert resident_memory(trim=False) - before == pytest.approx(50 * size, rel=0.1)
