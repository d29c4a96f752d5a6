"""The training run of an agent: AdamW on `IntentLoss`.

A plain loop: one process on one device, whatever a launcher put into the environment, and nothing that trainings in
other threads would share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from datasets import Dataset
from torch import nn
from tqdm.auto import tqdm  # type: ignore[import-untyped]
from transformers import get_linear_schedule_with_warmup

from intent_adapters.bottleneck import BottleneckConfig, find_head
from intent_adapters.bottleneck.layer import BottleneckLayer
from intent_adapters.losses import IntentLoss
from intent_adapters.training.agent.early_stopping import EarlyStopping
from intent_adapters.training.agent.fast_encoder import TrainingEmbedder
from intent_adapters.training.agent.recipe import Recipe
from intent_adapters.training.agent.sampler import IntentBatchSampler
from intent_adapters.training.agent.token_dropout import TokenDropout
from intent_adapters.training.randomness import OwnDraws

MAX_GRADIENT_NORM = 1.0

Progress = str | Callable[[int, int], object]


@dataclass(frozen=True)
class Run:
    """What a training run came to.

    Attributes:
        epochs: Passes over the texts behind the weights: all of them, or those up to the best validation score.
        losses: Mean over the last epoch of each term of the loss and of their sum, "loss".
        validation_score: The best one; None without validation.
    """

    epochs: int
    losses: dict[str, float]
    validation_score: float | None


def run_training(
    embedder: TrainingEmbedder,
    texts: Sequence[str],
    labels: Sequence[int],
    config: BottleneckConfig,
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress | None = None,
    score: Callable[[], float] | None = None,
) -> Run:
    """Trains whatever of the embedder's model, a sentence encoder with a head of ours on it, requires a gradient.

    The encoder stays in eval mode: its own dropout brings nothing beside token dropout, and costs time.

    Args:
        embedder: Has the model, and so the weights afterwards.
        texts: The training texts, prompts put before them.
        labels: The number of each text's intent.
        config: The adapter's.
        recipe: Epochs, batches, rates and the settings of the loss.
        seed: Of batches and dropout.
        progress: Description of a progress bar, or what is told after each step which one it was and how many there
            are; None for neither.
        score: Computes a validation score after each epoch, for early stopping; None trains for all epochs.
    """
    model = embedder.model
    loss = IntentLoss(
        model,
        find_head(model),
        circle_weight=recipe.circle_weight,
        circle_margin=recipe.circle_margin,
        circle_gamma=recipe.circle_gamma,
        label_smoothing=recipe.label_smoothing,
    )
    stopping = EarlyStopping(model, score) if score else None
    dataset = Dataset.from_dict({"text": list(texts), "label": list(labels)})
    sampler = IntentBatchSampler(dataset, recipe.batch_size, seed=seed)
    tokens = embedder.tokenize(list(texts))
    intents = torch.tensor(labels)
    drop_tokens = TokenDropout(recipe.token_dropout, seed)
    dropout = OwnDraws(seed) if config.dropout else nullcontext()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = _optimizer(model, recipe)
    steps = len(sampler) * recipe.epochs
    schedule = get_linear_schedule_with_warmup(optimizer, round(recipe.warmup * steps), steps)
    sums: Counter[str] = Counter()
    model.eval()
    shown = progress if isinstance(progress, str) else None
    with tqdm(total=steps, desc=shown, unit="step", dynamic_ncols=True, disable=shown is None) as bar:
        for epoch in range(recipe.epochs):
            sampler.set_epoch(epoch)
            sums.clear()
            _switch_dropout(model, on=True)
            for step, rows in enumerate(sampler, epoch * len(sampler) + 1):
                with dropout:
                    embeddings = embedder.forward_trained(drop_tokens(tokens.batch(rows)))
                terms = loss.compute_loss_from_embeddings([embeddings], intents[rows].to(embeddings.device))
                total = torch.stack(list(terms.values())).sum()
                optimizer.zero_grad()
                total.backward()
                nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
                optimizer.step()
                schedule.step()
                sums.update({name: float(value.detach()) for name, value in {"loss": total, **terms}.items()})
                bar.update()
                if callable(progress):
                    progress(step, steps)
            _switch_dropout(model, on=False)
            bar.set_postfix(loss=f"{sums['loss'] / len(sampler):.3f}")
            if stopping and stopping.should_stop(epoch + 1):
                break
    if stopping:
        stopping.restore()
    return Run(
        epochs=stopping.best_epoch if stopping else recipe.epochs,
        losses={name: value / len(sampler) for name, value in sums.items()},
        validation_score=stopping.best if stopping else None,
    )


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW without weight decay; the head has a rate of its own."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    head = [parameter for parameter in find_head(model).parameters() if parameter.requires_grad]
    of_head = {id(parameter) for parameter in head}
    groups = [
        {"params": [parameter for parameter in trained if id(parameter) not in of_head], "lr": recipe.learning_rate},
        {"params": head, "lr": recipe.head_learning_rate},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], weight_decay=0.0, fused=True)


def _switch_dropout(model: nn.Module, *, on: bool) -> None:
    for module in model.modules():
        if isinstance(module, BottleneckLayer):
            module.intent_bottleneck_dropout.train(on)
