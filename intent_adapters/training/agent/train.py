"""Stage 3: train one agent's adapter on its few labelled utterances."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from peft import TaskType

from intent_adapters.artifacts.encoder import structural_copy
from intent_adapters.bottleneck import BottleneckConfig, Calibration, Provenance
from intent_adapters.data.texts import Texts
from intent_adapters.errors import ConfigError
from intent_adapters.model import IntentModel
from intent_adapters.runtime.tokens import tokenizer_for
from intent_adapters.surroundings import own_settings
from intent_adapters.training.agent.calibration import CalibrationResult, Reader, calibrate_agent, check_rate
from intent_adapters.training.agent.cut_texts import warn_of_cut_texts
from intent_adapters.training.agent.embedder import Embedder
from intent_adapters.training.agent.methods import FITTERS, Method
from intent_adapters.training.agent.prototypes import fitting_scale
from intent_adapters.training.agent.recipe import Recipe, RecipeOptions, recipe_for
from intent_adapters.training.agent.task import Rows, Task, prepare_out_of_scope, prepare_task
from intent_adapters.training.randomness import check_seed


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What `train_agent` did.

    Attributes:
        model: The model that has the agent: the one handed in, or for full fine-tuning a new one on its own base.
        agent: Its name there.
        method: How it was trained.
        config: The adapter's config.
        recipe: The settings that it was trained with; the probe has no use for them.
        texts: How many utterances it was trained on.
        label_names: Whether the readable names of the intents were used as one more utterance each.
        epochs: Passes over the utterances; 0 for the probe.
        losses: Mean over the last epoch of each term of the loss, and their sum "loss"; empty for the probe.
        validation_accuracy: Between 0 and 1, of the weights that were kept; None without validation rows.
        calibration: What its probabilities, its scope score and its threshold rest on; None without calibration, or
            where no intent has two utterances and nothing is given that is out of scope.
        seconds: What it took.
    """

    model: IntentModel
    agent: str
    method: Method
    config: BottleneckConfig
    recipe: Recipe
    texts: int
    label_names: bool
    epochs: int
    losses: dict[str, float]
    validation_accuracy: float | None
    calibration: CalibrationResult | None
    seconds: float

    def save(self, folder: str | Path) -> None:
        """Write the agent as an adapter folder, atomically; a base of its own, after full fine-tuning, inside it.

        Args:
            folder: Created, or replaced if it holds an adapter already; a README.md in it is kept.

        Raises:
            AdapterError: The folder holds other things.
            AgentError: The model does not have the agent any more.
        """
        adapter = self.model.adapter(self.agent)
        if not FITTERS[self.method].whole:
            adapter.write(folder)
            return
        base = Path(folder).absolute() / "base"
        adapter.with_config(base_model_name_or_path=str(base), revision=None).write(folder)
        self.model.save_base(base)


