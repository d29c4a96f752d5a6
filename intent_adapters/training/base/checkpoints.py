"""Where a training keeps its checkpoints, and from which one it goes on."""

from __future__ import annotations

from pathlib import Path

from transformers.trainer_utils import get_last_checkpoint

from intent_adapters.errors import ConfigError

CHECKPOINTS = "checkpoints"


def last_checkpoint(output: str | Path, *, resume: bool) -> str | None:
    """The checkpoint from which a training into `output` goes on; None where it starts.

    Raises:
        ConfigError: There is one, and `resume` is False.
    """
    checkpoints = Path(output) / CHECKPOINTS
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    if last is not None and not resume:
        raise ConfigError(f"{checkpoints} holds a run that was cut off: resume it, or give another output folder")
    return last
