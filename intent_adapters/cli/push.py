"""`intent-adapters push`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.cli.card import Folder, card_facts
from intent_adapters.cli.console import examples, facts_table, out, print_json, working
from intent_adapters.cli.options import Facts, Json, Language, License, Scores, ScoresName, Token, TrainingData

if TYPE_CHECKING:
    from intent_adapters.hub.publishing import PublishOptions

Target = Annotated[str, typer.Argument(metavar="ORG/NAME", help="The repository on the Hub.", show_default=False)]
PinnedBase = Annotated[
    str | None,
    typer.Option(
        "--base",
        "-b",
        metavar="ORG/NAME",
        help="Where the adapter's base is on the Hub; needed if it was trained on a folder.",
        show_default="the one that the adapter names",
    ),
]
Private = Annotated[
    bool | None,
    typer.Option("--private/--public", help="For a repository that is new.", show_default=False),
]
Branch = Annotated[
    str | None,
    typer.Option(
        "--revision", help="Branch to commit to; made if it is not there.", show_default="the default branch"
    ),
]
Message = Annotated[str | None, typer.Option("--message", "-m", help="Message of the commit.", show_default=False)]
PullRequest = Annotated[
    bool, typer.Option("--create-pr", help="Propose it as a pull request on a repository that is there.")
]
Tag = Annotated[str | None, typer.Option("--tag", help="Name for the new state, such as v1.0.", show_default=False)]
Handler = Annotated[
    bool, typer.Option("--handler", help="Add what has a Hugging Face Inference Endpoint answer for the adapter.")
]

EXAMPLES = examples(
    "intent-adapters push my-base ORG/my-base --license apache-2.0",
    "intent-adapters push agents/clinic ORG/clinic --base ORG/my-base --private --tag v1.0",
    "intent-adapters push agents/clinic ORG/clinic --data clinic.csv --scores test.json --language ko",
)


def push_command(
    folder: Folder,
    repo_id: Target,
    base: PinnedBase = None,
    private: Private = None,
    revision: Branch = None,
    message: Message = None,
    create_pr: PullRequest = False,
    tag: Tag = None,
    handler: Handler = False,
    facts: Facts = None,
    language: Language = None,
    license_name: License = None,
    data: TrainingData = None,
    scores: Scores = None,
    scores_name: ScoresName = "held-out utterances",
    token: Token = None,
    json: Json = False,
) -> None:
    """Publish an adapter or a base on the Hub, with its card, in one commit."""
    known = card_facts(facts, language, license_name, data, scores, scores_name)
    options: PublishOptions = {
        "private": private,
        "token": token,
        "revision": revision,
        "commit_message": message,
        "create_pr": create_pr,
        "tag": tag,
    }
    with working("pushing"):
        from intent_adapters.artifacts.adapter import Adapter
        from intent_adapters.artifacts.fingerprint import fingerprint
        from intent_adapters.hub import publish_adapter, publish_base
        from intent_adapters.hub.cards.saving import existing_card
        from intent_adapters.loading import load_base

        readme = existing_card(folder)
        if (folder / CONFIG_NAME).is_file():
            adapter = Adapter.read(folder)
            published = publish_adapter(
                adapter, repo_id, base=base, facts=known, readme=readme, handler=handler, **options
            )
        elif base is not None:
            raise typer.BadParameter(f"{str(folder)!r} is no adapter; a base has no base", param_hint="--base")
        elif handler:
            raise typer.BadParameter(f"{str(folder)!r} is no adapter; a base answers nothing", param_hint="--handler")
        else:
            found = fingerprint(load_base(folder, device="cpu"))
            published = publish_base(folder, repo_id, found, facts=known, readme=readme, **options)
    if json:
        print_json(asdict(published))
    else:
        out.print(facts_table(asdict(published), title=f"pushed {folder}"))
