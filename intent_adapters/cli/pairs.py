"""What `train-encoder` and `distill` make of the options that they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from intent_adapters.cli import options

if TYPE_CHECKING:
    from datasets import Dataset

    from intent_adapters.training.base.pair_training import PairTraining


def pairs_from(names: list[str], kinds: list[str] | None, leave_out: list[str] | None, seed: int) -> Dataset:
    """The pairs of FILE or FILE=WEIGHT, with the same filters for all."""
    from intent_adapters.data import PairSource, read_pairs

    sources = []
    for name in names:
        rows, equals, weight = name.rpartition("=")
        if not equals or Path(name).exists():
            rows, weight = name, "1"
        try:
            share = float(weight)
        except ValueError as error:
            raise typer.BadParameter(f"the weight in {name!r} is not a number") from error
        sources.append(PairSource(rows, weight=share, kinds=kinds or None, leave_out=leave_out or ()))
    return read_pairs(sources, seed=seed)


def pair_training(
    steps: int, batch_size: int, learning_rate: float, every: int, seed: int, report_to: options.Report
) -> PairTraining:
    """The settings of a run from the options that both commands have."""
    from intent_adapters.training.base.pair_training import PairTraining

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
