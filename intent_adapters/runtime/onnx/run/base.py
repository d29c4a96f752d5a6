"""A base in ONNX: a folder with a tokenizer, configs and a graph, and no PyTorch weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import numpy as np
from tokenizers import Tokenizer

from intent_adapters.artifacts.base_files import exportable
from intent_adapters.artifacts.base_weights import read_json
from intent_adapters.artifacts.contents import ONNX_FOLDER, is_exported
from intent_adapters.artifacts.fingerprint import PROBE_TEXTS
from intent_adapters.artifacts.folders import read_whole
from intent_adapters.choices import Precision
from intent_adapters.errors import BaseError
from intent_adapters.runtime.malloc_trim import trim_malloc
from intent_adapters.runtime.onnx.run.description import (
    IDS,
    MASK,
    Description,
    check_graph,
    graph_file,
)
from intent_adapters.runtime.onnx.run.feeds import Feeds
from intent_adapters.runtime.onnx.run.session import OnnxSession
from intent_adapters.runtime.onnx.run.sites import GraphSites
from intent_adapters.runtime.tokens import FastTokenizer


class OnnxBase:
    """A sentence encoder in ONNX Runtime, ready to run. Safe to use from several threads.

    Args:
        folder: What `intent-adapters export` wrote.
        graph: Which file of it.
        threads: How many threads one run may use.

    Attributes:
        description: What the graph says about itself: fingerprint, precision, sites.
        sites: Where adapters may have bottlenecks.
        tokenize: Makes token numbers of texts.
        session: Runs the graph, one run on all threads.
        one_thread: Runs it on the calling thread alone.
        feeds: Makes inputs of bottlenecks.
        threads: How many threads one run may use.

    Raises:
        BaseError: Files are damaged, or do not belong together.
    """

    def __init__(self, folder: Path, graph: str, threads: int) -> None:
        where = f"the graph {str(folder / graph)!r}"
        self._opened = folder, graph, threads
        self.threads = threads
        file = folder / graph
        check_graph(file)
        self.session = OnnxSession(file, threads, where)
        self.one_thread = OnnxSession(file, 1, where) if threads > 1 else self.session
        self.description = Description.read(self.session.metadata, where)
        self._check_ends(where)
        self.sites = GraphSites(self.description.sites, exportable(read_json(folder / "config.json", str(folder)))[0])
        self.tokenize = _tokenizer(folder, self.description)
        self.feeds = Feeds(self.description.sites)
        self._warm_up(where)
        trim_malloc()

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self._opened  # sessions can be neither copied nor pickled

    def _check_ends(self, where: str) -> None:
        expected = {IDS: 2, MASK: 2} | {name: 3 for site in self.description.sites for name in site.inputs}
        found = {name: len(shape) for name, shape in self.session.inputs.items()}
        if found != expected or self.session.output[1:] != (self.description.dimension,):
            raise BaseError(f"The inputs and outputs of {where} are not what it says about itself: export it again.")

    def _warm_up(self, where: str) -> None:
        """Have ONNX Runtime take its memory before the first text comes."""
        tokens = self.tokenize(list(PROBE_TEXTS)).arrays(range(len(PROBE_TEXTS)))
        for session in dict.fromkeys((self.session, self.one_thread)):
            try:
                embeddings = session.run(tokens, self.description.dimension, self.feeds.bare())
            except Exception as error:  # of classes that ONNX Runtime does not name publicly
                raise BaseError(f"ONNX Runtime cannot run {where}: {error}") from error
            if not np.isfinite(embeddings).all():
                raise BaseError(f"The embeddings that {where} gives are no numbers: export it again.")


def read_onnx_base(folder: Path, name: str, *, precision: Precision | None, threads: int | None) -> OnnxBase:
    """Read a base that `intent-adapters export` made.

    Args:
        folder: Where it is.
        name: What it is called in errors: the Hub id that it was fetched by, or the folder.
        precision: Which of its graphs; `None` takes int8 where there is one.
        threads: How many threads one run may use; `None` takes `default_threads()`.

    Raises:
        BaseError: It has no graph of ours, or a damaged one.
    """
    return read_whole(folder, lambda: _read(folder, name, precision, threads or default_threads()))


def _read(folder: Path, name: str, precision: Precision | None, threads: int) -> OnnxBase:
    wanted = [precision] if precision else sorted(get_args(Precision), reverse=True)
    files = [file for file in map(graph_file, wanted) if (folder / file).is_file()]
    if not files:
        have = ", ".join(sorted(path.name for path in (folder / ONNX_FOLDER).glob("*.onnx"))) or "no graph at all"
        raise BaseError(
            f"{name!r} has no {' or '.join(map(graph_file, wanted))} (there: {have}). {_export_hint(name, precision)}"
        )
    return OnnxBase(folder, files[0], threads)


def _export_hint(base: str, precision: str | None) -> str:
    """What to do where a base has no graph of ours, as one sentence."""
    what, target, loaded = "it", " FOLDER", "FOLDER"
    if is_exported(Path(base)):  # it has no weights
        what, base = "the base that it was made from", "BASE"
    elif Path(base).is_dir():
        target, loaded = "", base
    return (
        f"Export {what} once: intent-adapters export {base}{target} --precision {precision or 'int8'} (with "
        f'intent-adapters[export], without PyTorch), and load {loaded} with backend="onnx".'
    )


def default_threads() -> int:
    """How many threads one run uses where nobody says it; as OpenMP has it.

    Returns:
        What OMP_NUM_THREADS says, or the processors that this process may use.
    """
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # one number for each level of nested loops
    if said.isdecimal() and int(said):
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tokenizer(folder: Path, description: Description) -> FastTokenizer:
    tokenize = read_tokenizer(folder, description.max_tokens)
    if probe(tokenize) != description.probes:
        raise BaseError(
            f"The tokenizer in {str(folder)!r} is not the one that the graph was exported with: export it again."
        )
    return tokenize


def read_tokenizer(folder: Path, max_tokens: int) -> FastTokenizer:
    """The tokenizer of a base. How it numbers padding plays no part: no answer depends on what the mask leaves out.

    Raises:
        BaseError: It cannot be read.
    """
    try:
        backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
        side = (backend.truncation or {}).get("direction", "right")
        return FastTokenizer(backend, max_tokens, truncation_side=side)
    except Exception as error:  # the library has no class of its own for what it cannot read
        raise BaseError(f"The tokenizer of the base {str(folder)!r} cannot be loaded: {error}") from error


def graph_origins(base: Path) -> dict[Path, str | None]:
    """The graphs of ours in a base's folder, and the fingerprints of the bases they were made from.

    Args:
        base: The folder.

    Returns:
        Path -> fingerprint; `None` for a damaged one.
    """
    graphs = [base / graph_file(precision) for precision in get_args(Precision)]
    return {graph: _made_from(graph) for graph in graphs if graph.is_file()}


def _made_from(graph: Path) -> str | None:
    where = f"the graph {str(graph)!r}"
    try:
        check_graph(graph)
        return Description.read(OnnxSession(graph, 1, where).metadata, where).fingerprint
    except BaseError:
        return None


def probe(tokenize: FastTokenizer) -> list[list[int]]:
    """What a tokenizer makes of the texts by which it is recognised."""
    tokens = tokenize(list(PROBE_TEXTS))
    features = [tokens.arrays([row])[IDS] for row in range(len(PROBE_TEXTS))]
    return [ids[0].tolist() for ids in features]
