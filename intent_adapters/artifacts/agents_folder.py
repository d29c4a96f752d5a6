"""What a folder of agents holds beside their adapter folders: on which base they stand since all were upgraded."""

from __future__ import annotations

import json
from pathlib import Path

from intent_adapters.artifacts.folders import write_whole
from intent_adapters.artifacts.version_folders import base_fingerprint_of, numbers, version_path

OWN_FOLDER = ".intent-adapters"
"""What the server keeps in a folder of agents, too; no agent is called so."""
_BASE_NAME = "base.json"


def write_base(folder: Path, base: str | None, fingerprint: str | None) -> None:
    """Note on which base the agents of a folder stand.

    Args:
        folder: Of adapter folders.
        base: What it is called.
        fingerprint: Its fingerprint.
    """
    (folder / OWN_FOLDER).mkdir(exist_ok=True)
    facts = {"base": base, "fingerprint": fingerprint}
    write_whole(folder / OWN_FOLDER / _BASE_NAME, json.dumps(facts, ensure_ascii=False))


def is_upgraded_from(folder: Path, fingerprint: str) -> bool:
    """Whether the agents of a folder were upgraded to another base than the one of a fingerprint."""
    try:
        facts = json.loads((folder / OWN_FOLDER / _BASE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and facts.get("fingerprint") != fingerprint


def version_on(folder: Path, fingerprint: str) -> Path:
    """Where the version of an adapter is that was last in use on a base; the adapter's folder if there is none."""
    kept = (version_path(folder, number) for number in reversed(numbers(folder)))
    return next((path for path in kept if base_fingerprint_of(path) == fingerprint), folder)
