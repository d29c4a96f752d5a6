"""`intent-adapters serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intent_adapters.choices import Precision
from intent_adapters.cli.console import examples

EXAMPLES = examples(
    "intent-adapters serve agents --base base-int8",
    "INTENT_ADAPTERS_TOKEN=... intent-adapters serve agents --base base-int8 --host 0.0.0.0 --workers 2",
    "intent-adapters serve --config server.toml",
)

Agents = Annotated[
    Path | None,
    typer.Argument(metavar="AGENTS", help="A folder of adapter folders; it is watched.", show_default=False),
]
Base = Annotated[
    str | None,
    typer.Option("--base", "-b", help="Hub id or folder of a base in ONNX.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="A TOML file with settings, named as the options.", show_default=False),
]
PrecisionOption = Annotated[
    Precision | None, typer.Option("--precision", help="Which graph of the base.", show_default="int8 if there is one")
]
Threads = Annotated[
    int | None, typer.Option("--threads", help="Threads in one pass of the encoder.", show_default="1")
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Processes; each answers for all agents.", show_default="1")
]
MaxAdapterBytes = Annotated[
    int | None,
    typer.Option("--max-adapter-bytes", help="Memory of adapters in each process.", show_default="no limit"),
]
Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.", show_default="8000")]
UnixSocket = Annotated[
    Path | None, typer.Option("--unix-socket", help="Path to listen at, instead of a port.", show_default=False)
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        help=r"TOML with [\[tokens]]: `token` and, if wished, `agents` and `train`.",
        show_default=False,
    ),
]
AllowAnonymous = Annotated[
    bool | None,
    typer.Option("--allow-anonymous", help="Listen on other than loopback addresses without a token."),
]
MaxWait = Annotated[
    float | None,
    typer.Option("--max-wait-ms", help="Turn requests down while more than this waits.", show_default="500"),
]
AccessLog = Annotated[
    bool | None, typer.Option("--access-log/--no-access-log", help="Log every request.", show_default="on")
]


def command(
    context: typer.Context,
    agents: Agents = None,
    base: Base = None,
    config: Config = None,
    precision: PrecisionOption = None,
    threads: Threads = None,
    workers: Workers = None,
    max_adapter_bytes: MaxAdapterBytes = None,
    host: Host = None,
    port: Port = None,
    unix_socket: UnixSocket = None,
    token_file: TokenFile = None,
    allow_anonymous: AllowAnonymous = None,
    max_wait_ms: MaxWait = None,
    access_log: AccessLog = None,
) -> None:
    """Answer for every agent of a folder over HTTP.

    Every setting can stand in a TOML file, and in the environment as INTENT_ADAPTERS_ and its name in capitals;
    options go before the environment, and that before the file. Ends in good order on SIGTERM and Ctrl-C. What happens
    is logged to standard error, a JSON object a line.
    """
    flags = {name: value for name, value in context.params.items() if name != "config"}
    from intent_adapters.serving import read_settings, serve

    serve(read_settings(flags, config))
