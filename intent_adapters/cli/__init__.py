"""The command `intent-adapters`: one file a command, each a thin layer over the library."""

from __future__ import annotations

from types import ModuleType
from typing import Annotated

try:
    import typer
except ModuleNotFoundError as error:
    raise SystemExit("The command needs its extra: pip install 'intent-adapters[cli]'") from error

from intent_adapters import __version__
from intent_adapters.cli import (
    benchmark,
    card,
    chat,
    check,
    compare,
    convert,
    diff,
    distill,
    evaluate,
    export,
    info,
    list_agents,
    make_base,
    playground,
    predict,
    pull,
    push,
    review,
    rollback,
    serve,
    serve_cluster,
    set_threshold,
    train,
    train_all,
    train_encoder,
    upgrade,
    versions,
)
from intent_adapters.cli.console import ErrorGroup


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


app = typer.Typer(cls=ErrorGroup, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_show_locals=False)


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Intent classifiers for many chatbots on one small frozen encoder."""


# As the help lists them.
_COMMANDS: dict[str, dict[str, ModuleType]] = {
    "Agents": {
        "train": train,
        "predict": predict,
        "chat": chat,
        "playground": playground,
        "serve": serve,
        "info": info,
    },
    "Day by day": {
        "check": check,
        "convert": convert,
        "evaluate": evaluate,
        "review": review,
        "set-threshold": set_threshold,
        "versions": versions,
        "diff": diff,
        "rollback": rollback,
        "compare": compare,
    },
    "Many agents": {"train-all": train_all, "upgrade": upgrade, "serve-cluster": serve_cluster},
    "The Hub": {"card": card, "push": push, "pull": pull, "list": list_agents},
    "Bases": {
        "make-base": make_base,
        "train-encoder": train_encoder,
        "distill": distill,
        "export": export,
        "benchmark": benchmark,
    },
}
for panel, modules in _COMMANDS.items():
    for name, module in modules.items():
        app.command(name, epilog=module.EXAMPLES, rich_help_panel=panel)(module.command)

__all__ = ["app"]
