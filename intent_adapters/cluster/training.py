"""`train_agents`: stage 3 for many agents at once."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

from intent_adapters.artifacts.adapter import Adapter, definitions_in, in_place_of
from intent_adapters.artifacts.contents import check_adapter_target
from intent_adapters.artifacts.folders import remove_leftovers, write_whole
from intent_adapters.choices import ExecutorName
from intent_adapters.cluster.executors import EXECUTORS, Executor, Workers
from intent_adapters.cluster.report import REPORT_NAME, AgentReport, Status, TrainingReport
from intent_adapters.data.agents import AgentData, find_agents
from intent_adapters.data.digest import digest_of
from intent_adapters.data.reading import Source
from intent_adapters.entities import EntityFinder
from intent_adapters.errors import (
    AdapterError,
    AgentError,
    ConfigError,
    DataError,
    IntentAdaptersWarning,
    shorten,
)
from intent_adapters.extras import need
from intent_adapters.hub.cards.saving import save_with_card
from intent_adapters.hub.naming import folder_name
from intent_adapters.inputs import check_choice, check_range
from intent_adapters.model import IntentModel
from intent_adapters.runtime.agent import agent_name, composed
from intent_adapters.training.agent.calibration import check_rate
from intent_adapters.training.agent.recipe import RecipeOptions, recipe_for
from intent_adapters.training.randomness import check_seed
from intent_adapters.training_process.job import Failed, Job, Trained

Agents: TypeAlias = "str | os.PathLike[str] | Mapping[str, Source | AgentData]"
OnAgent: TypeAlias = Callable[[AgentReport, int, int, float | None], object]

log = logging.getLogger(__name__)

# Of `train_agent`, beside those of the recipe: what can be said in JSON, and of every agent.
SETTINGS = ("method", "label_names", "descriptions", "catch_all", "calibrate", "false_rejection_rate", "unlabelled")
# Of those that the data does not choose: to name one of them is no other setting.
DEFAULTS = {"method": "adapter", "effort": "default", "calibrate": True, "false_rejection_rate": 0.05}
# What is wrong with an agent, and with no other.
ITS_OWN = (DataError, ConfigError, AgentError, AdapterError)
# What `artifacts` puts around a folder's name while it is replaced.
LONGEST_STAGING = ".{}." + 32 * "0" + ".old"


def train_agents(
    base: str | os.PathLike[str],
    agents: Agents,
    output: str | os.PathLike[str],
    *,
    executor: ExecutorName = "local",
    workers: int | None = None,
    address: str | None = None,
    runtime_env: Mapping[str, Any] | None = None,
    seed: int = 0,
    entities: bool | Collection[str] = False,
    on_agent: OnAgent | None = None,
    **settings: Any,
) -> TrainingReport:
    """Train many agents on one base, and write an adapter folder for each, with a report beside them.

    Each adapter folder is written in one step. An agent whose data cannot be used is reported, and the others are
    trained. One that was trained before, from the same utterances with the same settings and seed on the same base,
    is left as it is: a run that was ended, in whatever way, goes on when it is called again. The same utterances,
    settings, seed and kind of machine give the same adapters, to the bit, whichever executor trains them, in whatever
    order: each is trained with one thread.

    Args:
        base: Hub id or folder of the base. Ray's workers read it for themselves: name one that all of them can.
        agents: A folder, a table or the name of a data set, as `intent_adapters.data.find_agents` takes them; or by
            the name of each agent its utterances, as `intent_adapters.data.read_intents` takes them, or an
            `intent_adapters.data.AgentData`.
        output: Folder for the adapter folders, each named like its agent, and for `report.json`. An adapter that is
            there already is kept as a former version of the new one.
        executor: `"local"`: one after the other, in this process. `"process"`: in processes of this machine. `"ray"`:
            as tasks of Ray, with one processor each.
        workers: How many are trained at the same time. None: as many as this machine has processors, or Ray can take.
        address: Of a Ray cluster; `"auto"`: the one that this machine belongs to; `"local"`: this machine alone.
            None: the one that it belongs to, if any. It plays no part where this process has begun Ray already.
        runtime_env: What Ray's workers need to run this package; see Ray's documentation.
        seed: Of each training.
        entities: Have agents find the entities that their data defines, and learn those that are marked in their
            utterances; see `IntentModel.set_entities` and `train_tagger`. True, or the names of these agents.
            What an adapter in `output` defines, its successor does, too.
        on_agent: Called when an agent is over: with its report, how many are over, how many there are, and in about
            how many seconds all will be; None where nothing has been trained yet.
        **settings: As for `train_agent`: `method`, but not `"full"`, `label_names`, `descriptions`, `catch_all`,
            `calibrate`, `false_rejection_rate`, `unlabelled`, and those of the recipe, such as `effort`.

    Returns:
        What became of each agent. Agents that failed raise nothing.

    Raises:
        BaseError: The base cannot be loaded.
        ConfigError: A setting is out of range, or there is none of that name.
        AgentError: An agent is not named by a string.
        DataError: There are no agents, or the table cannot be read.
        MissingExtraError: `"ray"` without Ray.
        OSError: The folder cannot be written.
    """
    check_choice("executor", executor, EXECUTORS)
    if workers is not None:
        check_range("workers", workers, 1)
    check_settings(settings)
    check_seed(seed)
    if executor == "ray":
        need("ray")
    given = agents if isinstance(agents, Mapping) else find_agents(agents)
    if not given:
        raise DataError("there are no agents to train: name one, and its utterances, at least")
    if strange := [name for name in given if not isinstance(name, str)]:
        raise AgentError(f"Agents are named by strings, not by {shorten(strange[0])}.")
    place = Path(output)
    place.mkdir(parents=True, exist_ok=True)
    run = _Run(base, given, place, {**settings, "seed": seed}, entities, on_agent)
    try:
        run.prepare()
        run.train(EXECUTORS[executor], Workers(run.model, run.base, workers, address, runtime_env))
    finally:
        report = run.report(executor)
        write_whole(place / REPORT_NAME, json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    return report


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError unless agents can be trained with these settings."""
    known = (*SETTINGS, *RecipeOptions.__annotations__)
    unknown = sorted(settings.keys() - set(known))
    if unknown:
        raise ConfigError(f"there is no setting {unknown[0]!r} for many agents; there are {', '.join(known)}")
    recipe: Any = {name: value for name, value in settings.items() if name not in SETTINGS}
    recipe_for(1, 2, **recipe)
    check_rate(settings.get("false_rejection_rate", 0.05))
    # Fine-tuned whole, each would have an encoder of its own.
    check_choice("method", settings.get("method", "adapter"), ("adapter", "probe"))


