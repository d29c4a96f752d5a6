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


app.command("train", epilog=train.EXAMPLES)(train.train_command)
app.command("predict", epilog=predict.EXAMPLES)(predict.predict_command)
app.command("check", epilog=check.EXAMPLES)(check.check_command)
app.command("chat", epilog=chat.EXAMPLES)(chat.chat_command)
app.command("evaluate", epilog=evaluate.EXAMPLES)(evaluate.evaluate_command)
app.command("review", epilog=review.EXAMPLES)(review.review_command)
app.command("set-threshold", epilog=set_threshold.EXAMPLES)(set_threshold.set_threshold_command)
app.command("compare", epilog=compare.EXAMPLES)(compare.compare_command)
app.command("versions", epilog=versions.EXAMPLES)(versions.versions_command)
app.command("diff", epilog=diff.EXAMPLES)(diff.diff_command)
app.command("rollback", epilog=rollback.EXAMPLES)(rollback.rollback_command)
app.command("export", epilog=export.EXAMPLES)(export.export_command)
app.command("benchmark", epilog=benchmark.EXAMPLES)(benchmark.benchmark_command)
app.command("info", epilog=info.EXAMPLES)(info.info_command)
app.command("train-encoder", epilog=train_encoder.EXAMPLES)(train_encoder.train_encoder_command)
app.command("distill", epilog=distill.EXAMPLES)(distill.distill_command)
app.command("card", epilog=card.EXAMPLES)(card.card_command)
app.command("push", epilog=push.EXAMPLES)(push.push_command)
app.command("pull", epilog=pull.EXAMPLES)(pull.pull_command)
app.command("list", epilog=list_agents.EXAMPLES)(list_agents.list_command)

__all__ = ["app"]
