"""The method through the adapter functions of sentence-transformers."""

from __future__ import annotations

import pytest
import torch
from sentence_transformers import SentenceTransformer

from intent_adapters.bottleneck import find_head
from tests.bottleneck.support import ALL, config
from tests.support.tiny import tiny_base
from tests.support.upstream import needs_add_adapter

pytestmark = needs_add_adapter

TEXTS = ["예약을 취소해주세요", "hello there", "a", "진료비 얼마"]


def embeddings(model):
    return model.encode(TEXTS, convert_to_tensor=True)


def logits(model):
    with torch.no_grad():
        return find_head(model)(embeddings(model))


def agent(folder, architecture="bert", name="clinic", **settings):
    """A base in `folder` with one active adapter."""
    model = tiny_base(folder, architecture)
    torch.manual_seed(1)
    model.add_adapter(config(**settings), adapter_name=name)
    model.set_adapter(name)
    return model.eval()


@pytest.mark.parametrize("sites", ["houlsby", "parallel"])
@pytest.mark.parametrize("architecture", ALL)
def test_saved_with_the_pooling_it_is_read_back_as_one_model(tmp_path, architecture, sites):
    model = agent(tmp_path / "base", architecture, sites=sites)
    model.save_pretrained(str(tmp_path / "saved"))
    loaded = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert torch.equal(embeddings(loaded), embeddings(model))
    assert torch.equal(logits(loaded), logits(model))
    assert find_head(loaded).labels() == ["yes", "no", "maybe"]
    assert not torch.allclose(embeddings(loaded), embeddings(tiny_base(tmp_path, architecture)), atol=1e-3)


@pytest.mark.parametrize("head", ["linear", "normalized_linear"])
def test_every_kind_of_head_is_read_back(tmp_path, head):
    model = agent(tmp_path / "base", head=head)
    model.save_pretrained(str(tmp_path / "saved"))
    assert torch.equal(logits(SentenceTransformer(str(tmp_path / "saved"), device="cpu")), logits(model))


@pytest.mark.parametrize("architecture", ALL)
def test_load_adapter_from_the_saved_folder(tmp_path, architecture):
    model = agent(tmp_path / "base", architecture, labels="vwxyz")
    model[0].auto_model.save_pretrained(tmp_path / "adapter")
    loaded = tiny_base(tmp_path / "other", architecture)
    loaded.load_adapter(str(tmp_path / "adapter"), adapter_name="second")
    assert torch.equal(embeddings(loaded), embeddings(model))
    assert torch.equal(logits(loaded), logits(model))


def test_agents_with_different_labels_switch_disable_delete_return(tmp_path):
    model = agent(tmp_path, labels="abc")
    clinic = embeddings(model)
    torch.manual_seed(2)
    model.add_adapter(config(labels="uvwxyz", sites="parallel"), adapter_name="helpdesk")
    model.set_adapter("helpdesk")
    helpdesk = embeddings(model)
    assert logits(model).shape == (4, 6)
    assert not torch.allclose(clinic, helpdesk, atol=1e-3)
    model.set_adapter("clinic")
    assert torch.equal(embeddings(model), clinic)
    assert logits(model).shape == (4, 3)
    base = embeddings(tiny_base(tmp_path / "bare"))
    model.disable_adapters()
    assert torch.equal(embeddings(model), base)
    model.enable_adapters()
    assert torch.equal(embeddings(model), clinic)
    model.delete_adapter("clinic")
    assert torch.equal(embeddings(model), base)
    model.set_adapter("helpdesk")
    assert torch.equal(embeddings(model), helpdesk)
    torch.manual_seed(1)
    model.add_adapter(config(labels="abc"), adapter_name="clinic")
    model.set_adapter("clinic")
    assert torch.equal(embeddings(model.eval()), clinic)


def test_adapter_state_dict_has_the_adapter_and_nothing_else(tmp_path):
    model = agent(tmp_path)
    tensors = model.get_adapter_state_dict("clinic")
    assert len(tensors) == 4 * 4 + 2
    assert all("intent_bottleneck_" in name for name in tensors)
