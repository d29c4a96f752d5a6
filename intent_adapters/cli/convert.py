"""`intent-adapters convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intent_adapters.choices import DataFormat
from intent_adapters.cli import options
from intent_adapters.cli.console import examples, print_json, print_text

EXAMPLES = examples(
    "intent-adapters convert agent.zip nlu.yml",
    "intent-adapters convert project.json train.jsonl --split train",
    "intent-adapters convert nlu.yml project.json --to clu --json",
)


def command(
    source: options.Data,
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="File to write: .jsonl, .csv, .yml for Rasa, .json for CLU. One there is replaced."
        ),
    ],
    to: Annotated[
        DataFormat | None,
        typer.Option("--to", help="Format to write.", show_default="by the suffix of TARGET"),
    ] = None,
    split: options.Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    json: options.Json = False,
) -> None:
    """Write utterances with their entities in another format.

    What of them was not read, or cannot be held by the other format, is said on standard error.
    """
    from intent_adapters.data.convert import convert

    written = convert(
        source,
        target,
        format=to,
        split=split,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
    )
    files = [str(file) for file in written.files]
    counts = {name: getattr(written, name) for name in ("utterances", "entities", "definitions")}
    if json:
        print_json({"format": written.format, **counts, "files": files})
    else:
        said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        print_text(f"{said} -> {' and '.join(files)} ({written.format})")
