"""Each kind of site against a forward pass written out by hand, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from intent_adapters.bottleneck import NON_LINEARITIES, BottleneckConfig
from intent_adapters.bottleneck.layer import ParallelBottleneck, SequentialBottleneck
from intent_adapters.bottleneck.slots import add_parallel_slot, remove_slots
from intent_adapters.errors import ConfigError
from tests.bottleneck.support import ALL, SITES, adapted, hidden, tokens
from tests.support.tiny import tiny_encoder

SCALING = 0.6
CPU = torch.device("cpu")


def attention_calls(model, layers, name):
    """The arguments, besides the hidden states, with which each layer calls its attention."""
    calls = []
    handles = [
        getattr(layer, name).register_forward_pre_hook(
            lambda module, args, kwargs: calls.append((args[1:], kwargs)), with_kwargs=True
        )
        for layer in layers
    ]
    with torch.no_grad():
        model(**tokens())
    for handle in handles:
        handle.remove()
    return calls


class ByHand:
    """The layers of an encoder, one line of arithmetic after another, with the bottlenecks of a state dict in them."""

    def __init__(self, architecture, tensors):
        self.model = tiny_encoder(architecture).double()
        self.tensors = {name: tensor.double() for name, tensor in tensors.items()}

    def delta(self, x, prefix):
        prefix = f"base_model.model.{prefix}.intent_bottleneck_"
        if f"{prefix}down.weight" not in self.tensors:
            return torch.zeros_like(x)
        down, down_bias, up, up_bias = (
            self.tensors[prefix + part] for part in ("down.weight", "down.bias", "up.weight", "up.bias")
        )
        z = x @ down.T + down_bias
        z = z * 0.5 * (1 + torch.erf(z / 2**0.5))
        return SCALING * (z @ up.T + up_bias)

    def sequential(self, x, module, name):
        h = x @ module.weight.T + (0 if module.bias is None else module.bias)
        return h + self.delta(h, name)

    def bert(self, mpnet=False):
        layers = self.model.encoder.layer
        calls = attention_calls(self.model, layers, "attention")
        x = self.model.embeddings(tokens()["input_ids"])
        for n, (layer, (args, kwargs)) in enumerate(zip(layers, calls, strict=True)):
            core = layer.attention.attn if mpnet else layer.attention.self
            out, name = (
                (core.o, "attention.attn.o") if mpnet else (layer.attention.output.dense, "attention.output.dense")
            )
            if mpnet:  # its self-attention ends with the projection: read what goes into it
                context = []
                handle = out.register_forward_pre_hook(lambda module, a, into=context: into.append(a[0]))
                core(x, *args, **kwargs)
                handle.remove()
                context = context[0]
            else:
                context = core(x, *args, **kwargs)[0]
            norm = layer.attention.LayerNorm if mpnet else layer.attention.output.LayerNorm
            a = norm(self.sequential(context, out, f"encoder.layer.{n}.{name}") + x)
            inner = F.gelu(a @ layer.intermediate.dense.weight.T + layer.intermediate.dense.bias)
            f = self.sequential(inner, layer.output.dense, f"encoder.layer.{n}.output.dense")
            f = f + self.delta(a, f"encoder.layer.{n}.output.intent_parallel")
            x = layer.output.LayerNorm(f + a)
        return x

    def mpnet(self):
        return self.bert(mpnet=True)

    def distilbert(self):
        layers = self.model.transformer.layer
        calls = attention_calls(self.model, layers, "attention")
        x = self.model.embeddings(tokens()["input_ids"])
        for n, (layer, (args, kwargs)) in enumerate(zip(layers, calls, strict=True)):
            o = layer.attention(x, *args, **kwargs)[0]
            o = o + self.delta(o, f"transformer.layer.{n}.attention.out_lin")
            a = layer.sa_layer_norm(o + x)
            inner = F.gelu(a @ layer.ffn.lin1.weight.T + layer.ffn.lin1.bias)
            f = self.sequential(inner, layer.ffn.lin2, f"transformer.layer.{n}.ffn.lin2")
            f = f + self.delta(a, f"transformer.layer.{n}.ffn.intent_parallel")
            x = layer.output_layer_norm(f + a)
        return x

    def modernbert(self):
        calls = attention_calls(self.model, self.model.layers, "attn")
        x = self.model.embeddings(tokens()["input_ids"])
        for n, (layer, (args, kwargs)) in enumerate(zip(self.model.layers, calls, strict=True)):
            o = layer.attn(layer.attn_norm(x), *args, **kwargs)[0]
            x = x + o + self.delta(o, f"layers.{n}.attn.Wo")
            a = layer.mlp_norm(x)
            inner, gate = (a @ layer.mlp.Wi.weight.T).chunk(2, dim=-1)
            f = self.sequential(F.gelu(inner) * gate, layer.mlp.Wo, f"layers.{n}.mlp.Wo")
            x = x + f + self.delta(a, f"layers.{n}.mlp.intent_parallel")
        return self.model.final_norm(x)


@pytest.mark.parametrize("sites", SITES)
@pytest.mark.parametrize("architecture", ALL)
def test_every_site_is_what_the_arithmetic_by_hand_gives(tmp_path, architecture, sites):
    model = adapted(architecture, sites=sites, scaling=SCALING, labels=None).double()
    tensors = {
        name.replace(".default", ""): tensor
        for name, tensor in model.state_dict().items()
        if ".intent_bottleneck_" in name
    }
    assert len(tensors) == 4 * (4 if sites == "houlsby" else 2)
    by_hand = ByHand(architecture, tensors)
    with torch.no_grad():
        expected = getattr(by_hand, architecture if hasattr(by_hand, architecture) else "bert")()
    got = hidden(model)
    assert torch.allclose(got, expected, rtol=0, atol=1e-12)
    assert not torch.allclose(got, hidden(tiny_encoder(architecture).double()), atol=1e-3)


SCALAR = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
}


def parallel(dtype, **settings):
    """What a bottleneck alone adds, as a function of the hidden states, and its weights."""
    torch.manual_seed(0)
    layer = ParallelBottleneck(nn.Identity(), 6)
    layer.update_layer("default", BottleneckConfig(init_weights=False, bottleneck_size=3, **settings), CPU, dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    state = layer.state_dict()
    weights = [
        state[f"intent_bottleneck_{part}.default.{kind}"] for part in ("down", "up") for kind in ("weight", "bias")
    ]
    return lambda hidden: layer(hidden, torch.zeros_like(hidden)).detach(), weights


@pytest.mark.parametrize("non_linearity", NON_LINEARITIES)
def test_a_bottleneck_is_what_loops_over_numbers_give(non_linearity):
    delta_of, (down_weight, down_bias, up_weight, up_bias) = parallel(
        torch.float64, non_linearity=non_linearity, scaling=0.7
    )
    hidden = torch.randn(2, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    delta = delta_of(hidden)
    for row in range(2):
        for token in range(3):
            h = hidden[row, token].tolist()
            inner = [
                SCALAR[non_linearity](sum(w * x for w, x in zip(line, h, strict=True)) + b)
                for line, b in zip(down_weight.tolist(), down_bias.tolist(), strict=True)
            ]
            outer = [
                0.7 * (sum(w * x for w, x in zip(line, inner, strict=True)) + b)
                for line, b in zip(up_weight.tolist(), up_bias.tolist(), strict=True)
            ]
            assert delta[row, token].tolist() == pytest.approx(outer, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_bottleneck_computes_in_the_type_of_its_weights_and_returns_that_of_its_input(dtype):
    hidden = torch.randn(5, 6, generator=torch.Generator().manual_seed(1)).to(dtype)
    delta = parallel(torch.float32)[0](hidden)
    reference = parallel(torch.float32)[0](hidden.float())
    assert delta.dtype == dtype
    assert torch.equal(delta, reference.to(dtype))


def sequential(**settings):
    torch.manual_seed(0)
    layer = SequentialBottleneck(nn.Linear(3, 5), 5)
    settings = {"init_weights": False, "bottleneck_size": 2, **settings}
    layer.update_layer("default", BottleneckConfig(**settings), CPU, torch.float32)
    return layer


def test_shapes_and_initialisation():
    layer = sequential(init_weights=True, bottleneck_size=7)
    down, up = layer.intent_bottleneck_down["default"], layer.intent_bottleneck_up["default"]
    assert (down.weight.shape, up.weight.shape) == ((7, 5), (5, 7))
    assert down.weight.abs().min() > 0
    assert not down.bias.any() and not up.weight.any() and not up.bias.any()


def test_dropout_drops_only_what_the_adapter_adds_and_only_in_training():
    layer, x = sequential(dropout=0.5), torch.randn(2000, 3)
    base, full = layer.base_layer(x), layer.eval()(x)
    delta = layer.train()(x) - base
    kept = delta != 0
    assert 0.45 < kept.float().mean() < 0.55
    assert torch.allclose(delta[kept], 2 * (full - base)[kept], atol=1e-5)
    assert torch.equal(layer.eval()(x), full)


def test_two_active_adapters_are_added_in_any_order():
    layer, x = sequential(), torch.randn(4, 3)
    layer.update_layer("second", BottleneckConfig(init_weights=False), CPU, torch.float32)
    base = layer.base_layer(x)
    deltas = []
    for name in ("default", "second"):
        layer.set_adapter(name)
        deltas.append(layer(x) - base)
    for names in (["default", "second"], ["second", "default"]):
        layer.set_adapter(names)
        assert torch.allclose(layer(x), base + deltas[0] + deltas[1], atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_adapters_are_float32_at_least_and_the_output_has_the_type_of_the_base(dtype):
    layer = SequentialBottleneck(nn.Linear(3, 5, dtype=dtype), 5)
    layer.update_layer("default", BottleneckConfig(init_weights=False), CPU, dtype)
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    assert {p.dtype for p in layer.intent_bottleneck_up.parameters()} == {wanted}
    assert layer(torch.randn(4, 3, dtype=dtype)).dtype == dtype


def test_under_autocast():
    layer, x = sequential(), torch.randn(4, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = layer(x)
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), layer(x), atol=0.05)


@pytest.mark.parametrize("names", [[], ["default"], ["default"] * 3])
def test_one_name_per_row(names):
    layer = sequential()
    layer.adapter_names = names
    with pytest.raises(ConfigError, match=rf"got {len(names)} names for 2 rows"):
        layer(torch.randn(2, 3))


def test_names_have_no_effect_while_disabled_and_say_so():
    layer, x = sequential(), torch.randn(2, 3)
    layer.enable_adapters(False)
    layer.adapter_names = ["default", "default"]
    with pytest.warns(UserWarning, match="adapters are disabled"):
        assert torch.equal(layer(x), layer.base_layer(x))


@pytest.mark.parametrize("action", ["merge", "unmerge"])
def test_merging_a_layer_is_refused(action):
    with pytest.raises(ConfigError, match="non-linearity"):
        getattr(sequential(), action)()


def test_a_slot_without_an_adapter_changes_nothing_and_is_put_once():
    module = nn.Linear(3, 3)
    x, keys = torch.randn(2, 3), list(module.state_dict())
    before = module(x)
    for _ in range(2):
        add_parallel_slot(module, "parallel")
    assert torch.equal(module(x), before)
    assert list(module.state_dict()) == keys
    module.intent_parallel = ParallelBottleneck(module.intent_parallel, 3)
    module.intent_parallel.update_layer("default", BottleneckConfig(init_weights=False), CPU, torch.float32)
    assert not torch.allclose(module(x), before)
    module.intent_parallel = module.intent_parallel.base_layer
    assert torch.equal(module(x), before)
    remove_slots(nn.Sequential(module))
    assert torch.equal(module(x), before)
