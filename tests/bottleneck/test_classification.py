"""Transformers' own classifiers on top of the adapters: trained whole and saved, as PEFT does for its task types."""

from __future__ import annotations

import pytest
import torch
from peft import (
    PeftModel,
    PeftModelForQuestionAnswering,
    PeftModelForSequenceClassification,
    PeftModelForTokenClassification,
    get_peft_model,
)
from safetensors.torch import load_file
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from intent_adapters.bottleneck import BottleneckConfig, find_sites
from intent_adapters.errors import ConfigError
from tests.bottleneck.support import tokens
from tests.support.tiny import tiny_encoder

TASKS = {
    "SEQ_CLS": (AutoModelForSequenceClassification, PeftModelForSequenceClassification, "classifier"),
    "TOKEN_CLS": (AutoModelForTokenClassification, PeftModelForTokenClassification, "classifier"),
    "QUESTION_ANS": (AutoModelForQuestionAnswering, PeftModelForQuestionAnswering, "qa_outputs"),
}
tasks = pytest.mark.parametrize("task", TASKS)


def classifier(task, architecture="bert", seed=0):
    settings = tiny_encoder(architecture).config
    settings.num_labels = 2
    torch.manual_seed(seed)
    return TASKS[task][0].from_config(settings).eval()


def adapted(task, architecture="bert", name="default", **settings):
    settings = {"bottleneck_size": 3, "init_weights": False, **settings}
    model = classifier(task, architecture)
    torch.manual_seed(1)
    return get_peft_model(model, BottleneckConfig(task_type=task, **settings), adapter_name=name)


def scores(model, **kwargs):
    with torch.no_grad():
        output = model.eval()(**tokens(), **kwargs)
    return output.start_logits if "start_logits" in output else output.logits


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "mpnet"])
@pytest.mark.parametrize("sites", ["pfeiffer", "parallel"])
@tasks
def test_the_classifier_is_trained_and_saved_with_the_adapter(tmp_path, task, sites, architecture):
    model = adapted(task, architecture, sites=sites).train()
    _, wrapper, head = TASKS[task]
    assert type(model) is wrapper
    before = scores(model)
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    output = model.train()(**tokens())
    sum(value.square().sum() for value in output.to_tuple()).backward()
    changed = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert any(f"{head}." in name for name in changed)
    assert all("intent_bottleneck_" in name or ".modules_to_save.default." in name for name in changed)
    optimiser.step()
    assert not torch.allclose(scores(model), before)
    model.save_pretrained(tmp_path)
    assert any(head in name for name in load_file(tmp_path / "adapter_model.safetensors"))
    assert torch.equal(scores(PeftModel.from_pretrained(classifier(task, architecture), tmp_path)), scores(model))
    with model.disable_adapter():
        assert torch.equal(scores(model), scores(classifier(task, architecture)))


@tasks
def test_adapters_with_classifiers_of_their_own_switch_and_go(task):
    model = adapted(task, name="first")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".modules_to_save.first." in name:
                parameter.add_(1.0)
    first = scores(model)
    torch.manual_seed(2)
    model.add_adapter("second", BottleneckConfig(task_type=task, init_weights=False, sites="parallel"))
    model.set_adapter("second")
    second = scores(model)
    assert not torch.allclose(first, second, atol=1e-3)
    with pytest.warns(UserWarning, match="'first' is active now"):
        model.delete_adapter("second")
    assert torch.equal(scores(model), first)


def test_modules_to_save_that_the_model_does_not_have():
    with pytest.raises(ConfigError, match=r"\['nothing'\] matches no module of this BertModel"):
        get_peft_model(tiny_encoder(), BottleneckConfig(modules_to_save=["nothing"]))
    # PEFT knows the name of the module for questions, and ModernBERT calls it otherwise.
    model = adapted("QUESTION_ANS", "modernbert", modules_to_save=["classifier"])
    assert any(".modules_to_save." in name for name, p in model.named_parameters() if p.requires_grad)


def test_a_mixed_batch_goes_through_the_classifiers_of_its_adapters():
    model = adapted("SEQ_CLS", name="first")
    model.add_adapter("second", BottleneckConfig(task_type="SEQ_CLS", init_weights=False))
    names = ["first", "second", "__base__", "first"]
    mixed = scores(model, adapter_names=names)
    for row, name in enumerate(names):
        model.set_adapter("first" if name == "__base__" else name)
        single = scores(classifier("SEQ_CLS")) if name == "__base__" else scores(model)
        assert torch.allclose(mixed[row], single[row], atol=1e-5)


def test_nothing_inside_of_what_is_trained_whole_gets_an_adapter():
    model = tiny_encoder()
    chosen = BottleneckConfig(modules_to_save=["layer.1", "pooler"])
    assert {name.split(".")[2] for name in find_sites(model, chosen)} == {"0"}
    peft_model = get_peft_model(model, chosen)
    assert sorted({n.split(".")[4] for n, p in peft_model.named_parameters() if "intent_bottleneck_" in n}) == ["0"]
    with pytest.raises(ConfigError, match="has none of the modules"):
        find_sites(tiny_encoder(), BottleneckConfig(modules_to_save=["encoder"]))
