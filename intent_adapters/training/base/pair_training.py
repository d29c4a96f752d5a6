"""The run that stages 1 and 2 share: a loss over pairs, checkpoints to resume from, and the base that it leaves."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.evaluation import BaseEvaluator
from torch import nn
from transformers import TrainerCallback

from intent_adapters.artifacts.base import save_base
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.choices import StoredDtype
from intent_adapters.inputs import check_choice, check_number, check_range
from intent_adapters.losses.distillation.projection import Projection
from intent_adapters.training.base.attention import attention_for
from intent_adapters.training.base.pair_sampler import PairBatchSampler
from intent_adapters.training.base.run import (
    RunCare,
    RunSettings,
    check_as_begun,
    checkpoint_folder,
    last_checkpoint,
    log_of,
)
from intent_adapters.training.randomness import own_process

PROJECTION_FILE = "projection.safetensors"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairTraining(RunSettings):
    """How long and how to train on pairs: the settings of `RunSettings`, where rows are pairs, and these.

    The rate falls along a cosine, and the last two checkpoints are kept.

    Attributes:
        max_tokens: Tokens in a batch, with padding and all columns together; then `batch_size` counts for nothing.
        max_grad_norm: Length to which the gradient is clipped.
        projection_learning_rate: Peak rate of the matrix W of the distillation losses.
        stop_after: The step after which to stop for now, with the rates of the full run, which can be resumed.
        evaluate_every: Steps between evaluations, if there is an evaluator.
        report_to: Where logs go beside the console: "tensorboard", "trackio", "none".
    """

    steps: int = 1000
    learning_rate: float = 2e-5
    warmup_steps: int = 100
    save_every: int = 500
    log_every: int = 50
    max_tokens: int | None = None
    max_grad_norm: float = 1.0
    projection_learning_rate: float = 1e-3
    stop_after: int | None = None
    evaluate_every: int = 500
    report_to: Literal["none", "tensorboard", "trackio"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("evaluate_every", self.evaluate_every, 1)
        for name in ("max_tokens", "stop_after"):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), 1)


def run_pair_training(
    model: SentenceTransformer,
    loss: nn.Module,
    pairs: Dataset,
    output: str | Path,
    training: PairTraining,
    *,
    loss_settings: Mapping[str, Any],
    evaluator: BaseEvaluator | None = None,
    texts: Dataset | None = None,
    projection: Projection | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    start_share: float = 0.0,
    dtype: StoredDtype = "auto",
    resume: bool = False,
) -> list[dict[str, float]]:
    """Trains the model in place and saves it as a base: whole or not at all, and sure to load again.

    Args:
        model: What is trained. One that is frozen from end to end, as `load_base` gives it, is unfrozen.
        loss: A loss on it.
        pairs: The pairs, as `read_pairs` gives them.
        output: The folder for the model; checkpoints go to `OUTPUT-checkpoints` beside it.
        training: How to train.
        loss_settings: What tells this loss from others, as JSON has it: a run is not resumed with another.
        evaluator: Run every `evaluate_every` steps.
        texts: Single texts. Each step then has a batch of these beside one of pairs, and the mean of both losses.
        projection: The matrix W of the loss, if it has one.
        callbacks: Called by the trainer.
        start_share: Which share of the final weights is that of those at the start.
        dtype: How the weights are stored, as in `IntentModel.save_base`; but `"float16"` rounds them, since no agent
            knows this base yet.
        resume: Go on from the last checkpoint; without one, start.

    Returns:
        What was logged: losses by step, and scores.

    Raises:
        ConfigError: There are checkpoints and `resume` is False, or they are of a run with other settings, data or
            loss; or a setting is out of range.
        BaseError: The folder holds other things, or the model cannot be saved so that it loads again.
        DataError: The pairs cannot be trained on.
    """
    check_choice("dtype", dtype, get_args(StoredDtype))
    check_number("start_share", start_share, 0, 1, below=True)
    last = last_checkpoint(output, resume=resume)
    made_of = {**training.made_of(), **loss_settings, "data": _digest(pairs, texts)}
    # Weights are those of the checkpoint, so that what they started from matters to the average alone.
    start_weights = {"start": fingerprint(model)}
    check_as_begun(last, made_of | start_weights if start_share else made_of)
    model.float()  # half-precision weights, as small models are stored, lose the small changes of late steps
    if not any(parameter.requires_grad for parameter in model.parameters()):
        model.requires_grad_(True)
    if _is_first_process():
        with TemporaryDirectory() as trial:  # better now than after hours of training
            save_base(model, Path(trial, "base"))
    start = {name: value.clone() for name, value in model.state_dict().items()} if start_share else {}
    on_cpu, evaluates = model.device.type == "cpu", evaluator is not None
    rates = {} if projection is None else {r"\bprojection\.": training.projection_learning_rate}
    sampler: Any = PairBatchSampler
    if training.max_tokens is not None:
        sampler = partial(PairBatchSampler, max_tokens=training.max_tokens, measure=partial(_lengths, model))
    with own_process(training.seed):
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                str(checkpoint_folder(output)),
                **training.arguments(on_cpu=on_cpu),
                batch_sampler=sampler,
                gradient_accumulation_steps=1 if texts is None else 2,
                multi_dataset_batch_sampler="round_robin",
                learning_rate_mapping=rates,
                lr_scheduler_type="cosine",
                max_grad_norm=training.max_grad_norm,
                save_total_limit=2,
                eval_strategy="steps" if evaluates else "no",
                eval_steps=training.evaluate_every if evaluates else None,
                report_to=training.report_to,
            ),
            train_dataset=pairs if texts is None else DatasetDict({"pairs": pairs, "texts": texts}),
            loss=loss,
            evaluator=evaluator,
            callbacks=[
                *callbacks,
                RunCare(made_of | start_weights),
                *([] if training.stop_after is None else [StopAfter(training.stop_after)]),
            ],
        )
        if projection is not None:
            trainer.add_callback(ProjectionCare(projection, last))
        with attention_for(model, max(_longest(dataset) for dataset in (pairs, texts) if dataset is not None)):
            trainer.train(resume_from_checkpoint=last)
    model.eval()
    if start:
        model.load_state_dict(
            {
                name: torch.lerp(value, start[name].to(value.device), start_share)
                if value.is_floating_point()
                else value
                for name, value in model.state_dict().items()
            }
        )
    if dtype == "float16":
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(parameter.half())
    if trainer.is_world_process_zero():
        save_base(model, output, dtype=dtype)
    return log_of(trainer)


def _longest(dataset: Dataset) -> int:
    """Characters of the longest text."""
    columns = [dataset[name][:] for name in dataset.column_names if name != "label"]
    return max(len(text) for column in columns for text in column)


def _lengths(model: SentenceTransformer, texts: Sequence[str]) -> NDArray[np.int64]:
    """How many tokens of each text the model reads."""
    lengths = [len(ids) for ids in model.tokenizer(list(texts), verbose=False)["input_ids"]]
    return np.minimum(lengths, model.max_seq_length or max(lengths))


def _digest(pairs: Dataset, texts: Dataset | None) -> str:
    """A hash that identifies the data."""
    digest = hashlib.sha256()
    for dataset in (pairs, texts):
        if dataset is not None:
            digest.update(json.dumps(dataset.column_names).encode())
            for rows in dataset.iter(10_000):
                digest.update(json.dumps(rows).encode())
    return digest.hexdigest()[:16]


def _is_first_process() -> bool:
    """Whether models are written here: transformers writes them in the first process alone."""
    distributed = torch.distributed
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


class StopAfter(TrainerCallback):
    """Ends a run after a step, with a checkpoint.

    Args:
        step: The step.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ends it."""
        if state.global_step >= self.step:
            control.should_save = control.should_training_stop = True


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
