"""What `IntentModel` does on bases of every architecture, in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from intent_adapters import IntentModel
from intent_adapters.errors import AdapterError
from tests.support.adapters import random_adapter
from tests.support.shared import minilm_path
from tests.support.tiny import ARCHITECTURES, tiny_base
from tests.test_model import TEXTS, assert_same_answers

SITES = ["houlsby", "pfeiffer", "parallel", "none"]


def test_the_bare_base_is_sentence_transformers_own(tmp_path):
    base = tiny_base(tmp_path)
    assert np.allclose(IntentModel(base).encode(TEXTS), base.encode(TEXTS), atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_mixed_batches_on_every_architecture_and_site(tmp_path, architecture):
    base = tiny_base(tmp_path, architecture)
    model = IntentModel(base)
    for index, sites in enumerate(SITES):
        model.add_agent(sites, random_adapter(base, seed=index, sites=sites))
    pairs = [(text, agent) for text in TEXTS for agent in SITES]
    together = model.predict([text for text, _ in pairs], agents=[agent for _, agent in pairs])
    assert_same_answers(together, [model.predict(text, agents=agent) for text, agent in pairs])
    answers = {agent: model.encode(TEXTS, agents=agent) for agent in SITES}
    assert np.allclose(answers["none"], model.encode(TEXTS), atol=1e-6)
    for sites in SITES[:3]:
        assert not np.allclose(answers[sites], answers["none"], atol=1e-2), f"{sites} does nothing"


def test_the_real_base_mixes_eight_agents():
    model = IntentModel.from_pretrained(minilm_path(), device="cpu")
    for index in range(8):
        adapter = random_adapter(model.base, labels=5 + index, seed=index, sites=SITES[index % 4])
        small = {name: t * 0.1 if "up." in name else t for name, t in adapter.tensors.items()}
        model.add_agent(str(index), type(adapter)(adapter.config, small))
    texts = ["I lost my card", "what is the weather like in the city of London today, please?", "hi"] * 8
    agents = [str(index % 8) for index in range(24)]
    alone = [model.predict(text, agents=agent) for text, agent in zip(texts, agents, strict=True)]
    assert_same_answers(model.predict(texts, agents=agents), alone)


def test_an_adapter_of_another_architecture_is_refused(tmp_path):
    adapter = random_adapter(tiny_base(tmp_path, "bert"))
    with pytest.raises(AdapterError, match=r"do not belong together|another architecture"):
        IntentModel(tiny_base(tmp_path, "mpnet")).add_agent("clinic", adapter)
