"""One agent to train, as plain data, and what came of it: what goes into another process, and what comes back."""

from __future__ import annotations

import dataclasses
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import (
    AgentError,
    BaseError,
    BaseMismatchError,
    ConfigError,
    DataError,
    IntentAdaptersWarning,
)

if TYPE_CHECKING:
    from intent_adapters.model import IntentModel
    from intent_adapters.training import TrainingResult

Progress = Callable[[str, int, int], object]

# What is wrong with what was asked for. The messages of other errors may have paths of this machine in them.
UNUSABLE = (DataError, ConfigError, AgentError)


@dataclasses.dataclass(frozen=True)
class Job:
    """An agent to train; every value can be written as JSON.

    Attributes:
        agent: Its name.
        rows: Its utterances, each with `text` and `label`; with `entities` where it is to learn them, too.
        settings: As for `train_agent`.
        fingerprint: Of the base to train it on.
        threads: How many threads to compute with; None: as many as PyTorch likes.
        definitions: What it finds by definition, as `entities.json` has it; None: nothing.
    """

    agent: str
    rows: list[dict[str, Any]]
    settings: dict[str, Any]
    fingerprint: str
    threads: int | None = None
    definitions: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Trained:
    """An agent that was trained.

    Attributes:
        adapter: What it is.
        method: How it was trained; see `TrainingResult.method`.
        accuracy: What that got right of utterances that it was not trained on, where methods were compared.
        seconds: What it took.
        warnings: What is to be said of its rows.
    """

    adapter: Adapter
    method: str
    accuracy: float | None
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Failed:
    """An agent that was not trained.

    Attributes:
        code: `"unusable_data"`: its rows or settings cannot be used. `"training_base"`: the base cannot be loaded.
            `"other_base"`: it is not the one of that fingerprint. `"process_died"`: there may be too little memory.
            `"internal_error"`: anything else.
        message: What went wrong.
        traceback: Where, if the code or the base may be to blame.
        warnings: What is to be said of its rows.
    """

    code: str
    message: str
    traceback: str = ""
    warnings: tuple[str, ...] = ()


def do(job: Job, load: Callable[[], IntentModel], progress: Progress | None = None) -> Trained | Failed:
    """Train an agent, and raise nothing but what is to end the process.

    Args:
        job: The agent.
        load: Gives the base, on which no agent is left.
        progress: As for `train_agent`.
    """
    done: Trained | Failed
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always", IntentAdaptersWarning)
        try:
            model = load()
            # First, so that the threads of all libraries that it needs are limited, too.
            from intent_adapters.training import train_agent

            with _threads(job.threads):
                done = _train(job, model, partial(train_agent, progress=progress or False))
        except UNUSABLE as error:
            done = Failed("unusable_data", str(error))
        except BaseMismatchError as error:
            done = Failed("other_base", str(error))
        except BaseError as error:
            done = Failed("training_base", str(error), traceback.format_exc())
        except Exception as error:
            done = Failed("internal_error", f"{type(error).__name__}: {error}", traceback.format_exc())
    ours = {warning: issubclass(warning.category, IntentAdaptersWarning) for warning in given}
    for warning in given:
        if not ours[warning]:
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
    return dataclasses.replace(done, warnings=tuple(dict.fromkeys(str(one.message) for one in given if ours[one])))


def _train(job: Job, model: IntentModel, train_agent: Callable[..., TrainingResult]) -> Trained:
    if model.fingerprint != job.fingerprint:
        raise BaseMismatchError(
            f"The base {model.base_name!r} here is not the one to train on: their fingerprints are "
            f"{model.fingerprint[:12]} and {job.fingerprint[:12]}."
        )
    try:
        rows = [{"text": row["text"], "label": row["label"]} for row in job.rows]
        result = train_agent(model, job.agent, rows, replace=True, **job.settings)
        if job.definitions:
            from intent_adapters.data.definition_files import definitions_from

            model.set_entities(job.agent, definitions_from(job.definitions))
        if any(row.get("entities") for row in job.rows):
            from intent_adapters.training import train_tagger

            train_tagger(model, job.agent, [row for row in job.rows if "entities" in row])
        adapter = model.adapter(job.agent)
    finally:
        if job.agent in model.agents:
            model.unload_adapter(job.agent)
    return Trained(adapter, result.method, result.accuracies.get(result.method), result.seconds)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads: with another number, sums are rounded otherwise."""
    if count is None:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
