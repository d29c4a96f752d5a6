from __future__ import annotations

import pytest
import torch
from peft import get_peft_model
from torch import nn

from intent_adapters.bottleneck import (
    BottleneckConfig,
    CosineHead,
    IntentHead,
    LinearHead,
    NormalizedLinearHead,
    find_head,
)
from intent_adapters.bottleneck.slots import HeadSlot
from intent_adapters.errors import AdapterError, ConfigError
from tests.bottleneck.support import adapted
from tests.support.tiny import tiny_encoder

KINDS = ("cosine", "linear", "normalized_linear")


def heads(**adapters):
    """An `IntentHead` with one adapter per name, the first one active."""
    torch.manual_seed(0)
    head = IntentHead(HeadSlot())
    for name, (kind, labels) in adapters.items():
        settings = BottleneckConfig(labels=list(labels), head=kind)
        head.update_layer(name, settings, 6, torch.device("cpu"), torch.float32)
    head.set_adapter(next(iter(adapters)))
    return head


def embeddings(rows=5):
    return torch.randn(rows, 6, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (CosineHead, ["weight", "scale"]),
        (LinearHead, ["weight", "bias"]),
        (NormalizedLinearHead, ["weight", "bias"]),
    ],
)
def test_what_a_head_saves(cls, names):
    state = cls(6, 4, 30.0).state_dict()
    assert list(state) == names
    assert state["weight"].shape == (4, 6)
    if "scale" in state:
        assert state["scale"].tolist() == [30.0]


def test_cosine_logits_are_bounded_by_the_scale():
    values = CosineHead(6, 4, 30.0)(100 * embeddings())
    assert values.shape == (5, 4)
    assert 1 < values.abs().max() <= 30


def test_a_normalized_linear_head_is_an_affine_map_of_the_direction():
    head = heads(a=("normalized_linear", "xyz"))
    module = head.intent_bottleneck_head["a"]
    with torch.no_grad():
        module.bias.copy_(torch.tensor([0.5, -1.0, 2.0]))
    for row, values in zip(embeddings(), head(embeddings()), strict=True):
        length = sum(float(value) ** 2 for value in row) ** 0.5
        for value, weight, bias in zip(values, module.weight, module.bias, strict=True):
            assert float(value) == pytest.approx(float(row @ weight) / length + float(bias), abs=1e-5)
    assert torch.allclose(head(100 * embeddings()), head(embeddings()), atol=1e-5)


def test_an_imprinted_normalized_linear_head_is_the_imprinted_cosine_head():
    head, means = heads(a=("cosine", "xyz"), b=("normalized_linear", "xyz")), torch.eye(3, 6) + 0.2
    for name in "ab":
        head.imprint(name, means)
    cosine, linear = (head(embeddings(), adapter_names=[name] * 5) for name in "ab")
    assert torch.allclose(cosine, linear, atol=1e-5)


def test_the_scale_learns():
    head = CosineHead(6, 4, 30.0)
    torch.nn.functional.cross_entropy(head(embeddings()), torch.tensor([0, 1, 2, 3, 0])).backward()
    assert head.scale.grad.abs() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_imprinted_head_answers_with_the_nearest_class_mean(kind):
    head = heads(a=(kind, "xyz"))
    means = torch.randn(3, 6, generator=torch.Generator().manual_seed(9)) * torch.tensor([[1.0], [2.0], [0.5]])
    head.imprint("a", means)
    points = embeddings(200)
    if kind != "linear":
        nearest = torch.nn.functional.cosine_similarity(points[:, None], means[None], dim=-1).argmax(1)
    else:
        nearest = torch.cdist(points, means).argmin(1)
    assert torch.equal(head(points).argmax(1), nearest)
    assert set(nearest.tolist()) == {0, 1, 2}


def test_imprinting_keeps_parameters_trainable_and_in_place():
    head = heads(a=("cosine", "xyz"))
    weight = head.intent_bottleneck_head["a"].weight
    head.imprint("a", torch.eye(3, 6, dtype=torch.float64))
    assert head.intent_bottleneck_head["a"].weight is weight
    assert weight.requires_grad and weight.grad_fn is None
    assert torch.equal(weight, torch.eye(3, 6))


@pytest.mark.parametrize(
    "means", [torch.zeros(2, 6), torch.zeros(3, 5), torch.zeros(3), torch.full((3, 6), torch.nan)]
)
def test_class_means_that_do_not_fit(means):
    head = heads(a=("cosine", "xyz"))
    before = head.state_dict()["intent_bottleneck_head.a.weight"].clone()
    with pytest.raises(ConfigError, match=r"'a' must be finite and have the shape \(3, 6\)"):
        head.imprint("a", means)
    assert torch.equal(head.state_dict()["intent_bottleneck_head.a.weight"], before)


