"""What every training in this folder shares: how long it runs, where its checkpoints are, what it logged."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from intent_adapters.artifacts.base import check_base_folder
from intent_adapters.artifacts.folders import write_whole
from intent_adapters.errors import ConfigError
from intent_adapters.inputs import check_number, check_range
from intent_adapters.training.bfloat16 import multiplies_bfloat16

RUN = "run.json"
# Settings that no weight depends on: another part of a run may have others.
OF_A_PART = ("stop_after", "save_every", "log_every", "evaluate_every", "report_to", "workers")
# What of a run is kept as a hash, and how an error says that it differs.
HASHED = {
    "data": "other texts (another share of them, too)",
    "targets": "other targets",
    "teacher": "another teacher",
    "start": "other weights to average with",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How long and how to train.

    Attributes:
        steps: Steps of the optimizer.
        batch_size: Rows in a step, on each device.
        learning_rate: The peak rate; it rises over `warmup_steps` and then falls to 0.
        warmup_steps: Steps until the peak.
        weight_decay: Weight decay of AdamW; biases and norms have none.
        adam_beta2: Second beta of AdamW.
        bf16: Compute in bfloat16 where that is safe. None: on a processor that multiplies in it.
        seed: Seed of all that is random.
        save_every: Steps between checkpoints.
        log_every: Steps between log entries.
        workers: Processes that prepare batches, beside the main one.
    """

    steps: int
    batch_size: int = 256
    learning_rate: float
    warmup_steps: int
    weight_decay: float = 0.01
    adam_beta2: float = 0.999
    bf16: bool | None = None
    seed: int = 0
    save_every: int
    log_every: int
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "save_every", "log_every"):
            check_range(name, getattr(self, name), 1)
        check_range("warmup_steps", self.warmup_steps, 0, self.steps - 1)
        check_number("learning_rate", self.learning_rate, 0, above=True)
        check_number("adam_beta2", self.adam_beta2, 0, 1, below=True)

    def made_of(self) -> dict[str, Any]:
        """The settings that weights depend on."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in OF_A_PART}

    def arguments(self, *, on_cpu: bool) -> dict[str, Any]:
        """The settings under the names that `TrainingArguments` has for them."""
        device = torch.device("cuda" if not on_cpu and torch.cuda.is_available() else "cpu")
        return {
            "max_steps": self.steps,
            "per_device_train_batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "weight_decay": self.weight_decay,
            "adam_beta2": self.adam_beta2,
            "bf16": multiplies_bfloat16(device) if self.bf16 is None else self.bf16,
            "seed": self.seed,
            "use_cpu": on_cpu,
            "dataloader_pin_memory": not on_cpu,
            "dataloader_num_workers": self.workers,
            "dataloader_drop_last": True,
            "logging_steps": self.log_every,
            "save_strategy": "steps",
            "save_steps": self.save_every,
        }


def checkpoint_folder(output: str | Path) -> Path:
    """Where the checkpoints of a training are: in `OUTPUT-checkpoints`, beside the folder that it leaves."""
    output = Path(output).absolute()
    return output.with_name(f"{output.name}-checkpoints")


def last_checkpoint(output: str | Path, *, resume: bool) -> str | None:
    """The checkpoint from which a training goes on; None where it starts.

    Args:
        output: The folder that it leaves.
        resume: Whether to go on from a checkpoint if there is one.

    Raises:
        ConfigError: There is one, and `resume` is False.
        BaseError: `output` holds other things than a model.
    """
    check_base_folder(Path(output))
    checkpoints = checkpoint_folder(output)
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    if last is not None and not resume:
        raise ConfigError(
            f"{str(checkpoints)!r} holds the checkpoints of an earlier run. Resume that run, delete them, or name "
            "another output folder."
        )
    return last


def check_as_begun(checkpoint: str | None, made_of: Mapping[str, Any]) -> None:
    """Refuses to resume a run as another.

    Args:
        checkpoint: From which it would go on; without one there is nothing to check.
        made_of: The settings and hashes that must be as they were when the run was begun, by name, as JSON has them.

    Raises:
        ConfigError: One is not.
    """
    if checkpoint is None or not (record := Path(checkpoint).with_name(RUN)).is_file():
        return
    begun = json.loads(record.read_text(encoding="utf-8"))
    for name, value in json.loads(json.dumps(made_of)).items():
        if name in begun and begun[name] != value:
            differs = HASHED.get(name, f"{name} = {begun[name]!r}, and now it is {value!r}")
            raise ConfigError(
                f"the run in {str(record.parent)!r} was begun with {differs}: resume it as it was begun, delete its "
                "checkpoints, or name another output folder"
            )


class RunCare(TrainerCallback):
    """Keeps what a run is made of beside its checkpoints, and lets each part save and log as its own settings say.

    A resumed trainer would save and log as its checkpoint says.

    Args:
        made_of: As for `check_as_begun`, which need not be asked for all of it.
    """

    def __init__(self, made_of: Mapping[str, Any]) -> None:
        self.made_of = made_of

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Sets the intervals, and writes the file when a run begins."""
        state.compute_steps(args, state.max_steps)
        if state.is_world_process_zero and not state.global_step:
            folder = Path(args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / RUN, json.dumps(self.made_of, indent=1))


def log_of(trainer: Trainer) -> list[dict[str, float]]:
    """What a trainer logged: losses by step, and scores."""
    return [{name: value for name, value in entry.items() if name != "epoch"} for entry in trainer.state.log_history]
