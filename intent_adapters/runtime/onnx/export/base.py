"""Exporting a base: its graph, tokenizer and configs in a folder that can be deployed alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from sentence_transformers import SentenceTransformer

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.artifacts.folders import check_target, replaced_folder
from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.bottleneck.sites import site_shapes
from intent_adapters.choices import NonLinearity, Precision, Sites
from intent_adapters.errors import BaseError, ConfigError
from intent_adapters.extras import need
from intent_adapters.inputs import check_choice
from intent_adapters.runtime.onnx.export.activation_ranges import UTTERANCES, measure_ranges
from intent_adapters.runtime.onnx.export.arithmetic import Float32, Int8
from intent_adapters.runtime.onnx.export.encoder import EncoderGraph
from intent_adapters.runtime.onnx.export.graph import Graph
from intent_adapters.runtime.onnx.export.layout import layout_of
from intent_adapters.runtime.onnx.export.pooling import pool
from intent_adapters.runtime.onnx.run.base import OnnxBase, probe
from intent_adapters.runtime.onnx.run.description import FOLDER, MASK, OUTPUT, Description, graph_file
from intent_adapters.runtime.onnx.run.sites import GraphSite
from intent_adapters.runtime.tokens import FastTokenizer, tokenizer_for
from intent_adapters.surroundings import own_settings

ARITHMETIC: dict[Precision, Float32] = {"float32": Float32(), "int8": Int8()}
# How far the embeddings of the graph may be from PyTorch's: largest difference of a number; least cosine.
LARGEST_DIFFERENCE = 1e-4
LEAST_COSINE = 0.97


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes:
        folder: Where it is.
        description: Of the graph.
        bytes: Of all files together.
        least_cosine: Between embeddings of the graph and of PyTorch, over a dozen utterances, without adapters.
    """

    folder: Path
    description: Description
    bytes: int
    least_cosine: float


@own_settings(gradients=False)
def export_base(
    base: SentenceTransformer,
    folder: str | Path,
    *,
    precision: Precision = "int8",
    sites: Sites = "houlsby",
    non_linearity: NonLinearity = "gelu",
) -> Exported:
    """See `IntentModel.export_base`."""
    need("onnx")
    check_choice("precision", precision, get_args(Precision))
    if base.device.type != "cpu":
        raise ConfigError(f"The base is exported from the CPU, and it is on {base.device}: load it with device='cpu'.")
    if sites == "none":
        raise ConfigError(
            'sites="none" leaves no room for bottlenecks; export with "houlsby", which any head can use.'
        )
    config = BottleneckConfig(sites=sites, non_linearity=non_linearity)
    folder = Path(folder)
    check_target(folder, "export", BaseError, (folder / FOLDER).is_dir() and not any(folder.glob("*.safetensors")))
    description = _describe(base, precision, config)
    graph = _write_graph(base, description)
    with replaced_folder(folder) as staging:
        # Configs, tokenizer and modules as sentence-transformers lays them out; the weights are in the graph.
        base.save_pretrained(str(staging), create_model_card=False)
        for weights in staging.glob("model*.safetensors*"):
            weights.unlink()
        file = staging / graph_file(precision)
        file.parent.mkdir()
        file.write_bytes(graph)
        least = _check(base, OnnxBase(staging, graph_file(precision), threads=1))
        size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    return Exported(folder, description, size, least)


def _describe(base: SentenceTransformer, precision: Precision, config: BottleneckConfig) -> Description:
    encoder = encoder_of(base)
    layout_of(encoder)
    tokenize = tokenizer_for(base)
    if not isinstance(tokenize, FastTokenizer) or base.tokenizer.padding_side != "right":
        raise BaseError("Only bases with a fast tokenizer that pads on the right can be exported to ONNX.")
    return Description(
        fingerprint=fingerprint(base),
        precision=precision,
        non_linearity=config.non_linearity,
        sites=tuple(GraphSite(path, shape.kind, shape.width) for path, shape in site_shapes(encoder, config).items()),
        dimension=int(base.get_embedding_dimension() or 0),
        max_tokens=int(base.max_seq_length or encoder.config.max_position_embeddings),
        probes=probe(tokenize),
    )


def _write_graph(base: SentenceTransformer, description: Description) -> bytes:
    graph, encoder = Graph(), encoder_of(base)
    arithmetic = ARITHMETIC[description.precision]
    ranges = measure_ranges(base) if arithmetic.rounds else None
    hidden = EncoderGraph(graph, encoder, arithmetic, description.sites, description.non_linearity, ranges).write()
    embeddings = pool(graph, base, hidden, MASK)
    return graph.finish(embeddings, OUTPUT, ("rows", description.dimension), description.metadata())


def _check(base: SentenceTransformer, exported: OnnxBase) -> float:
    """The least cosine between the graph's embeddings and PyTorch's; an error if the precision does not explain it."""
    texts = list(UTTERANCES)
    tokens = exported.tokenize(texts).arrays(range(len(texts)))
    found = torch.from_numpy(exported.session.run(tokens, exported.description.dimension, exported.feeds.bare()))
    expected = base(base.preprocess(texts))["sentence_embedding"]
    least = float(torch.cosine_similarity(found, expected).min())
    exact = exported.description.precision == "float32"
    if least < LEAST_COSINE or (exact and float((found - expected).abs().max()) > LARGEST_DIFFERENCE):
        raise BaseError(
            f"The exported graph does not give the embeddings that PyTorch gives (cosine {least:.4f}), so it was not "
            'kept. Run this base with backend="torch", and tell us its architecture.'
        )
    return least
