"""Who asks, and which agents they may ask."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from pydantic import SecretStr

from intent_adapters.errors import RequestError
from intent_adapters.runtime.agent import composed
from intent_adapters.serving.settings import Token


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        agents: The agents that they may ask; `None`: all.
        trains: Whether they may train these, too.
    """

    agents: frozenset[str] | None = None
    trains: bool = False

    def may_ask(self, agent: str) -> bool:
        """Whether they may ask an agent."""
        return self.agents is None or composed(agent) in self.agents


ANYBODY = Caller()
ADMIN = Caller(trains=True)


class Authentication:
    """Finds out who asks.

    Args:
        tokens: Those that are accepted; if there are none, everybody is.
        admin: The one of the administrators; `None`: there are none.
    """

    def __init__(self, tokens: Iterable[Token], admin: SecretStr | None = None) -> None:
        self._callers = {
            _digest(token.token): Caller(
                None if token.agents is None else frozenset(map(composed, token.agents)), token.train
            )
            for token in tokens
        }
        self._admins = {} if admin is None else {_digest(admin): ADMIN}

    def caller(self, authorization: str | None) -> Caller:
        """Who asks.

        Args:
            authorization: The header of that name.

        Raises:
            RequestError: There is no token in it, or none that is accepted.
        """
        return _find(authorization, self._callers) if self._callers else ANYBODY

    def check_admin(self, authorization: str | None) -> None:
        """See that an administrator asks.

        Raises:
            RequestError: The token is not theirs.
        """
        _find(authorization, self._admins)

    def trainer(self, authorization: str | None) -> Caller:
        """Who asks for a training: an administrator, or somebody whose token says that they may.

        Raises:
            RequestError: There is no token that is accepted, or it may not.
        """
        caller = _find(authorization, self._callers | self._admins)
        if not caller.trains:
            raise RequestError(403, "not_allowed", "This token may not train agents.")
        return caller


def _find(authorization: str | None, callers: Mapping[bytes, Caller]) -> Caller:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _refused("missing_token", "Send a token: 'Authorization: Bearer TOKEN'.")
    # Digests are compared, each in constant time, and always all of them.
    digest = _digest(SecretStr(token.strip()))
    found = [caller for known, caller in callers.items() if hmac.compare_digest(known, digest)]
    if not found:
        raise _refused("invalid_token", "The token is not one that this server accepts.")
    return found[0]


def _digest(token: SecretStr) -> bytes:
    return sha256(token.get_secret_value().encode("utf-8", "surrogatepass")).digest()


def _refused(code: str, message: str) -> RequestError:
    return RequestError(401, code, message, {"WWW-Authenticate": "Bearer"})
