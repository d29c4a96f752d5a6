"""`upgrade_agents`: all agents of a folder trained again on another base, compared, and switched together."""

from __future__ import annotations

import dataclasses
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.folders import remove_leftovers, replaced_folder
from intent_adapters.artifacts.version_folders import copy_version
from intent_adapters.choices import ExecutorName
from intent_adapters.cluster.comparison import Comparer, Comparison, points_between
from intent_adapters.cluster.report import TrainingReport
from intent_adapters.cluster.switching import agents_in, switch
from intent_adapters.cluster.training import Agents, OnAgent, train_agents
from intent_adapters.data.agents import AgentData, find_agents
from intent_adapters.data.labels import is_catch_all
from intent_adapters.data.reading import Source
from intent_adapters.errors import DataError
from intent_adapters.inputs import check_number

NOT_ASKED = "it was not asked for"


@dataclasses.dataclass(frozen=True)
class UpgradeReport:
    """What became of an upgrade.

    Attributes:
        switched: Whether the agents have the new adapters now, or had them already.
        reasons: Why not, if they have not.
        training: What became of each training.
        comparisons: The old adapter of each agent beside the new one.
        left_out: Agents with data that are not in the folder.
    """

    switched: bool
    reasons: tuple[str, ...]
    training: TrainingReport
    comparisons: tuple[Comparison, ...]
    left_out: tuple[str, ...]

    @property
    def is_fit(self) -> bool:
        """Whether nothing speaks against the new adapters: they are in use, or a dry run found no reason."""
        return self.switched or self.reasons == (NOT_ASKED,)

    @property
    def means(self) -> tuple[float, float] | None:
        """The mean accuracy, over the agents that can be compared, of the old and the new adapters; None without."""
        return _means(self.comparisons)

    def to_dict(self) -> dict[str, Any]:
        """The report as values that JSON can hold."""
        return {**dataclasses.asdict(self), "training": self.training.to_dict(), "means": self.means}


def upgrade_agents(
    folder: str | os.PathLike[str],
    base: str | os.PathLike[str],
    agents: Agents,
    *,
    max_drop: float = 1.0,
    max_agent_drop: float = 10.0,
    uncompared: bool = False,
    dry_run: bool = False,
    executor: ExecutorName = "local",
    on_agent: OnAgent | None = None,
    **options: Any,
) -> UpgradeReport:
    """Train all agents of a folder on another base, compare, and let them have the new adapters together, or none.

    The new adapters are made beside the folder, in `.FOLDER.upgrade`, by `train_agents`: a run that was ended goes on
    when it is called again. Descriptions, catch-all intents and definitions of entities of the old adapters are used
    again. Old and new are compared as `Comparison` says. Then the folder is replaced in one step, in which each old
    adapter becomes a former version of the new one. Servers with the old base, also those that start again, go on with
    these; those with the new base have the new ones.

    Args:
        folder: Of adapter folders. It can be replaced: it is no mount point.
        base: Hub id or folder of the new base.
        agents: The utterances of all agents in the folder, as for `train_agents`.
        max_drop: By how many points of accuracy the mean over agents may fall for them to be switched.
        max_agent_drop: By how many points that of any one agent may.
        uncompared: Whether to switch although agents cannot be compared.
        dry_run: Train and compare, and do not switch.
        executor: As for `train_agents`.
        on_agent: As for `train_agents`.
        **options: As for `train_agents`: `workers`, `address`, `runtime_env`, `seed`, and settings of the training.

    Returns:
        What became of it.

    Raises:
        AdapterError: There are no agents in the folder, one is damaged or has a base of its own, nothing can take
            the place of the folder, or an agent was replaced meanwhile.
        DataError: There is no data for an agent of the folder, or as for `train_agents`.
        BaseError: As for `train_agents`.
        ConfigError: As for `train_agents`.
    """
    for name, points in {"max_drop": max_drop, "max_agent_drop": max_agent_drop}.items():
        check_number(name, points, 0, 100)
    place = Path(folder).resolve()  # what a link leads to is replaced, not the link
    given = agents if isinstance(agents, Mapping) else find_agents(agents)
    old = agents_in(place)
    data, versions, tagged = _as_before(old, given)
    remove_leftovers(place.parent, [place.name])
    beside = place.with_name(f".{place.name}.upgrade")
    _take_along(old, beside)
    training = train_agents(base, data, beside, executor=executor, on_agent=on_agent, entities=tagged, **options)
    compared = _compare(training, old, beside, data)
    reasons = [
        *_unable(training, compared, uncompared),
        *_worse(compared, max_drop, max_agent_drop),
        *([NOT_ASKED] if dry_run else []),
    ]
    if not reasons:
        if compared:
            switch(place, beside, {one.agent: versions[one.agent] for one in compared})
        shutil.rmtree(beside, ignore_errors=True)
    left_out = tuple(name for name in given if name not in data)
    return UpgradeReport(not reasons, tuple(reasons), training, tuple(compared), left_out)


