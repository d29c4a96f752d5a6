"""The examples of an agent over HTTP: read from what somebody pastes, kept, checked, and the nearest to a text."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intent_adapters.choices import FindingKind
from intent_adapters.data.readers import TEXT_READERS
from intent_adapters.data.reading import read_rows
from intent_adapters.data.table import Row as DataRow
from intent_adapters.errors import DataError, DataWarning, RequestError, shorten
from intent_adapters.model import IntentModel
from intent_adapters.serving.agents import unknown_agent
from intent_adapters.serving.authentication import Caller
from intent_adapters.serving.batching import Row
from intent_adapters.serving.changes import checked_name, reported
from intent_adapters.serving.kept_examples import KeptExamples
from intent_adapters.serving.openapi import NOT_ALLOWED, Operation
from intent_adapters.serving.responses import json_response
from intent_adapters.serving.schemas import StrictBody, Text
from intent_adapters.serving.service import Service
from intent_adapters.serving.training import LabelledText
from intent_adapters.vectors import unit_vectors

# How many sets of examples a process remembers the embeddings of.
REMEMBERED = 8
# What is caught of warnings is caught for the whole process.
_reading = threading.Lock()


class ExamplesBody(StrictBody):
    """The examples of an agent, all of them."""

    rows: list[LabelledText]


class ExamplesAnswer(BaseModel):
    """Examples, in their order."""

    rows: list[LabelledText]


class FileBody(StrictBody):
    """What is in a file of examples."""

    name: str = Field(description=f"Its name; the suffix says what it is: {', '.join(TEXT_READERS)}.")
    content: str


class FileAnswer(ExamplesAnswer):
    """The examples of a file."""

    warnings: list[str] = Field(description="What of the file was left out, and what looks like a mistake.")


class LabelledExample(StrictBody):
    """An utterance and its intent."""

    text: str = Field(pattern=r"\S")
    label: str = Field(pattern=r"\S")


class CheckBody(StrictBody):
    """Examples to look at."""

    rows: list[LabelledExample] = Field(min_length=1)


class FindingAnswer(BaseModel):
    """Something to look at."""

    kind: FindingKind
    is_problem: bool = Field(description="Whether it most likely makes the agent worse.")
    rows: list[int] = Field(description="Which of the rows, from 0; none for what concerns an intent as a whole.")
    labels: list[str] = Field(description="The intents that it is about.")
    reason: str
    advice: str


class FindingsAnswer(BaseModel):
    """The surest wrong labels come first; the other kinds follow."""

    findings: list[FindingAnswer]


class NearestBody(StrictBody):
    """A text, and how many examples to name."""

    text: Text
    count: int = Field(5, ge=1, le=100)


class NearExample(BaseModel):
    """An example."""

    text: str
    label: str
    similarity: float = Field(description="The cosine of the two embeddings by the agent, between -1 and 1.")


class NearestAnswer(BaseModel):
    """Examples of the agent, the nearest first; none where none are kept."""

    nearest: list[NearExample]
    version: str = Field(description="Which version of the agent it is true of.")


KEPT = "/v1/agents/{agent}/examples"
OPERATIONS = (
    Operation(
        "/v1/examples/read",
        "post",
        "readExamples",
        "The examples in a file",
        (FileAnswer,),
        FileBody,
        {**NOT_ALLOWED, 422: "The file cannot be used; the message names the lines."},
    ),
    Operation(
        "/v1/examples/check",
        "post",
        "checkExamples",
        "What is likely wrong with examples",
        (FindingsAnswer,),
        CheckBody,
        NOT_ALLOWED,
    ),
    Operation(KEPT, "get", "getExamples", "The kept examples of an agent", (ExamplesAnswer,), also=NOT_ALLOWED),
    Operation(KEPT, "put", "putExamples", "Keep examples", (ExamplesAnswer,), ExamplesBody, NOT_ALLOWED),
    Operation(
        "/v1/agents/{agent}/nearest",
        "post",
        "nearestExamples",
        "The kept examples that are nearest to a text, as the agent sees it",
        (NearestAnswer,),
        NearestBody,
        NOT_ALLOWED,
    ),
)


def example_routes(service: Service) -> list[Route]:
    """The routes of examples, for those that may train."""
    examples = _Examples(service)
    return [
        Route("/v1/examples/read", examples.read, methods=["POST"]),
        Route("/v1/examples/check", examples.check, methods=["POST"]),
        Route(KEPT, examples.show),
        Route(KEPT, examples.keep, methods=["PUT"]),
        Route("/v1/agents/{agent}/nearest", examples.nearest, methods=["POST"]),
    ]


class _Examples:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept = KeptExamples(service.agents.folder)
        self._seen: dict[tuple[object, ...], NDArray[np.float32]] = {}

    async def read(self, request: Request) -> Response:
        self._service.trainer(request)
        body = await self._service.body(request, FileBody)
        rows, said = await asyncio.to_thread(_rows_of, body)
        self._service.check_examples(len(rows))
        return json_response({"rows": [{"text": row.text, "label": row.label} for row in rows], "warnings": said})

    async def check(self, request: Request) -> Response:
        self._service.trainer(request)
        body = await self._service.body(request, CheckBody)
        self._service.check_examples(len(body.rows))
        rows = [DataRow(str(number), row.text, row.label) for number, row in enumerate(body.rows)]
        return json_response({"findings": await asyncio.to_thread(_findings, rows, self._service.model)})

    async def show(self, request: Request) -> Response:
        _, agent = self._asked(request)
        with reported():
            rows = await asyncio.to_thread(self._kept.read, agent)
        return json_response({"rows": rows})

    async def keep(self, request: Request) -> Response:
        _, agent = self._asked(request)
        body = await self._service.body(request, ExamplesBody)
        self._service.check_examples(len(body.rows))
        rows = [row.model_dump() for row in body.rows]
        with reported():
            await asyncio.to_thread(self._kept.write, agent, rows)
        return json_response({"rows": rows})

    async def nearest(self, request: Request) -> Response:
        caller, agent = self._asked(request)
        body = await self._service.body(request, NearestBody)
        info = await self._service.agent(caller, agent)
        with reported():
            rows = [row for row in await asyncio.to_thread(self._kept.read, agent) if row["text"].strip()]
        near = []
        if rows:
            vectors = await self._embeddings(request, caller, agent, info.version, [row["text"] for row in rows])
            [own] = await self._embed(request, caller, agent, [body.text])
            similarities = vectors @ own
            order = np.argsort(-similarities, kind="stable")[: body.count]
            near = [{**rows[number], "similarity": float(similarities[number])} for number in order]
        return json_response({"nearest": near, "version": info.version})

    def _asked(self, request: Request) -> tuple[Caller, str]:
        """Who asks, and for the examples of which agent; it need not be there yet."""
        caller, agent = self._service.trainer(request), request.path_params["agent"]
        if not caller.may_ask(agent):
            raise unknown_agent(agent)
        return caller, checked_name(agent)

    async def _embeddings(
        self, request: Request, caller: Caller, agent: str, version: str, texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """The embeddings of an agent's examples, of length 1; remembered until they are others."""
        key = (agent, version, *texts)
        vectors = self._seen.pop(key, None)
        if vectors is None:
            vectors = await self._embed(request, caller, agent, texts)
        self._seen[key] = vectors  # the last one is the one used last
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return vectors

    async def _embed(self, request: Request, caller: Caller, agent: str, texts: Sequence[str]) -> NDArray[np.float32]:
        at_once = self._service.settings.max_rows
        parts = []
        for start in range(0, len(texts), at_once):
            rows = [Row(text, agent, embed=True) for text in texts[start : start + at_once]]
            parts += [found.vector for found in await self._service.embed_all(request, caller, rows)]
        return unit_vectors(np.stack(parts), np.float32)


