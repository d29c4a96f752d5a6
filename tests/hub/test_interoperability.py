"""What we publish is an ordinary adapter and an ordinary sentence-transformers model: other libraries load it."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from peft import PeftModel
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

from intent_adapters import IntentModel
from intent_adapters.artifacts.encoder import encoder_of
from tests.hub.support import Base, base
from tests.support.loopback_hub import LoopbackHub, connect, environment
from tests.support.upstream import needs_add_adapter

__all__ = ["base"]

TEXTS = ["예약 취소해 주세요", "how much is it?"]


@pytest.fixture
def expected(hub: LoopbackHub, base: Base, tmp_path, monkeypatch):
    """The embeddings of the agent, which is on the Hub with its base; the cache is empty."""
    base.publish()
    base.publish_agent()
    model = IntentModel(base.model)
    model.add_agent("clinic", base.adapter())
    connect(hub, tmp_path / "b", monkeypatch, token=hub.add_user("bob", role="read"))
    return torch.from_numpy(model.encode(TEXTS, "clinic"))


def tokens(encoder: SentenceTransformer):
    return encoder.tokenizer(TEXTS, padding=True, return_tensors="pt")


def pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.nn.functional.normalize(mean, dim=-1)


@needs_add_adapter
def test_sentence_transformers(expected):
    encoder = SentenceTransformer("org/base", device="cpu")
    encoder.load_adapter("org/clinic")
    torch.testing.assert_close(encoder.encode(TEXTS, convert_to_tensor=True), expected)


def test_peft(expected):
    encoder = SentenceTransformer("org/base", device="cpu")
    inputs = tokens(encoder)
    model = PeftModel.from_pretrained(encoder_of(encoder), "org/clinic").eval()
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    torch.testing.assert_close(pooled(hidden, inputs["attention_mask"]), expected)


@needs_add_adapter
def test_transformers(expected):
    inputs = tokens(SentenceTransformer("org/base", device="cpu"))
    model = AutoModel.from_pretrained("org/base").eval()
    model.load_adapter("org/clinic")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    torch.testing.assert_close(pooled(hidden, inputs["attention_mask"]), expected)


@needs_add_adapter
def test_transformers_finds_the_base_from_the_adapter(expected):
    inputs = tokens(SentenceTransformer("org/base", device="cpu"))
    model = AutoModel.from_pretrained("org/clinic").eval()
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state
    torch.testing.assert_close(pooled(hidden, inputs["attention_mask"]), expected)


def test_the_base_loads_without_this_package(expected, hub, base, tmp_path):
    code = (
        "import sys\n"
        "from sentence_transformers import SentenceTransformer\n"
        "encoder = SentenceTransformer('org/base', device='cpu')\n"
        "print(encoder.encode('cancel').tolist())\n"
        "assert 'intent_adapters' not in sys.modules"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(hub, tmp_path / "c"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    embedding = torch.tensor(eval(ran.stdout.splitlines()[-1]))
    torch.testing.assert_close(embedding, base.model.encode("cancel", convert_to_tensor=True))
