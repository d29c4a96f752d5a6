"""Finding on the Hub the agents that stand on a base."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import ModelInfo

from intent_adapters.errors import ConfigError, HubError
from intent_adapters.hub.cards.merging import OWN_KEY
from intent_adapters.hub.naming import is_repo_id
from intent_adapters.hub.problems import clean_token, hub_errors, with_retries


@dataclass(frozen=True, slots=True)
class FoundAgent:
    """An agent on the Hub, as its card describes it. What the card does not say is `None` or empty.

    Attributes:
        repo_id: Its repository.
        base: The base that it stands on.
        commit: The newest commit of its default branch.
        intents: How many intents it has.
        base_fingerprint: Fingerprint of its base.
        language: Codes of the languages of its utterances.
        license: Its licence.
        private: Whether only its owners see it.
        downloads: How often it was downloaded lately.
        updated: When it was last changed.
    """

    repo_id: str
    base: str
    commit: str | None
    intents: int | None
    base_fingerprint: str | None
    language: tuple[str, ...]
    license: str | None
    private: bool
    downloads: int
    updated: datetime | None

    def to_dict(self) -> dict[str, Any]:
        """The agent as JSON-ready values."""
        updated = self.updated.isoformat() if self.updated else None
        return {**asdict(self), "language": list(self.language), "updated": updated}


def list_agents(
    base: str,
    *,
    author: str | None = None,
    search: str | None = None,
    limit: int | None = None,
    token: str | bool | None = None,
) -> list[FoundAgent]:
    """Find all agents of a base on the Hub, by the tags that their cards give them.

    Args:
        base: Hub id of the base.
        author: Only those of this user or organisation.
        search: Only those with this in their id.
        limit: This many at most.
        token: Hub token, to see private ones too; `True` for the stored one.

    Returns:
        The agents, in the order of their ids.

    Raises:
        ConfigError: `base` is no Hub id.
        HubError: The Hub cannot be reached, or refuses the token.
    """
    token = clean_token(token, HubError)
    if not is_repo_id(base):
        raise ConfigError(f"{base!r} is no Hub id of a base: agents are found by it. Give ORG/NAME.")
    tags = [f"base_model:adapter:{base}", "intent-adapters"]

    def reach() -> None:
        with suppress(RepositoryNotFoundError):  # its agents may be there nevertheless
            HfApi().model_info(base, token=token, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT)

    with hub_errors(HubError, f"Cannot list the agents of {base!r}", token=token):
        # To list, the client itself tries again for half a minute: where there is no network, this says so sooner.
        with_retries(reach)
        models = HfApi().list_models(
            filter=tags, author=author, search=search, limit=limit, full=True, cardData=True, token=token
        )
        return sorted((_agent(base, info) for info in models), key=lambda agent: agent.repo_id)


def _agent(base: str, info: ModelInfo) -> FoundAgent:
    card = info.card_data.to_dict() if info.card_data else {}
    own = card.get(OWN_KEY)
    own = own if isinstance(own, dict) else {}
    language = card.get("language") or ()
    intents, stated = own.get("intents"), own.get("base_fingerprint")
    return FoundAgent(
        repo_id=info.id,
        base=base,
        commit=info.sha,
        intents=intents if isinstance(intents, int) else None,
        base_fingerprint=stated if isinstance(stated, str) else None,
        language=(language,) if isinstance(language, str) else tuple(str(code) for code in language),
        license=card.get("license"),
        private=bool(info.private),
        downloads=info.downloads or 0,
        updated=info.last_modified,
    )
