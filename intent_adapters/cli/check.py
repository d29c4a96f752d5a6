"""`intent-adapters check`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from intent_adapters.choices import FindingKind
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, print_json, print_text, working
from intent_adapters.cli.loading import open_model

if TYPE_CHECKING:
    from intent_adapters.data.check import DataReport

KINDS = get_args(FindingKind)


EXAMPLES = examples(
    "intent-adapters check clinic.csv --base BASE",
    "intent-adapters check data/ --split train --base BASE --allow 'near-duplicate' --json",
)


def command(
    data: options.Data,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            "-b",
            help="Encoder that will be trained on: Hub id or folder.",
            show_default="only what needs no base is looked for",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="KIND",
            help=f"Pass over findings of a kind: {', '.join(KINDS)}. May be given several times.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on notes too, and not on problems alone.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="How many findings of each kind to list.")] = 10,
    split: options.Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Look for likely mistakes in training data: wrong labels, repetitions, missing marks, what a base cannot read.

    The exit code is 1 where there are problems: wrong labels, texts in two intents, labels that look alike, texts that
    the base has no words for. The rest is worth a look.
    """
    for kind in allow or ():
        if kind not in KINDS:
            raise typer.BadParameter(
                f"{kind!r} is no kind of finding; there are {', '.join(KINDS)}", param_hint="--allow"
            )
    from intent_adapters.data.check import check_rows
    from intent_adapters.data.reading import read_annotated
    from intent_adapters.entities.check import check_marks

    columns: dict[str, Any] = {"text_column": text_column, "label_column": label_column, "encoding": encoding}
    rows, definitions = read_annotated(data, split=split, purpose="evaluation", **columns)
    model = open_model(base, [], device, "torch") if base else None
    with working("checking"):
        report = check_rows(rows, model)
        report = replace(report, findings=(*report.findings, *check_marks(rows, definitions)))
        report = report.without(kind for kind in KINDS if kind in (allow or ()))
    if json:
        print_json(report.to_dict())
    else:
        _print_report(report, limit)
        if model is None:
            print_text("With the base that will be trained on, wrong labels are found too: add --base.", to=err)
    if report.problems or (strict and report.findings):
        raise typer.Exit(1)


def _print_report(report: DataReport, limit: int) -> None:
    """Prints what was found, a line each as compilers do, under its kind and what to do about that."""
    counts = Counter(finding.kind for finding in report.findings)
    summary = ", ".join(f"{kind}: {count:,}" for kind, count in counts.items()) or "nothing to be said against them"
    print_text(f"{report.rows:,} utterances of {report.intents:,} intents; {summary}")
    for kind, count in counts.items() if limit else ():
        found = report.of_kind(kind)
        more = f", the first {limit}" if count > limit else ""
        print_text(f"\n{kind}{more}", "bold red" if found[0].is_problem else "bold")
        for finding in found[:limit]:
            places = ", ".join(_few(finding.places))
            texts = f" {' | '.join(_few(finding.texts))}" if finding.texts else ""
            start = f"{places}:{texts}\n    " if places else ""
            print_text(f"{start}{finding.reason}; {finding.advice}")


def _few(values: tuple[str, ...]) -> list[str]:
    return [*values[:3], f"and {len(values) - 3:,} more"] if len(values) > 3 else list(values)
