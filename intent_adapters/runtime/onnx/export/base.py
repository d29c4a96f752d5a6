"""Exporting a base: its graph beside its weights, or with tokenizer and configs in a folder that is deployed alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, get_args

import numpy as np

from intent_adapters.adapter_config import AdapterConfig
from intent_adapters.adapter_config.sites import sites_among
from intent_adapters.adapter_config.tagger import tagger_layer
from intent_adapters.artifacts.base_files import BaseFiles
from intent_adapters.artifacts.base_weights import Array
from intent_adapters.artifacts.contents import CARD_NAME, ONNX_BASE, ONNX_FOLDER
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.artifacts.folders import check_target, read_whole, replaced_folder
from intent_adapters.choices import NonLinearity, Precision, Sites
from intent_adapters.errors import BaseError, ConfigError
from intent_adapters.extras import is_installed, need
from intent_adapters.inputs import check_choice
from intent_adapters.runtime.onnx.export.activation_ranges import UTTERANCES, measure_ranges
from intent_adapters.runtime.onnx.export.arithmetic import Float32, Int8
from intent_adapters.runtime.onnx.export.encoder import EncoderGraph
from intent_adapters.runtime.onnx.export.graph import Graph
from intent_adapters.runtime.onnx.export.pooling import dimension, pool
from intent_adapters.runtime.onnx.run.base import OnnxBase, graph_origins, probe, read_tokenizer
from intent_adapters.runtime.onnx.run.description import MASK, OUTPUT, Description, graph_file
from intent_adapters.runtime.onnx.run.sites import GraphSite

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ARITHMETIC: dict[Precision, Float32] = {"float32": Float32(), "int8": Int8()}
# How far the embeddings of the graph may be from the reference: largest difference of a number; least cosine.
LARGEST_DIFFERENCE = 1e-4
LEAST_COSINE = 0.97


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes:
        folder: Where it is.
        description: Of the graph.
        bytes: Of all files that were written.
        least_cosine: Between embeddings of the graph and the reference, over a dozen utterances, without adapters. For
            a base in memory the reference is PyTorch; for a folder, which is exported without PyTorch, the same graph
            in float32, run text by text: that bounds what int8 loses, and says nothing of float32.
    """

    folder: Path
    description: Description
    bytes: int
    least_cosine: float


class _Composed(NamedTuple):
    """A graph, what else its folder needs, and the embeddings of `UTTERANCES` that it should give."""

    graph: bytes
    description: Description
    files: dict[str, bytes]
    expected: Array


def export_base(
    base: SentenceTransformer,
    folder: str | Path,
    *,
    precision: Precision = "int8",
    sites: Sites = "houlsby",
    non_linearity: NonLinearity = "gelu",
    name: str = "in memory",
) -> Exported:
    """See `IntentModel.export_base`; `name` is what errors call the base."""
    from intent_adapters.surroundings import own_settings

    config = _checked(precision, sites, non_linearity)
    if base.device.type != "cpu":
        raise ConfigError(f"The base is exported from the CPU, and it is on {base.device}: load it with device='cpu'.")
    _check_new(Path(folder))
    with own_settings(gradients=False), TemporaryDirectory() as temporary:
        known = fingerprint(base)
        # Before it is saved: then its tokenizer.json says at which end texts are cut.
        expected = base(base.preprocess(list(UTTERANCES)))["sentence_embedding"].float().numpy()
        base.save_pretrained(temporary, create_model_card=False)
        composed = _compose(Path(temporary), name, precision, config)
    if composed.description.fingerprint != known:
        raise BaseError(
            f"The base {name!r} does not survive being saved, which it is for the export: its agents would be "
            "refused. Export the folder that it was loaded from."
        )
    return _write_folder(composed._replace(expected=expected), Path(folder))


def export_folder(
    source: Path,
    folder: Path | None,
    *,
    precision: Precision = "int8",
    sites: Sites = "houlsby",
    non_linearity: NonLinearity = "gelu",
    name: str | None = None,
) -> Exported:
    """Export a base from its files, without PyTorch.

    Args:
        source: The base's folder. One that sentence-transformers did not write is loaded by it, if it is installed.
        folder: Created, or replaced if it is an earlier export; `None` puts the graph into `source`, beside the
            weights: `backend="onnx"` and `backend="torch"` then load the same folder.
        precision: How the base's weights are held.
        sites: Where agents may have bottlenecks.
        non_linearity: Of the agents' bottlenecks.
        name: What errors call the base: the Hub id that it was fetched by; `None` for the folder.

    Raises:
        BaseError: The base cannot be exported, or `folder` holds other things.
        ConfigError: A setting makes no sense.
        MissingExtraError: An optional package is missing.
    """
    config = _checked(precision, sites, non_linearity)
    name = str(source) if name is None else name
    if folder is not None:
        _check_new(folder)
    try:
        composed = read_whole(source, lambda: _compose(source, name, precision, config))
    except BaseError:
        if folder is None or not is_installed("sentence_transformers"):
            raise
        from intent_adapters.artifacts.base import read_base

        base = read_base(source, name, device="cpu")
        return export_base(base, folder, precision=precision, sites=sites, non_linearity=non_linearity, name=name)
    return _write_into(composed, source) if folder is None else _write_folder(composed, folder)


