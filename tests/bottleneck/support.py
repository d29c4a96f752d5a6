"""What the tests of the method share: the architectures, a batch of tokens, adapters that do something."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from peft import PeftModel, get_peft_model
from torch import Tensor, nn

from intent_adapters.bottleneck import BottleneckConfig, find_head
from tests.support.tiny import ARCHITECTURES, tiny_encoder

ALL = sorted(ARCHITECTURES)
SITES = ("houlsby", "pfeiffer", "parallel")
HIDDEN = 32


def tokens(rows: int = 4, length: int = 9, seed: int = 3) -> dict[str, Tensor]:
    """Token ids and a mask with padding at the end of the last row."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 40, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    mask[-1, length // 2 :] = 0
    return {"input_ids": ids, "attention_mask": mask}


def config(*, labels: Iterable[str] | None = ("yes", "no", "maybe"), **settings: object) -> BottleneckConfig:
    """A config whose adapter is not the identity."""
    settings = {"init_weights": False, "bottleneck_size": 4, **settings}
    return BottleneckConfig(labels=None if labels is None else list(labels), **settings)


def adapted(architecture: str = "bert", name: str = "default", **settings: object) -> PeftModel:
    """A tiny encoder with one adapter, in eval mode."""
    torch.manual_seed(1)
    return get_peft_model(tiny_encoder(architecture), config(**settings), adapter_name=name).eval()


@torch.no_grad()
def hidden(model: nn.Module, **kwargs: object) -> Tensor:
    """Last hidden states of the standard batch, shape (4, 9, 32)."""
    return model(**tokens(), **kwargs).last_hidden_state


@torch.no_grad()
def logits(model: nn.Module) -> Tensor:
    """What the active adapter's head makes of the mean-pooled standard batch."""
    return find_head(model)(hidden(model).mean(dim=1))
