"""`intent-adapters set-threshold`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import examples, print_facts, working
from intent_adapters.cli.loading import open_model

EXAMPLES = examples(
    "intent-adapters set-threshold agents/clinic 0.1",
    "intent-adapters set-threshold agents/clinic --on validation.csv --rejecting 0.03",
    "intent-adapters set-threshold agents/clinic --on validation.csv --out-of-scope chatter.txt",
)


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="ADAPTER", help="Folder of the adapter.", exists=True, file_okay=False)
    ],
    value: Annotated[
        float | None,
        typer.Argument(
            metavar="[VALUE]",
            min=0.0,
            max=1.0,
            help="The threshold: about the share of its own utterances that a calibrated agent then rejects. 0 "
            "rejects nothing.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="DATA", help="Instead of VALUE: find it on labelled utterances that were not trained on."
        ),
    ] = None,
    rejecting: Annotated[
        float | None,
        typer.Option(
            "--rejecting",
            metavar="SHARE",
            min=0.0,
            max=0.999,
            help="With --on: the share of them that may be rejected.",
            show_default="with --out-of-scope, the best balance",
        ),
    ] = None,
    out_of_scope: options.OutOfScope = None,
    base: options.Base = None,
    split: options.Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Let an agent reject more or less from now on; nothing is trained.

    The adapter is written anew in one step: whoever loads it meanwhile gets the old threshold or the new one. Its card
    is made again, and no version is kept for a threshold alone.
    """
    if (value is None) == (on is None):
        raise typer.BadParameter("give a value or --on DATA, and not both", param_hint="VALUE")
    for option, given in {"--rejecting": rejecting is not None, "--out-of-scope": bool(out_of_scope)}.items():
        if given and on is None:
            raise typer.BadParameter("it goes with --on DATA", param_hint=option)
    if on is not None and rejecting is None and not out_of_scope:
        raise typer.BadParameter("say --rejecting SHARE, or give utterances --out-of-scope", param_hint="--on")
    from intent_adapters.artifacts.adapter import Adapter

    adapter = Adapter.read(folder)
    facts: dict[str, Any] = {"adapter": str(folder), "before": adapter.config.calibration.threshold}
    if on is not None:
        from intent_adapters.data import read_intents, read_texts
        from intent_adapters.evaluation import choose_threshold

        rows = read_intents(
            on,
            split=split,
            text_column=text_column,
            label_column=label_column,
            encoding=encoding,
            purpose="evaluation",
        )
        others = read_texts(out_of_scope, encoding=encoding) if out_of_scope else None
        model = open_model(base, [str(folder)], device)
        with working("asking"):
            choice = choose_threshold(model, rows, rate=rejecting, out_of_scope=others)
        value = choice.threshold
        facts |= {"false_rejection_rate": choice.false_rejection_rate, "recall": choice.recall}
    from intent_adapters.hub.cards.saving import save_with_card

    save_with_card(adapter.with_threshold(value), folder)
    facts |= {"threshold": value, "calibrated": adapter.config.calibration.scope_location is not None}
    if not json:
        facts["before"] = facts["before"] or "none: it rejected nothing"
        facts["calibrated"] = facts["calibrated"] or "no: the highest probability is compared with it"
    print_facts(facts, "threshold", json=json)
