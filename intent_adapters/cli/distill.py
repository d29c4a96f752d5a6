"""`intent-adapters distill`."""

from __future__ import annotations

from typing import Annotated

import typer

from intent_adapters.choices import StoredDtype
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, print_text, working
from intent_adapters.cli.loading import check_folders
from intent_adapters.cli.pairs import pair_training, pairs_from

EXAMPLES = examples(
    "intent-adapters distill pairs.jsonl.gz --teacher large-encoder -o small-encoder --matching-weight 5",
    "intent-adapters distill ko.jsonl.gz en.jsonl.gz --teacher TEACHER -o out --random --trim --sts korsts_dev.tsv",
)


def command(
    pairs: options.Pairs,
    teacher: Annotated[
        str, typer.Option("--teacher", "-t", help="Sentence encoder: Hub id or folder.", callback=check_folders)
    ],
    output: options.ModelOutput,
    layers: Annotated[int, typer.Option("--layers", min=1, help="How many of the teacher's layers to keep.")] = 6,
    random: Annotated[
        bool, typer.Option("--random", help="Start from random weights: 6 layers, 384 wide, instead of layers.")
    ] = False,
    trim: Annotated[
        bool, typer.Option("--trim", help="Keep only the pieces of the vocabulary that PAIRS use.")
    ] = False,
    kinds: options.Kinds = None,
    leave_out: options.LeaveOut = None,
    steps: options.Steps = 10_000,
    batch_size: options.PairBatch = 256,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Peak learning rate.")] = 4e-4,
    temperature: Annotated[float, typer.Option("--temperature", help="Temperature of the contrastive part.")] = 0.05,
    relation_weight: Annotated[
        float, typer.Option("--relation-weight", min=0, help="Weight of the MiniLMv2 part.")
    ] = 1.0,
    matching_weight: Annotated[
        float, typer.Option("--matching-weight", min=0, help="Weight of the embedding-matching part.")
    ] = 0.0,
    relation_heads: Annotated[
        int, typer.Option("--relation-heads", min=1, help="Relation heads of the MiniLMv2 part.")
    ] = 12,
    dtype: Annotated[
        StoredDtype,
        typer.Option(
            "--dtype",
            help="How weights are stored. float16 rounds them and halves the folder; auto: only if that is exact.",
        ),
    ] = "auto",
    sts: options.Sts = None,
    every: options.Every = 2000,
    seed: options.PairSeed = 0,
    resume: options.Resume = False,
    report_to: options.Report = "none",
) -> None:
    """Stage 2: distil a sentence encoder into a small one."""
    with working("reading"):
        data = pairs_from(pairs, kinds, leave_out, seed)
        from intent_adapters.loading import load_base
        from intent_adapters.training.base.distillation import distill
        from intent_adapters.training.base.sts import sts_evaluator
        from intent_adapters.training.base.student import student_from_layers, student_from_shape
        from intent_adapters.training.base.vocabulary import trim_vocabulary

        large = load_base(teacher)
        if trim:
            large = trim_vocabulary(large, (text for column in ("anchor", "positive") for text in data[column][:]))
        student = student_from_shape(large, seed=seed) if random else student_from_layers(large, layers)
    distill(
        large,
        student,
        data,
        output,
        relation_weight=relation_weight,
        matching_weight=matching_weight,
        temperature=temperature,
        num_relation_heads=relation_heads,
        dtype=dtype,
        training=pair_training(steps, batch_size, learning_rate, every, seed, report_to),
        evaluator=None if sts is None else sts_evaluator(sts),
        resume=resume,
    )
    print_text(f"The student is in {output}.", to=err)
