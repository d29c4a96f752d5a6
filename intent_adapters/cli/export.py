"""`intent-adapters export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from intent_adapters.choices import NonLinearity, Precision
from intent_adapters.cli import options
from intent_adapters.cli.console import examples, print_facts, working
from intent_adapters.cli.loading import check_folders

EXAMPLES = examples(
    "intent-adapters export my-base",
    "intent-adapters export sentence-transformers/all-MiniLM-L6-v2 minilm-int8",
    "intent-adapters export BASE base-float32 --precision float32 --json",
)


def command(
    base: Annotated[str, typer.Argument(metavar="BASE", help="Encoder: Hub id or folder.", callback=check_folders)],
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="Where to; an earlier export is replaced.",
            show_default="the base's own folder, beside its weights",
        ),
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option("--precision", help="int8: a quarter of the size, twice as fast or more. float32: exact."),
    ] = "int8",
    sites: Annotated[
        Literal["houlsby", "pfeiffer", "parallel"],
        typer.Option("--sites", help="Where agents have their bottlenecks; houlsby includes pfeiffer."),
    ] = "houlsby",
    non_linearity: Annotated[
        NonLinearity, typer.Option("--non-linearity", help="That of the agents' bottlenecks.")
    ] = "gelu",
    json: options.Json = False,
) -> None:
    """Export a base for ONNX Runtime; agents need no export. PyTorch is not needed.

    The folder then holds all that is needed to answer: IntentModel.from_pretrained(FOLDER, backend="onnx").
    """
    if folder is None and not Path(base).is_dir():
        raise typer.BadParameter("a base on the Hub is exported to a FOLDER of yours: name one", param_hint="FOLDER")
    with working("exporting"):
        from intent_adapters.hub.fetching import fetch_base
        from intent_adapters.runtime.onnx.export import export_folder

        source = fetch_base(base).folder
        exported = export_folder(
            source, folder, precision=precision, sites=sites, non_linearity=non_linearity, name=base
        )
    facts: dict[str, object] = {
        "folder": str(exported.folder),
        "precision": exported.description.precision,
        "sites": len(exported.description.sites),
        "non_linearity": exported.description.non_linearity,
        "bytes": exported.bytes,
        "least_cosine": round(exported.least_cosine, 6),
        "fingerprint": exported.description.fingerprint,
    }
    print_facts(facts, f"exported {base}", json=json)
