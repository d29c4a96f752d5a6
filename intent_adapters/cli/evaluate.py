"""`intent-adapters evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from intent_adapters.cli.console import add_row, examples, new_table, out, percent, print_json, working
from intent_adapters.cli.loading import open_model
from intent_adapters.cli.options import (
    Adapters,
    Agent,
    Base,
    BatchSize,
    Data,
    Device,
    Encoding,
    Json,
    LabelColumn,
    Split,
    TextColumn,
)
from intent_adapters.data import read_intents
from intent_adapters.evaluation import ClassificationScores, evaluate

Worst = Annotated[int, typer.Option("--worst", min=0, help="How many intents and confused pairs to list.")]

EXAMPLES = examples(
    "intent-adapters evaluate test.csv --adapter agents/clinic",
    "intent-adapters evaluate data/ --split test --adapter agents/clinic --json",
)


def evaluate_command(
    data: Data,
    adapter: Adapters,
    base: Base = None,
    agent: Agent = None,
    split: Split = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    worst: Worst = 10,
    batch_size: BatchSize = 64,
    device: Device = None,
    json: Json = False,
) -> None:
    """Measure an agent on labelled utterances.

    Shows accuracy, macro F1, the intents with the lowest F1 and the pairs that are confused most often. With --json,
    all intents and pairs.
    """
    rows = read_intents(
        data,
        text_column=text_column,
        label_column=label_column,
        split=split,
        encoding=encoding,
        purpose="evaluation",
    )
    model = open_model(base, adapter, device)
    with working("evaluating"):
        scores = evaluate(model, rows, agent, batch_size=batch_size)
    if json:
        print_json(scores.to_dict())
    else:
        print_scores(scores, worst)


def print_scores(scores: ClassificationScores, worst: int) -> None:
    """Prints accuracy and macro F1, and what went wrong."""
    out.print(
        f"accuracy {percent(scores.accuracy)}, macro F1 {percent(scores.macro_f1)} on {scores.rows} utterances "
        f"of {sum(intent.support > 0 for intent in scores.intents)} intents"
    )
    weak = [intent for intent in scores.intents if intent.f1 < 1][:worst]
    if weak:
        table = new_table("intent", "F1", "precision", "recall", "rows", numbers=("F1", "precision", "recall", "rows"))
        for intent in weak:
            figures = [percent(share) for share in (intent.f1, intent.precision, intent.recall)]
            add_row(table, intent.label, *figures, intent.support)
        out.print(table)
    confusions = scores.confusions[:worst]
    if confusions:
        table = new_table("intent", "taken for", "times", numbers=("times",))
        for pair in confusions:
            add_row(table, pair.label, pair.predicted, pair.count)
        out.print(table)
