"""Files of agents: how many bytes a folder has, and the folder of each agent."""

from __future__ import annotations

import shutil
from pathlib import Path


def folder_bytes(folder: str | Path) -> int:
    """The sum of the sizes of all files below a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def agent_folder(work: str | Path, system: str, index: int) -> Path:
    """Where a system's agent of that number is saved."""
    return Path(work, system, "agents", f"agent-{index}")


def copy_agent(work: str | Path, system: str, count: int) -> None:
    """Makes agents 1, 2, ... as copies of agent 0, each in a folder of its own."""
    for index in range(1, count):
        shutil.copytree(agent_folder(work, system, 0), agent_folder(work, system, index))
