"""The method in PEFT, after the model of PEFT's own matrix of tests for custom methods."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file
from torch.nn import functional as F

from intent_adapters.bottleneck import BottleneckConfig, find_head, find_sites, tensor_prefix
from intent_adapters.errors import ConfigError
from tests.bottleneck.support import ALL, HIDDEN, SITES, adapted, config, hidden, logits, tokens
from tests.support.tiny import tiny_encoder

VARIANTS = {
    "houlsby": {"sites": "houlsby"},
    "pfeiffer, linear head": {"sites": "pfeiffer", "head": "linear"},
    "parallel, normalized linear head": {"sites": "parallel", "scaling": 2.0, "head": "normalized_linear"},
    "head only": {"sites": "none"},
    "no head": {"sites": "houlsby", "labels": None, "non_linearity": "relu"},
    "reduction": {"sites": "pfeiffer", "bottleneck_size": None, "reduction_factor": 4, "dropout": 0.1},
}
MATRIX = [
    pytest.param(architecture, settings, id=f"{architecture}-{name}")
    for architecture in ALL
    for name, settings in VARIANTS.items()
]


def with_adapters(settings):
    return settings.get("sites") != "none"


def with_head(settings):
    return settings.get("labels", ()) is not None


def trainable(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize(("architecture", "settings"), MATRIX)
def test_a_fresh_adapter_is_the_identity(architecture, settings):
    before = hidden(tiny_encoder(architecture))
    model = adapted(architecture, **{**settings, "init_weights": True})
    assert torch.equal(hidden(model), before)
    with model.disable_adapter():
        assert torch.equal(hidden(model), before)


@pytest.mark.parametrize(("architecture", "settings"), MATRIX)
def test_exactly_adapter_and_head_are_trained_and_gradient_reaches_all(architecture, settings):
    model = adapted(architecture, **settings).train()
    chosen = model.peft_config["default"]
    expected = {
        f"base_model.model.{tensor_prefix(*site)}.intent_bottleneck_{part}.default.{tensor}"
        for site in find_sites(tiny_encoder(architecture), chosen).items()
        for part in ("down", "up")
        for tensor in ("weight", "bias")
    }
    if with_head(settings):
        expected |= {
            f"base_model.model.intent_head.intent_bottleneck_head.default.{tensor}"
            for tensor in ("weight", "scale" if chosen.head == "cosine" else "bias")
        }
    assert trainable(model) == expected
    states = model(**tokens()).last_hidden_state
    loss = (states * torch.randn_like(states)).sum()
    if with_head(settings):
        loss = loss + F.cross_entropy(find_head(model)(states.mean(dim=1)), torch.tensor([0, 1, 2, 0]))
    loss.backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()} == expected


@pytest.mark.parametrize("low_cpu_mem_usage", [False, True])
@pytest.mark.parametrize(("architecture", "settings"), MATRIX)
def test_saved_and_loaded_it_computes_the_same_bits(tmp_path, architecture, settings, low_cpu_mem_usage):
    model = adapted(architecture, **settings)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(tiny_encoder(architecture), tmp_path, low_cpu_mem_usage=low_cpu_mem_usage)
    assert not any(parameter.is_meta for parameter in loaded.parameters())
    assert torch.equal(hidden(loaded), hidden(model))
    if with_adapters(settings):
        assert not torch.allclose(hidden(loaded), hidden(tiny_encoder(architecture)), atol=1e-3)
    if with_head(settings):
        assert torch.equal(logits(loaded), logits(model))
        assert find_head(loaded).labels() == ["yes", "no", "maybe"]
    assert trainable(loaded) == set()


@pytest.mark.parametrize(("architecture", "settings"), MATRIX)
def test_loaded_trainable_it_trains_on(tmp_path, architecture, settings):
    model = adapted(architecture, **settings)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(tiny_encoder(architecture), tmp_path, is_trainable=True)
    assert trainable(loaded) == trainable(model) != set()


@pytest.mark.parametrize(("architecture", "settings"), MATRIX)
def test_what_is_on_disk(tmp_path, architecture, settings):
    model = adapted(architecture, name="agent", **settings)
    model.save_pretrained(tmp_path)
    folder = tmp_path / "agent"
    tensors = load_file(folder / "adapter_model.safetensors")
    assert set(tensors) == {name.replace(".agent.", ".") for name in trainable(model)}
    written = json.loads((folder / "adapter_config.json").read_text())
    assert written["peft_type"] == "INTENT_BOTTLENECK"
    assert written["target_modules"] is None
    if written["head"] == "cosine" and with_head(settings):
        assert tensors["base_model.model.intent_head.intent_bottleneck_head.scale"].tolist() == [20.0]


@pytest.mark.parametrize("architecture", ALL)
def test_disabled_it_is_the_base_and_enabled_it_is_back(architecture):
    model = adapted(architecture)
    active = hidden(model)
    with model.disable_adapter():
        assert torch.equal(hidden(model), hidden(tiny_encoder(architecture)))
    assert torch.equal(hidden(model), active)


CROWD = {
    "A": {"sites": "houlsby", "labels": "xy", "bottleneck_size": 3},
    "B": {"sites": "parallel", "labels": "uvwxyz", "bottleneck_size": 5, "head": "linear"},
    "C": {"sites": "pfeiffer", "labels": "q", "bottleneck_size": None, "reduction_factor": 2, "non_linearity": "tanh"},
    "D": {"sites": "houlsby", "labels": None, "bottleneck_size": 7},
    "E": {"sites": "none", "labels": "rst"},
    "F": {"sites": "parallel", "labels": "xy", "scaling": -1.0},
}


def crowd(architecture="bert", order=tuple(CROWD)):
    """An encoder with an adapter of every kind, each with weights that depend on its name only."""
    model = None
    for name in order:
        torch.manual_seed(ord(name))
        if model is None:
            model = get_peft_model(tiny_encoder(architecture), config(**CROWD[name]), adapter_name=name)
        else:
            model.add_adapter(name, config(**CROWD[name]))
    return model.eval()


def alone(architecture, name):
    torch.manual_seed(ord(name))
    return get_peft_model(tiny_encoder(architecture), config(**CROWD[name]), adapter_name=name).eval()


@pytest.mark.parametrize("order", ["ABCDEF", "FEDCBA"])
@pytest.mark.parametrize("architecture", ALL)
def test_many_adapters_on_one_encoder_do_not_disturb_each_other(tmp_path, architecture, order):
    model = crowd(architecture, tuple(order))
    assert {name.split(".")[-2] for name in trainable(model)} == {order[0]}
    model.save_pretrained(tmp_path / "together")
    for name in order:
        single = alone(architecture, name)
        model.set_adapter(name)
        assert torch.equal(hidden(model), hidden(single)), name
        if CROWD[name]["labels"] is not None:
            assert torch.equal(logits(model), logits(single))
            assert find_head(model).labels() == list(CROWD[name]["labels"])
        single.save_pretrained(tmp_path / "alone")
        files = [load_file(tmp_path / kind / name / "adapter_model.safetensors") for kind in ("together", "alone")]
        assert files[0].keys() == files[1].keys()
        assert all(torch.equal(files[0][key], files[1][key]) for key in files[0])


@pytest.mark.parametrize("low_cpu_mem_usage", [False, True])
@pytest.mark.parametrize("architecture", ALL)
def test_many_adapters_loaded_one_after_the_other(tmp_path, architecture, low_cpu_mem_usage):
    model = crowd(architecture)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(tiny_encoder(architecture), tmp_path / "F", adapter_name="F")
    for name in "EBDCA":
        result = loaded.load_adapter(tmp_path / name, adapter_name=name, low_cpu_mem_usage=low_cpu_mem_usage)
        assert not result.unexpected_keys
    loaded.eval()
    for name in CROWD:
        model.set_adapter(name)
        loaded.set_adapter(name)
        assert torch.equal(hidden(loaded), hidden(model)), name
        if CROWD[name]["labels"] is not None:
            assert torch.equal(logits(loaded), logits(model))


@pytest.mark.parametrize("names", ["ABCD", "BBAF", ["__base__", "F", "E", "__base__"]])
@pytest.mark.parametrize("architecture", ALL)
def test_each_row_of_a_mixed_batch_equals_its_own_adapter_alone(architecture, names):
    model = crowd(architecture)
    mixed = hidden(model, adapter_names=list(names))
    for row, name in enumerate(names):
        if name == "__base__":
            single = hidden(tiny_encoder(architecture))[row]
        else:
            model.set_adapter(name)
            single = hidden(model)[row]
        assert torch.allclose(mixed[row], single, atol=1e-5), (row, name)
    with_one = hidden(model)
    assert torch.equal(with_one, hidden(model)), "the names of one call must not outlive it"


def test_a_mixed_batch_from_tokens_to_logits():
    model = crowd()
    names = ["A", "B", "F", "B"]
    mixed = find_head(model)(hidden(model, adapter_names=names).mean(dim=1), adapter_names=names)
    for row, name in enumerate(names):
        model.set_adapter(name)
        labels = len(CROWD[name]["labels"])
        assert torch.allclose(mixed[row, :labels], logits(model)[row], atol=1e-5)
        assert torch.isneginf(mixed[row, labels:]).all()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["A", "B", "typo", "nobody"], r"unknown adapters: 'nobody', 'typo'; loaded are 'A', 'B'"),
        (["A", "B"], "got 2 names for 4 rows"),
        ("ABCD", "one adapter name per row"),
        ([1, 2, 3, 4], "one adapter name per row"),
    ],
)
def test_mixed_batches_that_make_no_sense(names, message):
    model = crowd()
    before = hidden(model)
    with pytest.raises(ConfigError, match=message):
        hidden(model, adapter_names=names)
    assert torch.equal(hidden(model), before), "a refused batch must leave nothing behind"


def test_mixed_batches_are_for_inference():
    with pytest.raises(ConfigError, match="inference"):
        crowd().train()(**tokens(), adapter_names=["A", "B", "A", "B"])


@pytest.mark.parametrize("architecture", ALL)
def test_deleted_and_added_again(architecture):
    model = crowd(architecture)
    model.delete_adapter("B")
    assert not any(".B." in name for name, _ in model.named_parameters())
    with pytest.raises(ConfigError, match="unknown adapters: 'B'"):
        hidden(model, adapter_names=["B"] * 4)
    torch.manual_seed(ord("B"))
    model.add_adapter("B", config(**CROWD["B"]))
    for name in CROWD:
        model.set_adapter(name)
        assert torch.equal(hidden(model), hidden(alone(architecture, name)))


def test_added_again_with_other_sites_and_labels():
    model = crowd()
    model.set_adapter("B")
    model.delete_adapter("A")
    torch.manual_seed(0)
    model.add_adapter("A", config(sites="parallel", labels="12345"))
    model.set_adapter("A")
    assert find_head(model).labels() == list("12345")
    torch.manual_seed(0)
    assert torch.equal(hidden(model), hidden(get_peft_model(tiny_encoder(), config(sites="parallel", labels="12345"))))


@pytest.mark.parametrize("order", ["ABCDEF", "FEDCBA"])
def test_after_deleting_the_active_adapter_all_layers_agree_on_the_next(order):
    model = crowd(order=tuple(order))
    while len(model.peft_config) > 1:
        active = model.active_adapter
        with pytest.warns(UserWarning, match=f"'{active}', which was active, is deleted"):
            model.delete_adapter(active)
        successor = next(iter(model.peft_config))
        assert model.active_adapter == successor
        assert torch.equal(hidden(model), hidden(alone("bert", successor)))
        assert {n.split(".")[-2] for n in trainable(model)} == {successor}


def test_deleting_an_idle_adapter_leaves_the_active_one():
    model = crowd()
    model.set_adapter("B")
    model.delete_adapter("A")
    assert model.active_adapters == ["B"]
    assert torch.equal(hidden(model), hidden(alone("bert", "B")))


def test_deleting_all_leaves_the_base():
    model = adapted()
    model.delete_adapter("default")
    assert trainable(model) == set()
    assert torch.equal(hidden(model.base_model.model), hidden(tiny_encoder()))


@pytest.mark.parametrize(("architecture", "settings"), MATRIX)
def test_unloaded_it_is_the_base(architecture, settings):
    model = adapted(architecture, **settings)
    base = model.unload()
    assert torch.equal(hidden(base), hidden(tiny_encoder(architecture)))
    assert list(dict(base.named_modules())) == list(dict(tiny_encoder(architecture).named_modules()))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in base.modules())
    torch.manual_seed(1)
    again = get_peft_model(base, config(**settings)).eval()
    assert torch.equal(hidden(again), hidden(adapted(architecture, **settings)))


@pytest.mark.parametrize("action", ["merge_and_unload", "merge_adapter", "unmerge_adapter"])
def test_merging_is_refused_with_the_reason(action):
    model = adapted()
    before = hidden(model)
    with pytest.raises(ConfigError, match="cannot be merged into the base: between its two projections is a non-lin"):
        getattr(model, action)()
    assert torch.equal(hidden(model), before)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_a_copy_is_equal_and_independent(architecture, duplicate):
    model = crowd(architecture)
    twin = duplicate(model)
    for name in CROWD:
        model.set_adapter(name)
        twin.set_adapter(name)
        assert torch.equal(hidden(twin), hidden(model))
    before = hidden(model)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if "intent_" in name:
                parameter.fill_(1.0)
    assert torch.equal(hidden(model), before)
    assert not torch.equal(hidden(twin), before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("architecture", "sites"), [(a, s) for a in ALL for s in ("houlsby", "parallel")])
def test_half_precision_encoder(tmp_path, architecture, sites, dtype):
    model = get_peft_model(tiny_encoder(architecture).to(dtype), config(sites=sites)).eval()
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    states = hidden(model)
    assert states.dtype == dtype
    mixed = hidden(model, adapter_names=["default", "__base__", "default", "__base__"])
    assert torch.allclose(mixed[0].float(), states[0].float(), atol=0.05)
    assert logits(model).dtype == torch.float32
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(tiny_encoder(architecture).to(dtype), tmp_path)
    assert torch.equal(hidden(loaded), states)
    full = PeftModel.from_pretrained(tiny_encoder(architecture), tmp_path)
    assert torch.allclose(hidden(full), states.float(), atol=0.1)


def test_everything_cast_to_half_precision_still_runs():
    model = adapted().to(torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert logits(model).dtype == torch.bfloat16


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")  # older versions know no other
@pytest.mark.parametrize("sites", SITES)
def test_gradient_checkpointing(sites):
    gradients = []
    for checkpointing in (False, True):
        model = adapted(sites=sites).train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        if checkpointing:
            model.base_model.model.gradient_checkpointing_enable({"use_reentrant": False})
        model(**tokens()).last_hidden_state.square().sum().backward()
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() != set()
    assert all(torch.allclose(gradients[0][n], gradients[1][n], rtol=1e-4, atol=1e-5) for n in gradients[0])


def test_an_optimiser_learns_with_it_and_leaves_the_base_alone():
    model = adapted(init_weights=True, labels="ab", head="cosine")
    base = {name: p.clone() for name, p in model.named_parameters() if not p.requires_grad}
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    target = torch.tensor([0, 1, 0, 1])
    losses = []
    for _ in range(30):
        loss = F.cross_entropy(find_head(model)(model(**tokens()).last_hidden_state.mean(dim=1)), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    assert all(torch.equal(p, base[name]) for name, p in model.named_parameters() if name in base)


def test_inference_mode_is_kept():
    assert trainable(adapted(inference_mode=True)) == set()


def test_embedding_dim_overrides_the_hidden_size():
    model = adapted(embedding_dim=2 * HIDDEN)
    assert find_head(model)(torch.zeros(1, 2 * HIDDEN)).shape == (1, 3)


def test_weights_of_another_shape_are_refused(tmp_path):
    adapted(bottleneck_size=4).save_pretrained(tmp_path)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "bottleneck_size": 5}))
    with pytest.raises(RuntimeError, match="size mismatch"):
        PeftModel.from_pretrained(tiny_encoder(), tmp_path)


def test_the_config_given_is_not_changed():
    given = BottleneckConfig(labels=["a"])
    before = copy.deepcopy(given)
    get_peft_model(tiny_encoder(), given)
    assert {**vars(given), "base_model_name_or_path": None} == {**vars(before), "base_model_name_or_path": None}


@pytest.mark.parametrize("name", ["", "a.b", "keys", "update", "type", "training", "__base__"])
def test_names_that_cannot_be_kept_are_refused_before_anything_changes(name):
    model = adapted()
    before = hidden(model), list(model.state_dict()), list(model.peft_config)
    with pytest.raises(ConfigError, match=f"an adapter cannot be named '{name}'"):
        model.add_adapter(name, config(labels="xy"))
    assert torch.equal(hidden(model), before[0])
    assert (list(model.state_dict()), list(model.peft_config)) == before[1:]


def test_status_as_peft_reports_it():
    model = crowd()
    status = model.get_model_status()
    assert status.available_adapters == sorted(CROWD)
    assert status.active_adapters == ["A"]
    assert status.trainable_params == sum(p.numel() for p in alone("bert", "A").parameters() if p.requires_grad)
    assert {layer.name for layer in model.get_layer_status()} >= {"model.intent_head"}
    model.set_requires_grad("B")
    assert {name.split(".")[-2] for name in trainable(model)} == {"A", "B"}
