"""Options and arguments that several commands have, so that they are spelt alike everywhere."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="csv, tsv, jsonl, json, parquet or Rasa nlu.yml; a folder of them; or the name of a data set on the Hub.",
        show_default=False,
    ),
]
Base = Annotated[
    str | None,
    typer.Option("--base", "-b", help="Encoder: Hub id or folder.", show_default="the one that the adapter names"),
]
RequiredBase = Annotated[str, typer.Option("--base", "-b", help="Encoder: Hub id or folder.", show_default=False)]
Adapters = Annotated[
    list[str],
    typer.Option(
        "--adapter",
        "-a",
        metavar="[NAME=]ADAPTER",
        help="Hub id or folder of an adapter; may be given several times. The agent is called NAME, else like the "
        "last part of the id or folder.",
        show_default=False,
    ),
]
Agent = Annotated[
    str | None,
    typer.Option("--agent", help="The agent to ask.", show_default="the only one"),
]
Split = Annotated[
    str | None,
    typer.Option("--split", help="Part of the data: train, test, ...", show_default="the only one"),
]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Column of the utterances.", show_default="found by its name")
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="Column of the intents.", show_default="found by its name")
]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Encoding of text files, such as cp949.", show_default="utf-8")
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps.", show_default="the best there is")
]
Backend = Annotated[
    Literal["torch", "onnx"],
    typer.Option("--backend", help="onnx runs a base that intent-adapters export made, on the CPU."),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        min=0.0,
        max=1.0,
        help="Scope score below which an utterance counts as out of scope: about the share of its own utterances that "
        "a calibrated agent then rejects.",
        show_default="the agent's",
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Texts in one pass of the encoder.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON instead of tables.")]
