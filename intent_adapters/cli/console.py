"""What the commands share in talking to people and to other programs.

Results go to standard output, everything else to standard error, so that a pipe carries results alone.
"""

from __future__ import annotations

import io
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from intent_adapters.errors import AgentError, DataError, IntentAdaptersError, IntentAdaptersWarning
from intent_adapters.extras import missing

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class ErrorGroup(TyperGroup):
    """Turns errors of this package into one red message and exit code 1, and its warnings into yellow ones.

    So it does with what the system refuses: a folder that cannot be written to, a full disk. Any other exception is a
    bug and shows.
    """

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line, and lets no output fail: what its encoding cannot hold is written as an escape."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().main(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""

        def parameters() -> list[Any]:
            command = self.commands.get(ctx.invoked_subcommand)
            return command.params if command else []

        def say(message: object) -> str:
            return in_options(str(message), parameters())

        try:
            with _plain_warnings(say):
                return super().invoke(ctx)
        except IntentAdaptersError as error:
            there = ""
            if isinstance(error, AgentError) and error.names:
                choose = "; choose with --agent" if any("--agent" in option.opts for option in parameters()) else ""
                there = f" There are: {', '.join(error.names)}{choose}."
            print_text(f"Error: {say(error)}{there}", "red", to=err)
            raise typer.Exit(1) from error
        except ModuleNotFoundError as error:
            if (named := missing(error)) is error:
                raise
            err.print(Text(f"Error: {named}", style="red"), soft_wrap=True)
            raise typer.Exit(1) from error
        except BrokenPipeError:
            raise  # whoever read the output has gone; it is nothing to talk about
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            print_text(f"Error: {error.strerror or error}{place}", "red", to=err)
            raise typer.Exit(1) from error


def in_options(message: str, parameters: Iterable[Any]) -> str:
    """A message of the library, in which the arguments that are options of a command are written as such.

    Our messages write arguments as in Python: `split=`, `encoding='cp949'`, `calibrate=False`. The parameters of a
    command are called as the arguments that they are handed on as.
    """
    options = {parameter.name: parameter for parameter in parameters if parameter.param_type_name == "option"}

    def option(found: re.Match[str]) -> Any:
        parameter = options[found["name"]]
        if found["off"]:
            return parameter.secondary_opts[0] if parameter.secondary_opts else found[0]
        name = max(parameter.opts, key=len)
        return f"{name} {found['value']}" if found["value"] else name

    names = "|".join(map(re.escape, options))
    argument = (
        rf"""`?\b(?P<name>{names})=(?:(?P<quote>['"])(?P<value>[^'"]+)(?P=quote)|(?P<off>False)|True|(?!\w))`?"""
    )
    return re.sub(argument, option, message) if options else message


@contextmanager
def renamed(**arguments: str) -> Iterator[None]:
    """Has errors speak of the parameters of a command that are handed on as other arguments: `split="test_split"`."""
    try:
        yield
    except DataError as error:
        message = re.sub(rf"\b({'|'.join(arguments)})=", lambda found: f"{arguments[found[1]]}=", str(error))
        raise DataError(message) from error


@contextmanager
def _plain_warnings(say: Callable[[object], str]) -> Iterator[None]:
    """Shows each different warning of this package once, as one line, and those of others as ever."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, IntentAdaptersWarning):
            others(message, category, *place, **more)
        elif (shown := say(message)) not in said:
            said.add(shown)
            print_text(f"Warning: {shown}", "yellow", to=err)

    with warnings.catch_warnings():
        others = warnings.showwarning
        warnings.showwarning = show
        warnings.simplefilter("always", IntentAdaptersWarning)
        yield


def examples(*commands: str) -> str:
    """The end of a command's help: one example a line."""
    return "\n\n".join(["Examples:", *(f"  {command}" for command in commands)])


@contextmanager
def working(message: str) -> Iterator[None]:
    """Shows a spinner on a terminal, and keeps the loading bars of the libraries below off the screen."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()  # transformers, which is imported later, takes it from there
    with err.status(message, spinner="dots" if err.encoding.startswith("utf") else "line"):
        yield


def print_json(value: object) -> None:
    """Writes one value as one line of JSON, escaped where standard output cannot hold all of Unicode."""
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    typer.echo(json.dumps(value, ensure_ascii=not unicode))


def print_text(text: str, style: str = "", *, to: Console = out) -> None:
    """Prints text as it is: square brackets are no markup, and lines are broken by the terminal alone."""
    to.print(Text(text, style=style), soft_wrap=True)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = (), title: str | None = None
) -> None:
    """Prints a table: None as an empty cell, brackets as text; `numbers` are columns to align right, never broken."""
    table = Table(title=title, title_justify="left", show_header=any(columns))
    for column in columns:
        number = column in numbers
        table.add_column(column, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    out.print(table)


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * share:.1f} %"


def print_facts(facts: Mapping[str, object], title: str, *, json: bool = False) -> None:
    """Prints names and values, those that there are; as JSON all of them, without the title."""
    if json:
        print_json(facts)
        return
    known = [(name.replace("_", " "), _shown(value)) for name, value in facts.items() if value is not None]
    print_table(("", ""), known, title=title)


def _shown(value: object) -> object:
    """A number to four digits, or to the whole number that it is near; yes and no in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else value
