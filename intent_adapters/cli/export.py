"""`intent-adapters export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from intent_adapters.choices import NonLinearity, Precision
from intent_adapters.cli.console import examples, facts_table, out, print_json, working
from intent_adapters.cli.loading import check_folders
from intent_adapters.cli.options import Json

Base = Annotated[
    str, typer.Argument(metavar="BASE", help="Encoder: Hub id or folder.", callback=check_folders, show_default=False)
]
Output = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        help="Where to; an earlier export is replaced.",
        show_default="the base's own folder, beside its weights",
    ),
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="int8: a quarter of the size, twice as fast or more. float32: exact."),
]
SitesOption = Annotated[
    Literal["houlsby", "pfeiffer", "parallel"],
    typer.Option("--sites", help="Where agents have their bottlenecks; houlsby includes pfeiffer."),
]
NonLinearityOption = Annotated[NonLinearity, typer.Option("--non-linearity", help="That of the agents' bottlenecks.")]

EXAMPLES = examples(
    "intent-adapters export my-base",
    "intent-adapters export sentence-transformers/all-MiniLM-L6-v2 minilm-int8",
    "intent-adapters export BASE base-float32 --precision float32 --json",
)


def export_command(
    base: Base,
    folder: Output = None,
    precision: PrecisionOption = "int8",
    sites: SitesOption = "houlsby",
    non_linearity: NonLinearityOption = "gelu",
    json: Json = False,
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
    if json:
        print_json(facts)
    else:
        out.print(facts_table(facts, title=f"exported {base}"))
