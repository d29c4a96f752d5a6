"""`intent-adapters diff`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, percent, print_json, print_table, print_text, working
from intent_adapters.cli.loading import check_folders, open_model
from intent_adapters.errors import BaseMismatchError

if TYPE_CHECKING:
    from intent_adapters.artifacts.adapter import Adapter
    from intent_adapters.evaluation import Difference, PairedScores


EXAMPLES = examples(
    "intent-adapters diff agents/clinic --on heldout.csv",
    "intent-adapters diff agents/clinic@2 agents/clinic@4 --on heldout.csv --out-of-scope chatter.txt",
    "intent-adapters diff ORG/clinic agents/clinic --on heldout.csv --fail-on loss --json",
)


def command(
    old: Annotated[
        str,
        typer.Argument(
            metavar="OLD",
            help="Folder or Hub id of an adapter; FOLDER@2 is its version 2. A folder without NEW is compared with "
            "its version that was in use before.",
        ),
    ],
    data: Annotated[
        str, typer.Option("--on", metavar="DATA", help="Utterances that neither was trained on, as for evaluate.")
    ],
    new: Annotated[
        str | None, typer.Argument(metavar="[NEW]", help="The new adapter, as OLD.", show_default="the folder of OLD")
    ] = None,
    out_of_scope: options.OutOfScope = None,
    base: options.Base = None,
    threshold: options.Threshold = None,
    fail_on: Annotated[
        Literal["worse", "loss", "never"],
        typer.Option(
            "--fail-on",
            help="What ends with exit code 1: a new adapter that is worse beyond chance; one that answers fewer "
            "utterances right, be it by chance; nothing.",
        ),
    ] = "worse",
    show: Annotated[int, typer.Option("--show", min=0, help="How many changed answers to show.")] = 20,
    split: options.Split = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    batch_size: options.BatchSize = 64,
    device: options.Device = None,
    json: options.Json = False,
) -> None:
    """Compare a new adapter with an old one: what each gets right, and every answer that changed.

    An utterance counts as right if it is accepted and given its intent, as the agent's users see it. Ends with exit
    code 1 if the new adapter is worse beyond chance (an exact test on the utterances that only one of them gets right,
    p < 0.05), on all utterances, on those whose intent both know, or on those out of scope: so a pipeline can refuse
    it.
    """
    old, new = _locate(old, new)
    from intent_adapters.data import read_intents, read_texts

    rows = read_intents(
        data, split=split, text_column=text_column, label_column=label_column, encoding=encoding, purpose="evaluation"
    )
    foreign = read_texts(out_of_scope, encoding=encoding) if out_of_scope else None
    model = open_model(base, [f"old={old}"], device)
    other = None
    try:
        model.load_adapter(new, name="new")
    except BaseMismatchError:
        if base is not None:
            raise
        other = open_model(None, [f"new={new}"], device)
    with working("asking both"):
        from intent_adapters.evaluation import diff_agents

        found = diff_agents(
            model,
            rows,
            "old",
            "new",
            new_model=other,
            out_of_scope=foreign,
            threshold=threshold,
            batch_size=batch_size,
        )
    entities = _entity_changes(model.adapter("old"), (other or model).adapter("new"))
    if json:
        print_json({"old": old, "new": new, **found.to_dict(), "entities": entities})
    else:
        _print_difference(found, old, new, show)
        for what, names in entities.items():
            if names:
                print_text(f"entities {what}: {', '.join(names)}")
    if (fail_on == "worse" and found.verdict == "worse") or (fail_on == "loss" and found.loses):
        raise typer.Exit(1)


def _entity_changes(old: Adapter, new: Adapter) -> dict[str, list[str]]:
    """The names of the entities that the new agent has more, no more, and with another definition than the old one."""
    before, now = (
        {
            name: (facts, adapter.entities and adapter.entities.entities.get(name))
            for name, facts in adapter.entity_facts.items()
        }
        for adapter in (old, new)
    )
    return {
        "added": [name for name in now if name not in before],
        "removed": [name for name in before if name not in now],
        "changed": [name for name in now if name in before and now[name] != before[name]],
    }


def _locate(old: str, new: str | None) -> tuple[str, str]:
    """Where the two adapters are: FOLDER@NUMBER, unless a folder has just that name, is a version of FOLDER."""
    named = [(source, *_folder_and_number(source)) for source in (old, new) if source is not None]
    check_folders([f"adapter={folder}" for _, folder, _ in named])
    if all(number is None for *_, number in named) and new is not None:
        return old, new
    from intent_adapters.artifacts.versions import find_version

    if new is None:
        ((_, folder, number),) = named
        return str(find_version(folder, number)), folder
    first, second = (
        source if number is None else str(find_version(folder, number)) for source, folder, number in named
    )
    return first, second


def _folder_and_number(source: str) -> tuple[str, int | None]:
    named = None if Path(source).exists() else re.fullmatch("(.+)@([0-9]{1,9})", source, re.ASCII)
    return (named[1], int(named[2])) if named else (source, None)


def _print_difference(found: Difference, old: str, new: str, show: int) -> None:
    compared = {
        "labelled utterances": found.labelled,
        "those of intents that both have": found.common,
        "out of scope": found.out_of_scope,
    }
    columns = ("", "utterances", "old right", "new right", "only old", "only new", "p", "new is")
    rows = [(name, *_cells(scores)) for name, scores in compared.items() if scores]
    print_table(columns, rows, numbers=columns[1:7], title=f"old: {old}\nnew: {new}")
    for what, intents in (("added", found.added), ("removed", found.removed)):
        if intents:
            print_text(f"intents {what}: {', '.join(intents)}")
    if not found.changes:
        print_text("every answer is the same")
    elif show:
        changes = [
            (
                change.kind,
                change.text,
                "nothing: out of scope" if change.meant is None else change.meant,
                _answer(change.old, change.old_probability, change.old_accepted),
                _answer(change.new, change.new_probability, change.new_accepted),
            )
            for change in found.changes[:show]
        ]
        print_table(("", "utterance", "meant", "old", "new"), changes)
    if len(found.changes) > show:
        print_text(f"{len(found.changes) - show} more answers changed: --show {len(found.changes)} shows them", to=err)


def _cells(scores: PairedScores) -> tuple[object, ...]:
    def share(accuracy: float, interval: tuple[float, float]) -> str:
        return f"{percent(accuracy)} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"

    return (
        scores.rows,
        share(scores.old_accuracy, scores.old_interval),
        share(scores.new_accuracy, scores.new_interval),
        scores.worse,
        scores.better,
        f"{scores.p_value:.3g}",
        scores.verdict,
    )


def _answer(intent: str, probability: float, accepted: bool) -> str:
    said = f"{intent} {percent(probability)}"
    return said if accepted else f"rejected ({said})"
