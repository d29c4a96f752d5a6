"""The learnable matrix W of the distillation losses, which takes student embeddings to the teacher's space."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from intent_adapters.errors import AdapterError


class Projection(nn.Linear):
    """W of the contrastive distillation loss: a linear map without bias, the identity at the start.

    It lives in the loss and not in the model, and the trainers look after the model only. So its gradient is averaged
    over the devices here, and it has its own `save` and `load`; whoever trains must clip it and put it into
    the checkpoints.

    Args:
        student_dim: Length of the student's embeddings.
        teacher_dim: Length of the teacher's embeddings.
        device: Where the weight lies.
    """

    def __init__(self, student_dim: int, teacher_dim: int, device: torch.device | None = None) -> None:
        super().__init__(student_dim, teacher_dim, bias=False, device=device)
        # Teacher and student often share a space already: a student made of teacher layers starts near the identity.
        nn.init.eye_(self.weight)
        self.weight.register_hook(_average_over_devices)

    def save(self, path: str | Path) -> None:
        """Writes the weight as safetensors."""
        save_file({"weight": self.weight.detach().contiguous()}, str(path))

    def load(self, path: str | Path) -> None:
        """Reads a weight that `save` wrote.

        Raises:
            AdapterError: No readable safetensors file, or a weight of another shape.
        """
        try:
            weight = load_file(str(path)).get("weight")
        except (OSError, SafetensorError) as error:
            raise AdapterError(f"cannot read the projection {path}: {error}") from error
        if weight is None or weight.shape != self.weight.shape:
            found = None if weight is None else tuple(weight.shape)
            raise AdapterError(
                f"the projection in {path} has shape {found}, but this loss needs {tuple(self.weight.shape)} "
                "(teacher dim, student dim): use the teacher and the student that it was trained with"
            )
        with torch.no_grad():
            self.weight.copy_(weight)


def _average_over_devices(gradient: Tensor) -> Tensor:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return gradient
    gradient = gradient.contiguous().clone()
    torch.distributed.all_reduce(gradient)
    return gradient / torch.distributed.get_world_size()
