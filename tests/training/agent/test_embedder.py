from __future__ import annotations

import torch

from intent_adapters.runtime.tokens import tokenizer_for
from intent_adapters.training.agent.embedder import Embedder, FrozenEmbedder
from tests.support.tiny import tiny_base


def test_a_frozen_embedder_embeds_no_text_twice(tmp_path):
    model = tiny_base(tmp_path).eval()
    frozen, plain = (kind(model, tokenizer_for(model)) for kind in (FrozenEmbedder, Embedder))
    read: list[int] = []

    def embedded(texts, **settings):
        with model.register_forward_pre_hook(lambda _, inputs: read.append(len(inputs[0]["input_ids"]))):
            found = frozen.embed(texts, **settings)
        torch.testing.assert_close(found, plain.embed(texts, **settings))
        return sum(read)

    assert embedded(["예약", "cancel abc", "예약"]) == 2
    assert embedded(["hello", "cancel abc", "예약"], batch_size=1) == 3
    assert embedded(["예약"]) == 3
    assert embedded(["예약", "x1"], prompt="abc ") == 5