@pytest.mark.parametrize("kind", KINDS)
def test_mixed_rows_equal_each_alone_and_are_padded_with_minus_infinity(kind):
    head = heads(a=(kind, "xyz"), b=("cosine", "uvwxy"), c=("linear", "x"), d=("normalized_linear", "pq"))
    points, names = embeddings(), ["b", "a", "c", "d", "b"]
    mixed = head(points, adapter_names=names)
    assert mixed.shape == (5, 5)
    for row, name in enumerate(names):
        head.set_adapter(name)
        alone = head(points[row : row + 1])[0]
        assert torch.allclose(mixed[row, : len(alone)], alone, atol=1e-6)
        assert torch.equal(mixed[row, len(alone) :], torch.full((5 - len(alone),), -torch.inf))
    assert torch.softmax(mixed, 1).sum(1).tolist() == pytest.approx([1] * 5)


@pytest.mark.parametrize("names", [["a"], ["a"] * 6, [], "aaaaa"])
def test_names_that_do_not_fit_the_rows(names):
    with pytest.raises(ConfigError, match="each of the 5 rows"):
        heads(a=("cosine", "xyz"))(embeddings(), adapter_names=names)


@pytest.mark.parametrize("unknown", ["b", "__base__", ""])
def test_an_adapter_without_a_head(unknown):
    head = heads(a=("cosine", "xyz"))
    for call in (
        lambda: head(embeddings(1), adapter_names=[unknown]),
        lambda: head.labels(unknown),
        lambda: head.imprint(unknown, torch.zeros(3, 6)),
    ):
        with pytest.raises(AdapterError, match=rf"no head for the adapter '{unknown}'; adapters with a head: 'a'"):
            call()


@pytest.mark.parametrize("shape", [(6,), (2, 3, 6)])
def test_embeddings_of_a_wrong_rank(shape):
    with pytest.raises(ConfigError, match=r"\(batch, dim\)"):
        heads(a=("cosine", "xyz"))(torch.zeros(shape))


@pytest.mark.parametrize("kind", KINDS)
def test_logits_keep_their_precision_under_autocast(kind):
    head = heads(a=(kind, "xyz"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(head(embeddings()), heads(a=(kind, "xyz"))(embeddings()))


def test_embeddings_of_a_wrong_dimension():
    with pytest.raises(ConfigError, match="dimension 6, got 5"):
        heads(a=("cosine", "xyz"))(torch.zeros(2, 5))


def test_no_rows_give_no_logits():
    assert heads(a=("cosine", "xyz"))(torch.zeros(0, 6)).shape == (0, 3)


def test_labels_follow_the_active_adapter_and_are_a_copy():
    head = heads(a=("cosine", "xyz"), b=("linear", "uv"))
    assert head.labels() == ["x", "y", "z"]
    head.labels().append("w")
    assert head.labels("a") == ["x", "y", "z"]
    head.set_adapter("b")
    assert head.labels() == ["u", "v"]


def test_which_head_must_be_clear():
    head = heads(a=("cosine", "xyz"), b=("linear", "uv"))
    head.set_adapter(["a", "b"])
    with pytest.raises(AdapterError, match="exactly one adapter must be active"):
        head(embeddings())
    head.set_adapter("a")
    head.enable_adapters(False)
    with pytest.raises(AdapterError, match="disabled"):
        head(embeddings())
    head.enable_adapters(True)
    assert head(embeddings()).shape == (5, 3)


def test_deleting_the_active_head_makes_no_other_answer():
    head = heads(a=("cosine", "xyz"), b=("linear", "uv"))
    head.delete_adapter("a")
    with pytest.raises(AdapterError, match="exactly one adapter must be active"):
        head(embeddings())
    assert head.labels("b") == ["u", "v"]
    with pytest.raises(AdapterError, match="'a'"):
        head.labels("a")


def test_find_head_anywhere_below():
    model = adapted()
    head = find_head(model)
    assert isinstance(head, IntentHead)
    assert find_head(model.base_model.model) is head
    assert find_head(nn.ModuleDict({"inner": nn.Sequential(model)})) is head


def test_find_head_says_what_is_missing():
    with pytest.raises(AdapterError, match="BertModel has no intent head: no adapter with labels was added"):
        find_head(tiny_encoder())
    with pytest.raises(AdapterError, match="its adapters have no labels"):
        find_head(get_peft_model(tiny_encoder(), BottleneckConfig()))
    with pytest.raises(AdapterError, match="2 intent heads"):
        find_head(nn.ModuleList([adapted(), adapted()]))
