"""`intent-adapters evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from intent_adapters.cli.console import (
    add_row,
    err,
    examples,
    facts_table,
    new_table,
    out,
    percent,
    print_json,
    working,
)
from intent_adapters.cli.loading import open_model
from intent_adapters.cli.options import (
    Adapters,
    Agent,
    Backend,
    Base,
    BatchSize,
    Data,
    Device,
    Encoding,
    Json,
    LabelColumn,
    Split,
    TextColumn,
    Threshold,
)

if TYPE_CHECKING:
    from intent_adapters.evaluation import Answers, ClassificationScores, Evaluation

OutOfScope = Annotated[
    str | None,
    typer.Option(
        "--out-of-scope",
        metavar="FILE",
        help="Utterances that the agent should reject: a file as DATA, labels or not, or .txt with one a line.",
        show_default=False,
    ),
]
Plots = Annotated[
    Path | None,
    typer.Option("--plots", metavar="DIR", help="Draw pictures of it all into this folder.", show_default=False),
]
Worst = Annotated[int, typer.Option("--worst", min=0, help="How many intents, confused pairs and utterances to list.")]

EXAMPLES = examples(
    "intent-adapters evaluate test.csv --adapter agents/clinic",
    "intent-adapters evaluate test.csv --adapter agents/clinic --out-of-scope chatter.txt --plots pictures",
    "intent-adapters evaluate data/ --split test --adapter agents/clinic --json > scores.json",
)


def evaluate_command(
    data: Data,
    adapter: Adapters,
    base: Base = None,
    agent: Agent = None,
    out_of_scope: OutOfScope = None,
    threshold: Threshold = None,
    plots: Plots = None,
    split: Split = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    encoding: Encoding = None,
    worst: Worst = 10,
    batch_size: BatchSize = 64,
    device: Device = None,
    backend: Backend = "torch",
    json: Json = False,
) -> None:
    """Measure an agent on labelled utterances, and on ones that it should not answer.

    Shows accuracy, macro F1, the intents with the lowest F1 and the pairs that are confused most often; how far its
    probabilities can be trusted, and what its threshold lets through. With --json, all intents, pairs and curves.
    """
    if plots is not None and plots.exists() and not plots.is_dir():
        raise typer.BadParameter(f"{str(plots)!r} is a file; name a folder", param_hint="--plots")
    from intent_adapters.data import read_intents, read_texts

    rows = read_intents(
        data,
        text_column=text_column,
        label_column=label_column,
        split=split,
        encoding=encoding,
        purpose="evaluation",
    )
    others = read_texts(out_of_scope, encoding=encoding) if out_of_scope else None
    if plots is not None:  # before anything is computed, so that a missing extra shows at once
        from intent_adapters.evaluation.plots import save_plots
    model = open_model(base, adapter, device, backend)
    with working("evaluating"):
        from intent_adapters.evaluation import evaluate

        scores = evaluate(model, rows, agent, out_of_scope=others, threshold=threshold, batch_size=batch_size)
    if json:
        print_json(scores.to_dict())
    else:
        print_scores(scores, worst)
        _print_trust(scores, worst)
    if plots is not None:
        with working("drawing"):
            files = save_plots(model, scores, plots)
        err.print(Text(f"pictures: {', '.join(map(str, files))}"), soft_wrap=True)


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


def _print_trust(scores: Evaluation, worst: int) -> None:
    """Prints how sure the agent is, what its threshold does, and what slipped through."""
    calibration, rejection, others = scores.calibration, scores.rejection, scores.out_of_scope
    facts: dict[str, object] = {
        "expected calibration error": f"{calibration.expected_calibration_error:.3f}",
        "mean probability of its answers": percent(calibration.confidence),
        "area under risk and coverage": f"{scores.selective.area:.3f}",
        "threshold": "none: it answers everything" if scores.threshold is None else f"{scores.threshold:.3g}",
    }
    if scores.threshold is not None:
        accepted = rejection.accepted_accuracy
        facts["rejected though in scope"] = percent(rejection.false_rejection_rate)
        facts["right among the accepted"] = None if accepted is None else percent(accepted)
    if others is not None:
        facts |= {
            "out-of-scope utterances": others.rows,
            "AUROC, in scope or not": f"{others.auroc:.4f}",
            "accepted if 95 % in scope are": percent(others.fpr95),
            "rejected as they should be": percent(others.recall),
            "out of scope among the rejected": percent(others.precision),
        }
    out.print(facts_table(facts, title="how far to trust it"))
    if scores.out_of_scope_answers is not None:
        _print_slipped_through(scores.out_of_scope_answers, worst)


def _print_slipped_through(answers: Answers, worst: int) -> None:
    import numpy as np

    accepted = np.flatnonzero(answers.accepted)
    shown = accepted[np.argsort(-answers.scores[accepted], kind="stable")][:worst]
    if not len(shown):
        return
    table = new_table("out of scope but answered", "as", "scope score", numbers=("scope score",))
    for row in shown:
        add_row(table, answers.texts[row], answers.labels[row], f"{answers.scores[row]:.3f}")
    out.print(table)
