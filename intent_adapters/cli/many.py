"""What the commands for many agents share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from intent_adapters.cli.console import err, percent, print_table, print_text
from intent_adapters.errors import ConfigError

if TYPE_CHECKING:
    from intent_adapters.cluster import AgentReport, TrainingReport


def read_runtime_env(file: Path | None) -> dict[str, Any] | None:
    """What a file in JSON or YAML says that Ray's workers need."""
    if file is None:
        return None
    import yaml

    try:
        content = (json.loads if file.suffix == ".json" else yaml.safe_load)(file.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{str(file)!r} is neither JSON nor YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f'{str(file)!r} must hold an object, such as {{"py_modules": ["..."]}}')
    return content


@contextmanager
def resumable() -> Iterator[None]:
    """Says, if Ctrl-C ends the block, that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        print_text("ended; what is trained is kept, and the same command goes on with the rest", to=err)
        raise typer.Exit(130) from None


def say_agent(report: AgentReport, over: int, agents: int, seconds_left: float | None) -> None:
    """One line for an agent that is over."""
    if report.status == "unchanged":
        return
    what = {"trained": f"trained in {report.seconds or 0:.1f} s", "failed": f"failed: {report.error}"}[report.status]
    left = "" if seconds_left is None else f"; about {_duration(seconds_left)} left"
    print_text(f"{over} of {agents}: {report.agent} {what}{left}", "red" if report.error else "", to=err)
    for warning in report.warnings:
        print_text(f"  Warning: {warning}", "yellow", to=err)


def print_agents(report: TrainingReport) -> None:
    """A table of all agents, and how many there are of each status."""
    columns = ("agent", "", "intents", "texts", "accuracy", "seconds", "error")
    rows = [
        (
            agent.agent,
            agent.status,
            agent.intents,
            agent.texts,
            None if agent.accuracy is None else percent(agent.accuracy),
            agent.seconds,
            agent.error,
        )
        for agent in report.agents
    ]
    print_table(columns, rows, numbers=columns[2:6])
    counts = ", ".join(f"{count:,} {status}" for status, count in report.counts.items())
    print_text(f"{counts}, in {_duration(report.seconds)}")


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
