"""The bare encoder on tokens that are there already: what everything else is compared with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer

from examples.benchmark.measured_system import Case, Disk, LocalSystem
from examples.benchmark.systems.building_blocks import mean_of_tokens, tokenise
from examples.benchmark.systems.standard_onnx import EXPORTED, QUANTIZED, new_session, write_standard_onnx


class Bare(LocalSystem):
    """Tokens in, sentence embeddings out; agents are nothing to it."""

    def prepare(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(self.plan.base)
        self.load_encoder()

    @abstractmethod
    def load_encoder(self) -> None:
        """Load the encoder."""

    def cases(self) -> list[Case]:
        return [case for case in self.plan.cases if case.agents == 1]

    def call(self, case: Case) -> Callable[[], object]:
        tokens = tokenise(self.tokenizer, self.texts()[: case.rows])
        return self.call_on(tokens["input_ids"], tokens["attention_mask"])

    @abstractmethod
    def call_on(self, ids: Tensor, mask: Tensor) -> Callable[[], object]:
        """The call that is timed, on given tokens."""


class BareTorch(Bare):
    """PyTorch float32."""

    name = "bare-torch"
    title = "bare encoder, PyTorch"

    def load_encoder(self) -> None:
        self.encoder: Any = AutoModel.from_pretrained(self.plan.base, dtype=torch.float32).eval()

    def call_on(self, ids: Tensor, mask: Tensor) -> Callable[[], object]:
        def run() -> Tensor:
            with torch.inference_mode():
                hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
                return mean_of_tokens(hidden, mask)

        return run


class _BareOnnx(Bare):
    file: ClassVar[str]

    def write_files(self) -> Disk | None:
        write_standard_onnx(self.plan.base, Path(self.plan.work, "standard-onnx"))
        return None

    def load_encoder(self) -> None:
        self.session = new_session(Path(self.plan.work, "standard-onnx", self.file))

    def call_on(self, ids: Tensor, mask: Tensor) -> Callable[[], object]:
        inputs = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
        return lambda: self.session.run(None, inputs)


class BareOnnx(_BareOnnx):
    """ONNX Runtime, float32."""

    name = "bare-onnx-fp32"
    title = "bare encoder, ONNX Runtime fp32"
    file = EXPORTED


class BareOnnxInt8(_BareOnnx):
    """ONNX Runtime, int8 weights, activations quantised as they come."""

    name = "bare-onnx-int8"
    title = "bare encoder, ONNX Runtime int8"
    file = QUANTIZED
