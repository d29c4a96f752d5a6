"""`intent-adapters train`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intent_adapters.artifacts.contents import check_adapter_target
from intent_adapters.artifacts.version_folders import KEPT, VERSIONS_FOLDER, numbers
from intent_adapters.choices import Effort, Method
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, percent, print_facts, print_json, print_text, renamed, working
from intent_adapters.cli.evaluate import print_mistakes, print_scores
from intent_adapters.cli.loading import open_model
from intent_adapters.errors import AdapterError, DataError

if TYPE_CHECKING:
    from datasets import Dataset

    from intent_adapters.data.check import Finding
    from intent_adapters.data.definitions import EntityDefinitions
    from intent_adapters.data.table import Row
    from intent_adapters.evaluation import Evaluation, HeldOutScores
    from intent_adapters.training import TaggerResult, TrainingResult


EXAMPLES = examples(
    "intent-adapters train clinic.csv --base sentence-transformers/all-MiniLM-L6-v2 --output agents/clinic",
    "intent-adapters train nlu.yml -b BASE -o agents/it --name it --test heldout.csv",
    "intent-adapters train clinic.csv -b BASE -o agents/clinic --out-of-scope chatter.txt",
    "intent-adapters train clinic.csv -b BASE -o agents/clinic --descriptions about.yml --catch-all misc",
    "intent-adapters train clinic.csv -b BASE -o agents/clinic --unlabelled log.txt",
    "intent-adapters train data/ --split train --test data/ --test-split test -b BASE -o agents/clinic --json",
)


def command(
    data: options.Data,
    base: options.RequiredBase,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder for the adapter; one that is there already is kept as a former version."
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="The agent's name.", show_default="that of the folder")
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            "--method",
            help="adapter: bottlenecks and head, or the probe if that does better on utterances that neither was "
            "trained on; full: every weight of the encoder, which is saved too; probe: the head alone, a logistic "
            "regression.",
        ),
    ] = "adapter",
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The same data, seed and machine give the same adapter.")
    ] = 0,
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Passes over the data.", show_default="by the size of the data"),
    ] = None,
    effort: Annotated[
        Effort, typer.Option("--effort", help="How long to train: fast is half and best twice as long as default.")
    ] = "default",
    descriptions: Annotated[
        Path | None,
        typer.Option(
            "--descriptions",
            metavar="FILE",
            help="What intents are about: a JSON or YAML object of their names, each with a text or a list of texts.",
        ),
    ] = None,
    catch_all: Annotated[
        list[str] | None,
        typer.Option(
            "--catch-all",
            metavar="INTENT",
            help="An intent that stands for what has no intent: an answer with it is out of scope. May be given "
            "several times.",
            show_default="those named so, as none, fallback or 기타",
        ),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate",
            help="Compare the adapter with the probe, and learn how sure the agent may be and what it should reject, "
            "from two short trainings more.",
        ),
    ] = True,
    out_of_scope: Annotated[
        str | None,
        typer.Option(
            "--out-of-scope",
            metavar="FILE",
            help="Utterances that the agent should reject, for its threshold; never trained on. A file as DATA, "
            "labels or not, or .txt with one a line.",
        ),
    ] = None,
    false_rejection_rate: Annotated[
        float,
        typer.Option(
            "--false-rejection-rate",
            min=0.001,
            max=0.499,
            help="The share of the agent's own utterances that its threshold may reject, without --out-of-scope.",
        ),
    ] = 0.05,
    unlabelled: Annotated[
        str | None,
        typer.Option(
            "--unlabelled",
            metavar="FILE",
            help="What the agent's users wrote, from a log for one, to learn from unless that makes the agent worse. "
            "A file as --out-of-scope.",
        ),
    ] = None,
    entities: options.Entities = False,
    versions: Annotated[
        int,
        typer.Option("--versions", min=0, help="How many former versions the folder of the adapter keeps, at most."),
    ] = KEPT,
    test: Annotated[
        str | None, typer.Option("--test", help="Utterances to measure the trained agent on, as DATA.")
    ] = None,
    add: Annotated[
        list[Path] | None,
        typer.Option(
            "--add",
            metavar="FILE",
            help="More utterances, such as a file of `review` that was labelled: rows without a label are left out. "
            "May be given several times.",
        ),
    ] = None,
    split: options.Split = None,
    test_split: options.TestSplit = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Train an agent from labelled utterances and save its adapter."""
    try:
        check_adapter_target(output)
    except AdapterError as error:
        raise typer.BadParameter(str(error), param_hint="--output") from error
    from intent_adapters.artifacts.adapter import in_place_of
    from intent_adapters.data import label_counts, read_descriptions, read_texts
    from intent_adapters.data.reading import read_rows
    from intent_adapters.data.validation import dataset_of

    columns: dict[str, Any] = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    reading: dict[str, Any] = {"split": split, "add": add or (), **columns}
    placed, definitions = _annotated(data, reading, output) if entities else (read_rows(data, **reading), None)
    rows = dataset_of(placed)
    with renamed(split="test_split"):
        tested = read_rows(test, split=test_split, purpose="evaluation", **columns) if test else []
    foreign = read_texts(out_of_scope, encoding=encoding) if out_of_scope else None
    described = read_descriptions(descriptions, encoding=encoding) if descriptions else None
    log = read_texts(unlabelled, encoding=encoding) if unlabelled else None
    from intent_adapters.data.check import check_rows
    from intent_adapters.data.definitions import EntityDefinitions
    from intent_adapters.entities.check import check_marks
    from intent_adapters.evaluation import score_held_out
    from intent_adapters.evaluation.agent import check_known_labels
    from intent_adapters.hub.naming import folder_name
    from intent_adapters.training import train_agent

    agent = name or folder_name(output)
    lines = [row.place for row in tested]
    check_known_labels([row.label for row in tested], rows["label"], str(data), str(test), places=lines)
    model = open_model(base, [], device, "torch")
    marks = check_marks(placed, definitions or EntityDefinitions()) if entities else ()
    _warn_of((*check_rows(placed, model).problems, *marks))
    result = train_agent(
        model,
        agent,
        rows,
        seed=seed,
        method=method,
        epochs=epochs,
        effort=effort,
        descriptions=described,
        catch_all=catch_all,
        calibrate=calibrate,
        out_of_scope=foreign,
        false_rejection_rate=false_rejection_rate,
        unlabelled=log,
        progress=err.is_terminal,
    )
    tagger = _learn_entities(result, placed, definitions, seed) if entities else None
    result.model.add_agent(agent, in_place_of(result.model.adapter(agent), output), replace=True)
    result.save(output, versions=versions)
    facts: dict[str, Any] = {
        "agent": agent,
        "folder": str(output),
        "method": result.method,
        "accuracies": result.accuracies,
        "utterances": len(rows),
        "intents": len(label_counts(rows)),
        "epochs": result.epochs,
        "threshold": result.config.calibration.threshold,
        "temperature": round(result.config.calibration.temperature, 4),
        "parameters": result.model.adapter(agent).num_parameters,
        "bytes": sum(
            path.stat().st_size
            for path in output.rglob("*")
            if path.is_file() and path.relative_to(output).parts[0] != VERSIONS_FOLDER
        ),
        "version": numbers(output)[-1],
        "seconds": round(result.seconds, 1),
    }
    if result.unlabelled:
        facts["unlabelled"] = result.unlabelled.given
        facts["learned_from"] = result.unlabelled.used if result.unlabelled.kept else 0
    if tagger:
        facts["entities"] = tagger.entities
    scores = _measured(result, dataset_of(tested), rows, output) if tested else None
    held_out = score_held_out(result.held_out) if result.held_out else None
    if json:
        of_test, of_held_out = (some.to_dict() if some else None for some in (scores, held_out))
        print_json({**facts, "test": of_test, "held_out": of_held_out})
        return
    compared = ", ".join(f"{method} {percent(accuracy)}" for method, accuracy in result.accuracies.items())
    if result.accuracies and result.accuracies[result.method] < max(result.accuracies.values()):
        compared += ": no more than chance gives"
    if facts["threshold"] is None:
        facts["threshold"] = "none: it never rejects"
    if result.method != method:
        facts["method"] = f"{result.method}, kept because {method} is no better"
    if tagger:
        facts["entities"] = ", ".join(f"{name} {count}" for name, count in tagger.entities.items())
    print_facts({**facts, "accuracies": compared or None}, f"trained {agent}")
    _print_results(scores, held_out)


