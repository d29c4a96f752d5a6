"""Stage 3: train one agent's adapter on its few labelled utterances."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import torch
from peft import TaskType, get_peft_model_state_dict, inject_adapter_in_model
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.base import encoder_of, structural_copy
from intent_adapters.bottleneck import BottleneckConfig, find_head, linear_logits
from intent_adapters.data.texts import Texts
from intent_adapters.errors import ConfigError
from intent_adapters.model import IntentModel
from intent_adapters.runtime.adapter import HEAD, PREFIX, Adapter
from intent_adapters.runtime.tokens import tokenizer_for
from intent_adapters.surroundings import own_settings
from intent_adapters.training.calibration import Calibration, Reader, calibrate_agent, check_rate
from intent_adapters.training.cut_texts import warn_of_cut_texts
from intent_adapters.training.embedder import Embedder
from intent_adapters.training.loop import Run, run_training
from intent_adapters.training.prototypes import class_means, fitting_scale
from intent_adapters.training.randomness import OwnDraws, check_seed
from intent_adapters.training.recipe import Recipe, circle_weight_for, recipe_for
from intent_adapters.training.task import Rows, Task, prepare_out_of_scope, prepare_task

Method = Literal["adapter", "full", "probe"]

INTERNAL_NAME = "default"


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What `train_agent` did.

    Attributes:
        model: The model that has the agent: the one handed in, or for full fine-tuning a new one on its own base.
        agent: Its name there.
        method: How it was trained.
        config: The adapter's config.
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
    texts: int
    label_names: bool
    epochs: int
    losses: dict[str, float]
    validation_accuracy: float | None
    calibration: Calibration | None
    seconds: float


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
    circle_weight: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    calibrate: bool = True,
    out_of_scope: Texts | None = None,
    false_rejection_rate: float = 0.05,
    progress: bool = True,
    replace: bool = False,
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
        config: The adapter's shape and loss. None: bottlenecks of 16 after attention and feed-forward, and a cosine
            head and Circle loss suited to the data. Its labels, if it has any, fix their order.
        validation: Rows to stop early on: the epoch with the best accuracy on them is kept. None: a fixed number of
            epochs, which needs no data set aside.
        label_names: Whether the readable name of each intent ("card arrival") is one more utterance of it. None: if
            the base finds that the names say what the intents mean.
        circle_weight: Weight of the Circle loss; 0 trains with cross-entropy alone. None: that of `config`, or by the
            number of utterances per intent.
        epochs: Passes over the utterances. None: by the number of utterances, as `recipe_for` says.
        batch_size: Utterances in a step, at least 3. None: likewise.
        learning_rate: Peak rate of the bottlenecks (of the encoder, for `"full"`). None: likewise.
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
    if method not in get_args(Method):
        raise ConfigError(f"method must be one of {', '.join(get_args(Method))}, but it is {method!r}")
    check_rate(false_rejection_rate)
    if out_of_scope is not None and not calibrate:
        raise ConfigError("out_of_scope is for the calibration: leave it out, or calibrate=False")
    model.check_new_name(name, replace=replace)
    recipe_for(1, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)
    check_seed(seed)
    with own_settings(gradients=True):
        bare = structural_copy(model.base).eval()
        frozen = Embedder(bare, tokenizer_for(bare))
        task = prepare_task(
            frozen,
            rows,
            config=config,
            validation=validation,
            label_names=False if method == "probe" else label_names,
        )
        warn_of_cut_texts(frozen, task)
        foreign = prepare_out_of_scope(out_of_scope, task)
        config = _complete(config, task, model, method)
        if circle_weight is not None:
            config = _changed(config, circle_weight=circle_weight)
        recipe = recipe_for(
            len(task.texts),
            full=method == "full",
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
        )
        owner = model
        refit: Callable[[Task], Reader]
        if method == "probe":
            adapter, run = _fit_probe(task, config, seed), Run(0, {}, None)
            read = _probe_reader(frozen, task.prompt, adapter)

            def refit(part: Task) -> Reader:
                return _probe_reader(frozen, part.prompt, _fit_probe(part, config, seed))
        else:
            fit = partial(_fit, frozen, config=config, seed=seed, full=method == "full")
            trained, run = fit(task, recipe=recipe, progress=f"training {name!r}" if progress else None)
            adapter, read = _extract(trained.model, config), _reader(trained, task.prompt)
            if method == "full":
                owner = IntentModel(_without_head(trained.model, model.base))
                adapter = Adapter(_changed(config, base_fingerprint=owner.fingerprint), adapter.tensors)

            def refit(part: Task) -> Reader:
                bar = f"calibrating {name!r}" if progress else None
                return _reader(fit(part, recipe=recipe.shortened(), progress=bar)[0], part.prompt)

        calibration = None
        if calibrate:
            calibration = calibrate_agent(
                task, read, refit, seed=seed, false_rejection_rate=false_rejection_rate, out_of_scope=foreign
            )
        if calibration:
            adapter = Adapter(_calibrated(adapter.config, calibration), adapter.tensors)
    owner.add_agent(name, adapter, replace=replace)
    return TrainingResult(
        model=owner,
        agent=name,
        method=method,
        config=adapter.config,
        texts=len(task.texts),
        label_names=task.names > 0,
        epochs=run.epochs,
        losses=run.losses,
        validation_accuracy=run.validation_score,
        calibration=calibration,
        seconds=time.perf_counter() - started,
    )


def _complete(config: BottleneckConfig | None, task: Task, model: IntentModel, method: Method) -> BottleneckConfig:
    """The config with labels and base filled in; where there is none, one that suits the data."""
    intents = len(task.intents)
    if config is None:
        config = BottleneckConfig(
            labels=task.intents,
            head_scale=fitting_scale(task.embeddings, task.labels, intents),
            circle_weight=circle_weight_for(task.utterances, intents),
            circle_gamma=16.0,
            label_smoothing=0.05,
        )
    if config.modules_to_save:
        raise ConfigError(f"modules_to_save={config.modules_to_save} would change modules that all agents share")
    config = _changed(
        config,
        task_type=TaskType.FEATURE_EXTRACTION,
        labels=task.intents,
        embedding_dim=task.embeddings.shape[1],
        base_model_name_or_path=model.base_name,
        revision=model.base_revision,
        base_fingerprint=model.fingerprint,
    )
    if method == "adapter":
        return config
    return _changed(config, sites="none", target_modules=None, head="linear" if method == "probe" else config.head)


def _changed(config: BottleneckConfig, **settings: object) -> BottleneckConfig:
    return dataclasses.replace(config, **settings)  # type: ignore[arg-type]


def _fit_probe(task: Task, config: BottleneckConfig, seed: int) -> Adapter:
    """Logistic regression, C = 10, as a linear head."""
    fitted = LogisticRegression(C=10, max_iter=1000, random_state=seed).fit(task.embeddings.numpy(), task.labels)
    weight = torch.from_numpy(fitted.coef_).float()
    bias = torch.from_numpy(fitted.intercept_).float()
    if len(task.intents) == 2:  # scikit-learn gives the logit of the second class alone
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    return Adapter(config, {f"{HEAD}.weight": weight, f"{HEAD}.bias": bias}).rounded()


def _with_head(
    base: SentenceTransformer, config: BottleneckConfig, task: Task, *, seed: int, full: bool
) -> SentenceTransformer:
    """A copy of the base that carries an untrained adapter, its head imprinted from the class means."""
    copied = copy.deepcopy(base) if full else structural_copy(base)
    encoder = encoder_of(copied)
    # PEFT's own function and not the encoder's `add_adapter`: transformers asks there for versions of PEFT that may
    # not exist yet. The copy is for PEFT to write into.
    with OwnDraws(seed):
        inject_adapter_in_model(copy.deepcopy(config), encoder, adapter_name=INTERNAL_NAME)
    if full:
        copied.requires_grad_(True)
    # Only the cosine head ignores how long an embedding is.
    embeddings = F.normalize(task.embeddings, dim=-1) if config.head == "cosine" else task.embeddings
    find_head(copied).imprint(INTERNAL_NAME, class_means(embeddings, task.labels, len(task.intents)))
    return copied


def _fit(
    frozen: Embedder,
    task: Task,
    *,
    config: BottleneckConfig,
    recipe: Recipe,
    seed: int,
    full: bool,
    progress: str | None,
) -> tuple[Embedder, Run]:
    """A trained copy of the base."""
    trained = Embedder(_with_head(frozen.model, config, task, seed=seed, full=full), frozen.tokenize)
    run = run_training(
        trained,
        [task.prompt + text for text in task.texts],
        task.labels.tolist(),
        config,
        recipe,
        seed=seed,
        progress=progress,
        score=_accuracy_on(trained, task) if task.validation else None,
    )
    return trained, run


def _accuracy_on(trained: Embedder, task: Task) -> Callable[[], float]:
    """Computes the accuracy of the weights as they are on the validation rows."""
    assert task.validation is not None
    texts, labels = task.validation
    read = _reader(trained, task.prompt)
    return lambda: float((read(texts).argmax(dim=-1) == labels).float().mean())


def _reader(trained: Embedder, prompt: str) -> Reader:
    """Computes the logits (texts, intents) of texts with the weights as they are."""

    def read(texts: Sequence[str]) -> Tensor:
        head = find_head(trained.model)
        with torch.no_grad():
            logits: Tensor = head(trained.embed([prompt + text for text in texts]).to(trained.model.device))
        return logits.cpu()

    return read


def _probe_reader(frozen: Embedder, prompt: str, probe: Adapter) -> Reader:
    weight, bias = probe.tensors[f"{HEAD}.weight"], probe.tensors[f"{HEAD}.bias"]
    return lambda texts: linear_logits(frozen.embed([prompt + text for text in texts]), weight, bias)


def _calibrated(config: BottleneckConfig, calibration: Calibration) -> BottleneckConfig:
    return _changed(
        config,
        temperature=calibration.temperature,
        scope_location=calibration.location,
        scope_spread=calibration.spread,
        threshold=calibration.threshold,
    )


def _extract(trained: SentenceTransformer, config: BottleneckConfig) -> Adapter:
    # On "auto" PEFT would look on the Hub whether the base's vocabulary was changed.
    state = get_peft_model_state_dict(encoder_of(trained), adapter_name=INTERNAL_NAME, save_embedding_layers=False)
    tensors = {
        name.removeprefix(PREFIX): tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
        for name, tensor in state.items()
    }
    return Adapter(config, tensors).rounded()


def _without_head(trained: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """A copy of the base with the fine-tuned weights, free of PEFT."""
    tuned = copy.deepcopy(base)
    names = tuned.state_dict().keys()
    tuned.load_state_dict({name: tensor for name, tensor in trained.state_dict().items() if name in names})
    return tuned
