"""`intent-adapters train-all`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import examples, print_json
from intent_adapters.cli.many import print_agents, read_runtime_env, resumable, say_agent

EXAMPLES = examples(
    "intent-adapters train-all data --base BASE --output agents",
    "intent-adapters train-all data -b BASE -o agents --executor process --workers 4",
    "intent-adapters train-all bots.csv --agent-column bot -b BASE -o agents --effort fast",
    "intent-adapters train-all data -b ORG/base -o agents --executor ray --address auto",
)


def command(
    data: options.AgentsData,
    base: options.RequiredBase,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the adapter folders, and a report.json beside them.")
    ],
    executor: options.Executor = "local",
    workers: options.Workers = None,
    address: options.RayAddress = None,
    runtime_env: options.RuntimeEnv = None,
    method: options.EachMethod = "adapter",
    effort: options.EachEffort = "default",
    seed: options.EachSeed = 0,
    entities: options.Entities = False,
    split: options.TrainSplit = None,
    test_split: options.HeldOutSplit = None,
    agent_column: options.AgentColumn = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    encoding: options.Encoding = None,
    json: options.Json = False,
) -> None:
    """Train many agents, and save their adapters.

    An agent that was trained before, from the same data with the same settings on the same base, is left as it is: a
    run that was ended goes on with the same command. Ends with exit code 1 if an agent could not be trained; the
    others are.
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
    from intent_adapters.cluster import train_agents

    with resumable():
        report = train_agents(
            base,
            found,
            output,
            executor=executor,
            workers=workers,
            address=address,
            runtime_env=read_runtime_env(runtime_env),
            seed=seed,
            entities=entities,
            on_agent=say_agent,
            method=method,
            effort=effort,
        )
    if json:
        print_json(report.to_dict())
    else:
        print_agents(report)
    if not report.is_whole:
        raise typer.Exit(1)