def _annotated(data: str, reading: dict[str, Any], output: Path) -> tuple[list[Row], EntityDefinitions | None]:
    """The utterances with what is marked in them, and the definitions: of the data, or else of the former version."""
    from intent_adapters.artifacts.adapter import definitions_in
    from intent_adapters.data.definition_files import definition_file_of
    from intent_adapters.data.definitions import FILE_NAME
    from intent_adapters.data.reading import read_annotated
    from intent_adapters.entities import EntityFinder

    placed, definitions = read_annotated(data, **reading)
    if not definitions and not any(row.entities for row in placed):
        place = definition_file_of(Path(data)) if Path(data).is_file() else Path(data, FILE_NAME)
        raise DataError(
            f"{data}: no entities are marked or defined; mark some, define them in {place}, or leave --entities out"
        )
    EntityFinder(definitions)  # a pattern that is wrong is to be known before the training, which takes long
    return placed, definitions or definitions_in(output)


def _learn_entities(
    result: TrainingResult, placed: Sequence[Row], definitions: EntityDefinitions | None, seed: int
) -> TaggerResult | None:
    """Gives the agent what it finds by definition, and what it learns from what is marked."""
    from intent_adapters.data.validation import dataset_of
    from intent_adapters.training import train_tagger

    if definitions:
        result.model.set_entities(result.agent, definitions)
    if not any(row.entities for row in placed):
        return None
    with working("learning entities"):
        return train_tagger(result.model, result.agent, dataset_of(placed, entities=True), seed=seed)


def _measured(result: TrainingResult, test_rows: Dataset, rows: Dataset, output: Path) -> Evaluation:
    from intent_adapters.evaluation import evaluate

    try:
        with working("evaluating"):
            return evaluate(result.model, test_rows, result.agent, train=rows)
    except BaseException:
        print_text(f"{result.agent} is trained and saved in {output}; measuring it failed.", to=err)
        raise


def _print_results(scores: Evaluation | None, held_out: HeldOutScores | None) -> None:
    if scores:
        print_scores(scores, worst=5)
        if scores.trained_on:
            print_text(f"{scores.trained_on} of the test utterances were trained on, which flatters these figures")
        print_mistakes(scores.mistakes, worst=5)
    elif held_out:
        print_text(
            "on utterances held out from agents that were trained in short, which err more often than this one:"
        )
        print_scores(held_out, worst=5)
        print_mistakes(held_out.mistakes, worst=5)


def _warn_of(findings: Sequence[Finding]) -> None:
    """Says what may be wrong with the data, in short."""
    if findings:
        counts = Counter(finding.kind for finding in findings)
        found = ", ".join(f"{count} x {kind}" for kind, count in counts.items())
        places = ", ".join(Path(place).name for finding in findings[:3] for place in finding.places[:1])
        more = " and others" * (len(findings) > 3)
        message = f"The data may have mistakes ({found}; at {places}{more}). See: intent-adapters check"
        print_text(message, "yellow", to=err)
