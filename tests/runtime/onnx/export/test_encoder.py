from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

from intent_adapters.runtime.onnx.export.encoder import distance_buckets


@pytest.mark.parametrize("buckets", [8, 32, 64])
def test_distances_have_the_numbers_of_transformers(buckets: int):
    distances = np.arange(-2000, 2001)
    expected = MPNetEncoder.relative_position_bucket(torch.from_numpy(distances), num_buckets=buckets)
    np.testing.assert_array_equal(distance_buckets(distances, buckets), expected.numpy())
