"""PEFT's functions below `get_peft_model`: injecting, state dicts, status, tuner utilities; compiled encoders."""

from __future__ import annotations

import pytest
import torch
from peft import (
    LoraConfig,
    PeftModel,
    get_layer_status,
    get_model_status,
    get_peft_model,
    get_peft_model_state_dict,
    inject_adapter_in_model,
    set_peft_model_state_dict,
)
from peft.tuners.tuners_utils import (
    cast_adapter_dtype,
    delete_adapter,
    inspect_matched_modules,
    set_adapter,
    set_requires_grad,
)
from safetensors.torch import load_file

from intent_adapters.bottleneck import PREFIX, find_head, find_sites
from intent_adapters.errors import ConfigError
from tests.bottleneck.support import ALL, SITES, adapted, config, hidden, logits, tokens
from tests.support.tiny import tiny_encoder


def injected(architecture="bert", seed=1, **settings):
    torch.manual_seed(seed)
    return inject_adapter_in_model(config(**settings), tiny_encoder(architecture)).eval()


@pytest.mark.parametrize("sites", SITES)
@pytest.mark.parametrize("architecture", ALL)
def test_injected_it_computes_what_a_peft_model_does(architecture, sites):
    model = injected(architecture, sites=sites)
    assert type(model) is type(tiny_encoder(architecture))
    assert torch.equal(hidden(model), hidden(adapted(architecture, sites=sites)))
    assert torch.equal(logits(model), logits(adapted(architecture, sites=sites)))


@pytest.mark.parametrize("low_cpu_mem_usage", [False, True])
@pytest.mark.parametrize("from_weights", [False, True])
@pytest.mark.parametrize("sites", [*SITES, "none"])
def test_weights_taken_from_one_model_and_given_to_another(sites, from_weights, low_cpu_mem_usage):
    model = injected(sites=sites)
    weights = get_peft_model_state_dict(model)
    assert all(PREFIX in name and ".default." not in name for name in weights)
    other = inject_adapter_in_model(
        config(sites=sites),
        tiny_encoder(),
        adapter_name="other",
        low_cpu_mem_usage=low_cpu_mem_usage,
        state_dict=weights if from_weights else None,
    )
    result = set_peft_model_state_dict(other, weights, adapter_name="other", low_cpu_mem_usage=low_cpu_mem_usage)
    assert not result.unexpected_keys
    assert not [name for name in result.missing_keys if PREFIX in name]
    assert torch.equal(hidden(other.eval()), hidden(model))
    assert torch.equal(logits(other), logits(model))


def test_weights_at_a_place_that_is_no_site_leave_the_model_as_it_was():
    weights = get_peft_model_state_dict(injected(sites="houlsby"))
    model = tiny_encoder()
    before = list(dict(model.named_modules()))
    with pytest.raises(ConfigError, match=r"'encoder\.layer\.0\.attention\.output\.dense', which is not a site"):
        inject_adapter_in_model(config(sites="pfeiffer"), model, state_dict=weights)
    with pytest.raises(ConfigError, match="'intent_head', which is not a site"):
        inject_adapter_in_model(config(labels=None), model, state_dict=weights)
    assert list(dict(model.named_modules())) == before


def test_status_names_the_method():
    model = adapted(name="first")
    model.add_adapter("second", config(sites="parallel", labels=None))
    for status in (model.get_model_status(), get_model_status(model)):
        assert status.peft_types == {"first": "INTENT_BOTTLENECK", "second": "INTENT_BOTTLENECK"}
        assert status.adapter_model_type == "BottleneckModel"
        assert status.enabled is True
        assert status.active_adapters == ["first"]
        assert status.merged_adapters == []
        assert status.requires_grad == {"first": True, "second": False}
        assert status.devices == {"first": ["cpu"], "second": ["cpu"]}
        assert status.num_adapter_layers == 4 + 2 + 1
    with model.disable_adapter():
        assert model.get_model_status().enabled is False
    layers = {layer.name: layer for layer in get_layer_status(model)}
    assert layers["model.encoder.layer.0.output.dense"].available_adapters == ["first"]
    assert layers["model.encoder.layer.1.output.intent_parallel"].available_adapters == ["second"]
    assert get_model_status(injected()).available_adapters == ["default"]