def train_agent(
    model: IntentModel,
    name: str,
    rows: Rows,
    *,
    seed: int = 0,
    method: Method = "adapter",
    config: BottleneckConfig | None = None,
    validation: Rows | None = None,
    label_names: bool | None = None,
    descriptions: Mapping[str, str | Sequence[str]] | None = None,
    calibrate: bool = True,
    out_of_scope: Texts | None = None,
    false_rejection_rate: float = 0.05,
    progress: bool = True,
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
        method: `"adapter"`: bottlenecks and head on the frozen base. `"full"`: fine-tune a copy of the whole base
            with the same head and loss. `"probe"`: logistic regression on the frozen embeddings, in a second.
        config: The adapter's shape, head and prompt. None: bottlenecks of 16 after attention and feed-forward, and a
            cosine head. Its labels, if it has any, fix their order.
        validation: Rows to stop early on: the epoch with the best accuracy on them is kept. None: a fixed number of
            epochs, which needs no data set aside.
        label_names: Whether the readable name of each intent ("card arrival") is one more utterance of it. None: if
            the base finds that the names say what the intents mean.
        descriptions: What intents are about, or what they are called in the language of the users, by their names: one
            text or several for an intent. Each is one more training text, and they are kept in the adapter's config.
        calibrate: Whether to learn how sure the agent may be and what it should not answer, which sets temperature,
            scope and threshold of its config and does not touch its weights. It takes two short trainings on halves
            of the utterances (with more than 800, one on a larger part), about a third of the time again; with 100
            validation rows or more those are used instead.
        out_of_scope: Utterances that the agent should reject, texts or rows whose labels play no part. They are never
            trained on: the threshold becomes the one that tells them best from the agent's own utterances.
        false_rejection_rate: The share of the agent's own utterances that the threshold may reject, above 0 and below
            0.5, where there is no `out_of_scope`.
        progress: Show a progress bar.
        replace: Let the agent take the place of one with the same name.
        **options: Settings of the training that are not to be chosen by the data: `epochs`, `learning_rate`,
            `circle_weight` (0 trains with cross-entropy alone), `batch_size` and the others of
            `intent_adapters.training.Recipe`.

    Returns:
        What was done. Its `model` is the one handed in, except for `"full"`.

    Raises:
        DataError: The rows cannot be trained on, or a validation row has an intent that no training row has, or a
            training text is out of scope too.
        ConfigError: A setting is out of range, or `config.labels` are not the intents of the rows.
        AgentError: The name is taken or cannot be used.

    Example:
        ```python
        train_agent(model, "clinic", [{"text": "I need to cancel", "label": "cancel"}, ...])
        model.predict("please cancel my visit", "clinic").label
        ```
    """
    started = time.perf_counter()
    if method not in FITTERS:
        raise ConfigError(f"method must be one of {', '.join(FITTERS)}, but it is {method!r}")
    check_rate(false_rejection_rate)
    if out_of_scope is not None and not calibrate:
        raise ConfigError("out_of_scope is for the calibration: leave it out, or calibrate=False")
    model.check_new_name(name, replace=replace)
    recipe_for(1, 2, **options)
    check_seed(seed)
    fitter = FITTERS[method]
    with own_settings(gradients=True):
        bare = structural_copy(model.base).eval()
        frozen = Embedder(bare, tokenizer_for(bare))
        task = prepare_task(
            frozen, rows, config=config, validation=validation, label_names=label_names, descriptions=descriptions
        )
        warn_of_cut_texts(frozen, task)
        foreign = prepare_out_of_scope(out_of_scope, task)
        recipe = recipe_for(len(task.texts), len(task.intents), names=task.names, full=fitter.whole, **options)
        config = fitter.shape(_complete(config, task, model, recipe, seed))
        if descriptions:
            texts = {intent: [said] if isinstance(said, str) else list(said) for intent, said in descriptions.items()}
            config = dataclasses.replace(config, descriptions=texts)
        bar = f"training {name!r}" if progress else None
        fitted = fitter.fit(frozen, task, config, recipe, seed=seed, progress=bar)
        adapter, owner = fitted.adapter(), model
        if fitted.base is not None:
            owner = IntentModel(fitted.base())
            provenance = dataclasses.replace(config.provenance, base_fingerprint=owner.fingerprint)
            adapter = adapter.with_config(provenance=provenance)

        def refit(part: Task) -> Reader:
            bar = f"calibrating {name!r}" if progress else None
            return fitter.fit(frozen, part, config, recipe.shortened(), seed=seed, progress=bar).read

        calibration = None
        if calibrate:
            calibration = calibrate_agent(
                task, fitted.read, refit, seed=seed, false_rejection_rate=false_rejection_rate, out_of_scope=foreign
            )
        if calibration:
            adapter = adapter.with_config(calibration=calibration.settings)
    owner.add_agent(name, adapter, replace=replace)
    return TrainingResult(
        model=owner,
        agent=name,
        method=method,
        config=adapter.config,
        recipe=recipe,
        texts=len(task.texts),
        label_names=task.label_names,
        epochs=fitted.run.epochs,
        losses=fitted.run.losses,
        validation_accuracy=fitted.run.validation_score,
        calibration=calibration,
        seconds=time.perf_counter() - started,
    )


def _complete(
    config: BottleneckConfig | None, task: Task, model: IntentModel, recipe: Recipe, seed: int
) -> BottleneckConfig:
    """The config with labels, base and what fits the data filled in."""
    config = config or BottleneckConfig(labels=task.intents)
    if config.modules_to_save:
        raise ConfigError(f"modules_to_save={config.modules_to_save} would change modules that all agents share")
    scale = config.head_scale
    if scale is None:
        scale = fitting_scale(task.embeddings, task.labels, len(task.intents))
    return dataclasses.replace(
        config,
        task_type=TaskType.FEATURE_EXTRACTION,
        labels=task.intents,
        head_scale=scale,
        embedding_dim=task.embeddings.shape[1],
        base_model_name_or_path=model.base_name,
        revision=model.base_revision,
        calibration=Calibration(),
        provenance=Provenance(model.fingerprint, dataclasses.asdict(recipe) | {"seed": seed}),
    )
