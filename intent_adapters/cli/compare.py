"""`intent-adapters compare`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from intent_adapters.choices import SystemName
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, percent, print_json, print_table, print_text, renamed
from intent_adapters.cli.loading import open_model

if TYPE_CHECKING:
    from intent_adapters.evaluation import ComparedSystem


ALL_SYSTEMS = ",".join(get_args(SystemName))

EXAMPLES = examples(
    "intent-adapters compare train.csv test.csv --base sentence-transformers/all-MiniLM-L6-v2",
    "intent-adapters compare train.csv test.csv -b BASE --systems probe,adapter --seeds 0 --json",
    "intent-adapters compare data/ data/ --split train --test-split test -b BASE",
)


def command(
    data: options.Data,
    test: Annotated[str, typer.Argument(metavar="TEST", help="Utterances to measure on, as DATA.")],
    base: options.RequiredBase,
    systems: Annotated[
        str, typer.Option("--systems", help=f"Any of {', '.join(get_args(SystemName))}, separated by commas.")
    ] = ALL_SYSTEMS,
    seeds: Annotated[
        str, typer.Option("--seeds", help="Whole numbers, separated by commas: one training run each.")
    ] = "0,1,2",
    split: options.Split = None,
    test_split: options.TestSplit = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    device: options.Device = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    json: options.Json = False,
) -> None:
    """Train an agent in several ways on the same utterances, and measure each on the same test utterances.

    Shows what the adapter brings over logistic regression on the frozen encoder, which is free and is given the same
    texts, the names of the intents included, and how it stands against fine-tuning the whole encoder.
    """
    try:
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{seeds!r} is no list of whole numbers", param_hint="--seeds") from None
    from intent_adapters.data import read_intents

    read = partial(read_intents, text_column=text_column, label_column=label_column, encoding=encoding)
    rows = read(data, split=split)
    with renamed(split="test_split"):
        test_rows = read(test, split=test_split, purpose="evaluation")
    from intent_adapters.evaluation import compare

    compared = compare(
        open_model(base, [], device, "torch"),
        rows,
        test_rows,
        [system.strip() for system in systems.split(",")],
        numbers,
        on_run=lambda system, seed, accuracy: print_text(f"{system}, seed {seed}: {percent(accuracy)}", to=err),
    )
    if json:
        print_json([system.to_dict() for system in compared])
    elif markdown:
        typer.echo(_markdown(compared))
    else:
        print_table(_COLUMNS, map(_cells, compared), numbers=_COLUMNS[1:])


_COLUMNS = ("system", "accuracy ± over seeds", "95 % interval by the sample", "training", "an agent on disk")


def _cells(system: ComparedSystem) -> tuple[str, ...]:
    spread = f" ± {100 * system.spread:.2f}" if len(system.accuracies) > 1 else ""
    seconds = sum(system.seconds) / len(system.seconds)
    probes = system.kept.count("probe") if system.name != "probe" else 0
    low, high = (f"{100 * end:.1f}" for end in system.interval)
    return (
        system.title + (f"; {probes} of {len(system.kept)}: the regression, which did better" if probes else ""),
        f"{100 * system.mean:.2f}{spread}",
        f"{low} to {high}",
        f"{seconds:.1f} s",
        f"{system.agent_bytes / 1e6:.2f} MB",
    )


def _markdown(compared: list[ComparedSystem]) -> str:
    lines = [_COLUMNS, ("---", *["---:"] * (len(_COLUMNS) - 1)), *(_cells(system) for system in compared)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