def _rows_of(body: FileBody) -> tuple[list[DataRow], list[str]]:
    """The examples in a file that was sent, and what is to be said of it."""
    suffix = Path(body.name).suffix.lower()
    if suffix not in TEXT_READERS:
        message = f"{shorten(body.name)} cannot be read here; its name must end in one of {', '.join(TEXT_READERS)}."
        raise RequestError(422, "unusable_data", message)
    with TemporaryDirectory() as folder, _reading, warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", DataWarning)

        def said(message: object) -> str:
            return str(message).replace(f"{folder}{os.sep}", "")

        file = Path(folder, f"examples{suffix}")
        file.write_bytes(body.content.encode("utf-8", "replace"))
        try:
            rows = read_rows(file, purpose="evaluation")
        except DataError as error:
            raise RequestError(422, "unusable_data", said(error)) from error
    return rows, [said(entry.message) for entry in given if issubclass(entry.category, DataWarning)]


class _Tokens(NamedTuple):
    tokens: int
    unknown: int = 0
    cut: bool = False


class _Base:
    """A base in ONNX, for a check: it cannot tell which words it does not know, nor what it cuts off."""

    def __init__(self, model: IntentModel) -> None:
        self._model = model

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._model.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[_Tokens]:
        return [*map(_Tokens, self._model.token_lengths(texts))]


def _findings(rows: Sequence[DataRow], model: IntentModel) -> list[dict[str, object]]:
    from intent_adapters.data.check import check_rows  # imports SciPy, which a server that only answers does without

    return [
        {
            "kind": finding.kind,
            "is_problem": finding.is_problem,
            "rows": [*map(int, finding.places)],
            "labels": finding.labels,
            "reason": finding.reason,
            "advice": finding.advice,
        }
        for finding in check_rows(rows, _Base(model)).findings
    ]
