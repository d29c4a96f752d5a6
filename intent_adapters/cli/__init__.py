"""The command `intent-adapters`: one file a command, each a thin layer over the library."""

from __future__ import annotations

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
    diff,
    distill,
    evaluate,
    export,
    info,
    list_agents,
    predict,
    pull,
    push,
    review,
    rollback,
    serve,
    set_threshold,
    train,
    train_encoder,
    versions,
)
from intent_adapters.cli.console import ErrorGroup


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


app = typer.Typer(
    cls=ErrorGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Intent classifiers for many chatbots on one small frozen encoder."""


# Where the help lists a command.
_AGENTS, _DAILY, _HUB, _BASES = "Agents", "Day by day", "The Hub", "Bases"

app.command("train", epilog=train.EXAMPLES, rich_help_panel=_AGENTS)(train.train_command)
app.command("predict", epilog=predict.EXAMPLES, rich_help_panel=_AGENTS)(predict.predict_command)
app.command("chat", epilog=chat.EXAMPLES, rich_help_panel=_AGENTS)(chat.chat_command)
app.command("serve", epilog=serve.EXAMPLES, rich_help_panel=_AGENTS)(serve.serve_command)
app.command("info", epilog=info.EXAMPLES, rich_help_panel=_AGENTS)(info.info_command)
app.command("check", epilog=check.EXAMPLES, rich_help_panel=_DAILY)(check.check_command)
app.command("evaluate", epilog=evaluate.EXAMPLES, rich_help_panel=_DAILY)(evaluate.evaluate_command)
app.command("review", epilog=review.EXAMPLES, rich_help_panel=_DAILY)(review.review_command)
app.command("set-threshold", epilog=set_threshold.EXAMPLES, rich_help_panel=_DAILY)(
    set_threshold.set_threshold_command
)
app.command("versions", epilog=versions.EXAMPLES, rich_help_panel=_DAILY)(versions.versions_command)
app.command("diff", epilog=diff.EXAMPLES, rich_help_panel=_DAILY)(diff.diff_command)
app.command("rollback", epilog=rollback.EXAMPLES, rich_help_panel=_DAILY)(rollback.rollback_command)
app.command("compare", epilog=compare.EXAMPLES, rich_help_panel=_DAILY)(compare.compare_command)
app.command("card", epilog=card.EXAMPLES, rich_help_panel=_HUB)(card.card_command)
app.command("push", epilog=push.EXAMPLES, rich_help_panel=_HUB)(push.push_command)
app.command("pull", epilog=pull.EXAMPLES, rich_help_panel=_HUB)(pull.pull_command)
app.command("list", epilog=list_agents.EXAMPLES, rich_help_panel=_HUB)(list_agents.list_command)
app.command("train-encoder", epilog=train_encoder.EXAMPLES, rich_help_panel=_BASES)(
    train_encoder.train_encoder_command
)
app.command("distill", epilog=distill.EXAMPLES, rich_help_panel=_BASES)(distill.distill_command)
app.command("export", epilog=export.EXAMPLES, rich_help_panel=_BASES)(export.export_command)
app.command("benchmark", epilog=benchmark.EXAMPLES, rich_help_panel=_BASES)(benchmark.benchmark_command)

__all__ = ["app"]
