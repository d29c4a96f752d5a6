"""`intent-adapters train-encoder`."""

from __future__ import annotations

from typing import Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, print_text, working
from intent_adapters.cli.loading import check_folders
from intent_adapters.cli.pairs import pair_training, pairs_from

EXAMPLES = examples(
    "intent-adapters train-encoder pairs.jsonl.gz -b klue/roberta-base -o large-encoder --kind paraphrase",
    "intent-adapters train-encoder ko.jsonl.gz en.jsonl.gz=0.5 -b BASE -o out --sts korsts_dev.tsv --resume",
)


def command(
    pairs: options.Pairs,
    base: Annotated[
        str, typer.Option("--base", "-b", help="Language model or encoder: Hub id or folder.", callback=check_folders)
    ],
    output: options.ModelOutput,
    kinds: options.Kinds = None,
    leave_out: options.LeaveOut = None,
    steps: options.Steps = 1000,
    batch_size: options.PairBatch = 256,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Peak learning rate.")] = 2e-5,
    temperature: Annotated[float, typer.Option("--temperature", help="Temperature of the loss.")] = 0.02,
    sts: options.Sts = None,
    every: options.Every = 500,
    seed: options.PairSeed = 0,
    resume: options.Resume = False,
    report_to: options.Report = "none",
) -> None:
    """Stage 1: train a sentence encoder on pairs of texts that share their meaning."""
    with working("reading"):
        data = pairs_from(pairs, kinds, leave_out, seed)
        from intent_adapters.loading import load_base
        from intent_adapters.training.base.encoder import train_encoder
        from intent_adapters.training.base.sts import sts_evaluator

        model = load_base(base)
    training = pair_training(steps, batch_size, learning_rate, every, seed, report_to)
    evaluator = None if sts is None else sts_evaluator(sts)
    train_encoder(model, data, output, temperature=temperature, training=training, evaluator=evaluator, resume=resume)
    print_text(f"The encoder is in {output}.", to=err)
