"""Where the activations of a base lie, seen on some texts: what fixed scales of 8 bits are laid around."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedModel

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.runtime.onnx.export.arithmetic import Array
from intent_adapters.runtime.onnx.export.layout import layout_of

# Utterances as they come, of several lengths and in the two languages that our own base speaks. The exported graph is
# checked on them too.
UTTERANCES = (
    "i need to cancel my appointment tomorrow morning",
    "What is the balance of my savings account?",
    "my laptop won't turn on",
    "please transfer 200 dollars to my brother",
    "How long does delivery take, and can I still change the address?",
    "thanks, that's all",
    "내일 오전 진료 예약을 취소하고 싶어요",
    "비밀번호를 잊어버렸는데 어떻게 바꾸나요?",
    "환불해 주세요",
    "배송이 언제 오는지 알려주세요. 주문한 지 일주일이 지났는데 아직 안 왔어요.",
    "회의실 예약 가능한가요",
    "감사합니다",
)


class ColumnRanges(NamedTuple):
    """What a LayerNorm gives, over many tokens.

    Attributes:
        centre: The mean of each column.
        max_abs: How far the column goes from its mean, at most.
    """

    centre: Array
    max_abs: Array


class Ranges(NamedTuple):
    """Where activations lie.

    Attributes:
        norms: What each LayerNorm gives, by the name of its module.
        attended: How far from zero the values that attention gives go, by the name of the map that takes them.
    """

    norms: dict[str, ColumnRanges]
    attended: dict[str, float]


def measure_ranges(base: SentenceTransformer) -> Ranges:
    """Run a base, without adapters, over `UTTERANCES`.

    Args:
        base: A sentence-transformers model on the CPU, of a layout that can be exported.
    """
    encoder = encoder_of(base)
    norms: dict[str, list[Tensor]] = {}
    attended: dict[str, list[Tensor]] = {}
    with _hooked(encoder, norms, attended), torch.inference_mode():
        for text in UTTERANCES:  # one by one: without padding
            base(base.preprocess([text]))
    return Ranges(
        {path: _column_ranges(torch.cat(parts).double()) for path, parts in norms.items()},
        {path: float(torch.cat(parts).abs().max()) for path, parts in attended.items()},
    )


def _column_ranges(values: Tensor) -> ColumnRanges:
    centre = values.mean(dim=0)
    max_abs = (values - centre).abs().amax(dim=0)
    return ColumnRanges(centre.float().numpy(), max_abs.float().numpy())


@contextmanager
def _hooked(
    encoder: PreTrainedModel, norms: dict[str, list[Tensor]], attended: dict[str, list[Tensor]]
) -> Iterator[None]:
    """Write down what every LayerNorm gives, and what every map behind an attention takes."""

    def given(path: str) -> Any:
        return lambda module, args, output: norms.setdefault(path, []).append(output.flatten(0, -2))

    def taken(path: str) -> Any:
        return lambda module, args: attended.setdefault(path, []).append(args[0].flatten(0, -2))

    behind = "." + layout_of(encoder)[0].attended
    handles = []
    for path, module in encoder.named_modules():
        if isinstance(module, nn.LayerNorm):
            handles.append(module.register_forward_hook(given(path)))
        elif path.endswith(behind):
            handles.append(module.register_forward_pre_hook(taken(path)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
