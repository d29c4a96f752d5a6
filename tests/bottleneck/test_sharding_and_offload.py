"""FSDP shards and accelerate offloads the weights of a module, and both fetch them when it is called."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.distributed as dist
from accelerate import cpu_offload, dispatch_model
from peft import get_peft_model
from peft.utils.other import fsdp_auto_wrap_policy
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn.parallel import DistributedDataParallel

from intent_adapters.bottleneck import find_head
from intent_adapters.errors import AdapterError
from tests.bottleneck.support import adapted, config, hidden, logits, tokens
from tests.support.tiny import tiny_encoder

PLACES = ["houlsby", "parallel", "none"]
needs_gloo = pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="needs torch's gloo")


@pytest.fixture
def one_process(tmp_path):
    """A process group of this process alone."""
    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@needs_gloo
@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keep_parameters", [False, True])
@pytest.mark.parametrize("sites", PLACES)
def test_sharded_by_the_policy_of_peft(sites, keep_parameters):
    model = adapted(sites=sites)
    expected = logits(model)
    sharded = FullyShardedDataParallel(
        model,
        auto_wrap_policy=fsdp_auto_wrap_policy(model),
        device_id=torch.device("cpu"),
        use_orig_params=keep_parameters,
    )
    answer = find_head(sharded)(sharded(**tokens()).last_hidden_state.mean(dim=1))
    assert torch.equal(answer, expected)
    answer.square().sum().backward()
    missing = [name for name, p in sharded.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


@pytest.mark.parametrize("sites", PLACES)
def test_offloaded_by_accelerate(sites):
    model = adapted(name="first", sites=sites)
    model.add_adapter("second", config(sites="parallel"))
    model.eval()
    expected = logits(model)
    mixed = hidden(model, adapter_names=["first", "second", "__base__", "first"])
    cpu_offload(model, execution_device="cpu")
    assert all(parameter.is_meta for parameter in model.parameters())
    assert torch.equal(logits(model), expected)
    assert torch.equal(hidden(model, adapter_names=["first", "second", "__base__", "first"]), mixed)
    with pytest.raises(AdapterError, match="'first' are offloaded"):
        find_head(model).imprint("first", torch.eye(3, 32))


@pytest.mark.parametrize("sites", PLACES)
def test_added_to_an_encoder_that_is_offloaded(tmp_path, sites):
    expected = adapted(sites=sites)
    expected.save_pretrained(tmp_path)
    encoder = tiny_encoder()
    places = dict.fromkeys([name for name, _ in encoder.named_children()], "cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dispatch_model(encoder, {**places, "encoder": "disk"}, offload_dir=tmp_path / "disk", main_device="cpu")
    assert any(parameter.is_meta for parameter in encoder.parameters())
    torch.manual_seed(1)
    model = get_peft_model(encoder, config(sites=sites)).eval()
    assert torch.equal(logits(model), logits(expected))


@needs_gloo
@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("unused", [False, True])
def test_data_parallel_training_finds_a_head_that_is_not_called(unused):
    model = DistributedDataParallel(adapted().train(), find_unused_parameters=unused)

    def step():
        model(**tokens()).last_hidden_state.sum().backward()

    step()
    if unused:
        step()
    else:
        with pytest.raises(RuntimeError, match="find_unused_parameters=True"):
            step()
