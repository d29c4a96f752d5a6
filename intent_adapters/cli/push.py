"""`intent-adapters push`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.cli import options
from intent_adapters.cli.card import Folder, card_facts
from intent_adapters.cli.console import examples, print_facts, working
from intent_adapters.errors import BaseError

if TYPE_CHECKING:
    from intent_adapters.hub.publishing import PublishOptions


EXAMPLES = examples(
    "intent-adapters push my-base ORG/my-base --license apache-2.0",
    "intent-adapters push agents/clinic ORG/clinic --base ORG/my-base --private --tag v1.0",
    "intent-adapters push agents/clinic ORG/clinic --data clinic.csv --scores test.json --language ko",
)


def command(
    folder: Folder,
    repo_id: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The repository on the Hub.")],
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            "-b",
            metavar="ORG/NAME",
            help="Where the adapter's base is on the Hub; needed if it was trained on a folder.",
            show_default="the one that the adapter names",
        ),
    ] = None,
    private: Annotated[bool | None, typer.Option("--private/--public", help="For a repository that is new.")] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", help="Branch to commit to; made if it is not there.", show_default="the default branch"
        ),
    ] = None,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Message of the commit.")] = None,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Propose it as a pull request on a repository that is there.")
    ] = False,
    tag: Annotated[str | None, typer.Option("--tag", help="Name for the new state, such as v1.0.")] = None,
    handler: Annotated[
        bool, typer.Option("--handler", help="Add what has a Hugging Face Inference Endpoint answer for the adapter.")
    ] = False,
    facts: options.Facts = None,
    language: options.Language = None,
    license_name: options.License = None,
    data: options.TrainingData = None,
    scores: options.Scores = None,
    scores_name: options.ScoresName = "held-out utterances",
    token: options.Token = None,
    json: options.Json = False,
) -> None:
    """Publish an adapter or a base on the Hub, with its card, in one commit.

    A base is published with the graphs for ONNX Runtime that `intent-adapters export BASE` put into its folder.
    """
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
        from intent_adapters.artifacts.base_files import folder_fingerprint
        from intent_adapters.hub import publish_adapter, publish_base
        from intent_adapters.hub.cards.saving import existing_card
        from intent_adapters.runtime.onnx.run import graph_origins

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
            found = folder_fingerprint(folder, str(folder))
            if foreign := [graph for graph, made_from in graph_origins(folder).items() if made_from != found]:
                raise BaseError(
                    f"{str(foreign[0])!r} was not made from the weights beside it. Export the base again "
                    f"(intent-adapters export {folder}), or remove the graph."
                )
            published = publish_base(folder, repo_id, found, facts=known, readme=readme, **options)
    print_facts(asdict(published), f"pushed {folder}", json=json)
