"""`intent-adapters make-base`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, print_text, working

EXAMPLES = examples(
    "intent-adapters make-base intent-base-en.toml --data DATA -o my-base",
    "intent-adapters make-base intent-base-en.toml --data DATA -o my-base --stop-after 257 --sts sts_dev.tsv",
)


def command(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file.", show_default=False)],
    output: options.ModelOutput,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Folder from which it names its files.", show_default="that of RECIPE"),
    ] = None,
    sts: options.Sts = None,
    share: Annotated[
        float,
        typer.Option("--share", min=0, max=1, help="Take this share of the data, for a trial."),
    ] = 1.0,
    stop_after: Annotated[
        int | None,
        typer.Option("--stop-after", min=1, help="Stop after this step; --resume goes on.", show_default=False),
    ] = None,
    resume: options.Resume = False,
) -> None:
    """Stages 1 and 2 by a recipe: data, teachers and all settings in one TOML file.

    Embeddings of the teachers are computed once, and stay in OUTPUT-work.
    """
    with working("reading"):
        from intent_adapters.training.base.make_base import make_base
        from intent_adapters.training.base.recipe import read_recipe

        read = read_recipe(recipe)
    make_base(read, output, data=data or recipe.parent, sts=sts, share=share, stop_after=stop_after, resume=resume)
    print_text(f"The base is in {output}.", to=err)
