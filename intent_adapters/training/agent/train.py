"""Stage 3: train one agent's adapter on its few labelled utterances."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from peft import TaskType

from intent_adapters.adapter_config import AdapterConfig, Calibration
from intent_adapters.artifacts.encoder import structural_copy
from intent_adapters.artifacts.version_folders import BASE_FOLDER, KEPT
from intent_adapters.bottleneck import BottleneckConfig
from intent_adapters.choices import Method
from intent_adapters.data.texts import Texts
from intent_adapters.errors import ConfigError, shorten
from intent_adapters.hub.cards.saving import save_with_card
from intent_adapters.inputs import check_choice
from intent_adapters.model import IntentModel
from intent_adapters.runtime.tokens import tokenizer_for
from intent_adapters.surroundings import own_settings
from intent_adapters.training.agent.calibration import CalibrationResult, calibrate_agent, check_rate
from intent_adapters.training.agent.cut_texts import warn_of_cut_texts
from intent_adapters.training.agent.embedder import FrozenEmbedder
from intent_adapters.training.agent.held_out import HeldOut, Reader, Unseen, is_better, read_unseen
from intent_adapters.training.agent.loop import Progress
from intent_adapters.training.agent.methods import FITTERS, Fitted, has_regression
from intent_adapters.training.agent.prototypes import fitting_scale
from intent_adapters.training.agent.provenance import provenance_of, with_accuracy
from intent_adapters.training.agent.recipe import Recipe, RecipeOptions, recipe_for
from intent_adapters.training.agent.self_training import Unlabelled, UnlabelledResult, accepted, prepare_unlabelled
from intent_adapters.training.agent.task import Rows, Task, prepare_out_of_scope, prepare_task, with_background
from intent_adapters.training.randomness import check_seed


@dataclasses.dataclass(frozen=True, repr=False)
class TrainingResult:
    """What `train_agent` did.

    Attributes:
        model: The model that has the agent: the one handed in, or for full fine-tuning a new one on its own base.
        agent: Its name there.
        method: How it was trained: as was asked for, or `"probe"` where an adapter is no better than that.
        config: The adapter's config.
        recipe: The settings that it was trained with; the probe has no use for them.
        texts: How many utterances it was trained on.
        label_names: Whether the readable names of the intents were used as one more utterance each.
        epochs: Passes over the utterances; 0 for the probe.
        losses: Mean over the last epoch of each term of the loss, and their sum "loss"; empty for the probe.
        validation_accuracy: Between 0 and 1, of the weights that were kept; None without validation rows.
        accuracies: What the adapter and the probe got right of utterances that they were not trained on, between 0 and
            1; empty where they were not compared. From cross-validation it is less than what they will reach, since
            these had fewer utterances, and the adapters a shorter training.
        held_out: What was said to utterances that were not trained on, for a look at what is confused; see
            `intent_adapters.evaluation.score_held_out`. None without calibration, or where nothing could be held out.
        calibration: What its probabilities, its scope score and its threshold rest on; None without calibration, or
            where no intent has two utterances and nothing is given that is out of scope.
        unlabelled: What came of the unlabelled utterances; None if there were none.
        seconds: What it took.
    """

    model: IntentModel
    agent: str
    method: Method
    config: AdapterConfig
    recipe: Recipe
    texts: int
    label_names: bool
    epochs: int
    losses: dict[str, float]
    validation_accuracy: float | None
    accuracies: dict[Method, float]
    held_out: HeldOut | None
    calibration: CalibrationResult | None
    unlabelled: UnlabelledResult | None
    seconds: float

    def __repr__(self) -> str:
        accuracy = self.accuracies.get(self.method, self.validation_accuracy)
        measured = "" if accuracy is None else f", accuracy={accuracy:.3f}"
        return (
            f"TrainingResult(agent={shorten(self.agent)}, method={self.method!r}, texts={self.texts}{measured}, "
            f"seconds={self.seconds:.1f})"
        )

    def save(self, folder: str | Path, *, versions: int = KEPT) -> None:
        """Write the agent as `IntentModel.save_adapter` does; a base of its own, after full fine-tuning, inside it.

        Args:
            folder: Created, or replaced if it holds an adapter already, which is kept as a version of this one.
            versions: How many former versions to keep, at most.

        Raises:
            AdapterError: The folder holds other things.
            AgentError: The model does not have the agent any more.
            ConfigError: `versions` is below 0.
        """
        if not FITTERS[self.method].whole:
            self.model.save_adapter(self.agent, folder, versions=versions)
            return
        base = Path(folder).absolute() / BASE_FOLDER
        adapter = self.model.adapter(self.agent).with_config(base_model_name_or_path=str(base), revision=None)
        save_with_card(adapter, folder, versions=versions, beside=lambda new: self.model.save_base(new / BASE_FOLDER))


def train_agent(
    model: IntentModel,
    name: str,
    rows: Rows,
    *,
    seed: int = 0,
    method: Method = "adapter",
    config: AdapterConfig | None = None,
    validation: Rows | None = None,
    label_names: bool | None = None,
    descriptions: Mapping[str, str | Sequence[str]] | None = None,
    catch_all: Sequence[str] | None = None,
    instant: bool = False,
    calibrate: bool = True,
    out_of_scope: Texts | None = None,
    false_rejection_rate: float = 0.05,
    unlabelled: Texts | None = None,
    progress: bool | Callable[[str, int, int], object] = True,
    replace: bool = False,
    **options: Unpack[RecipeOptions],
) -> TrainingResult:
    """Train an agent from labelled utterances and add it to the model, which answers for it at once.

    The base is never changed, and until training has succeeded neither is the model. The same data, settings, seed
    and machine give the same weights, to the bit; the caller's random numbers are left alone.

    Args:
        model: The base to stand on.
        name: The agent's name.
        rows: A `datasets.Dataset` or a list of `{"text", "label"}`; two intents at least.
        seed: Of initialisation, batches and dropout.
        method: `"adapter"`: bottlenecks and head on the frozen base; if a logistic regression does better on
            utterances that neither was trained on, it is kept instead. `"full"`: fine-tune a copy of the whole base
            with the same head and loss. `"probe"`: logistic regression on the frozen embeddings, in a second or two.
        config: The adapter's shape, head and prompt. None: bottlenecks of 16 after attention and feed-forward, and a
            cosine head, with which a regression is summed at the end. Its labels, if it has any, fix their order.
        validation: Rows to stop early on: the epoch with the best accuracy on them is kept. None: a fixed number of
            epochs, which needs no data set aside.
        label_names: Whether the readable name of each intent ("card arrival") is one more utterance of it. None: if
            the base finds that the names say what the intents mean.
        descriptions: What intents are about, or what they are called in the language of the users, by their names: one
            text or several for an intent. Each is one more training text, and they are kept in the adapter's config.
        catch_all: The intents that stand for what has no intent: an answer with one of them is out of scope, and
            their utterances do not count as the agent's own. None: those named so, such as "none", "fallback",
            "out_of_scope" or "기타".
        instant: Let the probe answer under this name while the adapter trains, uncalibrated, if no agent has it yet.
        calibrate: Whether to compare the adapter with the probe, and to learn how sure the agent may be and what it
            should not answer. It takes two short trainings on halves of the utterances (with 200 or more, one),
            about a third of the time again; with 100 validation rows or more those are used instead.
        out_of_scope: Utterances that the agent should reject, texts or rows whose labels play no part. They are never
            trained on: the threshold becomes the one that tells them best from the agent's own utterances.
        false_rejection_rate: The share of the agent's own utterances that the threshold may reject, above 0 and below
            0.5, where there is no `out_of_scope`.
        unlabelled: Utterances of the agent's users without labels, texts or rows whose labels play no part, from a log
            for one; several hundred at least. Those that the agent takes for its own by its threshold and is sure of
            are fitted once more in the head, with its own answers, unless agents like it get fewer utterances right
            then, beyond chance, that they were not trained on. Not for a head without regression.
        progress: Show a progress bar. Or what is called after each step, with what is being done ("training" or
            "calibrating", once or twice), the number of the step and how many steps there are; an exception of it ends
            the training.
        replace: Let the agent take the place of one with the same name.
        **options: Settings of the training that are not to be chosen by the data: `effort` (`"fast"` trains half and
            `"best"` twice as long), `epochs`, `learning_rate`, `circle_weight` (0 trains with cross-entropy alone),
            `batch_size` and the others of `intent_adapters.training.Recipe`.

    Returns:
        What was done. Its `model` is the one handed in, except for `"full"`.

    Raises:
        DataError: The rows cannot be trained on, or a validation row has an intent that no training row has, or a
            training text is out of scope too, or a description is of no intent of the rows or is no text.
        ConfigError: A setting is out of range, `config.labels` are not the intents of the rows, or `catch_all` names
            another.
        AgentError: The name is taken or cannot be used.

    Example:
        ```python
        train_agent(model, "clinic", [{"text": "I need to cancel", "label": "cancel"}, ...])
        model.predict("please cancel my visit", "clinic").label
        ```
    """
    started = time.perf_counter()
    check_choice("method", method, FITTERS)
    check_rate(false_rejection_rate)
    for said, texts in {"out_of_scope": out_of_scope, "unlabelled": unlabelled}.items():
        if texts is not None and not calibrate:
            raise ConfigError(f"{said} needs the calibration: leave out {said}, or calibrate=False")
    model.check_new_name(name, replace=replace)
    recipe_for(1, 2, **options)
    check_seed(seed)
    with own_settings(gradients=True):
        bare = structural_copy(model.base).eval()
        frozen = FrozenEmbedder(bare, tokenizer_for(bare))
        task = prepare_task(
            frozen,
            rows,
            config=config,
            validation=validation,
            label_names=label_names,
            descriptions=descriptions,
            catch_all=catch_all,
        )
        warn_of_cut_texts(frozen, task)
        foreign = prepare_out_of_scope(out_of_scope, task)
        log = prepare_unlabelled(unlabelled, task.texts) if unlabelled is not None else None
        if calibrate:
            task = with_background(frozen, task)
        whole = FITTERS[method].whole
        recipe = recipe_for(len(task.texts), len(task.intents), names=task.names, full=whole, **options)
        settings = {
            **dataclasses.asdict(recipe),
            "seed": seed,
            "label_names": task.label_names,
            "calibrate": calibrate,
            "false_rejection_rate": false_rejection_rate,
            "out_of_scope": len(foreign or ()),
            "unlabelled": log.given if log else 0,
        }
        config = _complete(config, task, model, settings)
        if log and method != "probe" and not has_regression(config, recipe):
            raise ConfigError(
                "unlabelled utterances are for the regression in the head, which there is not with "
                f"head={config.head!r} and regression_weight={recipe.regression_weight}: leave out either"
            )
        calibrating = partial(
            calibrate_agent,
            task,
            embed=partial(frozen.embed, prompt=task.prompt),
            seed=seed,
            false_rejection_rate=false_rejection_rate,
            out_of_scope=foreign,
        )
        training = _Training(name, frozen, task, config, recipe, seed, progress, calibrating, remember=bool(log))
        probe = training.fit("probe") if method == "adapter" and (instant or calibrate) else None
        with _answering_meanwhile(model, name, probe if instant else None) as answers:
            kept, accuracies = training.best(method, probe, compare=calibrate)
            unseen = kept.unseen
            calibration = calibrating(kept.fitted.read, unseen) if calibrate else None
            learned = None
            if log:
                kept, calibration, learned = kept.self_trained(log, calibration)
            adapter, owner = kept.fitted.adapter(), model
            if kept.fitted.base is not None:
                owner = IntentModel(kept.fitted.base())
                provenance = dataclasses.replace(adapter.config.provenance, base_fingerprint=owner.fingerprint)
                adapter = adapter.with_config(provenance=provenance)
            if calibration:
                provenance = with_accuracy(adapter.config.provenance, calibration)
                adapter = adapter.with_config(calibration=calibration.settings, provenance=provenance)
            owner.add_agent(name, adapter, replace=replace or answers)
    run = kept.fitted.run
    return TrainingResult(
        model=owner,
        agent=name,
        method=kept.method,
        config=adapter.config,
        recipe=recipe,
        texts=len(task.texts),
        label_names=task.label_names,
        epochs=run.epochs,
        losses=run.losses,
        validation_accuracy=run.validation_score,
        accuracies=accuracies,
        held_out=unseen.answers(task) if unseen else None,
        calibration=calibration,
        unlabelled=learned,
        seconds=time.perf_counter() - started,
    )


@dataclasses.dataclass(frozen=True)
class _Training:
    """What all ways to train the agent have in common."""

    agent: str
    frozen: FrozenEmbedder
    task: Task
    config: BottleneckConfig
    recipe: Recipe
    seed: int
    progress: bool | Callable[[str, int, int], object]
    calibrate: Callable[[Reader, Unseen | None], CalibrationResult | None]
    remember: bool
    """Whether to keep the agents that are trained in short, each perhaps with an encoder of its own."""

    def fit(self, method: Method) -> _Trained:
        fitter = FITTERS[method]
        config = fitter.shape(self.config)
        provenance = config.provenance
        provenance = dataclasses.replace(provenance, training={"method": method, **provenance.training})
        config = dataclasses.replace(config, provenance=provenance)
        fitted = fitter.fit(self.frozen, self.task, config, self.recipe, self.seed, self.bar("training"))
        return _Trained(self, method, config, fitted)

    def best(self, method: Method, probe: _Trained | None, *, compare: bool) -> tuple[_Trained, dict[Method, float]]:
        """Trains, and gives the better of that and the probe, and the accuracy of both; if wished, both are asked."""
        trained = self.fit(method)
        if compare:
            trained = trained.asked()
        if probe is None or trained.unseen is None:
            return trained, {}
        probe = probe.asked()
        assert probe.unseen is not None
        accuracies: dict[Method, float] = {method: trained.unseen.accuracy, "probe": probe.unseen.accuracy}
        return probe if is_better(probe.unseen, trained.unseen) else trained, accuracies

    def bar(self, doing: str) -> Progress | None:
        if callable(self.progress):
            return partial(self.progress, doing)
        return f"{doing} {self.agent!r}" if self.progress else None


@dataclasses.dataclass(frozen=True)
class _Trained:
    """The agent, trained in one way; once it was asked, with its answers to utterances that it was not trained on.

    Where agents like it answered, those are `short`, trained in short, each on a part of the utterances.
    """

    training: _Training
    method: Method
    config: BottleneckConfig
    fitted: Fitted
    unseen: Unseen | None = None
    short: tuple[Fitted, ...] = ()

    def asked(self) -> _Trained:
        """With its answers, if any utterance can be held out."""
        common, short = self.training, list[Fitted]()

        def refit(part: Task) -> Reader:
            recipe, bar = common.recipe.shortened(), common.bar("calibrating")
            fitted = FITTERS[self.method].fit(common.frozen, part, self.config, recipe, common.seed, bar)
            if common.remember:
                short.append(fitted)
            return fitted.read

        unseen = read_unseen(common.task, self.fitted.read, refit, common.seed)
        return dataclasses.replace(self, unseen=unseen, short=tuple(short))

    def self_trained(
        self, log: Unlabelled, calibration: CalibrationResult | None
    ) -> tuple[_Trained, CalibrationResult | None, UnlabelledResult]:
        """The agent that has learned from texts without labels, if it is no worse for that, and its calibration."""
        result = UnlabelledResult(log.given, len(log.texts))
        learn, without = self.fitted.self_trained, self.unseen
        if not log.texts or without is None or calibration is None or learn is None:
            return self, calibration, result
        task = self.training.task
        inside = accepted(self.fitted.read(log.texts), calibration.settings, task.catch_all).tolist()
        own = [text for text, keep in zip(log.texts, inside, strict=True) if keep]
        result = dataclasses.replace(result, accepted=len(own), accuracy_without=without.accuracy)
        if not own:
            return self, calibration, result
        fitted, used = learn(own)
        short = iter(self.short)

        def relearn(part: Task) -> Reader:
            again = next(short).self_trained
            assert again is not None
            return again(own)[0].read

        unseen = read_unseen(task, fitted.read, relearn, self.training.seed)
        assert unseen is not None
        kept = not is_better(without, unseen)
        result = dataclasses.replace(result, used=used, kept=kept, accuracy_with=unseen.accuracy)
        if not kept:
            return self, calibration, result
        return dataclasses.replace(self, fitted=fitted), self.training.calibrate(fitted.read, unseen), result


@contextmanager
def _answering_meanwhile(model: IntentModel, name: str, probe: _Trained | None) -> Iterator[bool]:
    """Lets a probe answer under a name that no agent has, and says whether; it goes again if the block fails."""
    if probe is None or name in model.agents:
        yield False
        return
    model.add_agent(name, probe.fitted.adapter())
    try:
        yield True
    except BaseException:
        if name in model.agents:
            model.unload_adapter(name)
        raise


def _complete(
    config: AdapterConfig | None, task: Task, model: IntentModel, settings: dict[str, Any]
) -> BottleneckConfig:
    """The config with labels, base and what fits the data filled in."""
    config = BottleneckConfig(labels=task.intents) if config is None else BottleneckConfig.of(config)
    if config.modules_to_save:
        raise ConfigError(f"modules_to_save={config.modules_to_save} would change modules that all agents share")
    scale = config.head_scale
    if scale is None:
        scale = fitting_scale(task.embeddings, task.labels, len(task.intents))
    return dataclasses.replace(
        config,
        task_type=TaskType.FEATURE_EXTRACTION,
        labels=task.intents,
        catch_all=[task.intents[number] for number in task.catch_all] or None,
        descriptions=task.descriptions or None,
        head_scale=scale,
        embedding_dim=task.embeddings.shape[1],
        base_model_name_or_path=model.base_name,
        revision=model.base_revision,
        calibration=Calibration(),
        provenance=provenance_of(task, model.fingerprint, settings),
    )
