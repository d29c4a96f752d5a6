"""The colour and the mark of each system, the same in every picture; ours are blue."""

from __future__ import annotations

from dataclasses import dataclass

from intent_adapters.evaluation.plots.canvas import BLUE, DARK, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION


@dataclass(frozen=True)
class Look:
    """How a system is drawn."""

    label: str
    colour: str
    marker: str
    line: str = "-"


LOOKS = {
    "bare-torch": Look("bare encoder, PyTorch", GREY, "."),
    "bare-onnx-fp32": Look("bare encoder, ONNX fp32", GREY, "."),
    "bare-onnx-int8": Look("bare encoder, ONNX int8", GREY, "."),
    "ours-torch": Look("ours, PyTorch", SKY, "o"),
    "ours-onnx-fp32": Look("ours, ONNX fp32", BLUE, "s", "--"),
    "ours-onnx-int8": Look("ours, ONNX int8", BLUE, "o"),
    "ours-fp16": Look("ours, base in fp16", SKY, "s", "--"),
    "large": Look("large model, fine-tuned", DARK, "D"),
    "small-finetuned": Look("small model, fine-tuned", PURPLE, "D"),
    "setfit": Look("SetFit", PURPLE, "v", "--"),
    "sklearn": Look("frozen + logistic regression", GREEN, "P"),
    "lora-qv": Look("PEFT LoRA, query + value", VERMILLION, "^"),
    "lora-all": Look("PEFT LoRA, all linear", VERMILLION, "s", "--"),
    "adapterhub": Look("AdapterHub, BatchSplit", ORANGE, "X"),
}
