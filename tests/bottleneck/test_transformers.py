"""The method through the adapter functions of transformers' own models."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from intent_adapters.bottleneck import find_head
from intent_adapters.errors import AdapterError, ConfigError
from tests.bottleneck.support import ALL, config, hidden, logits
from tests.support.tiny import tiny_encoder
from tests.support.upstream import needs_add_adapter

pytestmark = needs_add_adapter


def with_adapters(architecture="bert", **adapters):
    """An encoder with the adapters given, the last one active."""
    model = tiny_encoder(architecture)
    for name, settings in adapters.items():
        torch.manual_seed(len(name))
        model.add_adapter(config(**settings), adapter_name=name)
        model.set_adapter(name)
    return model.eval()


@pytest.mark.parametrize("sites", ["houlsby", "parallel"])
@pytest.mark.parametrize("architecture", ALL)
def test_add_save_load(tmp_path, architecture, sites):
    model = with_adapters(architecture, clinic={"sites": sites})
    model.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    loaded = tiny_encoder(architecture)
    loaded.load_adapter(str(tmp_path), adapter_name="other")
    assert torch.equal(hidden(loaded), hidden(model))
    assert torch.equal(logits(loaded), logits(model))
    assert find_head(loaded).labels() == ["yes", "no", "maybe"]
    assert not torch.allclose(hidden(loaded), hidden(tiny_encoder(architecture)), atol=1e-3)


@pytest.mark.parametrize("architecture", ALL)
def test_auto_model_reads_an_adapter_folder(tmp_path, architecture):
    tiny_encoder(architecture).save_pretrained(tmp_path / "base")
    model = AutoModel.from_pretrained(tmp_path / "base").eval()
    model.add_adapter(config())
    model.save_pretrained(tmp_path / "adapter")
    loaded = AutoModel.from_pretrained(tmp_path / "adapter").eval()
    assert torch.equal(hidden(loaded), hidden(model))
    assert torch.equal(logits(loaded), logits(model))


def test_heads_of_different_sizes_side_by_side(tmp_path):
    for name, labels in {"three": "abc", "seven": "abcdefg"}.items():
        with_adapters(**{name: {"labels": labels}}).save_pretrained(tmp_path / name)
    model = tiny_encoder()
    for name in ("three", "seven"):
        model.load_adapter(str(tmp_path / name), adapter_name=name)
    for name, labels in {"three": 3, "seven": 7}.items():
        model.set_adapter(name)
        single = tiny_encoder()
        single.load_adapter(str(tmp_path / name))
        assert logits(model).shape == (4, labels)
        assert torch.equal(logits(model), logits(single))


def test_disable_and_enable():
    model = with_adapters(a={}, bb={"sites": "parallel"})
    active = hidden(model)
    model.disable_adapters()
    assert torch.equal(hidden(model), hidden(tiny_encoder()))
    with pytest.raises(AdapterError, match="disabled"):
        logits(model)
    model.enable_adapters()
    assert torch.equal(hidden(model), active)


def test_set_adapter():
    model = with_adapters(a={}, bb={"sites": "parallel", "labels": "xy"})
    assert model.active_adapters() == ["bb"]
    model.set_adapter("a")
    assert torch.equal(hidden(model), hidden(with_adapters(a={})))
    assert find_head(model).labels() == ["yes", "no", "maybe"]


def test_delete_and_add_again():
    model = with_adapters(a={}, bb={"sites": "parallel", "labels": "xy"})
    model.delete_adapter("bb")
    assert "bb" not in model.peft_config
    assert not any(".bb." in name for name, _ in model.named_parameters())
    assert torch.equal(hidden(model), hidden(tiny_encoder())), "no other adapter may step in"
    torch.manual_seed(2)
    model.add_adapter(config(sites="pfeiffer", labels="uvw"), adapter_name="bb")
    model.set_adapter("bb")
    twin = with_adapters(bb={"sites": "pfeiffer", "labels": "uvw"})
    assert torch.equal(hidden(model), hidden(twin))
    assert torch.equal(logits(model), logits(twin))
    model.set_adapter("a")
    assert torch.equal(hidden(model), hidden(with_adapters(a={})))


def test_delete_the_last_and_start_again():
    model = with_adapters(a={"sites": "parallel"})
    model.delete_adapter("a")
    assert torch.equal(hidden(model), hidden(tiny_encoder()))
    torch.manual_seed(1)
    model.add_adapter(config(labels="xy"), adapter_name="a")
    assert torch.equal(hidden(model.eval()), hidden(with_adapters(a={"labels": "xy"})))


def test_only_the_active_adapter_is_trained():
    model = with_adapters(a={}, bb={})
    assert {name.split(".")[-2] for name, p in model.named_parameters() if p.requires_grad} == {"bb"}


def test_half_precision(tmp_path):
    tiny_encoder().to(torch.bfloat16).save_pretrained(tmp_path / "base")
    model = AutoModel.from_pretrained(tmp_path / "base", dtype=torch.bfloat16).eval()
    model.add_adapter(config())
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    model.save_pretrained(tmp_path / "adapter")
    loaded = AutoModel.from_pretrained(tmp_path / "base", dtype=torch.bfloat16).eval()
    loaded.load_adapter(str(tmp_path / "adapter"))
    assert hidden(loaded).dtype == torch.bfloat16
    assert torch.allclose(hidden(loaded).float(), hidden(model).float(), atol=0.05)


def test_a_config_that_does_not_fit_the_model():
    with pytest.raises(ConfigError, match="matches no module"):
        tiny_encoder().add_adapter(config(target_modules=["no.such"]))