class _Run:
    """One call of `train_agents`."""

    def __init__(
        self,
        base: str | os.PathLike[str],
        given: Mapping[str, Source | AgentData],
        output: Path,
        settings: Mapping[str, Any],
        entities: bool | Collection[str],
        on_agent: OnAgent | None,
    ) -> None:
        # Workers may be in another folder.
        self.base = os.path.abspath(base) if os.path.isdir(base) else os.fspath(base)
        self.model = IntentModel.from_pretrained(self.base, device="cpu", backend="torch")
        self._given = given
        self._output = output
        self._settings = settings
        self._entities = entities
        self._on_agent = on_agent
        self._started = time.monotonic()
        self._jobs: list[Job] = []
        self._digests: dict[str, str] = {}
        self._warnings: dict[str, list[str]] = {name: [] for name in given}
        self._over: dict[str, AgentReport] = {}
        # A Mac takes the letters of names apart.
        self._places = {folder_name(path): path for path in output.iterdir() if not path.name.startswith(".")}

    def prepare(self) -> None:
        """See which agents are to be trained, and which are trained already or cannot be."""
        remove_leftovers(self._output, {REPORT_NAME, *(self._place(name).name for name in self._given)})
        spellings = Counter(composed(name).casefold() for name in self._given)
        for name, data in self._given.items():
            try:
                with self._heard(name):
                    if spellings[composed(name).casefold()] > 1:
                        raise AgentError(
                            f"Another agent is called like {name!r}, but for capitals: on some systems the two would "
                            "share a folder. Rename one."
                        )
                    job = self._job(name, data if isinstance(data, AgentData) else AgentData(data))
                    self._digests[name] = _digest(job)
            except ITS_OWN as error:
                self._end(AgentReport(name, "failed", error=str(error)))
                continue
            if done := self._done_before(name):
                self._end(self._success(name, "unchanged", done))
            else:
                self._jobs.append(job)

    def _job(self, name: str, data: AgentData) -> Job:
        if agent_name(name) != name:
            raise AgentError(f"{name!r} is spelt with letters taken apart. Compose them (NFC).")
        check_adapter_target(self._place(name))
        if _is_too_long(self._place(name)):
            raise AgentError(f"{name!r} is too long a name for a folder here. Shorten it.")
        settings = {**self._settings, **data.settings}
        check_settings({name: value for name, value in settings.items() if name != "seed"})
        definitions = None
        if self._entities is True or (self._entities and name in self._entities):
            found, defined = data.annotated_rows()
            defined = defined or definitions_in(self._place(name)) or defined
            EntityFinder(defined)  # a pattern that is wrong is to be known before the training, which takes long
            definitions = defined.to_dict() if defined else None
        else:
            found = data.training_rows()
        rows: list[dict[str, Any]] = [
            {
                "text": row.text,
                "label": row.label,
                **({"entities": list(map(asdict, row.entities))} if row.annotated else {}),
            }
            for row in found
        ]
        if settings.get("calibrate", True) and (rejected := data.rejected_texts()):
            settings["out_of_scope"] = rejected
        return Job(name, rows, settings, self.model.fingerprint, threads=1, definitions=definitions)

    def _done_before(self, name: str) -> Adapter | None:
        try:
            found = Adapter.read(self._place(name))
        except AdapterError:
            return None
        return found if found.config.provenance.job_digest == self._digests[name] else None

    def train(self, executor: Executor, workers: Workers) -> None:
        """Train what is to be trained, and write each agent when it is there."""
        started = time.monotonic()
        with closing(executor(self._jobs, workers)) as outcomes:
            for number, (name, done) in enumerate(outcomes, 1):
                self._warnings[name] += done.warnings
                if isinstance(done, Failed):
                    report = AgentReport(name, "failed", error=done.message)
                    if done.traceback:
                        log.error("training %r failed:\n%s", name, done.traceback)
                else:
                    report = self._write(name, done)
                left = (len(self._jobs) - number) * (time.monotonic() - started) / number
                self._end(report, left)

    def _write(self, name: str, done: Trained) -> AgentReport:
        provenance = replace(done.adapter.config.provenance, job_digest=self._digests[name])
        adapter, place = done.adapter.with_config(provenance=provenance), self._place(name)
        try:
            with self._heard(name):
                save_with_card(in_place_of(adapter, place), place)
        except AdapterError as error:  # something has been put there since
            return AgentReport(name, "failed", error=str(error))
        return self._success(name, "trained", adapter, round(done.seconds, 2))

    def _success(self, name: str, status: Status, adapter: Adapter, seconds: float | None = None) -> AgentReport:
        trained = adapter.config.provenance
        return AgentReport(
            name,
            status,
            intents=len(adapter.labels),
            texts=trained.rows,
            method=str(trained.training["method"]),
            accuracy=trained.accuracy,
            accuracy_source=trained.accuracy_source,
            seconds=seconds,
        )

    def _end(self, report: AgentReport, seconds_left: float | None = None) -> None:
        said = tuple(dict.fromkeys(self._warnings[report.agent]))
        self._over[report.agent] = report = replace(report, warnings=said)
        if self._on_agent:
            self._on_agent(report, len(self._over), len(self._given), seconds_left)

    def _place(self, name: str) -> Path:
        return self._places.get(name, self._output / name)

    @contextmanager
    def _heard(self, name: str) -> Iterator[None]:
        """Keep what is said in the block of the agent's data for its report."""
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always", IntentAdaptersWarning)
            try:
                yield
            finally:
                self._warnings[name] += [str(warning.message) for warning in given]

    def report(self, executor: ExecutorName) -> TrainingReport:
        """What has become of the agents by now."""
        agents = tuple(self._over.get(name) or AgentReport(name, "waiting") for name in self._given)
        seconds = round(time.monotonic() - self._started, 1)
        return TrainingReport(self.base, self.model.fingerprint, executor, seconds, agents)


def _digest(job: Job) -> str:
    """Of all that decides what comes of a job; the order of the utterances does not count."""
    given = {name: value for name, value in job.settings.items() if value is not None}
    try:
        settings = json.dumps({**DEFAULTS, **given}, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the settings of {job.agent!r} must be plain values, which JSON can hold: {error}"
        ) from error
    facts: list[object] = [digest_of((row["text"], row["label"]) for row in job.rows), settings, job.fingerprint]
    if job.definitions:
        facts.append(job.definitions)
    if marked := sorted([row["text"], row["entities"]] for row in job.rows if "entities" in row):
        facts.append(marked)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _is_too_long(place: Path) -> bool:
    """Whether a folder cannot be made for its name, or that of what takes its place."""
    try:
        place.with_name(LONGEST_STAGING.format(place.name)).lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False
