"""`intent-adapters upgrade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, percent, print_json, print_table, print_text
from intent_adapters.cli.many import read_runtime_env, resumable, say_agent

if TYPE_CHECKING:
    from intent_adapters.cluster import UpgradeReport

EXAMPLES = examples(
    "intent-adapters upgrade agents --base NEW_BASE --data data --dry-run",
    "intent-adapters upgrade agents -b NEW_BASE -d data --executor process",
    "intent-adapters upgrade agents -b NEW_BASE -d data --max-drop 0 --max-agent-drop 5 --json",
)


def command(
    agents: Annotated[
        Path, typer.Argument(metavar="AGENTS", help="A folder of adapter folders.", exists=True, file_okay=False)
    ],
    base: options.RequiredBase,
    data: options.AgentsDataOption,
    max_drop: Annotated[
        float,
        typer.Option("--max-drop", min=0, max=100, help="By how many points the mean accuracy may fall."),
    ] = 1.0,
    max_agent_drop: Annotated[
        float,
        typer.Option("--max-agent-drop", min=0, max=100, help="By how many points that of any one agent may fall."),
    ] = 10.0,
    uncompared: Annotated[
        bool, typer.Option("--uncompared", help="Switch although there are agents that cannot be compared.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Train and compare, and do not switch.")] = False,
    executor: options.Executor = "local",
    workers: options.Workers = None,
    address: options.RayAddress = None,
    runtime_env: options.RuntimeEnv = None,
    method: options.EachMethod = "adapter",
    effort: options.EachEffort = "default",
    seed: options.EachSeed = 0,
    split: options.TrainSplit = None,
    test_split: options.HeldOutSplit = None,
    agent_column: options.AgentColumn = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    json: options.Json = False,
) -> None:
    """Train all agents of a folder on another base, compare, and switch all of them or none.

    Old and new adapters are compared on test utterances that neither was trained on; of an agent without any, by the
    cross-validation of both trainings. Ends with exit code 1 if nothing was switched, or, with
    --dry-run, would be. What was trained stays beside
    the folder, and the next run goes on from there.
    """
    from intent_adapters.data.agents import find_agents

    found = find_agents(
        data,
        split=split,
        test_split=test_split,
        agent_column=agent_column,
        text_column=text_column,
        label_column=label_column,
        encoding=encoding,
    )
    from intent_adapters.cluster import upgrade_agents

    with resumable():
        report = upgrade_agents(
            agents,
            base,
            found,
            max_drop=max_drop,
            max_agent_drop=max_agent_drop,
            uncompared=uncompared,
            dry_run=dry_run,
            executor=executor,
            workers=workers,
            address=address,
            runtime_env=read_runtime_env(runtime_env),
            seed=seed,
            on_agent=say_agent,
            method=method,
            effort=effort,
        )
    if json:
        print_json(report.to_dict())
    else:
        _print(report)
    if not report.is_fit:
        raise typer.Exit(1)


def _print(report: UpgradeReport) -> None:
    columns = ("agent", "measured on", "old", "new", "points", "new is", "")
    rows: list[Sequence[object]] = [
        (
            one.agent,
            f"test utterances ({one.rows})" if one.measured_on == "test" else one.measured_on or "not compared",
            None if one.old_accuracy is None else percent(one.old_accuracy),
            None if one.new_accuracy is None else percent(one.new_accuracy),
            None if one.measured_on is None else f"{0 - one.drop:+.1f}",
            one.verdict,
            "; ".join(filter(None, [f"{one.left_out} left out: trained on" if one.left_out else None, one.note])),
        )
        for one in report.comparisons
    ]
    if report.means:
        old, new = report.means
        rows.append(("mean", None, percent(old), percent(new), f"{100 * (new - old):+.1f}", None, ""))
    print_table(columns, rows, numbers=columns[2:5])
    if report.left_out:
        print_text(f"data of agents that are not in the folder: {', '.join(report.left_out)}", to=err)
    if report.switched:
        print_text("switched" if report.comparisons else "all agents stand on this base already")
    for reason in report.reasons:
        print_text(f"not switched: {reason}", "red")
