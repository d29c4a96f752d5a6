"""The examples that people write for agents, kept on the server beside the agents and never among an agent's files.

What is in an adapter folder may be published and fetched; these are users' words, and stay.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from intent_adapters.artifacts.agents_folder import OWN_FOLDER
from intent_adapters.artifacts.folders import sole_writer, write_whole
from intent_adapters.serving.agents import place_of

FOLDER = "examples"
FILE_NAME = "examples.jsonl"


class KeptExamples:
    """The examples of the agents in a folder; of one that nobody has written any for, there are none.

    Args:
        agents: The folder of agents.
    """

    def __init__(self, agents: Path) -> None:
        self._folder = agents / OWN_FOLDER / FOLDER

    def read(self, agent: str) -> list[dict[str, Any]]:
        """The examples of an agent, as they were written.

        Raises:
            OSError: They cannot be read.
        """
        try:
            lines = (self._place(agent) / FILE_NAME).read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line]

    def write(self, agent: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Keep these examples of an agent instead of those that are there.

        Raises:
            OSError: They cannot be written; what was there stays.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = self._place(agent)
        with sole_writer(folder):
            folder.mkdir(exist_ok=True)
            lines = [json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows]
            write_whole(folder / FILE_NAME, "".join(lines))

    def remove(self, agent: str) -> None:
        """Keep none of an agent."""
        shutil.rmtree(self._place(agent), ignore_errors=True)

    def _place(self, agent: str) -> Path:
        return place_of(self._folder, agent) if self._folder.is_dir() else self._folder / agent
