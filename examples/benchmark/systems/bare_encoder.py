"""The bare encoder on tokens that are there already: what everything else is compared with.

In ONNX it is as anyone would export it: PyTorch's exporter, ONNX Runtime's own quantiser. ONNX Runtime's transformer
optimiser and its higher levels of optimisation are left out: where we measured they made the encoder slower, and what
others are compared with must be as fast as can be.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from examples.benchmark.measured_system import Case, Disk, LocalSystem, need
from examples.benchmark.systems.building_blocks import mean_of_tokens, tokenise

EXPORTED, QUANTIZED = "exported.onnx", "quantized.onnx"


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


class Embedder(nn.Module):
    """Encoder and mean of the tokens, as one module with two inputs."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Sentence embeddings, (rows, dim), of tokens (rows, tokens)."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return mean_of_tokens(hidden, attention_mask)


def write_standard_onnx(base: str, folder: Path) -> None:
    """Export the encoder, and quantise its weights per channel to int8; done once for a folder.

    Raises:
        NotMeasurable: onnx, onnxscript or onnxruntime is missing.
    """
    if (folder / QUANTIZED).exists():
        return
    need("onnxscript", "onnxscript")
    quantization = need("onnxruntime.quantization", "intent-adapters[export]")
    folder.mkdir(parents=True, exist_ok=True)
    encoder: Any = AutoModel.from_pretrained(base, dtype=torch.float32).eval()
    ids = torch.ones(2, 16, dtype=torch.long)
    dynamic = {0: "rows", 1: "tokens"}
    torch.onnx.export(
        Embedder(encoder).eval(),
        (ids, torch.ones_like(ids)),
        folder / EXPORTED,
        input_names=["input_ids", "attention_mask"],
        output_names=["embeddings"],
        dynamic_shapes=(dynamic, dynamic),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    quantization.quantize_dynamic(
        folder / EXPORTED, folder / QUANTIZED, per_channel=True, weight_type=quantization.QuantType.QInt8
    )


def new_session(path: Path) -> Any:
    """An ONNX Runtime session on as many threads as PyTorch has.

    Raises:
        NotMeasurable: onnxruntime is missing.
    """
    onnxruntime = need("onnxruntime", "intent-adapters[onnx]")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
