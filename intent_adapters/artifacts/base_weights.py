"""Whether a base's files belong together: libraries make up weights that a config asks for and no file has."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from intent_adapters.errors import BaseError

if TYPE_CHECKING:
    from torch import nn

LAYER_COUNTS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")

Shapes = Counter[tuple[int, ...]]


def read_shapes(folder: Path, base: str) -> Shapes:
    """How many tensors of each shape the safetensors files of a base hold; only their headers are read.

    Raises:
        BaseError: A file is damaged, or config.json asks for more layers than there can be.
    """
    shapes: Shapes = Counter()
    for path in sorted({*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")}):
        try:
            with safe_open(path, framework="np") as file:
                shapes.update(tuple(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise BaseError(f"{path.name} of the base {base!r} is damaged or no safetensors file: {error}.") from error
    _check_depth(folder, base, shapes.total())
    return shapes


def check_weights(model: nn.Module, shapes: Shapes, base: str) -> None:
    """Refuse a base with weights that no file has, or that are no numbers.

    Names differ between versions of the libraries, shapes do not. The pooler, which sentence encoders do not use, may
    be missing.

    Args:
        model: The base as it was loaded.
        shapes: What its files hold.
        base: Its name.

    Raises:
        BaseError: Tensors are missing, infinite or NaN.
    """
    parameters = {name: value for name, value in model.named_parameters() if "pooler" not in name}
    missing = Counter(tuple(value.shape) for value in parameters.values()) - shapes
    if missing:
        shape, count = missing.most_common(1)[0]
        raise BaseError(
            f"The weights of the base {base!r} are not complete: its config asks for {missing.total()} tensor(s) more "
            f"than its files hold, {count} of them of shape {list(shape)}. Get it again from where it came from."
        )
    for name, value in parameters.items():
        if not bool(value.isfinite().all()):
            raise BaseError(f"The weights {name!r} of the base {base!r} hold infinite values or NaN. Get it again.")


def _check_depth(folder: Path, base: str, tensors: int) -> None:
    """Building a million layers takes hours, before anyone sees that there are no weights for them."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return  # a module of sentence-transformers in a folder of its own: loading says what is missing
    except (OSError, ValueError, RecursionError) as error:
        raise BaseError(f"config.json of the base {base!r} cannot be read: {error}.") from error
    for key in LAYER_COUNTS:
        count = config.get(key) if isinstance(config, dict) else None
        if isinstance(count, int) and count > tensors:
            raise BaseError(
                f"config.json of the base {base!r} asks for {key}={count}, but its files hold {tensors} tensors only."
            )
