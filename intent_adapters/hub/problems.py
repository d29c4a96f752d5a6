"""What can go wrong between us and the Hub: tried again where that may help, and said in words that name a cure."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from huggingface_hub import errors, get_token
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from intent_adapters.errors import IntentAdaptersError

# The client's HTTP library changed its name between two of its releases: its errors are had from the client.
HTTPError: type[Exception] = errors.HTTPError  # type: ignore[attr-defined]
HUB_PROBLEMS: tuple[type[Exception], ...] = (
    HTTPError,
    EntryNotFoundError,
    HFValidationError,
    OSError,
    ValueError,
    RuntimeError,
)
"""What the client raises when a request does not succeed (RuntimeError: the upload of a large file); anything else is
a bug and shows."""

PAUSES: tuple[float, ...] = (0.5, 2.0)
"""Seconds to wait before the second and the third attempt."""

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})
SECRET = re.compile(r"\bhf_\w{8,}|\bBearer\s+[^\s'\"]+", re.IGNORECASE)

NOT_FOUND = "there is no such repository, or it is private and {whose}. Check the spelling (ORG/NAME){cure}."
# The first kind that fits is taken; {revision} and {message} are filled in.
REASONS: Sequence[tuple[type[Exception], str]] = (
    (
        GatedRepoError,
        "the repository is gated. Ask for access on its page, then use a token of that account: `hf auth login`, "
        "HF_TOKEN, or `token=`.",
    ),
    (
        OfflineModeIsEnabled,
        "it is not in the cache, and the client is offline. Say where the folder is (for an "
        "agent that was moved, its base: `base=`), or unset HF_HUB_OFFLINE, or fetch it first where there "
        "is a network: `intent-adapters pull`.",
    ),
    (
        LocalEntryNotFoundError,
        "it is not, or not completely, in the cache, and the network may not be used. Drop `local_files_only`, or "
        "fetch it first: `intent-adapters pull`.",
    ),
    (
        RevisionNotFoundError,
        "the repository has not {revision}. Choose a branch, tag or commit that is listed on its page.",
    ),
    (EntryNotFoundError, "a file is missing on {revision}: {message}"),
    (HFValidationError, "it is no Hub id of the form ORG/NAME: {message}"),
)
STATUS_REASONS = {
    401: "the Hub does not accept the token. It is wrong or expired: make a new one, then `hf auth login`.",
    403: "the token may not do that ({message}). Use one with the permission, e.g. of type write.",
    409: "it conflicts with what is there already ({message}).",
    412: "someone else pushed in the same moment; nothing was changed. Push again.",
    429: "too many requests; nothing was changed. Wait, then try again. ({message})",
}

Result = TypeVar("Result")


def with_retries(call: Callable[[], Result]) -> Result:
    """Do something on the Hub; up to twice more if the reason for a failure may pass.

    Args:
        call: What to do; doing it again does no harm.

    Raises:
        Exception: What the last attempt raised.
    """
    for pause in PAUSES:
        try:
            return call()
        except HUB_PROBLEMS as error:
            if not is_transient(error):
                raise
            time.sleep(pause)
    return call()


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed in a moment: overload, a cut connection, bytes lost on the way."""
    causes = list(_causes(error))
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        return False
    for cause in causes:
        if isinstance(cause, HfHubHTTPError):
            return _status(cause) in TRANSIENT
    # The client's own check of a file's length, and an answer of the API that ends in the middle.
    lost_bytes = type(error) is OSError and "Consistency check failed" in str(error)
    lost_bytes = lost_bytes or isinstance(error, json.JSONDecodeError)
    return lost_bytes or any(isinstance(cause, (HTTPError, errors.FileMetadataError)) for cause in causes)


def is_unreachable(error: Exception) -> bool:
    """Whether the Hub gave no answer at all, or one that says nothing about the repository."""
    return is_transient(error) or any(isinstance(cause, OfflineModeIsEnabled) for cause in _causes(error))


@contextmanager
def hub_errors(
    kind: type[IntentAdaptersError],
    what: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
) -> Iterator[None]:
    """Turn the client's errors into ours. No token is ever part of them, nor a cause that might hold one.

    Args:
        kind: The class of our error.
        what: What did not succeed, naming the repository: "Cannot list the agents of 'org/base'".
        revision: The branch, tag or commit that was asked for; `None` for the default one.
        token: The token of the calls, to keep it out of the message.
    """
    try:
        yield
    except IntentAdaptersError:
        raise
    except HUB_PROBLEMS as error:
        where = f"{what} (revision {revision!r})" if revision else what
        raise kind(f"{where}: {_reason_and_cure(error, revision, token)}") from None


def clean_token(token: str | bool | None, kind: type[IntentAdaptersError]) -> str | bool | None:
    """A token without the line end that a file or an environment variable may have left on it.

    Raises:
        IntentAdaptersError: Of the given kind: it cannot be a token. The HTTP library would log it in clear.
    """
    if not isinstance(token, str):
        return token
    token = token.strip()
    if not re.fullmatch(r"[!-~]+", token):
        raise kind("This cannot be a token: it is empty, or has spaces or special characters in it. Copy it again.")
    return token


def without_secrets(text: str, token: str | bool | None = None) -> str:
    """A text with every token in it replaced by stars."""
    for secret in (token, get_token()):
        if isinstance(secret, str) and secret.strip():
            text = text.replace(secret.strip(), "***")
    return SECRET.sub("***", text)


def _reason_and_cure(error: Exception, revision: str | None, token: str | bool | None) -> str:
    cause = _root(error)
    lines = [line.strip() for line in without_secrets(str(cause), token).splitlines() if line.strip()]
    message = " ".join(lines)[:300] or type(cause).__name__
    if isinstance(cause, RepositoryNotFoundError) and not isinstance(cause, GatedRepoError):
        if token if token is not None else get_token():
            return NOT_FOUND.format(whose="your token has no access", cure=" and that the token's account may read it")
        return NOT_FOUND.format(
            whose="you are not logged in", cure="; for a private one, `hf auth login`, HF_TOKEN, or `token=`"
        )
    reason = next((reason for kind, reason in REASONS if isinstance(cause, kind)), None)
    if reason is None and isinstance(cause, HfHubHTTPError):
        reason = STATUS_REASONS.get(_status(cause))
        if _status(cause) >= 500:
            reason = f"the Hub has a problem of its own (status {_status(cause)}). Try again later."
    elif reason is None and isinstance(cause, HTTPError):
        reason = "the Hub cannot be reached ({message}). Check the network and HF_ENDPOINT; try again."
    named = f"the revision {revision!r}" if revision else "the default branch"
    return (reason or "{message}").format(revision=named, message=message)


def _status(error: HfHubHTTPError) -> int:
    return int(getattr(error.response, "status_code", 0))


def _root(error: Exception) -> Exception:
    """The most telling of an error and its causes: the client wraps answers of the Hub in errors of the cache."""
    for cause in _causes(error):
        if isinstance(cause, (HTTPError, OfflineModeIsEnabled)):
            return cause
    return error


def _causes(error: BaseException) -> Iterator[Exception]:
    seen: BaseException | None = error
    while isinstance(seen, Exception):
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
