"""The ways to train an agent: each makes an adapter of a task, and something that reads with it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from functools import partial

import torch
from peft import get_peft_model_state_dict, inject_adapter_in_model
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from intent_adapters.adapter_config.tensors import HEAD, PREFIX
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.encoder import encoder_of, structural_copy
from intent_adapters.bottleneck import BottleneckConfig, CosineHead, find_head, linear_logits
from intent_adapters.choices import Method
from intent_adapters.training.agent.embedder import Embedder, FrozenEmbedder
from intent_adapters.training.agent.fast_encoder import TrainingEmbedder
from intent_adapters.training.agent.held_out import Reader
from intent_adapters.training.agent.loop import Progress, Run, run_training
from intent_adapters.training.agent.prototypes import class_means
from intent_adapters.training.agent.recipe import Recipe
from intent_adapters.training.agent.regression import logistic_regression, with_regression
from intent_adapters.training.agent.self_training import RegressionRows
from intent_adapters.training.agent.task import Task
from intent_adapters.training.randomness import OwnDraws

INTERNAL_NAME = "default"


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a method made of a task.

    Attributes:
        read: Computes logits of texts.
        adapter: Makes the adapter, labels and head included.
        base: Makes the base that the adapter stands on, where that is not the one that it was trained from.
        run: What the training came to.
        self_trained: Fits the regression anew, with what the agent makes of texts without labels, and says how many of
            them it took; this one stays as it is. None where there is no regression.
    """

    read: Reader
    adapter: Callable[[], Adapter]
    base: Callable[[], SentenceTransformer] | None
    run: Run
    self_trained: Callable[[Sequence[str]], tuple[Fitted, int]] | None


@dataclasses.dataclass(frozen=True)
class Reading:
    """Computes the logits (texts, intents) of texts on the CPU, with the weights as they are at the time."""

    embed: Callable[[Sequence[str]], Tensor]
    head: Callable[[Tensor], Tensor]

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """The logits of texts, on the CPU."""
        return self.logits(self.embed(texts))

    @torch.no_grad()
    def logits(self, embeddings: Tensor) -> Tensor:
        """The logits of embeddings, on the CPU."""
        device = next(self.head.parameters()).device if isinstance(self.head, nn.Module) else embeddings.device
        return self.head(embeddings.to(device)).cpu()


@dataclasses.dataclass(frozen=True)
class Fitter:
    """A way to train an agent.

    Attributes:
        fit: Trains: on what embeds with the frozen base, a task, a config as `shape` gives it, a recipe, a seed (of
            initialisation, batches and dropout), and the progress as for `run_training`.
        shape: Makes the config of its adapters.
        whole: Whether the encoder's own weights are trained, so that the agent stands on a base of its own.
    """

    fit: Callable[[FrozenEmbedder, Task, BottleneckConfig, Recipe, int, Progress | None], Fitted]
    shape: Callable[[BottleneckConfig], BottleneckConfig]
    whole: bool = False


def _fit_encoder(
    frozen: FrozenEmbedder,
    task: Task,
    config: BottleneckConfig,
    recipe: Recipe,
    seed: int,
    progress: Progress | None,
    *,
    whole: bool = False,
) -> Fitted:
    """Cross-entropy and Circle loss, with a head on a copy of the base."""
    copied = copy.deepcopy(frozen.model) if whole else structural_copy(frozen.model)
    _add_adapter(copied, config, task, seed)
    if whole:
        copied.requires_grad_(True)
    head = find_head(copied).intent_bottleneck_head[INTERNAL_NAME]
    embed = partial(Embedder(copied, frozen.tokenize).embed, prompt=task.prompt)
    trained = Reading(embed, head)
    run = run_training(
        TrainingEmbedder(copied.eval(), frozen.tokenize),
        [task.prompt + text for text in task.texts],
        task.labels.tolist(),
        config,
        recipe,
        seed=seed,
        progress=progress,
        score=_accuracy_on(trained, task) if task.validation else None,
    )
    base = (lambda: _without_head(copied, frozen.model)) if whole else None
    if not has_regression(config, recipe):
        return Fitted(trained, lambda: _extract(copied, head, config), base, run, None)
    assert isinstance(head, CosineHead)
    together = embed(task.texts + task.background)
    background = together[len(task.texts) :]

    def combined(rows: RegressionRows) -> Fitted:
        both = with_regression(head, rows.embeddings, rows.labels, background, recipe.regression_weight, rows.weights)
        shape = dataclasses.replace(config, head="normalized_linear", head_scale=None)
        read = Reading(embed, both)
        score = _accuracy_on(read, task)() if task.validation else None
        return Fitted(
            read,
            lambda: _extract(copied, both, shape),
            base,
            dataclasses.replace(run, validation_score=score),
            _self_training(read, rows, combined),
        )

    return combined(RegressionRows(together[: len(task.texts)], task.labels))