def _as_before(
    old: Mapping[str, Path], given: Mapping[str, Source | AgentData]
) -> tuple[dict[str, AgentData], dict[str, str], list[str]]:
    """The data of each agent with what its old adapter says of its intents; its version; which agents have taggers."""
    if missing := [name for name in old if name not in given]:
        raise DataError(
            f"there is no data for {len(missing)} agent(s): {', '.join(missing[:10])}; all agents of a folder are "
            "upgraded together: add their data, or move their folders out"
        )
    data, versions, tagged = dict[str, AgentData](), dict[str, str](), list[str]()
    for name, path in old.items():
        adapter, own = Adapter.read(path), given[name]
        own = own if isinstance(own, AgentData) else AgentData(own)
        settings = {**_chosen_before(adapter, own), **own.settings}
        definitions = own.definitions or adapter.entities
        data[name] = dataclasses.replace(own, settings=settings, definitions=definitions)
        versions[name] = adapter.version
        if adapter.config.tagger:
            tagged.append(name)
    return data, versions, tagged


def _chosen_before(adapter: Adapter, data: AgentData) -> dict[str, Any]:
    """The settings that somebody chose for the old adapter, as far as its intents are still there."""
    try:
        with warnings.catch_warnings(action="ignore"):  # the training says it
            intents = {row.label for row in data.training_rows()}
    except DataError:
        return {}  # likewise
    config = adapter.config
    described = {label: texts for label, texts in (config.descriptions or {}).items() if label in intents}
    catch_all = [label for label in config.catch_all or () if label in intents]
    by_name = [label for label in adapter.labels if is_catch_all(label)]
    return {
        **({"descriptions": described} if described else {}),
        **({} if set(config.catch_all or ()) == set(by_name) else {"catch_all": catch_all}),
    }


def _take_along(old: Mapping[str, Path], beside: Path) -> None:
    """Copy what `train_agents` may find to be done: after a switch, all of it is."""
    for name, path in old.items():
        if not (beside / name).exists() and Adapter.read(path).config.provenance.job_digest:
            with replaced_folder(beside / name) as staging:
                copy_version(path, staging, path)


def _compare(
    training: TrainingReport, old: Mapping[str, Path], beside: Path, data: Mapping[str, AgentData]
) -> list[Comparison]:
    """The old and the new adapter of each agent that has another one now."""
    found = list[Comparison]()
    comparer: Comparer | None = None
    for report in training.agents:
        if report.status not in ("trained", "unchanged"):
            continue
        before, after = Adapter.read(old[report.agent]), Adapter.read(beside / report.agent)
        if before.config.provenance.job_digest == after.config.provenance.job_digest:
            continue
        comparer = comparer or Comparer(training.base)
        found.append(comparer.compare(report.agent, before, after, data[report.agent]))
    return found


def _unable(training: TrainingReport, compared: Sequence[Comparison], uncompared: bool) -> list[str]:
    failed = [agent.agent for agent in training.agents if agent.status == "failed"]
    unknown = [one.agent for one in compared if one.measured_on is None and not uncompared]
    return [
        f"{len(names)} {what}: {', '.join(names[:10])}{', ...' * (len(names) > 10)}"
        for what, names in (("could not be trained", failed), ("cannot be compared", unknown))
        if names
    ]


def _worse(compared: Sequence[Comparison], max_drop: float, max_agent_drop: float) -> list[str]:
    reasons = []
    if (means := _means(compared)) and (drop := points_between(*means)) > max_drop:
        reasons.append(f"the mean fell by {drop:.1f} points, and {max_drop:g} are allowed")
    for one in compared:
        if one.drop > max_agent_drop:
            reasons.append(f"{one.agent} fell by {one.drop:.1f} points, and {max_agent_drop:g} are allowed")
    return reasons


def _means(compared: Sequence[Comparison]) -> tuple[float, float] | None:
    pairs = [(one.old_accuracy, one.new_accuracy) for one in compared]
    known = [(old, new) for old, new in pairs if old is not None and new is not None]
    return (fmean(old for old, _ in known), fmean(new for _, new in known)) if known else None
