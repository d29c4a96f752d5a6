"""`intent-adapters card`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intent_adapters.artifacts.contents import CARD_NAME, CONFIG_NAME
from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, print_text, working
from intent_adapters.errors import DataError

if TYPE_CHECKING:
    from intent_adapters.hub import CardFacts

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder of an adapter or a base.", exists=True, file_okay=False)
]

EXAMPLES = examples(
    "intent-adapters card agents/clinic --language ko --license apache-2.0 --data clinic.csv",
    "intent-adapters card agents/clinic --scores seed0.json --scores seed1.json --scores-name 'clinic, test file'",
    "intent-adapters card my-base --repo-id ORG/my-base --facts facts.json --print",
)


def command(
    folder: Folder,
    repo_id: Annotated[
        str | None,
        typer.Option(
            "--repo-id", help="Where it will be on the Hub.", metavar="ORG/NAME", show_default="the folder's name"
        ),
    ] = None,
    facts: options.Facts = None,
    language: options.Language = None,
    license_name: options.License = None,
    data: options.TrainingData = None,
    scores: options.Scores = None,
    scores_name: options.ScoresName = "held-out utterances",
    print_card: Annotated[
        bool, typer.Option("--print", help="Write the card to standard output instead of README.md.")
    ] = False,
) -> None:
    """Write the model card of an adapter or a base into its folder.

    What stands between the card's markers is made anew; what a person wrote outside of them is kept.
    """
    known = card_facts(facts, language, license_name, data, scores, scores_name)
    with working("looking at the files"):
        from intent_adapters.artifacts.base_files import folder_fingerprint
        from intent_adapters.hub import adapter_card, base_card
        from intent_adapters.hub.cards.saving import existing_card

        existing = existing_card(folder)
        if (folder / CONFIG_NAME).is_file():
            card = adapter_card(folder, repo_id=repo_id, facts=known, existing=existing)
        else:
            found = folder_fingerprint(folder, str(folder))
            card = base_card(folder, found, repo_id=repo_id, facts=known, existing=existing)
    if print_card:
        typer.echo(str(card))
        return
    card.save(folder / CARD_NAME)
    print_text(f"wrote {folder / CARD_NAME}", to=err)


def card_facts(
    facts: Path | None,
    language: list[str] | None,
    license_name: str | None,
    data: str | None,
    scores: list[Path] | None,
    scores_name: str,
) -> CardFacts:
    """Everything together; what an option says comes before what the file says."""
    from intent_adapters.data import read_intents
    from intent_adapters.hub import CardFacts, Measurement

    known = CardFacts.from_dict(_read_json(facts)) if facts else CardFacts()
    if language:
        known = replace(known, language=language)
    if license_name:
        known = replace(known, license=license_name)
    if data:
        known = known.with_rows(read_intents(data))
    if scores:
        measured = Measurement.from_evaluations([_read_json(path) for path in scores], scores_name)
        known = replace(known, measurements=[*known.measurements, *measured])
    return known


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{str(path)!r} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{str(path)!r} must hold a JSON object, not a {type(values).__name__}")
    return values
