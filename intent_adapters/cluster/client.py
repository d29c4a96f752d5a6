"""A client of several replicas: it asks each agent where that is in memory, and others where a replica is gone."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, overload

from intent_adapters.cluster.http_pool import Answer, Connections
from intent_adapters.cluster.ranking import ranked
from intent_adapters.errors import ConfigError, IntentAdaptersError, RequestError
from intent_adapters.inputs import agents_per_row, check_choice, check_number, check_range, check_texts
from intent_adapters.prediction import Prediction

# A replica that did not answer is asked after the others for so long.
DOWN_SECONDS = 2.0
# How long to wait before all replicas are tried again: so much the first time, and twice as much each time after that.
PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 5.0
# How much more than the mean of all replicas one is given to do at the same time, before the next of an agent's order
# takes over: bounded loads, as in Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2016.
# Below so many rows, nothing is too much.
LOAD_BOUND = 1.25
FREE_ROWS = 16
# Of the errors of single rows, which have no status of their own.
ROW_STATUS = {"unknown_agent": 404, "agent_unavailable": 503, "internal_error": 500}
# Another replica may do better: it is overloaded, ends, cannot read the agent, or is gone behind a proxy.
ELSEWHERE = (429, 502, 503)
PARALLEL = 32


@dataclass
class _Part:
    """The rows of one agent.

    Attributes:
        agent: Its name.
        rows: Their indices.
        tried: The replicas that were asked, since all had been.
    """

    agent: str
    rows: list[int]
    tried: set[str] = field(default_factory=set)


class ClusterClient:
    """Asks the replicas of a server. Calls are safe from several threads; keep one client and use it for all.

    Args:
        replicas: Their addresses, such as `["http://10.0.0.1:8000"]`; the file in which `serve-cluster` keeps them; or
            a function that gives them. File and function are asked again every `refresh_seconds`, and whenever a
            replica does not answer.
        token: That requests carry.
        timeout: How many seconds one replica may take to answer; more than the server's `timeout_ms`.
        attempts: How often a row is sent before its error is raised.
        refresh_seconds: How long a list of replicas holds.

    Raises:
        ConfigError: A setting is out of range, or there is no list of replicas.

    Example:
        ```python
        with ClusterClient(["http://10.0.0.1:8000", "http://10.0.0.2:8000"]) as client:
            client.predict("can I park there?", "clinic").label
        ```
    """

    def __init__(
        self,
        replicas: Iterable[str] | Path | Callable[[], Iterable[str]],
        *,
        token: str | None = None,
        timeout: float = 15.0,
        attempts: int = 6,
        refresh_seconds: float = 5.0,
    ) -> None:
        check_number("timeout", timeout, 0, above=True)
        check_range("attempts", attempts, 1)
        check_number("refresh_seconds", refresh_seconds, 0, above=True)
        self._list = _lister(replicas)
        self._attempts = attempts
        self._refresh_seconds = refresh_seconds
        self._connections = Connections(timeout, token)
        self._down: dict[str, float] = {}
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(PARALLEL, "intent-adapters-client")
        self._addresses: tuple[str, ...] = ()
        self._refresh_at = 0.0
        self._refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown()
        self._connections.close()

    @property
    def replicas(self) -> tuple[str, ...]:
        """The addresses that were last known."""
        return self._addresses

    @overload
    def predict(  # type: ignore[overload-overlap] # a str is a Sequence[str] too: the first one wins
        self,
        texts: str,
        agents: str,
        *,
        top_k: int = 3,
        threshold: float | None = None,
        errors: Literal["raise"] = "raise",
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        texts: Sequence[str],
        agents: str | Sequence[str],
        *,
        top_k: int = 3,
        threshold: float | None = None,
        errors: Literal["raise"] = "raise",
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self,
        texts: Sequence[str],
        agents: str | Sequence[str],
        *,
        top_k: int = 3,
        threshold: float | None = None,
        errors: Literal["return"],
    ) -> list[Prediction | IntentAdaptersError]: ...

    def predict(
        self,
        texts: str | Sequence[str],
        agents: str | Sequence[str],
        *,
        top_k: int = 3,
        threshold: float | None = None,
        errors: Literal["raise", "return"] = "raise",
    ) -> Prediction | list[Prediction] | list[Prediction | IntentAdaptersError]:
        """Tell the intent of one text or many, as `IntentModel.predict` does; rows go to the replicas of their agents.

        Args:
            texts: One text, or many.
            agents: One agent for all texts, or one per text.
            top_k: How many intents each prediction lists, at most.
            threshold: Scope score, 0 to 1, below which a prediction is out of scope; `None`: each agent's own.
            errors: `"return"`, for many texts: the error of a row stands in the place of its prediction.

        Returns:
            One prediction, or a list in the order of the texts.

        Raises:
            TextError: Something is not a string, or is empty.
            RequestError: A row was turned down, or no replica answered it; the first such error.
            ConfigError: Not as many agents as texts, there are no replicas, or a setting out of range.
        """
        check_choice("errors", errors, ("raise", "return"))
        single = isinstance(texts, str)
        if single and errors == "return":
            raise ConfigError('errors="return" is for a list of texts; the error of a single one is raised.')
        found: dict[int, Prediction | IntentAdaptersError] = {}
        failures: dict[int, IntentAdaptersError] | None = None if errors == "raise" else {}
        rows = check_texts(texts, failures)
        names = agents_per_row(agents, len(rows), failures=failures)
        found.update(failures or {})
        parts: dict[str, _Part] = {}
        for index, name in enumerate(names):
            if index not in found:
                parts.setdefault(name, _Part(name, [])).rows.append(index)
        settings: dict[str, object] = {"top_k": top_k, "threshold": threshold}
        self._answer([*parts.values()], rows, settings, found)
        answers = [found[index] for index in range(len(rows))]
        if errors == "raise":
            for answer in answers:
                if isinstance(answer, IntentAdaptersError):
                    raise answer
        return answers[0] if single else answers  # type: ignore[return-value] # errors only where they are returned

    def _answer(
        self,
        parts: list[_Part],
        texts: list[str],
        settings: dict[str, object],
        found: dict[int, Prediction | IntentAdaptersError],
    ) -> None:
        """Have an outcome of all rows of the parts in `found`."""
        pauses = 0
        for _ in range(self._attempts):
            if not parts:
                return
            if time.monotonic() > self._refresh_at:
                self._refresh()
            refused = [part for part in parts if part.tried.issuperset(self._addresses)]
            if refused:
                self._pause(pauses, [found[part.rows[0]] for part in refused])
                pauses += 1
            requests: dict[str, list[_Part]] = defaultdict(list)
            with self._lock:
                for part in parts:
                    address = self._choose(part)
                    requests[address].append(part)
                    self._running[address] += len(part.rows)
            asked = [
                (address, sent, [{"text": texts[row], "agent": part.agent} for part in sent for row in part.rows])
                for address, sent in requests.items()
            ]
            ask = self._pool.map if len(asked) > 1 else map
            all_outcomes = [*ask(lambda request: self._ask(request[0], request[2], settings), asked)]
            parts = []
            for (address, sent, _), outcomes in zip(asked, all_outcomes, strict=True):
                parts += _take(address, sent, outcomes, found)

    def _choose(self, part: _Part) -> str:
        """The replica that a part goes to next."""
        left = [address for address in ranked(part.agent, self._addresses) if address not in part.tried]
        if not left:
            part.tried.clear()
            left = [*ranked(part.agent, self._addresses)]
        now = time.monotonic()
        up = [address for address in left if self._down.get(address, 0.0) <= now] or left
        running = sum(self._running[address] for address in self._addresses) + len(part.rows)
        bound = max(FREE_ROWS, LOAD_BOUND * running / len(self._addresses))
        return next((address for address in up if self._running[address] + len(part.rows) <= bound), up[0])

    def _ask(
        self, address: str, rows: list[dict[str, str]], settings: dict[str, object]
    ) -> list[Prediction | RequestError]:
        """What a replica says of rows; an error of the request is one of each row."""
        try:
            answer = self._connections.post(address, "/v1/predict", {"rows": rows, **settings})
            if answer.status != 200:
                return [_error_of(answer, address)] * len(rows)
            outcomes = [_outcome(entry) for entry in answer.content["predictions"]]
            if len(outcomes) != len(rows):
                raise LookupError(f"{len(outcomes)} answers to {len(rows)} rows")
            return outcomes
        except (OSError, http.client.HTTPException, LookupError, TypeError) as error:
            self._down[address] = time.monotonic() + DOWN_SECONDS
            self._refresh_at = 0.0
            message = f"No replica answered, {address} the last: {error or type(error).__name__}."
            return [RequestError(503, "unreachable", message)] * len(rows)
        finally:
            with self._lock:
                self._running[address] -= len(rows)

    def _pause(self, pauses: int, outcomes: list[Prediction | IntentAdaptersError]) -> None:
        """Give the replicas time, all of which have been tried."""
        wanted = [float(said.headers.get("Retry-After", 0)) for said in outcomes if isinstance(said, RequestError)]
        seconds = min(MAX_PAUSE_SECONDS, max([*wanted, PAUSE_SECONDS * 2**pauses]))
        time.sleep(seconds * random.uniform(0.75, 1.25))  # or all clients would come back at once
        self._refresh()

    def _refresh(self) -> None:
        """Take over the list of replicas; the former one holds where there is none now."""
        problem = "it is empty: the server has not started yet"
        try:
            self._addresses = self._list() or self._addresses
        except (OSError, ValueError, LookupError, TypeError) as error:
            problem = str(error)
        if not self._addresses:
            raise ConfigError(f"There is no list of replicas: {problem}.")
        self._refresh_at = time.monotonic() + self._refresh_seconds


def read_replicas(file: Path) -> tuple[str, ...]:
    """The addresses in the file that `serve-cluster` keeps.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not such a file.
    """
    return tuple(str(entry["address"]) for entry in json.loads(file.read_text(encoding="utf-8"))["replicas"])


def _lister(replicas: Iterable[str] | Path | Callable[[], Iterable[str]]) -> Callable[[], tuple[str, ...]]:
    if isinstance(replicas, Path):
        return lambda: read_replicas(replicas)
    if callable(replicas):
        return lambda: tuple(replicas())
    if isinstance(replicas, str):
        raise ConfigError(f"replicas= is a list of addresses, a Path or a function, not {replicas!r}.")
    addresses = tuple(replicas)
    return lambda: addresses


def _take(
    address: str,
    parts: list[_Part],
    outcomes: list[Prediction | RequestError],
    found: dict[int, Prediction | IntentAdaptersError],
) -> list[_Part]:
    """Take over what a replica said; gives the parts, and of them the rows, that another one is asked."""
    said = dict(zip((row for part in parts for row in part.rows), outcomes, strict=True))
    found.update(said)
    for part in parts:
        part.rows = [row for row in part.rows if getattr(said[row], "status", 200) in ELSEWHERE]
        part.tried.add(address)
    return [part for part in parts if part.rows]


def _outcome(entry: dict[str, dict[str, str]]) -> Prediction | RequestError:
    """What a replica said of a row."""
    error = entry.get("error")
    if error is None:
        return Prediction.from_dict(entry)
    return RequestError(ROW_STATUS.get(error["code"], 422), error["code"], error["message"])


def _error_of(answer: Answer, address: str) -> RequestError:
    """What a replica, or a proxy before it, said of a request."""
    headers = {"Retry-After": f"{answer.retry_after:g}"} if answer.retry_after else {}
    error = answer.content.get("error") if isinstance(answer.content, dict) else None
    if isinstance(error, dict) and {"code", "message"} <= error.keys():
        return RequestError(answer.status, error["code"], error["message"], headers)
    return RequestError(answer.status, "no_answer", f"{address} answered with status {answer.status}.", headers)
