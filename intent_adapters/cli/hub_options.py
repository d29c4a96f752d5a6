"""Options of the commands that go to the Hub."""

from __future__ import annotations

from typing import Annotated

import typer

Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="Hub token. Better kept out of command lines: `hf auth login`, or HF_TOKEN.",
        show_default="the stored one",
    ),
]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit.", show_default="the default branch")
]
