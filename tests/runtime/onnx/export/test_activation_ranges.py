"""Where activations lie: everything that has a fixed scale in int8 was looked at, and lies where PyTorch has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from intent_adapters.artifacts.base_files import BaseFiles
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.runtime.onnx.export.activation_ranges import UTTERANCES, measure_ranges
from intent_adapters.runtime.onnx.run.base import read_tokenizer
from tests.support.tiny import EXPORTED, tiny_base


@pytest.mark.parametrize("architecture", EXPORTED)
def test_they_lie_where_the_modules_of_torch_have_them(tmp_path: Path, architecture: str):
    base = tiny_base(tmp_path, architecture)
    base.save(str(tmp_path / "base"))
    files = BaseFiles(tmp_path / "base", "base")
    ranges, embeddings = measure_ranges(files, read_tokenizer(tmp_path / "base", files.max_tokens))

    encoder, known = encoder_of(base), files.architecture
    given: dict[str, list[np.ndarray]] = {}
    taken: dict[str, list[np.ndarray]] = {}
    for path, module in encoder.named_modules():
        if isinstance(module, nn.LayerNorm):
            keep = given.setdefault(path, [])
            module.register_forward_hook(lambda *call, keep=keep: keep.append(call[-1][0].numpy()))
        elif path.startswith(f"{known.layers}.") and path.endswith(f".{known.attended}"):
            keep = taken.setdefault(path, [])
            module.register_forward_pre_hook(lambda _, inputs, keep=keep: keep.append(inputs[0][0].numpy()))
    with torch.inference_mode():
        expected = [base(base.preprocess([text]))["sentence_embedding"].numpy() for text in UTTERANCES]

    np.testing.assert_allclose(embeddings, np.concatenate(expected), atol=1e-5)
    assert ranges.norms.keys() == given.keys()
    for path, parts in given.items():
        values = np.concatenate(parts).astype(np.float64)
        np.testing.assert_allclose(ranges.norms[path].centre, values.mean(axis=0), atol=1e-5)
        max_abs = np.abs(values - values.mean(axis=0)).max(axis=0)
        np.testing.assert_allclose(ranges.norms[path].max_abs, max_abs, atol=1e-5)
    assert ranges.attended.keys() == taken.keys()
    for path, parts in taken.items():
        np.testing.assert_allclose(ranges.attended[path], np.abs(np.concatenate(parts)).max(), rtol=1e-4)
