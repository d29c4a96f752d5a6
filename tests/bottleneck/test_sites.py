from __future__ import annotations

import pytest
import torch
from peft import get_peft_model
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from intent_adapters.architectures import ARCHITECTURES
from intent_adapters.bottleneck import BottleneckConfig, find_sites, tensor_prefix
from intent_adapters.errors import ConfigError
from tests.bottleneck.support import ALL, config
from tests.support.tiny import tiny_encoder
from tests.support.tiny_files import SHAPE

BERT_ATTENTION = "encoder.layer.{}.attention.output.dense"
EXPECTED = {
    "bert": (BERT_ATTENTION, "encoder.layer.{}.output.dense", "encoder.layer.{}.output", "parallel_residual"),
    "mpnet": (
        "encoder.layer.{}.attention.attn.o",
        "encoder.layer.{}.output.dense",
        "encoder.layer.{}.output",
        "parallel_residual",
    ),
    "distilbert": (
        "transformer.layer.{}.attention.out_lin",
        "transformer.layer.{}.ffn.lin2",
        "transformer.layer.{}.ffn",
        "parallel",
    ),
    "modernbert": ("layers.{}.attn.Wo", "layers.{}.mlp.Wo", "layers.{}.mlp", "parallel"),
}
EXPECTED |= dict.fromkeys(["roberta", "xlm-roberta", "electra"], EXPECTED["bert"])


@pytest.mark.parametrize("architecture", ALL)
def test_every_site_of_both_layers_is_found_in_module_order(architecture):
    attention, feed_forward, parallel, kind = EXPECTED[architecture]
    model = tiny_encoder(architecture)
    assert list(find_sites(model, BottleneckConfig()).items()) == [
        (name.format(layer), "after") for layer in (0, 1) for name in (attention, feed_forward)
    ]
    assert list(find_sites(model, BottleneckConfig(sites="pfeiffer"))) == [feed_forward.format(n) for n in (0, 1)]
    assert find_sites(model, BottleneckConfig(sites="parallel")) == {parallel.format(n): kind for n in (0, 1)}
    assert find_sites(model, BottleneckConfig(sites="none", labels=["a"])) == {}


@pytest.mark.parametrize("sites", ["houlsby", "pfeiffer", "parallel"])
@pytest.mark.parametrize("architecture", ALL)
def test_the_same_sites_are_found_when_adapters_are_on_the_model(architecture, sites):
    wanted = find_sites(tiny_encoder(architecture), BottleneckConfig(sites=sites))
    for earlier in ("houlsby", "parallel"):
        model = get_peft_model(tiny_encoder(architecture), config(sites=earlier)).base_model.model
        assert list(find_sites(model, BottleneckConfig(sites=sites)).items()) == list(wanted.items())


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - set(ALL)))
def test_architectures_that_share_the_layout_of_bert(architecture):
    settings = AutoConfig.for_model(architecture, vocab_size=50, **SHAPE)
    model = AutoModel.from_config(settings).eval()
    ids = torch.randint(5, 40, (2, 6))
    with torch.no_grad():
        before = model(ids).last_hidden_state
        for sites in ("houlsby", "pfeiffer", "parallel"):
            adapted = get_peft_model(AutoModel.from_config(settings), config(sites=sites, init_weights=True)).eval()
            adapted.load_state_dict(model.state_dict(), strict=False)
            assert len(find_sites(model, BottleneckConfig(sites=sites))) == (4 if sites == "houlsby" else 2)
        peft_model = get_peft_model(model, config(sites="parallel"))
        assert not torch.allclose(peft_model(ids).last_hidden_state, before)


def test_the_encoder_inside_a_larger_model():
    settings = AutoConfig.for_model("bert", vocab_size=50, **SHAPE)
    model = AutoModelForSequenceClassification.from_config(settings)
    assert list(find_sites(model, BottleneckConfig(sites="pfeiffer"))) == [
        "bert.encoder.layer.0.output.dense",
        "bert.encoder.layer.1.output.dense",
    ]


def test_cross_attention_of_a_decoder_gets_no_adapter():
    settings = AutoConfig.for_model("bert", vocab_size=50, is_decoder=True, add_cross_attention=True, **SHAPE)
    assert len(find_sites(AutoModel.from_config(settings), BottleneckConfig())) == 4


def gpt2():
    return AutoModel.from_config(AutoConfig.for_model("gpt2", vocab_size=50, n_embd=32, n_layer=2, n_head=4))


