"""`intent-adapters serve-cluster`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intent_adapters.choices import Placement
from intent_adapters.cli import options
from intent_adapters.cli.console import examples
from intent_adapters.cli.many import read_runtime_env
from intent_adapters.cli.serve import Agents, AllowAnonymous, Base, Config, Host, MaxAdapterBytes, Threads, TokenFile
from intent_adapters.errors import ConfigError

EXAMPLES = examples(
    "intent-adapters serve-cluster /shared/agents --base /shared/base-int8 --host 0.0.0.0 --address auto "
    "--replicas-file /shared/replicas.json",
    "intent-adapters serve-cluster --config server.toml --replicas 8 --placement pack",
)

# What is not the server's but the cluster's.
CLUSTER = ("config", "replicas", "placement", "file", "address", "runtime_env")


def command(
    context: typer.Context,
    agents: Agents = None,
    base: Base = None,
    config: Config = None,
    threads: Threads = None,
    max_adapter_bytes: MaxAdapterBytes = None,
    host: Host = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            help="Each replica takes the first port from here on that is free on its node; 0: any.",
            show_default="8000",
        ),
    ] = None,
    token_file: TokenFile = None,
    allow_anonymous: AllowAnonymous = None,
    replicas: Annotated[
        int | None,
        typer.Option("--replicas", min=1, help="How many servers.", show_default="as the cluster's CPUs allow"),
    ] = None,
    placement: Annotated[
        Placement, typer.Option("--placement", help="Spread them over the nodes, or pack them on few.")
    ] = "spread",
    file: Annotated[
        Path | None,
        typer.Option(
            "--replicas-file", help="File to keep the replicas' addresses in, for clients.", show_default=False
        ),
    ] = None,
    address: options.RayAddress = None,
    runtime_env: options.RuntimeEnv = None,
) -> None:
    """Serve from many machines: replicas of the server on a cluster of Ray.

    Each replica is a process with a port of its own, which clients ask directly; one that dies is replaced. Every
    setting of serve can stand in the TOML file or the environment. The folder of agents is one that all nodes have at
    the same path. Ends in good order on SIGTERM and Ctrl-C.
    """
    flags = {name: value for name, value in context.params.items() if name not in CLUSTER}
    try:
        environment = read_runtime_env(runtime_env)
    except (ConfigError, OSError) as error:
        raise typer.BadParameter(str(error), param_hint="--runtime-env") from error
    from intent_adapters.serving import read_settings

    settings = read_settings(flags, config)
    from intent_adapters.cluster import serve_on_ray

    serve_on_ray(
        settings,
        replicas=replicas,
        placement=placement,
        file=file,
        address=address,
        runtime_env=environment,
    )
