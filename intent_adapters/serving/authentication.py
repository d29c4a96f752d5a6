"""Who asks, and which agents they may ask."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from intent_adapters.errors import RequestError
from intent_adapters.runtime.agent import composed
from intent_adapters.serving.settings import Token


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        agents: The agents that they may ask; `None`: all.
    """

    agents: frozenset[str] | None = None

    def may_ask(self, agent: str) -> bool:
        """Whether they may ask an agent."""
        return self.agents is None or composed(agent) in self.agents


ANYBODY = Caller()


class Authentication:
    """Finds out who asks.

    Args:
        tokens: Those that are accepted; if there are none, everybody is.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._callers = {
            _digest(token.token.get_secret_value()): ANYBODY
            if token.agents is None
            else Caller(frozenset(map(composed, token.agents)))
            for token in tokens
        }

    def caller(self, authorization: str | None) -> Caller:
        """Who asks.

        Args:
            authorization: The header of that name.

        Raises:
            RequestError: There is no token in it, or none that is accepted.
        """
        if not self._callers:
            return ANYBODY
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refused("missing_token", "Send a token: 'Authorization: Bearer TOKEN'.")
        # Digests are compared, each in constant time, and always all of them.
        digest = _digest(token.strip())
        found = [caller for known, caller in self._callers.items() if hmac.compare_digest(known, digest)]
        if not found:
            raise _refused("invalid_token", "The token is not one that this server accepts.")
        return found[0]


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _refused(code: str, message: str) -> RequestError:
    return RequestError(401, code, message, {"WWW-Authenticate": "Bearer"})
