"""What every path stands on, whatever its dialect: who asks, what they sent, and the answers to rows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TypeVar, cast

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from intent_adapters.artifacts.fingerprint import PROBE_TEXTS
from intent_adapters.errors import IntentAdaptersError, RequestError
from intent_adapters.model import IntentModel
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.agent import AgentInfo
from intent_adapters.serving.admission import Admission
from intent_adapters.serving.agents import Agents, unknown_agent
from intent_adapters.serving.authentication import Authentication, Caller
from intent_adapters.serving.batching import MAX_ROWS, MAX_WORK, Batch, Batcher, Embedding, Outcome, Row
from intent_adapters.serving.bodies import read_body
from intent_adapters.serving.metrics import Metrics
from intent_adapters.serving.settings import Settings
from intent_adapters.serving.shared import Shared

log = logging.getLogger(__name__)

Body = TypeVar("Body", bound=BaseModel)

STATE_SECONDS = 1.0


class Service:
    """Answers rows of requests.

    Args:
        settings: Limits and tokens.
        model: What answers.
        shared: What the processes of the server have in common; `None` where this is the only one.

    Attributes:
        settings: As given.
        shared: As given.
        agents: The agents of the folder.
        metrics: What is counted.
        stopping: Whether the server is about to stop.
    """

    def __init__(self, settings: Settings, model: IntentModel, shared: Shared | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.shared = shared or Shared()
        self.agents = Agents(model, settings.agents, self.shared.tell)
        self.stopping = False
        self._model = model
        self._asked: set[asyncio.Future[list[Outcome]]] = set()
        self._authentication = Authentication(settings.tokens(), settings.admin_token)
        self._batcher = Batcher(self._answer, self._note)
        self._admission = Admission(settings.max_wait_ms, self._batcher)

    async def start(self) -> None:
        """Begin to answer."""
        self._batcher.start()
        await asyncio.to_thread(self._try_out)
        watch = self.agents.watch(self.settings.poll_seconds)
        self._beside = [asyncio.create_task(watch), asyncio.create_task(self._keep_figures())]

    async def stop(self) -> None:
        """Answer what is in the queue, and stop."""
        for task in self._beside:
            task.cancel()
        await self._batcher.stop()

    def give_up(self) -> None:
        """Answer no more of what waits than that the server ends."""
        for answers in self._asked:
            if not answers.done():
                answers.set_exception(RequestError(503, "stopping", "The server ends: ask again when it is back."))

    @property
    def model(self) -> IntentModel:
        """What answers."""
        return self._model

    @property
    def draining(self) -> bool:
        """Whether further requests should go elsewhere."""
        return self.stopping or self.shared.draining

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.is_alive and not self.draining

    @property
    def is_alive(self) -> bool:
        """Whether it can answer at all."""
        return self._batcher.is_alive

    def state(self) -> dict[str, object]:
        """How things are in this process."""
        return {
            **asdict(self._model.stats),
            "queued_rows": self._batcher.queued,
            "running_rows": self._batcher.running,
            "ms_per_character": round(self._admission.ms_per_character, 5),
            "draining": self.draining,
        }

    def figures(self) -> bytes:
        """All metrics as Prometheus reads them."""
        self._note_state()
        return self.metrics.text()

    def caller(self, request: Request, token: str | None = None) -> Caller:
        """Who asks.

        Args:
            request: What they ask; the token is in its headers.
            token: Where there is none, the token that came in another way.

        Raises:
            RequestError: They may not.
        """
        said = request.headers.get("authorization")
        return self._authentication.caller(f"Bearer {token}" if said is None and token else said)

    def admin(self, request: Request) -> None:
        """See that an administrator asks.

        Raises:
            RequestError: Somebody else does.
        """
        self._authentication.check_admin(request.headers.get("authorization"))

    def trainer(self, request: Request) -> Caller:
        """Who asks for a training.

        Raises:
            RequestError: They may not train.
        """
        return self._authentication.trainer(request.headers.get("authorization"))

    def agent_to_train(self, request: Request) -> str:
        """The agent that the path names, which is there.

        Raises:
            RequestError: There is none that whoever asks may train.
        """
        caller, name = self.trainer(request), str(request.path_params["agent"])
        if not caller.may_ask(name) or name not in self.agents.names:
            raise unknown_agent(name)
        return name

    def check_examples(self, count: int) -> None:
        """See that there are not too many examples for a training.

        Raises:
            RequestError: There are.
        """
        if count > self.settings.train_max_rows:
            raise RequestError(413, "too_many_rows", f"{count} rows are more than {self.settings.train_max_rows}.")

    def check_count(self, count: int) -> None:
        """See that there are not too many texts for one request.

        Raises:
            RequestError: There are.
        """
        if count > self.settings.max_rows:
            message = f"{count} texts in one request are more than {self.settings.max_rows}: send fewer at a time."
            raise RequestError(413, "too_many_rows", message)

    async def read(self, request: Request, kind: type[Body]) -> Body:
        """The body of a request, if there is time to answer it.

        Raises:
            RequestError: There is none, or the body is not as it should be.
        """
        named = request.path_params.get("agent")
        await self._admission.check(() if named is None else [named])
        with self._admission.entering():
            return await self.body(request, kind)

    async def body(self, request: Request, kind: type[Body]) -> Body:
        """The body of a request that the encoder has no work with.

        Raises:
            RequestError: The body is not as it should be.
        """
        return await read_body(
            request, kind, max_bytes=self.settings.max_body_bytes, seconds=self.settings.body_seconds
        )

    async def agent(self, caller: Caller, name: str) -> AgentInfo:
        """What is known of an agent.

        Raises:
            RequestError: There is none that the caller may ask, or it cannot be loaded.
        """
        if not caller.may_ask(name):
            raise unknown_agent(name)
        return await self.agents.info(name)

    async def predict(self, request: Request, caller: Caller, rows: Sequence[Row]) -> list[Prediction | RequestError]:
        """The answers to rows; the request's body has been read.

        Args:
            request: Where the rows came from: if its client leaves, they are dropped.
            caller: Who asks.
            rows: At least one; none of them wants its embedding.

        Returns:
            A prediction or an error for each row.

        Raises:
            RequestError: There are too many rows, or they took too long.
            ClientDisconnect: The client left.
        """
        return cast("list[Prediction | RequestError]", await self._outcomes(request, caller, rows, whole=False))

    async def predict_all(self, request: Request, caller: Caller, rows: Sequence[Row]) -> list[Prediction]:
        """As `predict`, where an error of a row is one of the request."""
        return cast("list[Prediction]", await self._outcomes(request, caller, rows, whole=True))

    async def embed_all(self, request: Request, caller: Caller, rows: Sequence[Row]) -> list[Embedding]:
        """As `predict_all`, for rows that all want their embeddings."""
        return cast("list[Embedding]", await self._outcomes(request, caller, rows, whole=True))

    async def _outcomes(
        self, request: Request, caller: Caller, rows: Sequence[Row], *, whole: bool
    ) -> Sequence[Outcome]:
        """The outcomes of rows; `whole`: the error of one is raised."""
        self.check_count(len(rows))
        names = {row.agent for row in rows if row.agent is not None}
        request.state.rows, request.state.agents = len(rows), len(names)
        if self.settings.log_texts:
            request.state.texts = [row.text for row in rows]
        failed = {name: unknown_agent(name) for name in names if not caller.may_ask(name)}
        with self._admission.entering():
            failed |= await self.agents.prepare(names - failed.keys())
        found: list[Outcome | None] = [self._problem(row, failed) for row in rows]
        if whole:
            _raise_first(found)
        left = [index for index, outcome in enumerate(found) if outcome is None]
        if left:
            asked = [rows[index] for index in left]
            self._check_length(asked)
            await self._admission.check({row.agent for row in asked})
            outcomes = await self._wait(request, asked)
            for index, outcome in zip(left, outcomes, strict=True):
                found[index] = self._told(rows[index], outcome) if isinstance(outcome, Exception) else outcome
        if whole:
            _raise_first(found)
        return [outcome for outcome in found if outcome is not None]

    def _problem(self, row: Row, failed: Mapping[str, RequestError]) -> RequestError | None:
        """What keeps a row from being answered; `failed` are agents that cannot answer."""
        if row.agent is not None and row.agent in failed:
            return failed[row.agent]
        return self.text_problem(row.text)

    def text_problem(self, text: str) -> RequestError | None:
        """What keeps any agent from answering a text."""
        if not text.strip():
            return RequestError(422, "empty_text", "The text is empty.")
        if len(text) > self.settings.max_characters:
            message = f"The text has {len(text)} characters, more than {self.settings.max_characters}."
            return RequestError(422, "text_too_long", message)
        return None

    def _check_length(self, rows: Sequence[Row]) -> None:
        """See that rows can be answered in time."""
        ms = self._admission.ms_per_character * sum(row.work for row in rows)
        if ms > self.settings.timeout_ms:
            message = (
                f"To answer {len(rows)} texts as long as these takes about {ms / 1000:.0f} seconds, more than "
                f"{self.settings.timeout_ms / 1000:g}: send fewer at a time."
            )
            raise RequestError(413, "too_many_rows", message)

    async def _wait(self, request: Request, rows: list[Row]) -> list[Outcome]:
        """The outcomes of rows, as long as their client waits for them."""
        answers = self._batcher.submit(rows)
        self._asked.add(answers)
        answers.add_done_callback(self._asked.discard)
        timeout = asyncio.get_running_loop().call_later(self.settings.timeout_ms / 1000, _expire, answers, len(rows))
        leaving = asyncio.ensure_future(request.receive())  # the body is read: what comes next is that the client left
        leaving.add_done_callback(lambda _: answers.cancel())
        try:
            return await answers
        except asyncio.CancelledError:
            if leaving.done():
                raise ClientDisconnect from None
            raise
        finally:
            timeout.cancel()
            leaving.cancel()

    def _answer(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        """Answers a batch, in the thread of the batches."""
        predictions = iter(self._predictions([row for row in rows if not row.embed]))
        embeddings = iter(self._embeddings([row for row in rows if row.embed]))
        return [next(embeddings if row.embed else predictions) for row in rows]

    def _predictions(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        if not rows:
            return []
        answers: list[Outcome] = [
            *self._model.predict(
                [row.text for row in rows],
                [row.agent or "" for row in rows],
                top_k=max(row.top_k for row in rows),
                threshold=[row.threshold for row in rows],
                batch_size=MAX_ROWS,
                errors="return",
            )
        ]
        for index, (row, answer) in enumerate(zip(rows, answers, strict=True)):
            if isinstance(answer, Prediction) and len(answer.top_k) > row.top_k:
                answers[index] = replace(answer, top_k=answer.top_k[: row.top_k])
        return answers

    def _embeddings(self, rows: Sequence[Row]) -> Sequence[Outcome]:
        if not rows:
            return []
        texts = [row.text for row in rows]
        vectors = self._model.encode(texts, [row.agent for row in rows], batch_size=MAX_ROWS)
        return [*map(Embedding, vectors, self._model.token_lengths(texts))]

    def _try_out(self) -> None:
        """See how long a batch takes, so that this is known before the first request comes."""
        probes = [Row(text, None) for text in PROBE_TEXTS]
        rows = probes * (MAX_WORK // sum(row.work for row in probes))
        seconds = []
        for _ in range(2):  # the first takes longer than those that follow
            started = time.perf_counter()
            self._embeddings(rows)
            seconds.append(time.perf_counter() - started)
        self._admission.measured(sum(row.work for row in rows), min(seconds))

    def _told(self, row: Row, error: Exception) -> RequestError:
        """What to tell of a row that could not be answered."""
        if isinstance(error, IntentAdaptersError) and row.agent is not None:
            return self.agents.problem(row.agent, error)
        log.error("row failed", exc_info=error, extra={"fields": {"agent": row.agent}})
        return RequestError(500, "internal_error", "The server failed to answer; its log says why.")

    async def _keep_figures(self) -> None:
        """Another process may be the one that is asked for the figures of all."""
        while True:
            self._note_state()
            await asyncio.sleep(STATE_SECONDS)

    def _note_state(self) -> None:
        self.metrics.state(self._model.stats, self._batcher.queued)

    def _note(self, batch: Batch) -> None:
        self._admission.measured(batch.work, batch.seconds)
        self.metrics.batch(batch)


def _raise_first(outcomes: Sequence[Outcome | None]) -> None:
    """Raise the first error among the outcomes of rows."""
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, RequestError):
            where = f"Text {index}: " if len(outcomes) > 1 else ""
            raise RequestError(outcome.status, outcome.code, f"{where}{outcome}", outcome.headers) from outcome


def _expire(answers: asyncio.Future[list[Outcome]], rows: int) -> None:
    if not answers.done():
        fewer = "send fewer texts at a time, or " if rows > 1 else ""
        answers.set_exception(RequestError(504, "timeout", f"There was no answer in time: {fewer}try again later."))
