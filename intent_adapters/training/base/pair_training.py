"""The run that stages 1 and 2 share: a loss over pairs, checkpoints to resume from, and logs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.evaluation import BaseEvaluator
from torch import nn
from transformers import TrainerCallback

from intent_adapters.errors import ConfigError
from intent_adapters.losses.distillation.projection import Projection
from intent_adapters.training.base.checkpoints import CHECKPOINTS, last_checkpoint
from intent_adapters.training.base.pair_sampler import PairBatchSampler
from intent_adapters.training.randomness import own_process

PROJECTION_FILE = "projection.safetensors"


@dataclasses.dataclass(frozen=True)
class PairTraining:
    """How long and how to train on pairs.

    Attributes:
        steps: Steps of the optimizer.
        batch_size: Pairs in a step, on each device.
        learning_rate: The peak rate; it rises over `warmup_steps` and falls to 0 along a cosine.
        warmup_steps: Steps until the peak.
        weight_decay: Of AdamW; biases and norms have none.
        max_grad_norm: To which the gradient is clipped.
        projection_learning_rate: Peak rate of the matrix W of the distillation losses.
        bf16: Compute in bfloat16 where that is safe. None: on a GPU that has it.
        seed: Of batches and dropout.
        save_every: Steps between checkpoints, which lie in `checkpoints/` of the output folder, the last two of them.
        log_every: Steps between log entries.
        evaluate_every: Steps between evaluations, if there is an evaluator.
        workers: Processes that tokenise, beside the main one.
        report_to: Where logs go beside the console: "tensorboard", "trackio", "none".
    """

    steps: int = 1000
    batch_size: int = 256
    learning_rate: float = 2e-5
    warmup_steps: int = 100
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    projection_learning_rate: float = 1e-3
    bf16: bool | None = None
    seed: int = 0
    save_every: int = 500
    log_every: int = 50
    evaluate_every: int = 500
    workers: int = 0
    report_to: Literal["none", "tensorboard", "trackio"] = "none"

    def __post_init__(self) -> None:
        for name in ("steps", "save_every", "log_every", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, but it is {getattr(self, name)!r}")
        if not 0 <= self.warmup_steps < self.steps:
            raise ConfigError(f"warmup_steps must be in [0, {self.steps}), but it is {self.warmup_steps!r}")
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be above 0, but it is {self.learning_rate!r}")


def run_pair_training(
    model: SentenceTransformer,
    loss: nn.Module,
    pairs: Dataset,
    output: str | Path,
    training: PairTraining,
    *,
    evaluator: BaseEvaluator | None = None,
    projection: Projection | None = None,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Trains the model in place and saves it to `output`, ready for `SentenceTransformer(output)`.

    Args:
        model: What is trained.
        loss: A loss on it.
        pairs: The pairs, as `read_pairs` gives them.
        output: The folder for the model; checkpoints go below it.
        training: How to train.
        evaluator: Run every `evaluate_every` steps.
        projection: The matrix W of the loss, if it has one.
        resume: Go on from the last checkpoint below `output`; without one, start.

    Returns:
        What was logged: losses by step, and scores.

    Raises:
        ConfigError: The folder holds checkpoints and `resume` is False, or a setting is out of range.
        DataError: The pairs cannot be trained on.
    """
    checkpoints = Path(output) / CHECKPOINTS
    last = last_checkpoint(output, resume=resume)
    model.float()  # half-precision weights, as small models are stored, lose the small changes of late steps
    with own_process(training.seed):
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(
                checkpoints, model, training, evaluate=evaluator is not None, project=projection is not None
            ),
            train_dataset=pairs,
            loss=loss,
            evaluator=evaluator,
        )
        if projection is not None:
            trainer.add_callback(ProjectionCare(projection, last))
        trainer.train(resume_from_checkpoint=last)
    if trainer.is_world_process_zero():
        model.eval().save_pretrained(str(output))
    return [{name: value for name, value in entry.items() if name != "epoch"} for entry in trainer.state.log_history]


class ProjectionCare(TrainerCallback):
    """Does for W, which lives in the loss, what the trainer does for the model: clips, clears, saves and restores it.

    Its gradient is averaged over devices by the projection itself.

    Args:
        projection: W.
        checkpoint: The checkpoint to resume from, if any.
    """

    def __init__(self, projection: Projection, checkpoint: str | None) -> None:
        self.projection = projection
        self.checkpoint = checkpoint

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Restores W."""
        if self.checkpoint is not None:
            self.projection.load(Path(self.checkpoint) / PROJECTION_FILE)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Clips W's gradient."""
        if args.max_grad_norm:
            nn.utils.clip_grad_norm_(self.projection.parameters(), args.max_grad_norm)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Clears W's gradient, which the trainer of sentence-transformers 6.0 would let grow from step to step."""
        self.projection.weight.grad = None

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Puts W into the checkpoint."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            self.projection.save(folder / PROJECTION_FILE)


def _arguments(
    folder: Path, model: SentenceTransformer, training: PairTraining, *, evaluate: bool, project: bool
) -> SentenceTransformerTrainingArguments:
    on_cpu = model.device.type == "cpu"
    bf16 = training.bf16
    if bf16 is None:
        bf16 = model.device.type == "cuda" and torch.cuda.is_bf16_supported()
    return SentenceTransformerTrainingArguments(
        str(folder),
        max_steps=training.steps,
        per_device_train_batch_size=training.batch_size,
        batch_sampler=PairBatchSampler,
        learning_rate=training.learning_rate,
        learning_rate_mapping={r"\bprojection\.": training.projection_learning_rate} if project else {},
        lr_scheduler_type="cosine",
        warmup_steps=training.warmup_steps,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        seed=training.seed,
        bf16=bf16,
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        dataloader_num_workers=training.workers,
        dataloader_drop_last=True,
        logging_steps=training.log_every,
        save_strategy="steps",
        save_steps=training.save_every,
        save_total_limit=2,
        eval_strategy="steps" if evaluate else "no",
        eval_steps=training.evaluate_every if evaluate else None,
        report_to=training.report_to,
    )
