"""The ways to train an agent: each makes an adapter of a task, and something that reads with it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import torch
from peft import get_peft_model_state_dict, inject_adapter_in_model
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional as F

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.encoder import encoder_of, structural_copy
from intent_adapters.artifacts.tensors import HEAD, PREFIX
from intent_adapters.bottleneck import BottleneckConfig, CosineHead, find_head, linear_logits
from intent_adapters.training.agent.calibration import Reader
from intent_adapters.training.agent.embedder import Embedder
from intent_adapters.training.agent.fast_encoder import TrainingEmbedder
from intent_adapters.training.agent.loop import Run, run_training
from intent_adapters.training.agent.prototypes import class_means
from intent_adapters.training.agent.recipe import Recipe
from intent_adapters.training.agent.regression import logistic_regression, with_regression
from intent_adapters.training.agent.task import Task
from intent_adapters.training.randomness import OwnDraws

Method = Literal["adapter", "full", "probe"]

INTERNAL_NAME = "default"


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a method made of a task.

    Attributes:
        read: Computes logits of texts.
        adapter: Makes the adapter, labels and head included.
        base: Makes the base that the adapter stands on, where that is not the one that it was trained from.
        run: What the training came to.
    """

    read: Reader
    adapter: Callable[[], Adapter]
    base: Callable[[], SentenceTransformer] | None
    run: Run


class Fitter(Protocol):
    """A way to train an agent."""

    @property
    def whole(self) -> bool:
        """Whether the encoder's own weights are trained, so that the agent stands on a base of its own."""
        ...

    def shape(self, config: BottleneckConfig) -> BottleneckConfig:
        """The config of the adapters that it makes."""
        ...

    def fit(
        self,
        frozen: Embedder,
        task: Task,
        config: BottleneckConfig,
        recipe: Recipe,
        *,
        seed: int,
        progress: str | None = None,
    ) -> Fitted:
        """Train.

        Args:
            frozen: Of the base.
            task: What to learn.
            config: As `shape` gives it.
            recipe: The settings of the training.
            seed: Of initialisation, batches and dropout.
            progress: Description of a progress bar; None for no bar.
        """
        ...


@dataclasses.dataclass(frozen=True)
class EncoderFitter:
    """Cross-entropy and Circle loss, with a head on a copy of the base.

    Attributes:
        whole: Whether the encoder's own weights are trained, instead of bottlenecks on the frozen ones.
    """

    whole: bool

    def shape(self, config: BottleneckConfig) -> BottleneckConfig:
        """See `Fitter`."""
        return dataclasses.replace(config, sites="none", target_modules=None) if self.whole else config

    def fit(
        self,
        frozen: Embedder,
        task: Task,
        config: BottleneckConfig,
        recipe: Recipe,
        *,
        seed: int,
        progress: str | None = None,
    ) -> Fitted:
        """See `Fitter`."""
        copied = copy.deepcopy(frozen.model) if self.whole else structural_copy(frozen.model)
        _add_adapter(copied, config, task, seed)
        if self.whole:
            copied.requires_grad_(True)
        trained = TrainingEmbedder(copied, frozen.tokenize)
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
        if config.head == "cosine" and recipe.regression_weight:
            config = _add_regression(trained, task, config, recipe.regression_weight)
            if task.validation:
                run = dataclasses.replace(run, validation_score=_accuracy_on(trained, task)())
        return Fitted(
            _reader(trained, task.prompt),
            lambda: _extract(copied, config),
            (lambda: _without_head(copied, frozen.model)) if self.whole else None,
            run,
        )


class ProbeFitter:
    """Logistic regression, C = 10, on the frozen embeddings, as a linear head."""

    whole = False

    def shape(self, config: BottleneckConfig) -> BottleneckConfig:
        """See `Fitter`."""
        return dataclasses.replace(config, sites="none", target_modules=None, head="linear")

    def fit(
        self,
        frozen: Embedder,
        task: Task,
        config: BottleneckConfig,
        recipe: Recipe,
        *,
        seed: int,
        progress: str | None = None,
    ) -> Fitted:
        """See `Fitter`; the recipe plays no part."""
        weight, bias = logistic_regression(task.embeddings, task.labels, task.background_embeddings)
        adapter = Adapter(config, {f"{HEAD}.weight": weight, f"{HEAD}.bias": bias}).rounded()
        weight, bias = adapter.tensors[f"{HEAD}.weight"], adapter.tensors[f"{HEAD}.bias"]

        def read(texts: Sequence[str]) -> Tensor:
            return linear_logits(frozen.embed([task.prompt + text for text in texts]), weight, bias)

        return Fitted(read, lambda: adapter, None, Run(0, {}, None))


FITTERS: dict[Method, Fitter] = {
    "adapter": EncoderFitter(whole=False),
    "full": EncoderFitter(whole=True),
    "probe": ProbeFitter(),
}


def _add_adapter(model: SentenceTransformer, config: BottleneckConfig, task: Task, seed: int) -> None:
    """Put an untrained adapter on a model, its head imprinted from the class means."""
    # PEFT's own function and not the encoder's `add_adapter`: transformers asks there for versions of PEFT that may
    # not exist yet. The copy is for PEFT to write into.
    with OwnDraws(seed):
        inject_adapter_in_model(copy.deepcopy(config), encoder_of(model), adapter_name=INTERNAL_NAME)
    # Only the cosine head ignores how long an embedding is.
    embeddings = F.normalize(task.embeddings, dim=-1) if config.head == "cosine" else task.embeddings
    find_head(model).imprint(INTERNAL_NAME, class_means(embeddings, task.labels, len(task.intents)))


def _add_regression(trained: Embedder, task: Task, config: BottleneckConfig, weight: float) -> BottleneckConfig:
    """Add a regression on the adapted embeddings to the trained head; returns the config of the adapter it makes."""
    heads = find_head(trained.model).intent_bottleneck_head
    together = trained.embed([task.prompt + text for text in task.texts + task.background])
    texts = len(task.texts)
    head = heads[INTERNAL_NAME]
    assert isinstance(head, CosineHead)
    heads[INTERNAL_NAME] = with_regression(head, together[:texts], task.labels, together[texts:], weight)
    return dataclasses.replace(config, head="normalized_linear", head_scale=None)


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