def test_matched_modules_are_those_of_the_adapter_asked_for():
    model = adapted(name="first", sites="pfeiffer")
    model.add_adapter("second", config(sites="parallel", labels=None))
    for _ in range(2):
        assert inspect_matched_modules(model.base_model, "first")["matched"] == [
            "encoder.layer.0.output.dense",
            "encoder.layer.1.output.dense",
            "intent_head",
        ]
        assert inspect_matched_modules(model.base_model, "second")["matched"] == [
            "encoder.layer.0.output.intent_parallel",
            "encoder.layer.1.output.intent_parallel",
        ]
    assert set(model.targeted_module_names) == {
        *(name for name in find_sites(tiny_encoder(), model.peft_config["first"])),
        "intent_head",
        "encoder.layer.0.output.intent_parallel",
        "encoder.layer.1.output.intent_parallel",
    }


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")
def test_functions_on_a_plain_encoder_set_freeze_and_delete_adapters():
    model = injected()
    first = hidden(model)
    inject_adapter_in_model(config(sites="parallel"), model, adapter_name="second")
    set_adapter(model, "default")
    assert torch.equal(hidden(model), first)
    set_adapter(model, "second")
    assert not torch.allclose(hidden(model), first)
    set_requires_grad(model, "second", False)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    set_requires_grad(model, ["default", "second"])
    assert {n.split(".")[-2] for n, p in model.named_parameters() if p.requires_grad} == {"default", "second"}
    delete_adapter(model, "second", prefix=PREFIX)
    assert not any(".second." in name for name in model.state_dict())
    set_adapter(model, "default")
    assert torch.equal(hidden(model), first)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_casting_an_adapter_leaves_the_encoder(dtype):
    model = injected().to(dtype)
    cast_adapter_dtype(model, "default", autocast_adapter_dtype=False)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    cast_adapter_dtype(model, "default")
    for name, parameter in model.named_parameters():
        assert parameter.dtype == (torch.float32 if PREFIX in name else dtype)


def compiled(architecture="bert"):
    return torch.compile(tiny_encoder(architecture), backend="eager")


@pytest.mark.parametrize("sites", ["pfeiffer", "parallel"])
def test_a_compiled_encoder_is_like_any_other(tmp_path, sites):
    torch.manual_seed(1)
    model = get_peft_model(compiled(), config(sites=sites)).eval()
    plain = adapted(sites=sites)
    assert torch.allclose(hidden(model), hidden(plain), atol=1e-5)
    assert torch.allclose(logits(model), logits(plain), atol=1e-5)
    model.save_pretrained(tmp_path / "compiled")
    plain.save_pretrained(tmp_path / "plain")
    files = [load_file(tmp_path / kind / "adapter_model.safetensors") for kind in ("compiled", "plain")]
    assert files[0].keys() == files[1].keys()
    assert all(torch.equal(files[0][name], files[1][name]) for name in files[0])
    assert torch.equal(logits(PeftModel.from_pretrained(tiny_encoder(), tmp_path / "compiled")), logits(plain))
    loaded = PeftModel.from_pretrained(compiled(), tmp_path / "plain")
    assert torch.allclose(logits(loaded), logits(plain), atol=1e-5)
    base = loaded.unload()
    assert [name for name, _ in base.named_modules() if "intent_" in name] == []


