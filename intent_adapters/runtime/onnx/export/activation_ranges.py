"""Where the activations of a base lie, seen on some texts: what fixed scales of 8 bits are laid around."""

from __future__ import annotations

import numpy as np

from intent_adapters.artifacts.base_files import BaseFiles
from intent_adapters.artifacts.base_weights import Array
from intent_adapters.runtime.onnx.export.arithmetic import Float32
from intent_adapters.runtime.onnx.export.encoder import ColumnRanges, EncoderGraph, Ranges
from intent_adapters.runtime.onnx.export.graph import Graph
from intent_adapters.runtime.onnx.export.pooling import pool
from intent_adapters.runtime.onnx.run.description import IDS, MASK, OUTPUT
from intent_adapters.runtime.tokens import FastTokenizer

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


def measure_ranges(files: BaseFiles, tokenize: FastTokenizer) -> tuple[Ranges, Array]:
    """Run a base in float32, without adapters, over `UTTERANCES`.

    Args:
        files: A base that can be exported.
        tokenize: Its tokenizer.

    Returns:
        Where activations lie, and the embeddings: (texts, dimensions).
    """
    graph = Graph()
    encoder = EncoderGraph(graph, files, Float32(), (), "gelu", None)
    embeddings = pool(graph, files.modules[1:], encoder.write(), MASK)
    watched = [*encoder.norms.values(), *encoder.attended.values()]
    import onnxruntime  # which a process that answers in PyTorch can do without

    session = onnxruntime.InferenceSession(
        graph.finish(embeddings, OUTPUT, ("rows", None), {}, watched), providers=["CPUExecutionProvider"]
    )
    runs: list[list[Array]] = []
    for text in UTTERANCES:  # one by one: without padding
        tokens = tokenize([text]).arrays([0])
        runs.append(session.run(None, {IDS: tokens[IDS], MASK: tokens[MASK].astype(np.int32)}))
    found, *states = zip(*runs, strict=True)
    count = len(encoder.norms)
    norms = [ColumnRanges.of(outputs) for outputs in states[:count]]
    attended = [max(float(np.abs(output).max()) for output in outputs) for outputs in states[count:]]
    ranges = Ranges(dict(zip(encoder.norms, norms, strict=True)), dict(zip(encoder.attended, attended, strict=True)))
    return ranges, np.concatenate(found)