def t5():
    return AutoModel.from_config(
        AutoConfig.for_model("t5", vocab_size=50, d_model=32, d_ff=64, num_layers=2, num_heads=4, d_kv=8)
    )


@pytest.mark.parametrize(("make", "candidate"), [(gpt2, "none"), (t5, r"encoder\.block\.N\.layer\.N\.")])
def test_an_unknown_architecture_names_itself_the_known_ones_and_its_linear_modules(make, candidate):
    model = make()
    with pytest.raises(
        ConfigError, match=rf"model_type='{model.config.model_type}'.*bert.*target_modules.*{candidate}"
    ):
        get_peft_model(model, BottleneckConfig())


def test_a_model_without_config_is_an_unknown_architecture():
    with pytest.raises(ConfigError, match="model_type=None"):
        find_sites(nn.Sequential(nn.Linear(2, 2)), BottleneckConfig())


def test_a_refused_architecture_is_left_as_it_was():
    model = t5()
    before = [name for name, _ in model.named_modules()]
    with pytest.raises(ConfigError):
        get_peft_model(model, BottleneckConfig(labels=["a"]))
    assert [name for name, _ in model.named_modules()] == before


@pytest.mark.parametrize(
    ("target_modules", "count"), [(["DenseReluDense.wo"], 4), (["block.0.layer.1.DenseReluDense.wo"], 1)]
)
def test_target_modules_open_an_unknown_architecture(target_modules, count):
    model = t5() if count == 4 else t5().get_encoder()
    chosen = config(target_modules=target_modules)
    assert len(find_sites(model, chosen)) == count
    adapted = get_peft_model(model, chosen)
    adapted.add_adapter("second", chosen)
    assert len(find_sites(adapted.base_model.model, chosen)) == len(find_sites(model, chosen))


def test_parallel_target_modules_are_whole_sub_layers():
    model = t5().get_encoder().eval()
    ids = torch.randint(5, 40, (2, 6))
    before = model(ids).last_hidden_state
    chosen = config(sites="parallel", target_modules=["DenseReluDense"])
    assert set(find_sites(model, chosen).values()) == {"parallel"}
    adapted = get_peft_model(model, chosen).eval()
    assert not torch.allclose(adapted(ids).last_hidden_state, before)
    with adapted.disable_adapter():
        assert torch.allclose(adapted(ids).last_hidden_state, before, atol=1e-6)


@pytest.mark.parametrize("target_modules", [["no.such"], ["utput.dense"], [".*dense"]])
def test_target_modules_that_match_nothing(target_modules):
    with pytest.raises(ConfigError, match=r"matches no module.*encoder\.layer\.N\.output\.dense"):
        find_sites(tiny_encoder(), BottleneckConfig(target_modules=target_modules))


def test_target_modules_that_are_no_linear():
    with pytest.raises(ConfigError, match=r"'encoder\.layer\.0\.attention\.output\.LayerNorm', a LayerNorm"):
        find_sites(tiny_encoder(), BottleneckConfig(target_modules=["output.LayerNorm"]))


def test_a_known_architecture_without_the_modules():
    model = tiny_encoder()
    model.encoder.layer = nn.ModuleList()
    with pytest.raises(ConfigError, match="has none of the modules"):
        find_sites(model, BottleneckConfig())


def test_parallel_sites_need_the_hidden_size():
    model = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(ConfigError, match=r"no config\.hidden_size"):
        get_peft_model(model, BottleneckConfig(sites="parallel", target_modules=["0"], labels=["a"], embedding_dim=3))
    assert [name for name, _ in model.named_modules()] == ["", "0"]


def test_a_head_needs_the_dimension():
    with pytest.raises(ConfigError, match="give embedding_dim"):
        get_peft_model(nn.Sequential(nn.Linear(3, 3)), BottleneckConfig(target_modules=["0"], labels=["a"]))


@pytest.mark.parametrize("architecture", ALL)
@pytest.mark.parametrize("sites", ["houlsby", "pfeiffer", "parallel"])
def test_tensor_prefix_is_where_peft_keeps_the_tensors(architecture, sites):
    settings = config(sites=sites, labels=None)
    prefixes = [tensor_prefix(*site) for site in find_sites(tiny_encoder(architecture), settings).items()]
    model = get_peft_model(tiny_encoder(architecture), settings)
    kept = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert kept == [
        f"base_model.model.{prefix}.intent_bottleneck_{part}.default.{tensor}"
        for prefix in prefixes
        for part in ("down", "up")
        for tensor in ("weight", "bias")
    ]