def _checked(precision: Precision, sites: Sites, non_linearity: NonLinearity) -> AdapterConfig:
    """What is said of the adapters, as the config of one."""
    need("onnx")
    check_choice("precision", precision, get_args(Precision))
    if sites == "none":
        raise ConfigError(
            'sites="none" leaves no room for bottlenecks; export with "houlsby", which any head can use.'
        )
    return AdapterConfig(sites=sites, non_linearity=non_linearity)


def _check_new(folder: Path) -> None:
    check_target(
        folder, "export", BaseError, (folder / ONNX_FOLDER).is_dir() and not any(folder.glob("*.safetensors"))
    )


def _compose(source: Path, name: str, precision: Precision, config: AdapterConfig) -> _Composed:
    files = BaseFiles(source, name)
    tokenize = read_tokenizer(source, files.max_tokens)
    description = Description(
        fingerprint=files.fingerprint,
        precision=precision,
        non_linearity=config.non_linearity,
        sites=_sites(files, config),
        dimension=dimension(files.modules, files.config.width),
        max_tokens=files.max_tokens,
        probes=probe(tokenize),
        token_layer=tagger_layer(files.config.layers),
    )
    try:
        ranges, expected = measure_ranges(files, tokenize)
    except BaseError:
        raise
    except Exception as error:  # NumPy's, and of classes that ONNX Runtime does not name publicly
        raise BaseError(f"The files of the base {name!r} do not fit together: {error}") from error
    arithmetic = ARITHMETIC[precision]
    graph = Graph()
    encoder = EncoderGraph(
        graph,
        files,
        arithmetic,
        description.sites,
        config.non_linearity,
        ranges if arithmetic.rounds else None,
    )
    embeddings = pool(graph, files.modules[1:], encoder.write(), MASK)
    description = replace(description, token_states=encoder.token_states)
    content = graph.finish(
        embeddings, OUTPUT, ("rows", description.dimension), description.metadata(), [encoder.token_states]
    )
    names = (file for file in ONNX_BASE.present(source) if ONNX_BASE.choose([file], ONNX_BASE.small))
    small = {file: (source / file).read_bytes() for file in names if file != CARD_NAME}
    return _Composed(content, description, small, expected)


def _sites(files: BaseFiles, config: AdapterConfig) -> tuple[GraphSite, ...]:
    known = files.architecture
    parts = (known.attended, known.feed_forward, known.outer)
    modules = [layer + part for layer in known.layer_names(files.config.layers) for part in parts]
    return tuple(
        GraphSite(path, kind, files.config.width) for path, kind in sites_among(modules, config, known).items()
    )


def _write_folder(composed: _Composed, folder: Path) -> Exported:
    graph = graph_file(composed.description.precision)
    with replaced_folder(folder) as staging:
        for name, content in {**composed.files, graph: composed.graph}.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_bytes(content)
        least = _check(OnnxBase(staging, graph, threads=1), composed.expected)
        size = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file())
    return Exported(folder, composed.description, size, least)


def _write_into(composed: _Composed, base: Path) -> Exported:
    """Put a graph beside the weights. Graphs of former weights go."""
    graphs = base / ONNX_FOLDER
    check_target(graphs, "export", BaseError, is_earlier=True)
    known = composed.description.fingerprint
    stale = [graph.name for graph, made_from in graph_origins(base).items() if made_from != known]
    with replaced_folder(graphs, without=stale) as staging:
        file = staging / Path(graph_file(composed.description.precision)).name
        file.write_bytes(composed.graph)
        least = _check(OnnxBase(base, str(file), threads=1), composed.expected)
    return Exported(base, composed.description, len(composed.graph), least)


def _check(exported: OnnxBase, expected: Array) -> float:
    """The least cosine between the graph's embeddings and others; an error if the precision does not explain it."""
    tokens = exported.tokenize(list(UTTERANCES)).arrays(range(len(UTTERANCES)))
    found = exported.session.run(tokens, exported.description.dimension, exported.feeds.bare())
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    least = float(((found * expected).sum(axis=1) / lengths).min())
    exact = exported.description.precision == "float32"
    if least < LEAST_COSINE or (exact and float(np.abs(found - expected).max()) > LARGEST_DIFFERENCE):
        raise BaseError(
            f"The exported graph does not give the embeddings that the base gives (cosine {least:.4f}), so it was not "
            'kept. Run this base with backend="torch", and tell us its architecture.'
        )
    return least
