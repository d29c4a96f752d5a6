"""Options that `train-encoder` and `distill` share, and what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from intent_adapters.data.pairs import PairSource
from intent_adapters.training.pair_training import PairTraining

Pairs = Annotated[
    list[str],
    typer.Argument(
        metavar="PAIRS...",
        help="Files (csv, tsv, jsonl, json, parquet) or Hub data sets with columns anchor and positive; FILE=0.25 "
        "takes a quarter of the pairs.",
        show_default=False,
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the trained model.", show_default=False)]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Take only pairs of this kind; may be given several times.", show_default="all"),
]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option("--leave-out", help="Leave out this source; may be given several times.", show_default="none"),
]
Steps = Annotated[int, typer.Option("--steps", min=2, help="Steps of the optimizer.")]
PairBatch = Annotated[int, typer.Option("--batch-size", min=2, help="Pairs in a step, on each device.")]
Sts = Annotated[
    Path | None,
    typer.Option("--sts", help="A file of scored sentence pairs to evaluate on meanwhile.", show_default="none"),
]
Every = Annotated[int, typer.Option("--every", min=1, help="Steps between checkpoints, and between evaluations.")]
Report = Annotated[Literal["none", "tensorboard", "trackio"], typer.Option("--report-to", help="Where logs go.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the output folder.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of batches and dropout.")]


def pair_sources(names: list[str], kinds: list[str] | None, leave_out: list[str] | None) -> list[PairSource]:
    """FILE or FILE=WEIGHT, with the same filters for all.

    Raises:
        typer.BadParameter: A weight that is no number.
    """
    sources = []
    for name in names:
        rows, equals, weight = name.rpartition("=")
        if not equals or Path(name).exists():
            rows, weight = name, "1"
        try:
            share = float(weight)
        except ValueError as error:
            raise typer.BadParameter(f"the weight in {name!r} is no number") from error
        sources.append(PairSource(rows, weight=share, kinds=kinds or None, leave_out=leave_out or ()))
    return sources


def pair_training(
    steps: int, batch_size: int, learning_rate: float, every: int, seed: int, report_to: Report
) -> PairTraining:
    """The settings of a run from the options that both commands have."""
    return PairTraining(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_steps=min(500, steps // 10),
        save_every=every,
        evaluate_every=every,
        seed=seed,
        report_to=report_to,
    )
