"""`intent-adapters info`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intent_adapters.artifacts.contents import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME, graphs_in, is_exported
from intent_adapters.cli import options
from intent_adapters.cli.console import examples, percent, print_facts, print_json, print_table, print_text, working
from intent_adapters.cli.loading import check_folders

if TYPE_CHECKING:
    from intent_adapters.artifacts.base_files import BaseFiles

EXAMPLES = examples(
    "intent-adapters info agents/clinic",
    "intent-adapters info sentence-transformers/all-MiniLM-L6-v2 --json",
    "intent-adapters info --environment",
)


def command(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="ADAPTER_OR_BASE", help="Hub id or folder of an adapter or a base.", callback=check_folders
        ),
    ] = None,
    environment: Annotated[
        bool,
        typer.Option(
            "--environment", help="Instead: versions, threads and extras here, and what does not go together."
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Show what is inside an adapter or a base, or what it runs on.

    Of an adapter its intents, sizes, sites and the base that it stands on; of a base its architecture, size and
    fingerprint. A bug report should carry the output of --environment.
    """
    if (source is None) != environment:
        raise typer.BadParameter("give an adapter or a base, or --environment, and not both")
    if source is None:
        _show_environment(json)
    else:
        _show_files(source, json)


def _show_environment(json: bool) -> None:
    from intent_adapters.environment import describe_environment

    facts = describe_environment()
    if json:
        print_json(facts)
        return
    shown = {
        "python": facts["python"],
        "system": facts["system"],
        **facts["versions"],
        "cores": facts["processor"]["cores"],
        "instructions": facts["processor"].get("instructions"),
        "GPUs": ", ".join(facts["processor"].get("gpus", ())) or None,
        "threads": ", ".join(f"{name} {count}" for name, count in facts["threads"].items()),
        "extras": ", ".join(extra for extra, installed in facts["extras"].items() if installed),
    }
    print_facts(shown, "environment")
    for problem in facts["problems"]:
        print_text(problem, "yellow")


def _show_files(source: str, json: bool) -> None:
    with working("reading"):
        from intent_adapters.hub.fetching import fetch_either

        found, is_adapter = fetch_either(source)
        facts = _adapter_facts(found.folder) if is_adapter else _base_facts(found.folder, source)
    if json:
        print_json({"kind": "adapter" if is_adapter else "base", **facts})
        return
    if facts.get("graphs"):
        facts["graphs"] = ", ".join(facts["graphs"])
    labels, catch_all = facts.pop("labels", None), facts.pop("catch_all", None)
    for name in ("training", "libraries"):
        if name in facts:
            facts[name] = ", ".join(f"{key} {value}" for key, value in facts[name].items()) or None
    if facts.get("accuracy") is not None:
        facts["accuracy"] = percent(facts["accuracy"])
    if is_adapter:
        limit = facts["threshold"]
        facts["threshold"] = "none: it never rejects" if limit is None else f"{limit:.3g}"
        facts["temperature"] = f"{facts['temperature']:.3g}"
    if facts.get("entities"):
        facts["entities"] = "; ".join(f"{name}: {what}" for name, what in facts["entities"].items())
    if catch_all:
        facts["catch_all"] = ", ".join(catch_all)
    print_facts(facts, f"{'adapter' if is_adapter else 'base'} {source}")
    if labels:
        print_table(["intents"], [[label] for label in labels])


def _adapter_facts(folder: Path) -> dict[str, Any]:
    from intent_adapters.artifacts.adapter import Adapter

    adapter = Adapter.read(folder)
    config, trained = adapter.config, adapter.config.provenance
    return {
        "base": config.base_model_name_or_path,
        "base_revision": config.revision,
        "base_fingerprint": trained.base_fingerprint,
        "sites": config.sites,
        "bottleneck_size": config.bottleneck_size,
        "reduction_factor": config.reduction_factor,
        "non_linearity": config.non_linearity,
        "head": config.head,
        "intents": len(adapter.labels),
        "catch_all": config.catch_all,
        "entities": adapter.entity_facts or None,
        "descriptions": len(config.descriptions) if config.descriptions else None,
        "threshold": config.calibration.threshold,
        "temperature": config.calibration.temperature,
        "prompt": config.prompt,
        "trained": trained.date,
        "utterances": trained.rows,
        "data_digest": trained.data_digest,
        "accuracy": trained.accuracy,
        "accuracy_source": trained.accuracy_source,
        "training": trained.training,
        "libraries": trained.versions,
        "parameters": adapter.num_parameters,
        "bytes": sum((folder / name).stat().st_size for name in (CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME)),
        "labels": adapter.labels,
    }


def _base_facts(folder: Path, name: str) -> dict[str, Any]:
    """What a base is, from its files where they say enough, else as sentence-transformers loads it."""
    from intent_adapters.artifacts.base_files import BaseFiles
    from intent_adapters.errors import BaseError
    from intent_adapters.extras import is_installed

    if is_exported(folder):
        return _graph_facts(folder, name)
    try:
        return _file_facts(folder, BaseFiles(folder, name))
    except BaseError:
        if not is_installed("sentence_transformers"):
            raise
    from intent_adapters.artifacts.base import read_base
    from intent_adapters.artifacts.encoder import encoder_of
    from intent_adapters.artifacts.fingerprint import fingerprint

    model = read_base(folder, name, device="cpu")
    config = encoder_of(model).config
    return {
        "architecture": config.model_type,
        "layers": config.num_hidden_layers,
        "hidden_size": config.hidden_size,
        "embedding_dimension": model.get_embedding_dimension(),
        "maximum_tokens": model.max_seq_length,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "bytes": sum(tensor.numel() * tensor.element_size() for tensor in model.parameters()),
        "fingerprint": fingerprint(model),
    }


def _file_facts(folder: Path, base: BaseFiles) -> dict[str, Any]:
    from intent_adapters.artifacts.base_weights import read_shapes
    from intent_adapters.runtime.onnx.export.pooling import dimension

    parameters = sum(math.prod(shape) * count for shape, count in read_shapes(folder, str(folder)).items())
    return {
        "architecture": base.config.model_type,
        "layers": base.config.layers,
        "hidden_size": base.config.width,
        "embedding_dimension": dimension(base.modules, base.config.width),
        "maximum_tokens": base.max_tokens,
        "parameters": parameters,
        "bytes": 4 * parameters,
        "graphs": [graph.name for graph in graphs_in(folder)] or None,
        "fingerprint": base.fingerprint,
    }


def _graph_facts(folder: Path, name: str) -> dict[str, Any]:
    from intent_adapters.runtime.onnx.run import read_onnx_base

    graph = read_onnx_base(folder, name, precision=None, threads=1).description
    return {
        "precision": graph.precision,
        "embedding_dimension": graph.dimension,
        "maximum_tokens": graph.max_tokens,
        "sites": len(graph.sites),
        "non_linearity": graph.non_linearity,
        "graphs": [file.name for file in graphs_in(folder)],
        "bytes": sum(file.stat().st_size for file in graphs_in(folder)),
        "fingerprint": graph.fingerprint,
    }
