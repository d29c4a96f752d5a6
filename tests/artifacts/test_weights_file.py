"""`WeightsFile` against safetensors itself, also on files that something has happened to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError
from safetensors.torch import load, save

from intent_adapters.artifacts.weights_file import WeightsFile

TENSORS = {
    "one.weight": torch.arange(6, dtype=torch.float32).view(2, 3),
    "one.bias": torch.tensor([0.5, -1.5], dtype=torch.float16),
    "scale": torch.tensor([3.0], dtype=torch.bfloat16),
    "nothing": torch.empty(0, 4),
    "number": torch.tensor(7.0),
}
CONTENT = save(TENSORS, {"note": "é"})
DTYPES = st.sampled_from([torch.float32, torch.float16, torch.bfloat16])
SHAPES = st.lists(st.integers(0, 4), max_size=3)


def equal(array: np.ndarray, tensor: torch.Tensor) -> bool:
    return array.shape == tensor.shape and np.array_equal(array, tensor.float())


def test_tensors_and_metadata_are_what_was_saved():
    file = WeightsFile(bytearray(CONTENT))
    assert file.metadata == {"note": "é"}
    found = file.arrays()
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == np.float32
        assert equal(found[name], tensor)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.tuples(SHAPES, DTYPES), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_file_of_floats_is_read_as_safetensors_reads_it(shapes):
    shapes.pop("__metadata__", None)
    content = save({name: torch.randn(shape).to(dtype) for name, (shape, dtype) in shapes.items()})
    found, expected = WeightsFile(bytearray(content)).arrays(), load(content)
    assert found.keys() == expected.keys()
    assert all(equal(found[name], tensor) for name, tensor in expected.items())


@given(st.integers(0, len(CONTENT) - 1), st.integers(0, 255), st.sampled_from(["set", "cut", "insert"]))
@settings(max_examples=400, deadline=None)
def test_a_changed_file_is_refused_or_read_as_safetensors_reads_it(position, byte, what):
    content = bytearray(CONTENT)
    if what == "set":
        content[position] = byte
    elif what == "cut":
        del content[position:]
    else:
        content.insert(position, byte)
    try:
        found = WeightsFile(content).arrays()
    except ValueError:
        return
    try:
        expected = load(bytes(content))
    except SafetensorError as error:  # what it refuses for other reasons than where the tensors are
        pytest.fail(f"{what} {byte} at {position} was read, but safetensors says: {error}")
    assert all(equal(found[name], tensor) for name, tensor in expected.items())


def test_digests_tell_values_names_types_and_shapes_apart():
    weight = torch.ones(2, 3)
    variants = [
        {"a": weight},
        {"b": weight},
        {"a": weight * 2},
        {"a": weight.half()},
        {"a": weight.view(3, 2)},
        {"a": weight, "c": torch.empty(0)},
    ]
    digests = [WeightsFile(bytearray(save(tensors))).digest() for tensors in variants]
    assert len(set(digests)) == len(variants)
    assert WeightsFile(bytearray(save({"a": weight}, {"note": "x"}))).digest() == digests[0]


@pytest.mark.parametrize("tensor", [torch.ones(3, dtype=torch.int64), torch.ones(3, dtype=torch.float64)])
def test_other_types_are_refused(tensor):
    with pytest.raises(ValueError, match="not a float"):
        WeightsFile(bytearray(save({"a": tensor})))


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_are_none_are_refused_by_name(value):
    file = WeightsFile(bytearray(save({"good": torch.ones(2), "bad": torch.tensor([1.0, value])})))
    with pytest.raises(ValueError, match="'bad'"):
        file.arrays()
