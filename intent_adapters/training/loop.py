"""The training run: `SentenceTransformerTrainer` with `IntentLoss`, set up to be quiet and to leave no files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
from transformers import PrinterCallback, ProgressCallback

from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.bottleneck import BottleneckConfig, find_head
from intent_adapters.bottleneck.layer import BottleneckLayer
from intent_adapters.losses import IntentLoss
from intent_adapters.training.callbacks import EarlyStopping, TrainingBar
from intent_adapters.training.recipe import Recipe
from intent_adapters.training.sampler import IntentBatchSampler
from intent_adapters.training.token_dropout import TokenDropout


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
    model: SentenceTransformer,
    texts: Sequence[str],
    labels: Sequence[int],
    config: BottleneckConfig,
    recipe: Recipe,
    *,
    seed: int,
    progress: str | None = None,
    score: Callable[[], float] | None = None,
) -> Run:
    """Trains whatever of the model requires a gradient.

    The encoder stays in eval mode: its own dropout brings nothing beside token dropout, and costs time.

    Args:
        model: A sentence encoder with a head of ours on it.
        texts: The training texts, prompts put before them.
        labels: The number of each text's intent.
        config: The settings of the loss.
        recipe: Epochs, batches and rates.
        seed: Of batches and dropout.
        progress: Description of a progress bar; None for no bar.
        score: Computes a validation score after each epoch, for early stopping; None trains for all epochs.

    Returns:
        What it came to. The weights are in `model`.
    """
    loss = IntentLoss(
        model,
        find_head(model),
        circle_weight=config.circle_weight,
        circle_margin=config.circle_margin,
        circle_gamma=config.circle_gamma,
        label_smoothing=config.label_smoothing,
    )
    stopping = EarlyStopping(model, score) if score else None
    quiet_encoder = model.register_forward_pre_hook(_keep_encoder_in_eval_mode)
    with tempfile.TemporaryDirectory() as folder:
        trainer = _QuietTrainer(
            model=model,
            args=_arguments(folder, model, len(texts), recipe, seed),
            train_dataset=Dataset.from_dict({"text": list(texts), "label": list(labels)}),
            loss=loss,
            data_collator=SentenceTransformerDataCollator(
                preprocess_fn=TokenDropout(model.preprocess, recipe.token_dropout, seed)
            ),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        for callback in (stopping, TrainingBar(progress) if progress is not None else None):
            if callback:
                trainer.add_callback(callback)
        trainer.train()
    quiet_encoder.remove()
    if stopping:
        stopping.restore()
    log = next(entry for entry in reversed(trainer.state.log_history) if "loss" in entry)
    return Run(
        epochs=stopping.best_epoch if stopping else recipe.epochs,
        losses={name: float(log[name]) for name in ("loss", "cross_entropy", "circle") if name in log},
        validation_score=stopping.best if stopping else None,
    )


class _QuietTrainer(SentenceTransformerTrainer):
    """A trainer that collects nothing for sentence-transformers' model card, which an adapter does not have."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds none."""


def _arguments(
    folder: str, model: SentenceTransformer, texts: int, recipe: Recipe, seed: int
) -> SentenceTransformerTrainingArguments:
    steps = -(-texts // recipe.batch_size) * recipe.epochs
    return SentenceTransformerTrainingArguments(
        folder,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        batch_sampler=IntentBatchSampler,
        learning_rate=recipe.learning_rate,
        learning_rate_mapping={r"\bintent_head\.": recipe.head_learning_rate},
        lr_scheduler_type="linear",
        warmup_steps=round(recipe.warmup * steps),
        seed=seed,
        use_cpu=model.device.type == "cpu",
        dataloader_pin_memory=False,
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def _keep_encoder_in_eval_mode(model: SentenceTransformer, *_: Any) -> None:
    # The trainer calls model.train() before every step.
    encoder = encoder_of(model)
    if not encoder.training:
        return
    encoder.eval()
    for module in encoder.modules():
        if isinstance(module, BottleneckLayer):
            module.intent_bottleneck_dropout.train(model.training)
