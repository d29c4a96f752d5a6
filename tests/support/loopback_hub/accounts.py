"""Who may do what: users, organisations, and tokens that read or write."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.loopback_hub.storage import Repo


@dataclass(frozen=True)
class Account:
    """A user who is logged in by a token.

    Attributes:
        name: Of the user.
        role: Of the token: "read" or "write".
        orgs: The organisations that the user is in.
    """

    name: str
    role: str
    orgs: tuple[str, ...] = ()

    def owns(self, owner: str) -> bool:
        """Whether `owner` is the user or one of the organisations."""
        return owner == self.name or owner in self.orgs


@dataclass
class Accounts:
    """The tokens that the Hub knows."""

    _tokens: dict[str, Account] = field(default_factory=dict)

    def add(self, name: str, *, role: str = "write", orgs: tuple[str, ...] = ()) -> str:
        """A new token of the user `name`."""
        token = f"hf_{name}{role}{len(self._tokens):04d}Secret"
        self._tokens[token] = Account(name, role, orgs)
        return token

    def find(self, token: str) -> Account | None:
        return self._tokens.get(token)

    @property
    def tokens(self) -> list[str]:
        return list(self._tokens)


def can_see(account: Account | None, repo: Repo) -> bool:
    """Whether the repository exists for this account."""
    return not repo.private or (account is not None and account.owns(repo.owner))


def can_read(account: Account | None, repo: Repo) -> bool:
    """Whether this account may read the files of a repository that it can see."""
    return not repo.gated or (account is not None and (account.owns(repo.owner) or account.name in repo.readers))


def can_write(account: Account | None, owner: str) -> bool:
    """Whether this account may change what `owner` owns."""
    return account is not None and account.role == "write" and account.owns(owner)
