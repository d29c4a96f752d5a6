"""What an administrator changes about the agents: each change is one step in their folder.

The folder is what all processes look at, and the next start, too: nothing is changed in memory alone.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.agents_folder import OWN_FOLDER
from intent_adapters.artifacts.contents import CARD_NAME, MAX_CARD_BYTES
from intent_adapters.artifacts.folders import sole_writer, write_whole
from intent_adapters.artifacts.versions import find_version, rollback
from intent_adapters.errors import AgentError, ConfigError, IntentAdaptersError, RequestError, shorten
from intent_adapters.hub.cards.saving import save_with_card
from intent_adapters.hub.fetching import adapter_folder
from intent_adapters.hub.naming import is_repo_id
from intent_adapters.model import IntentModel
from intent_adapters.runtime.agent import agent_name, composed
from intent_adapters.serving.agents import PINS_NAME, Agents, place_of, read_pins, unknown_agent
from intent_adapters.serving.kept_examples import KeptExamples
from intent_adapters.serving.settings import Settings

COMMIT = re.compile("[0-9a-f]{40}")
REMOVED = "removed"


class Changes:
    """Changes the folder of agents. Every method takes its time: none is for an event loop.

    Args:
        model: What adapters must fit.
        agents: Those of the folder.
        settings: Where adapters may come from.
    """

    def __init__(self, model: IntentModel, agents: Agents, settings: Settings) -> None:
        self._model = model
        self._agents = agents
        self._settings = settings

    def from_folder(self, name: str, folder: str) -> str:
        """Take an agent from a folder.

        Args:
            name: The agent's.
            folder: An adapter folder inside `admin_folder`; a relative path begins there.

        Returns:
            The version of the agent.

        Raises:
            RequestError: It cannot be taken; nothing has changed.
        """
        allowed = self._settings.admin_folder
        try:
            inside = allowed and Path(allowed, folder).resolve()
        except (OSError, ValueError):  # a NUL, a circle of links
            inside = None
        if not allowed or not inside or not inside.is_relative_to(allowed.resolve()):
            raise _not_allowed("The folder is not inside the one that this server takes agents from (`admin_folder`).")
        with reported():
            return self._put(name, inside)

    def from_hub(self, name: str, repository: str, revision: str, subfolder: str | None) -> str:
        """Take an agent from the Hub.

        Args:
            name: The agent's.
            repository: Its id, "ORG/NAME".
            revision: The commit.
            subfolder: The folder inside the repository.

        Returns:
            The version of the agent.

        Raises:
            RequestError: It cannot be taken; nothing has changed.
        """
        organisation, _, rest = repository.partition("/")
        if not rest or organisation not in self._settings.admin_organisations or not is_repo_id(repository):
            raise _not_allowed("This server takes no agents from there (`admin_organisations`).")
        if not COMMIT.fullmatch(revision):
            raise RequestError(422, "revision_not_pinned", "Name the commit, 40 hex digits: branches and tags move.")
        with reported():
            return self._put(name, adapter_folder(repository, revision=revision, subfolder=subfolder))

    def remove(self, name: str) -> None:
        """Take an agent out of the folder; it is kept until another of its name is removed, its examples are not.

        Raises:
            RequestError: There is no such agent.
        """
        folder = self._folder_of(name)
        kept = self._agents.folder / OWN_FOLDER / REMOVED
        with reported():
            kept.mkdir(parents=True, exist_ok=True)
            self._pin(composed(name), False)
            with sole_writer(folder):
                shutil.rmtree(kept / folder.name, ignore_errors=True)
                folder.rename(kept / folder.name)
            KeptExamples(self._agents.folder).remove(composed(name))

    def set_threshold(self, name: str, threshold: float | None) -> str:
        """Let an agent reject more or less.

        Returns:
            The version of the agent.

        Raises:
            RequestError: There is no such agent, or it cannot be read.
        """
        folder = self._folder_of(name)
        with reported():
            adapter = Adapter.read(folder).with_threshold(threshold)
            save_with_card(adapter, folder)
            return adapter.version

    def roll_back(self, name: str, number: int | None) -> str:
        """Put a kept version of an agent in use again.

        Args:
            name: The agent's.
            number: Of the version; `None`: the one that was in use before.

        Returns:
            The version of the agent.

        Raises:
            RequestError: There is no such agent or version, or it does not fit the base.
        """
        folder = self._folder_of(name)
        with reported():
            self._model.check_adapter(name, Adapter.read(find_version(folder, number)))
            found = rollback(folder, number).adapter
            return found.version if found else ""

    def pin(self, name: str) -> str:
        """Keep an agent in the memory of all processes.

        Returns:
            The version of the agent.

        Raises:
            RequestError: There is no such agent, it cannot be loaded, or there is no room for it.
        """
        self._folder_of(name)
        with reported():
            self._model.pin_adapter(name)
            self._pin(composed(name), True)
            return self._model.agent_info(name).version

    def unpin(self, name: str) -> str:
        """Let an agent leave memory when others need its room.

        Returns:
            The version of the agent.

        Raises:
            RequestError: There is no such agent, or it cannot be loaded.
        """
        self._folder_of(name)
        with reported():
            self._pin(composed(name), False)
            return self._model.agent_info(name).version

    def _put(self, name: str, source: Path) -> str:
        name = checked_name(name)
        adapter = Adapter.read(source)
        self._model.check_adapter(name, adapter)
        target, card = place_of(self._agents.folder, name), source / CARD_NAME
        if card.is_file() and card.stat().st_size <= MAX_CARD_BYTES:
            adapter.write(target, beside=lambda new: shutil.copyfile(card, new / CARD_NAME))
        else:
            save_with_card(adapter, target)
        return adapter.version

    def _folder_of(self, name: str) -> Path:
        name = composed(name)
        if name not in self._agents.names:
            raise unknown_agent(name)
        return place_of(self._agents.folder, name)

    def _pin(self, name: str, pinned: bool) -> None:
        file = self._agents.folder / OWN_FOLDER / PINS_NAME
        with sole_writer(file):  # makes the folder, too
            names = read_pins(self._agents.folder)
            if (name in names) == pinned:
                return
            write_whole(file, json.dumps(sorted(names ^ {name}), ensure_ascii=False))


def checked_name(name: str) -> str:
    """The name under which an agent is kept.

    Raises:
        RequestError: It cannot be a name.
    """
    try:
        return agent_name(name)
    except AgentError as error:
        raise RequestError(422, "unusable_name", str(error)) from error


def _not_allowed(message: str) -> RequestError:
    return RequestError(403, "not_allowed", message)


@contextmanager
def reported() -> Iterator[None]:
    """Administrators are told what was wrong."""
    try:
        yield
    except RequestError:
        raise
    except AgentError as error:  # it is gone by now, or has no room
        raise RequestError(409, "conflict", str(error)) from error
    except ConfigError as error:
        raise RequestError(422, "invalid_request", str(error)) from error
    except IntentAdaptersError as error:
        raise RequestError(422, "unusable_adapter", str(error)) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise RequestError(422, "unusable_name", "The name is too long for the file system.") from error
        message = f"The folder of agents cannot be changed: {error.strerror or shorten(error)}."
        raise RequestError(503, "folder_unwritable", message) from error
