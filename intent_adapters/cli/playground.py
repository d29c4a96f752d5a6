"""`intent-adapters playground`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.cli.console import err, examples, print_text, working
from intent_adapters.cli.loading import check_folders
from intent_adapters.errors import IntentAdaptersError

if TYPE_CHECKING:
    from intent_adapters.serving import Settings

CLONED_BASE = "model_cards/intent-base-ko-en"

EXAMPLES = examples(
    "intent-adapters playground",
    "intent-adapters playground agents --base BASE",
    "intent-adapters playground agents --base BASE --read-only --no-browser --port 8000",
)


def command(
    agents: Annotated[
        Path, typer.Argument(metavar="AGENTS", help="A folder of adapter folders; made if it is not there.")
    ] = Path("agents"),
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            "-b",
            help="Encoder: Hub id or folder.",
            callback=check_folders,
            show_default=f"{CLONED_BASE}, in a clone",
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    read_only: Annotated[bool, typer.Option("--read-only", help="Agents can be asked, not made.")] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address alone.")] = False,
) -> None:
    """Make agents and try them in the browser: type examples, and an agent answers at once.

    A server on this machine alone, as of `serve`, with a page at /playground. A base without a graph for ONNX Runtime
    is exported first. Ends on Ctrl-C.
    """
    if base is None and not Path(CLONED_BASE).is_dir():
        raise IntentAdaptersError(f"There is no folder {CLONED_BASE!r} here: name a base, `base=`.")
    with working("preparing the base"):
        settings = _settings(agents, base or CLONED_BASE, port, read_only)
    from intent_adapters.serving import serve

    token = settings.admin_token.get_secret_value() if settings.admin_token else ""

    def show(address: str) -> None:
        # The fragment of an address stays in the browser: it is in no request, no log and no Referer.
        page = f"{address}/playground" + (f"#token={token}" if token else "")
        print_text(f"The playground is at {page}", "bold", to=err)
        print_text("Ctrl-C ends it.", to=err)
        if not no_browser:
            import webbrowser

            webbrowser.open(page)

    serve(settings, show)


def _settings(agents: Path, base: str, port: int, read_only: bool) -> Settings:
    """What the server is told."""
    import secrets

    from intent_adapters.hub.fetching import fetch_base
    from intent_adapters.serving import read_settings

    agents.mkdir(parents=True, exist_ok=True)
    folder = fetch_base(base).folder
    flags = {"agents": agents, "base": str(_with_graph(folder, agents, base)), "port": port, "access_log": False}
    if read_only:
        return read_settings(flags | {"playground": "read-only"})
    token = secrets.token_urlsafe(32)
    flags |= {"playground": "full", "admin_token": token, "train_base": str(folder), "train_warm": True}
    return read_settings(flags)


def _with_graph(base: Path, agents: Path, name: str) -> Path:
    """The base's folder if it has a graph, else an export of it that is kept beside the agents."""
    from hashlib import sha256

    from intent_adapters.artifacts.agents_folder import OWN_FOLDER
    from intent_adapters.artifacts.contents import graphs_in

    if graphs_in(base):
        return base
    files = sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in base.iterdir())
    state = sha256(repr((str(base.resolve()), files)).encode()).hexdigest()[:12]
    target = agents / OWN_FOLDER / "bases" / state
    if not graphs_in(target):
        from intent_adapters.runtime.onnx.export import export_folder

        export_folder(base, target, name=name)
    return target
