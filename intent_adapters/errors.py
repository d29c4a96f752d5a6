"""Every error and warning of this package, so that a caller can catch them with one `except IntentAdaptersError`.

Each message says what was wrong, with which value, and what to do about it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
_short.maxlevel = 2


class IntentAdaptersError(Exception):
    """Base class of all errors raised by `intent_adapters`."""


class ConfigError(IntentAdaptersError, ValueError):
    """A setting has a value that makes no sense, alone or together with another."""


class DataError(IntentAdaptersError, ValueError):
    """Training or evaluation data cannot be used; the message names the file, the line and the cure."""


class TextError(IntentAdaptersError, ValueError):
    """Something handed over to be encoded or predicted is not a usable text."""


class AgentError(IntentAdaptersError, LookupError):
    """An agent's name is unknown, already taken, or not a name we can store.

    Args:
        message: What is wrong and what to do. It names no other agent, so that a server may hand it on.
        names: The agents that there are, where the name asked for is not among them.

    Attributes:
        names: As given.
    """

    def __init__(self, message: str, names: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.names = tuple(names)

    def __reduce__(self) -> tuple[type[AgentError], tuple[str, tuple[str, ...]]]:
        return type(self), (str(self), self.names)


class BaseError(IntentAdaptersError):
    """The base cannot be loaded, or is not a sentence encoder that adapters can stand on."""


class AdapterError(IntentAdaptersError):
    """An adapter's files are missing, damaged, oversized, or do not fit together."""


class BaseMismatchError(AdapterError):
    """An adapter was trained on another base than the one it is asked to run on."""


class HubError(IntentAdaptersError):
    """The Hub refuses something, does not have it, or cannot be reached while publishing or searching."""


class RequestError(IntentAdaptersError):
    """A request, or a row of one, that the server does not answer; nothing in it is secret from who asked.

    Args:
        status: The HTTP status.
        code: What went wrong, for programs.
        message: What went wrong and what to do, for people.
        headers: Further headers of the response.

    Attributes:
        status: As given.
        code: As given.
        headers: As given.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})

    def __reduce__(self) -> tuple[type[RequestError], tuple[int, str, str, dict[str, str]]]:
        return type(self), (self.status, self.code, str(self), self.headers)


class MissingExtraError(IntentAdaptersError, ModuleNotFoundError):
    """Something needs a package that comes with an extra of this one; the message names the extra."""


class IntentAdaptersWarning(UserWarning):
    """Base class of all warnings given by `intent_adapters`; the commands print them as plain lines."""


class DataWarning(IntentAdaptersWarning):
    """Part of the data was left out, or looks like a mistake; the message says what, how much and where."""


def shorten(value: object) -> str:
    """The `repr` of a value, cut to about 60 characters and fit to be printed anywhere."""
    try:
        return _short.repr(value).encode("utf-8", "backslashreplace").decode("utf-8")
    except ValueError:  # a whole number of more digits than Python is willing to write out
        return f"a {type(value).__name__} of thousands of digits"