@pytest.mark.parametrize("sites", ["houlsby", "parallel"])
def test_injected_into_a_compiled_encoder_where_the_weights_say(sites):
    weights = get_peft_model_state_dict(injected(sites=sites))
    model = inject_adapter_in_model(config(sites=sites), compiled(), state_dict=weights)
    set_peft_model_state_dict(model, weights)
    assert torch.allclose(logits(model.eval()), logits(injected(sites=sites)), atol=1e-5)


@pytest.mark.parametrize("sites", ["pfeiffer", "parallel"])
def test_added_to_an_encoder_that_has_run_compiled(sites):
    encoder = compiled()
    hidden(encoder)
    torch.manual_seed(1)
    model = get_peft_model(encoder, config(sites=sites)).eval()
    assert torch.allclose(hidden(model), hidden(adapted(sites=sites)), atol=1e-5)
    assert torch.allclose(hidden(model.unload()), hidden(tiny_encoder()), atol=1e-5)


def test_code_compiled_for_an_encoder_without_adapter_is_not_taken_for_one_with():
    bare = compiled()
    assert torch.allclose(hidden(bare), hidden(tiny_encoder()), atol=1e-5)
    model = adapted(sites="parallel")
    expected = hidden(model)
    assert torch.allclose(hidden(torch.compile(model, backend="eager")), expected, atol=1e-5)
    assert torch.allclose(hidden(bare), hidden(tiny_encoder()), atol=1e-5)


def test_an_encoder_compiled_inside_a_larger_model():
    class Larger(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = compiled()
            self.config = tiny_encoder().config

        def forward(self, **kwargs):
            return self.encoder(**kwargs)

    torch.manual_seed(1)
    model = get_peft_model(Larger(), config()).eval()
    assert torch.allclose(logits(model), logits(adapted()), atol=1e-5)
    assert find_head(model) is model.base_model.model.intent_head


def test_compiled_after_the_adapter_was_added():
    model = adapted(sites="parallel")
    states = hidden(model)
    assert torch.allclose(torch.compile(model, backend="eager")(**tokens()).last_hidden_state, states, atol=1e-5)


@pytest.mark.parametrize(("sites", "place"), [("pfeiffer", "around"), ("parallel", "wrapped")])
def test_a_mixed_batch_on_a_compiled_encoder(sites, place):
    names = ["first", "second", "__base__", "first"]

    def both(encoder):
        torch.manual_seed(1)
        model = get_peft_model(encoder, config(sites=sites), adapter_name="first")
        model.add_adapter("second", config(sites=sites))
        return model.eval()

    plain = both(tiny_encoder())
    model = both(compiled() if place == "wrapped" else tiny_encoder())
    if place == "around":
        model = torch.compile(model, backend="eager")
    for chosen in ({}, {"adapter_names": names}, {}):
        assert torch.allclose(hidden(model, **chosen), hidden(plain, **chosen), atol=1e-5)


@pytest.mark.parametrize("place", ["wrapped", "in place", "around"])
def test_a_mixed_batch_of_modules_to_save_on_a_compiled_encoder_is_refused(place):
    model = get_peft_model(compiled() if place == "wrapped" else tiny_encoder(), config(modules_to_save=["pooler"]))
    model.eval()
    if place == "in place":
        model.base_model.model.compile(backend="eager")
    if place == "around":
        model = torch.compile(model, backend="eager")
    with pytest.raises(Exception, match="not for adapters with modules_to_save"):
        hidden(model, adapter_names=["default", "__base__"] * 2)


def test_lora_and_an_agent_on_one_encoder():
    model = get_peft_model(
        tiny_encoder(), LoraConfig(target_modules=["query"], init_lora_weights=False), adapter_name="other method"
    ).eval()
    with_lora = hidden(model)
    encoder = model.unload()
    assert torch.equal(hidden(encoder), hidden(tiny_encoder()))
    model = get_peft_model(encoder, config()).eval()
    assert not torch.allclose(hidden(model), with_lora)
    assert torch.equal(hidden(model.unload()), hidden(tiny_encoder()))
