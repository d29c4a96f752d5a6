"""`intent-adapters pull`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intent_adapters.artifacts.contents import ADAPTER, BASE, ONNX_BASE
from intent_adapters.artifacts.folders import replaced_folder
from intent_adapters.choices import Backend
from intent_adapters.cli import options
from intent_adapters.cli.console import examples, print_facts, working
from intent_adapters.errors import BaseMismatchError

if TYPE_CHECKING:
    from intent_adapters.artifacts.adapter import Adapter
    from intent_adapters.artifacts.contents import Files
    from intent_adapters.hub.fetching import HubOptions

EXAMPLES = examples(
    "intent-adapters pull ORG/clinic",
    "intent-adapters pull ORG/clinic --backend onnx",
    "intent-adapters pull ORG/clinic --revision v1.0 --output agents/clinic --no-base",
)


def command(
    source: Annotated[str, typer.Argument(metavar="ORG/NAME", help="Repository of an adapter or a base.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new folder to copy it to, too.", show_default="the cache alone"),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch, tag or commit.", show_default="the default branch")
    ] = None,
    subfolder: Annotated[
        str | None, typer.Option("--subfolder", help="Folder of the repository that holds it.")
    ] = None,
    base: Annotated[bool, typer.Option("--base/--no-base", help="Fetch an adapter's base, too.")] = True,
    backend: Annotated[
        Backend | None,
        typer.Option(
            "--backend",
            help="Of a base: torch fetches its weights, onnx its graph and no weights.",
            show_default="torch where PyTorch is installed",
        ),
    ] = None,
    token: options.Token = None,
    json: options.Json = False,
) -> None:
    """Fetch an adapter, with the base that it names, or a base from the Hub, and check it.

    Afterwards it loads without a network.
    """
    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise typer.BadParameter(f"{str(output)!r} is there already; name a new folder", param_hint="--output")
    hub: HubOptions = {"revision": revision, "token": token, "subfolder": subfolder}
    with working("pulling"):
        from intent_adapters.artifacts.adapter import Adapter
        from intent_adapters.hub.fetching import fetch_either
        from intent_adapters.loading import backend_for

        backend = backend_for(source, backend)
        found, is_adapter = fetch_either(source, onnx=backend == "onnx", **hub)
        facts: dict[str, Any] = {
            "kind": "adapter" if is_adapter else "base",
            "commit": found.commit,
            "folder": str(output or found.folder),
        }
        if is_adapter:
            facts |= _adapter_facts(source, Adapter.read(found.folder), base, backend, token)
        else:
            facts["fingerprint"] = _fingerprint(found.folder, source, backend)
        if output is not None:
            _copy(found.folder, output, ADAPTER if is_adapter else BASE if backend == "torch" else ONNX_BASE)
    print_facts(facts, f"pulled {source}", json=json)


def _adapter_facts(
    source: str, adapter: Adapter, with_base: bool, backend: Backend, token: str | None
) -> dict[str, Any]:
    """What an adapter is; its base is fetched and compared, if wished."""
    config = adapter.config
    named = config.base_model_name_or_path
    if with_base and named:
        from intent_adapters.hub.fetching import fetch_base

        fetched = fetch_base(named, onnx=backend == "onnx", revision=config.revision, token=token)
        found = _fingerprint(fetched.folder, named, backend)
        trained_on = config.provenance.base_fingerprint
        if trained_on not in (None, found):
            raise BaseMismatchError(
                f"The adapter {source!r} was trained on a base with fingerprint {str(trained_on)[:12]}, "
                f"but the base that it names, {named!r}, has {found[:12]}. Ask its makers."
            )
    return {"intents": len(adapter.labels), "base": named, "base_revision": config.revision}


def _fingerprint(folder: Path, name: str, backend: Backend) -> str:
    if backend == "onnx":
        from intent_adapters.runtime.onnx.run import read_onnx_base

        return read_onnx_base(folder, name, precision=None, threads=1).description.fingerprint
    from intent_adapters.artifacts.base_files import folder_fingerprint

    return folder_fingerprint(folder, name)


def _copy(source: Path, target: Path, files: Files) -> None:
    """Copies the files that we read; those in the cache are links."""
    with replaced_folder(target) as staging:
        for name in files.present(source):
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, staging / name)
