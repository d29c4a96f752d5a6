"""`intent-adapters evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from intent_adapters.data.table import Row
    from intent_adapters.evaluation import EntityScores, Evaluation, HeldOutScores, Mistake


# Fewer rows say little about probabilities.
ENOUGH_TO_CALIBRATE = 100

EXAMPLES = examples(
    "intent-adapters evaluate test.csv --adapter agents/clinic --errors errors.csv",
    "intent-adapters evaluate test.csv --adapter agents/clinic --out-of-scope chatter.txt --plots pictures",
    "intent-adapters evaluate data/ --split test --adapter agents/clinic --json > scores.json",
    "intent-adapters evaluate clinic.csv --cross-validate --base BASE",
)


def command(
    data: options.Data,
    adapter: options.OptionalAdapters = None,
    base: options.Base = None,
    agent: options.Agent = None,
    out_of_scope: options.OutOfScope = None,
    threshold: options.Threshold = None,
    errors: Annotated[
        Path | None, typer.Option("--errors", metavar="FILE", help="Write every mistake to a .csv or .jsonl file.")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            "--train",
            metavar="DATA",
            help="What the agent was trained on, to say how many of the utterances are in it.",
        ),
    ] = None,
    cross_validate: Annotated[
        bool,
        typer.Option(
            "--cross-validate",
            help="Where there is no test file: DATA are training data; train on all parts of them but one and ask "
            "about that one, in turn.",
        ),
    ] = False,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts of --cross-validate.")] = 5,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the parts and the trainings of --cross-validate.")
    ] = 0,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="Draw pictures of it all into this folder.")
    ] = None,
    split: options.Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    worst: Annotated[
        int, typer.Option("--worst", min=0, help="How many intents, confused pairs and utterances to list.")
    ] = 10,
    batch_size: options.BatchSize = 64,
    device: options.Device = None,
    backend: options.Backend = None,
    json: options.Json = False,
) -> None:
    """Measure an agent on labelled utterances, and on ones that it should not answer.

    Shows accuracy, macro F1, the intents with the lowest F1 and the pairs that are confused most often; how far its
    probabilities can be trusted, and what its threshold lets through; and the utterances that it got wrong. With
    --json, all of them. Where entities are marked in the utterances and the agent finds some, it measures these too.
    """
    if plots is not None and plots.exists() and not plots.is_dir():
        raise typer.BadParameter(f"{str(plots)!r} is a file; name a folder", param_hint="--plots")
    if cross_validate:
        _check_cross_validation(adapter, base, threshold, train, plots, backend)
    elif not adapter:
        raise typer.BadParameter("name an agent to measure, or give --cross-validate", param_hint="--adapter")
    from intent_adapters.data import read_intents
    from intent_adapters.data.reading import read_rows
    from intent_adapters.data.row_files import check_row_file
    from intent_adapters.data.texts import read_placed_texts
    from intent_adapters.data.validation import dataset_of

    if errors is not None:
        check_row_file(errors)
    columns: dict[str, Any] = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    purpose = "training" if cross_validate else "evaluation"
    rows = read_rows(data, split=split, purpose=purpose, entities=True, **columns)
    foreign = read_placed_texts(out_of_scope, encoding=encoding) if out_of_scope else []
    others = [text for _, text in foreign] if out_of_scope else None
    trained_on = read_intents(train, **columns) if train else None
    if plots is not None:  # before anything is computed, so that a missing extra shows at once
        from intent_adapters.evaluation.plots import save_plots
    model = open_model(base, adapter or [], device, backend)
    facts: dict[str, Any] = {}
    with working("evaluating"):
        from intent_adapters import evaluation
        from intent_adapters.evaluation.agent import check_known_labels

        if cross_validate:
            validated = evaluation.cross_validate(
                model,
                dataset_of(rows),
                folds=folds,
                seed=seed,
                out_of_scope=others,
                on_fold=lambda fold, accuracy: print_text(f"part {fold} of {folds}: {percent(accuracy)}", to=err),
            )
            scores = validated.evaluation
            facts = {"accuracies": list(validated.accuracies), "never_held_out": validated.never_held_out}
        else:
            agent = agent or model.sole_agent()
            labels, lines = [row.label for row in rows], [row.place for row in rows]
            check_known_labels(labels, model.labels(agent), f"agent {agent!r}", places=lines)
            scores = evaluation.evaluate(
                model,
                dataset_of(rows, entities=True),
                agent,
                out_of_scope=others,
                train=trained_on,
                threshold=threshold,
                batch_size=batch_size,
            )
    places = [row.place for row in rows], [place for place, _ in foreign]
    if json:
        print_json({**scores.to_dict(), **facts})
    else:
        print_scores(scores, worst)
        _print_trust(scores)
        print_mistakes(scores.mistakes, worst, *places)
        _print_entities(scores.entities, worst, places[0])
    _say_if_not_measured(rows, scores, cross_validate)
    if errors is not None:
        of_entities = scores.entities.mistakes if scores.entities else ()
        evaluation.write_mistakes(errors, scores.mistakes, *places, of_entities)
        print_text(f"wrote {len(scores.mistakes) + len(of_entities):,} mistakes to {errors}", to=err)
    if plots is not None:
        with working("drawing"):
            files = save_plots(model, scores, plots)
        print_text(f"pictures: {', '.join(map(str, files))}", to=err)


def _check_cross_validation(
    adapter: list[str] | None,
    base: str | None,
    threshold: float | None,
    train: str | None,
    plots: Path | None,
    backend: str | None,
) -> None:
    """Refuses options that --cross-validate has no use for, rather than to ignore them."""
    if base is None or backend not in (None, "torch"):
        raise typer.BadParameter("--cross-validate trains: name a base in PyTorch", param_hint="--base")
    given = {"--adapter": adapter, "--threshold": threshold, "--train": train, "--plots": plots}
    for option, value in given.items():
        if value:
            raise typer.BadParameter("--cross-validate trains agents of its own: leave it out", param_hint=option)


def print_scores(scores: Evaluation | HeldOutScores, worst: int) -> None:
    """Prints accuracy and macro F1, and which intents are weak or confused."""
    low, high = (f"{100 * end:.1f}" for end in scores.interval)
    print_text(
        f"accuracy {percent(scores.accuracy)} (95 % interval {low} to {high} %), macro F1 {percent(scores.macro_f1)} "
        f"on {scores.rows} utterances of {sum(intent.support > 0 for intent in scores.intents)} intents"
    )
    weak = [
        (intent.label, percent(intent.f1), percent(intent.precision), percent(intent.recall), intent.support)
        for intent in scores.intents
        if intent.f1 < 1
    ]
    if weak[:worst]:
        columns = ("intent", "F1", "precision", "recall", "rows")
        print_table(columns, weak[:worst], numbers=columns[1:])
    confusions = [(pair.label, pair.predicted, pair.count) for pair in scores.confusions[:worst]]
    if confusions:
        print_table(("intent", "taken for", "times"), confusions, numbers=["times"])


def _print_trust(scores: Evaluation) -> None:
    """Prints how sure the agent is, and what its threshold does."""
    calibration, rejection, others = scores.calibration, scores.rejection, scores.out_of_scope
    error = f"{calibration.expected_calibration_error:.3f}; chance alone gives up to {calibration.error_by_chance:.3f}"
    facts: dict[str, object] = {
        "also in the training data": scores.trained_on or None,
        "expected calibration error": error
        if scores.rows >= ENOUGH_TO_CALIBRATE
        else f"{scores.rows} utterances are too few to tell",
        "mean probability of its answers": percent(calibration.confidence),
        "area under risk and coverage": f"{scores.selective.area:.3f}",
        "threshold": "none: it answers everything" if scores.threshold is None else f"{scores.threshold:.3g}",
    }
    if scores.threshold is not None:
        accepted = rejection.accepted_accuracy
        facts["rejected though in scope (false rejections)"] = percent(rejection.false_rejection_rate)
        facts["right among the accepted"] = None if accepted is None else percent(accepted)
    if others is not None:
        facts |= {
            "out-of-scope utterances": others.rows,
            "AUROC, in scope or not": f"{others.auroc:.4f}",
            "accepted if 95 % in scope are": percent(others.fpr95),
            "rejected as they should be (recall)": percent(others.recall),
            "out of scope among the rejected (precision)": percent(others.precision),
        }
    print_facts(facts, "how far to trust it")


def print_mistakes(
    mistakes: Sequence[Mistake], worst: int, places: Sequence[str] = (), out_of_scope_places: Sequence[str] = ()
) -> None:
    """Prints the first mistakes of each kind, and how many there are."""
    from intent_adapters.evaluation.mistakes import KINDS, place_of

    for kind in KINDS:
        found = [mistake for mistake in mistakes if mistake.kind == kind]
        if not found[:worst]:
            continue
        title = f"{kind}: {len(found):,}" + (f", the first {worst}" if len(found) > worst else "")
        scored = found[0].scope_score is not None
        numbers = ("probability", "scope score")[: 1 + scored]
        rows = []
        for mistake in found[:worst]:
            place = place_of(mistake, places, out_of_scope_places)
            cells = (
                mistake.text + (f" ({Path(place).name})" if place else ""),
                mistake.meant or "out of scope",
                mistake.said,
                percent(mistake.probability),
                None if mistake.scope_score is None else f"{mistake.scope_score:.3f}",
            )
            rows.append(cells[: 4 + scored])
        print_table(("utterance", "meant", "said", *numbers), rows, numbers=numbers, title=title)


def _say_if_not_measured(rows: Sequence[Row], scores: Evaluation, cross_validated: bool) -> None:
    """Says of entities that are marked where the agent finds none, or agents are trained without."""
    marked = sum(len(row.entities) for row in rows)
    if marked and not scores.entities:
        why = "cross-validation is of intents alone" if cross_validated else f"{scores.agent} does not look for any"
        print_text(f"not measured: {marked:,} marked entities; {why}", to=err)


def _print_entities(scores: EntityScores | None, worst: int, places: Sequence[str]) -> None:
    """Prints how well entities are found, which types are confused, and examples of mistakes of each type."""
    if scores is None:
        return
    print_text(
        f"entities: F1 {percent(scores.f1)} (precision {percent(scores.precision)}, recall {percent(scores.recall)}); "
        f"{percent(scores.lenient_f1)} if it is enough that spans overlap; {scores.support:,} marked in "
        f"{scores.rows:,} utterances"
    )
    if scores.unknown_rows:
        print_text(f"left out: {scores.unknown_rows:,} utterances of files in which no entities are given")
    if scores.value_accuracy is not None:
        print_text(f"right values: {percent(scores.value_accuracy)} of {scores.valued:,} that are not their text")
    if scores.role_accuracy is not None:
        print_text(f"right roles: {percent(scores.role_accuracy)}")
    columns = ("entity", "F1", "overlapping", "precision", "recall", "marked", "found")
    rows = [
        (
            score.entity,
            *map(percent, (score.f1, score.lenient_f1, score.precision, score.recall)),
            score.support,
            score.predicted,
        )
        for score in scores.entities[:worst]
    ]
    if rows:
        print_table(columns, rows, numbers=columns[1:])
    confusions = [
        (cell.meant or "(spurious)", cell.said or "(missed)", cell.count)
        for cell in scores.confusion_table
        if cell.meant != cell.said
    ][:worst]
    if confusions:
        print_table(("marked", "found", "times"), confusions, numbers=["times"])
    _print_entity_mistakes(scores, worst, places)


def _print_entity_mistakes(scores: EntityScores, worst: int, places: Sequence[str]) -> None:
    """Prints as many mistakes of each type as there is room for, those of the weakest types first."""
    by_type = [[wrong for wrong in scores.mistakes if wrong.entity == score.entity] for score in scores.entities]
    each = max(1, worst // len(by_type))
    shown = [wrong for mistakes in by_type for wrong in mistakes[:each]][:worst]
    if not shown:
        return
    rows = [(f"{wrong.text} ({Path(places[wrong.row]).name})", wrong.kind, wrong.meant, wrong.said) for wrong in shown]
    total = len(scores.mistakes)
    title = f"wrong entities: {total:,}" + (f", {len(shown)} of them" if total > len(shown) else "")
    print_table(("utterance", "mistake", "marked", "found"), rows, title=title)
