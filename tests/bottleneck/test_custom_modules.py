"""What PEFT promises of every method, on modules that are no transformers: the lane after PEFT's own matrix."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
from peft import PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from intent_adapters.bottleneck import BottleneckConfig, find_head
from intent_adapters.errors import ConfigError

WIDTH = 6


class Block(nn.Module):
    """Maps hidden states to hidden states; `call` says how its parent calls it and what it returns."""

    def __init__(self, call):
        super().__init__()
        self.inner = nn.Linear(WIDTH, 9)
        self.outer = nn.Linear(9, WIDTH)
        self.call = call

    def forward(self, states, scale=1.0):
        states = self.outer(torch.relu(self.inner(states))) * scale
        return (states, "router logits") if self.call == "tuple" else states


class Network(nn.Module):
    """Two residual blocks between an embedding and a classifier."""

    def __init__(self, call="position"):
        super().__init__()
        self.embed = nn.Linear(4, WIDTH)
        self.blocks = nn.ModuleList([Block(call), Block(call)])
        self.norm = nn.LayerNorm(WIDTH)
        self.classifier = nn.Linear(WIDTH, 3)
        self.call = call

    def states(self, x):
        states = self.embed(x)
        for block in self.blocks:
            output = block(scale=1.0, states=states) if self.call == "keyword" else block(states)
            states = states + (output[0] if self.call == "tuple" else output)
        return self.norm(states)

    def forward(self, x):
        return self.classifier(self.states(x))


@dataclass
class Config:
    hidden_size: int = WIDTH
    model_type: str = "custom"


class Sized(Network):
    """With a config that has a hidden size, which parallel sites and heads ask for."""

    config = Config()


VARIANTS = {
    "one Linear": {"target_modules": ["blocks.0.outer"]},
    "two Linears": {"target_modules": ["outer"]},
    "all Linears": {"target_modules": ["embed", "inner", "outer"]},
    "reduction factor": {"target_modules": ["outer"], "bottleneck_size": None, "reduction_factor": 3, "scaling": 2.0},
    "dropout": {"target_modules": ["outer"], "dropout": 0.2, "non_linearity": "silu"},
    "beside blocks": {"target_modules": ["blocks.0", "blocks.1"], "sites": "parallel"},
    "with head": {"target_modules": ["outer"], "labels": ["yes", "no"], "embedding_dim": WIDTH},
    "head alone": {"sites": "none", "labels": ["yes", "no"], "embedding_dim": 4, "head": "linear"},
    "with classifier": {"target_modules": ["outer"], "modules_to_save": ["classifier"]},
    "all of it": {
        "target_modules": ["blocks.1"],
        "sites": "parallel",
        "labels": ["yes", "no"],
        "modules_to_save": ["classifier", "norm"],
    },
}
variants = pytest.mark.parametrize("settings", VARIANTS.values(), ids=VARIANTS)
CALLS = ("position", "keyword", "tuple")


def network(call="position", cls=Sized):
    torch.manual_seed(0)
    return cls(call).eval()


def config(**settings):
    return BottleneckConfig(**{"bottleneck_size": 2, "init_weights": False, **settings})


def adapted(settings, name="default", seed=1, **options):
    model = network()
    torch.manual_seed(seed)
    model = get_peft_model(model, config(**settings), adapter_name=name, **options).eval()
    with torch.no_grad():  # what is trained whole begins as a copy of what it was
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def inputs(rows=5):
    return torch.randn(rows, 4, generator=torch.Generator().manual_seed(2))


def answer(model, **kwargs):
    with torch.no_grad():
        return model(inputs(), **kwargs)


def changes(settings):
    return settings.get("sites") != "none"


def trainable(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


@variants
def test_a_fresh_adapter_changes_nothing(settings):
    model = get_peft_model(network(), config(**{**settings, "init_weights": True}))
    assert torch.equal(answer(model.eval()), answer(network()))


@variants
def test_only_the_adapter_is_trained(settings):
    model = adapted(settings).train()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    loss = model(inputs()).square().sum()
    if settings.get("labels"):
        embeddings = torch.randn(5, settings.get("embedding_dim", WIDTH))
        loss = loss + F.cross_entropy(find_head(model)(embeddings), torch.tensor([0, 1, 0, 1, 1]))
    loss.backward()
    optimiser.step()
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed == trainable(model) != set()
    parts = ("intent_bottleneck_", ".modules_to_save.default.")
    assert all(any(part in name for part in parts) for name in changed)


@variants
def test_saved_and_loaded(tmp_path, settings):
    model = adapted(settings)
    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(network(), tmp_path)
    assert torch.equal(answer(loaded), answer(model))
    assert torch.equal(answer(model), answer(network())) is not changes(settings)
    assert trainable(loaded) == set()
    assert trainable(PeftModel.from_pretrained(network(), tmp_path, is_trainable=True)) == trainable(model)


@variants
def test_the_file_holds_what_is_trained_and_nothing_else(tmp_path, settings):
    model = adapted(settings, name="mine")
    model.save_pretrained(tmp_path)
    names = {name.replace(".modules_to_save.mine.", ".").replace(".mine.", ".") for name in trainable(model)}
    assert set(load_file(tmp_path / "mine" / "adapter_model.safetensors")) == names
    written = json.loads((tmp_path / "mine" / "adapter_config.json").read_text(encoding="utf-8"))
    assert written["modules_to_save"] == settings.get("modules_to_save")
    assert written["target_modules"] == settings.get("target_modules")


@variants
def test_disabled_it_is_the_base(settings):
    model = adapted(settings)
    active = answer(model)
    with model.disable_adapter():
        assert torch.equal(answer(model), answer(network()))
    assert torch.equal(answer(model), active)


@variants
def test_two_adapters_take_turns(settings):
    model = adapted(settings, name="first")
    torch.manual_seed(5)
    model.add_adapter("second", config(**settings))
    single = adapted(settings)
    model.eval()
    assert torch.equal(answer(model), answer(single))
    first = trainable(model)
    model.set_adapter("second")
    second = trainable(model)
    assert {name.replace(".first.", ".second.") for name in first} == second
    assert torch.equal(answer(model), answer(single)) is not changes(settings)
    model.set_adapter("first")
    assert torch.equal(answer(model), answer(single))


@variants
def test_deleting_one_leaves_the_other(settings):
    model = adapted(settings, name="first")
    model.add_adapter("second", config(**settings))
    model.eval()
    before = answer(model)
    model.delete_adapter("second")
    assert list(model.peft_config) == ["first"]
    assert torch.equal(answer(model), before)
    assert not any(".second." in name for name in model.state_dict())
    model.add_adapter("second", config(**settings))
    with pytest.warns(UserWarning, match="'first', which was active, is deleted"):
        model.delete_adapter("first")
    assert model.active_adapters == ["second"]
    assert trainable(model) and all(".second." in name for name in trainable(model))
    answer(model)


@variants
def test_unloaded_nothing_of_it_is_left(settings):
    bare = network()
    attributes = {name: set(vars(module)) for name, module in bare.named_modules()}
    hooks = [hook for module in bare.modules() for hook in hooks_of(module)]
    model = get_peft_model(bare, config(**{**settings, "modules_to_save": None}))
    model.add_adapter("second", config(target_modules=["blocks.0"], sites="parallel", labels=["a"]))
    base = model.unload()
    assert base is bare
    assert {name: set(vars(module)) for name, module in base.named_modules()} == attributes
    assert [hook for module in base.modules() for hook in hooks_of(module)] == hooks == []
    assert torch.equal(answer(base), answer(network()))


def hooks_of(module):
    return [*module._forward_hooks.values(), *module._forward_pre_hooks.values(), *module._backward_hooks.values()]


def test_an_unloaded_model_is_read_without_us(tmp_path):
    bare = nn.Sequential(nn.Linear(4, WIDTH), nn.Sequential(nn.Linear(WIDTH, WIDTH)))
    bare.config = Config()
    model = get_peft_model(bare, config(target_modules=["1"], labels=["a"], sites="parallel"))
    for number, twin in enumerate([copy.deepcopy(model), model]):
        base = twin.unload()
        del base.config  # its class is not known elsewhere
        torch.save(base, tmp_path / f"{number}.pt")
    code = (
        "import sys; sys.modules['intent_adapters'] = None; import torch; "
        "print(*[torch.load(path, weights_only=False)(torch.ones(1, 4)).shape[1] for path in sys.argv[1:]])"
    )
    paths = [str(path) for path in tmp_path.iterdir()]
    run = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    assert run.stdout.split() == ["6", "6"], run.stderr


def test_unloading_keeps_what_was_trained_whole_as_peft_does():
    model = adapted(VARIANTS["with classifier"])
    trained = model.classifier.weight.clone()
    base = model.unload()
    assert type(base.classifier) is nn.Linear
    assert torch.equal(base.classifier.weight, trained)
    assert not torch.equal(trained, network().classifier.weight)


@variants
def test_each_row_of_a_mixed_batch_is_that_of_its_adapter(settings):
    if "norm" in settings.get("modules_to_save", ()):
        pytest.skip("PEFT mixes batches through Linear modules alone")
    model = adapted(settings, name="first")
    model.add_adapter("second", config(**settings))
    model.eval()
    names = ["first", "__base__", "second", "first", "second"]
    mixed = answer(model, adapter_names=names)
    alone = {"__base__": answer(network())}
    for name in ("first", "second"):
        model.set_adapter(name)
        alone[name] = answer(model)
    for row, name in enumerate(names):
        assert torch.allclose(mixed[row], alone[name][row], atol=1e-6)


@pytest.mark.parametrize("call", CALLS)
def test_beside_a_module_however_it_is_called(call):
    settings = {"target_modules": ["blocks.0", "blocks.1"], "sites": "parallel"}
    torch.manual_seed(1)
    model = get_peft_model(network(call), config(**settings)).eval()
    reference = get_peft_model(network(), config(**settings)).eval()
    reference.load_state_dict(model.state_dict())
    assert torch.equal(answer(model), answer(reference))
    assert not torch.allclose(answer(model), answer(network()))


@pytest.mark.parametrize("returned", [None, 3, [], (), "dict"])
def test_beside_a_module_that_returns_no_hidden_states(returned):
    class Odd(nn.Module):
        def forward(self, states):
            return {"states": states} if returned == "dict" else returned

    model = nn.Sequential(nn.Linear(4, WIDTH), Odd())
    model.config = Config()
    peft_model = get_peft_model(model, config(target_modules=["1"], sites="parallel"))
    with pytest.raises(ConfigError, match=r"beside a Odd needs hidden states .* it got a tensor .* and returned a"):
        peft_model(inputs())


def test_beside_a_module_that_changes_the_shape():
    model = nn.Sequential(nn.Linear(4, WIDTH), nn.Linear(WIDTH, 3))
    model.config = Config()
    with pytest.raises(ConfigError, match=r"shape \(5, 6\) and returned a tensor of shape \(5, 3\)"):
        get_peft_model(model, config(target_modules=["1"], sites="parallel"))(inputs())


def test_a_wrapped_linear_still_tells_its_shape():
    layer = adapted({"target_modules": ["inner"]}).base_model.model.blocks[0].inner
    assert isinstance(layer, BaseTunerLayer)
    assert (layer.in_features, layer.out_features) == (WIDTH, 9)
    assert layer.weight.shape == (9, WIDTH)
    assert layer.bias.shape == (9,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("autocast", [True, False])
@variants
def test_the_type_of_the_adapter(settings, autocast, dtype):
    model = get_peft_model(network().to(dtype), config(**settings), autocast_adapter_dtype=autocast).eval()
    kinds = {parameter.dtype for name, parameter in model.named_parameters() if "intent_bottleneck_" in name}
    assert kinds == {torch.float32 if autocast else dtype}
    model.add_adapter("second", config(**settings), autocast_adapter_dtype=autocast)
    kinds = {p.dtype for name, p in model.named_parameters() if "intent_bottleneck_" in name and ".second." in name}
    assert kinds == {torch.float32 if autocast else dtype}
    if "norm" not in settings.get("modules_to_save", ()):
        with torch.no_grad():
            assert model.to(torch.float32)(inputs()).isfinite().all()


def test_loaded_in_the_type_asked_for(tmp_path):
    settings = VARIANTS["with head"]
    adapted(settings).save_pretrained(tmp_path)
    for autocast, dtype in ((True, torch.float32), (False, torch.bfloat16)):
        loaded = PeftModel.from_pretrained(network().to(torch.bfloat16), tmp_path, autocast_adapter_dtype=autocast)
        assert {p.dtype for n, p in loaded.named_parameters() if "intent_bottleneck_" in n} == {dtype}


NAMES = ["other", "0th", "한국어", "with space", "down", "head", "a-b_c", "Default"]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_adapters_may_have(tmp_path, name):
    settings = VARIANTS["all of it"]
    model = adapted(settings, name=name)
    model.add_adapter("second", config(**settings))
    model.save_pretrained(tmp_path)
    before = answer(model.eval())
    assert len(load_file(tmp_path / "second" / "adapter_model.safetensors")) == 4 + 2 + 2 + 2
    loaded = PeftModel.from_pretrained(network(), tmp_path / name, adapter_name=name)
    assert torch.equal(answer(loaded), before)


@pytest.mark.parametrize(
    "name", ["0", "blocks", "outer", "weight", "bias", "scale", "model", "intent_head", "intent_bottleneck_up"]
)
def test_names_under_which_peft_would_lose_weights_of_others_are_refused(name):
    model = adapted(VARIANTS["with head"])
    before = list(model.state_dict())
    with pytest.raises(
        ConfigError, match=rf"cannot be named '{name}' on this model, whose parameters have '.{name}.'"
    ):
        model.add_adapter(name, config(**VARIANTS["with head"]))
    assert list(model.state_dict()) == before
    assert list(model.peft_config) == ["default"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_modules": ["norm"]}, "a LayerNorm, but with sites='houlsby' an adapter follows a Linear"),
        ({"target_modules": ["no.such"]}, r"matches no module.*embed, blocks\.N\.inner, blocks\.N\.outer, classifier"),
        ({"target_modules": ["classifier"], "modules_to_save": ["classifier"]}, "matches no module"),
        ({}, "model_type='custom'"),
    ],
)
def test_a_config_that_does_not_fit_leaves_the_model_as_it_was(settings, message):
    model = network()
    before = [(name, type(module)) for name, module in model.named_modules()]
    with pytest.raises(ConfigError, match=message):
        get_peft_model(model, config(labels=["a"], **settings))
    assert [(name, type(module)) for name, module in model.named_modules()] == before


def test_a_model_without_a_config_needs_the_dimension_said():
    with pytest.raises(ConfigError, match="give embedding_dim"):
        get_peft_model(network(cls=Network), config(target_modules=["outer"], labels=["a"]))
