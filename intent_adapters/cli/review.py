"""`intent-adapters review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import (
    err,
    examples,
    percent,
    print_facts,
    print_json,
    print_table,
    print_text,
    working,
)
from intent_adapters.cli.loading import open_model

if TYPE_CHECKING:
    from intent_adapters.evaluation import Review


SHOWN_LETTERS = 160

EXAMPLES = examples(
    "intent-adapters review log.txt --adapter agents/clinic --output to_label.csv",
    "intent-adapters train clinic.csv --add to_label.csv --base BASE --output agents/clinic",
)


def command(
    log: Annotated[
        str,
        typer.Argument(
            metavar="LOG",
            help="What users wrote: .txt with a message a line, or a table with a column of texts. Rows without a "
            "text are left out.",
        ),
    ],
    adapter: options.Adapters,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the groups to a .csv or .jsonl file to be labelled, for `train --add`.",
        ),
    ] = None,
    base: options.Base = None,
    agent: options.Agent = None,
    unsure: Annotated[
        float, typer.Option("--unsure", min=0.0, max=1.0, help="Below which probability an answer counts as unsure.")
    ] = 0.5,
    threshold: options.Threshold = None,
    groups: Annotated[int, typer.Option("--groups", min=0, help="How many groups to list.")] = 10,
    text_column: options.TextColumn = None,
    encoding: options.Encoding = None,
    batch_size: options.BatchSize = 64,
    device: options.Device = None,
    backend: options.Backend = None,
    json: options.Json = False,
) -> None:
    """Look through real traffic: what an agent rejects or is unsure of, grouped by meaning, the largest group first.

    The file of --output has an empty column of labels. Fill in an intent, old or new, where a message has one, and
    leave the others empty.
    """
    from intent_adapters.data import read_texts
    from intent_adapters.data.row_files import check_row_file

    if output is not None:
        check_row_file(output)
    texts = read_texts(log, text_column=text_column, encoding=encoding, leave_out_unusable=True)
    model = open_model(base, adapter, device, backend)
    with working(f"looking through {len(texts):,} messages"):
        from intent_adapters.evaluation import review

        found = review(model, texts, agent, unsure=unsure, threshold=threshold, batch_size=batch_size)
    if json:
        print_json(found.to_dict())
    else:
        _print_review(found, groups)
    if output is not None:
        found.write(output)
        count = sum(len(group.texts) for group in found.groups)
        print_text(f"wrote {count:,} messages to {output}", to=err)


def _print_review(found: Review, groups: int) -> None:
    drift = found.drift
    scope, distance = (None if figure is None else f"{figure:.2f}" for figure in (drift.scope_score, drift.distance))
    facts = {
        "messages": found.messages,
        "different ones": found.distinct,
        "rejected": percent(drift.rejected),
        "rejected of messages like the examples": None if drift.expected is None else percent(drift.expected),
        "answered, but unsure": percent(drift.unsure),
        "median scope score (0.5 for messages like the examples)": scope,
        "drift (0: like the examples, 1: nothing like them)": distance,
    }
    print_facts(facts, f"traffic of {found.agent}")
    if shown := found.groups[:groups]:
        columns = ("messages", "for example", "nearest intent", "a name")
        rows = [
            (group.count, "\n".join(_cut(text.text) for text in group.texts[:3]), group.nearest, group.name)
            for group in shown
        ]
        more = f", the first {groups}" if len(found.groups) > groups else ""
        title = f"what to look at: {len(found.groups):,} groups{more}"
        print_table(columns, rows, numbers=columns[:1], title=title)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_LETTERS else f"{text[:SHOWN_LETTERS]}..."