def _fit_probe(
    frozen: FrozenEmbedder, task: Task, config: BottleneckConfig, recipe: Recipe, seed: int, progress: Progress | None
) -> Fitted:
    """Logistic regression, C = 10, on the frozen embeddings, as a linear head; the recipe plays no part."""

    def fitted(rows: RegressionRows) -> Fitted:
        weight, bias = logistic_regression(rows.embeddings, rows.labels, task.background_embeddings, rows.weights)
        adapter = Adapter(config, {f"{HEAD}.weight": weight, f"{HEAD}.bias": bias}).rounded()
        head = partial(linear_logits, weight=adapter.tensors[f"{HEAD}.weight"], bias=adapter.tensors[f"{HEAD}.bias"])
        read = Reading(partial(frozen.embed, prompt=task.prompt), head)
        return Fitted(read, lambda: adapter, None, Run(0, {}, None), _self_training(read, rows, fitted))

    return fitted(RegressionRows(task.embeddings, task.labels))


def _without_sites(config: BottleneckConfig) -> BottleneckConfig:
    return dataclasses.replace(config, sites="none", target_modules=None)


FITTERS: dict[Method, Fitter] = {
    "adapter": Fitter(_fit_encoder, lambda config: config),
    "full": Fitter(partial(_fit_encoder, whole=True), _without_sites, whole=True),
    "probe": Fitter(_fit_probe, lambda config: dataclasses.replace(_without_sites(config), head="linear")),
}


def has_regression(config: BottleneckConfig, recipe: Recipe) -> bool:
    """Whether a regression is added to the head that is trained."""
    return config.head == "cosine" and recipe.regression_weight > 0


def _add_adapter(model: SentenceTransformer, config: BottleneckConfig, task: Task, seed: int) -> None:
    """Put an untrained adapter on a model, its head imprinted from the class means."""
    # PEFT's own function and not the encoder's `add_adapter`: transformers asks there for versions of PEFT that may
    # not exist yet. The copy is for PEFT to write into.
    with OwnDraws(seed):
        inject_adapter_in_model(copy.deepcopy(config), encoder_of(model), adapter_name=INTERNAL_NAME)
    # Only the cosine head ignores how long an embedding is.
    embeddings = F.normalize(task.embeddings, dim=-1) if config.head == "cosine" else task.embeddings
    find_head(model).imprint(INTERNAL_NAME, class_means(embeddings, task.labels, len(task.intents)))


def _self_training(
    read: Reading, rows: RegressionRows, fit: Callable[[RegressionRows], Fitted]
) -> Callable[[Sequence[str]], tuple[Fitted, int]]:
    """See `Fitted.self_trained`; `fit` fits the agent's regression on such rows."""

    def learn(texts: Sequence[str]) -> tuple[Fitted, int]:
        embeddings = read.embed(texts)
        more = rows.with_answers(embeddings, read.logits(embeddings))
        return fit(more), len(more.labels) - len(rows.labels)

    return learn


def _accuracy_on(read: Reader, task: Task) -> Callable[[], float]:
    """Computes the accuracy of the weights as they are on the validation rows."""
    assert task.validation is not None
    texts, labels = task.validation
    return lambda: float((read(texts).argmax(dim=-1) == labels).float().mean())


def _extract(trained: SentenceTransformer, head: nn.Module, config: BottleneckConfig) -> Adapter:
    find_head(trained).intent_bottleneck_head[INTERNAL_NAME] = head
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
