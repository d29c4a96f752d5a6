"""The weights of a base, and whether its files belong together: libraries make up what a config asks for in vain."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from intent_adapters.errors import BaseError

if TYPE_CHECKING:
    from torch import nn

LAYER_COUNTS = ("num_hidden_layers", "n_layers", "num_layers", "n_layer")

Array = NDArray[np.float32]
Shapes = Counter[tuple[int, ...]]


class Weights:
    """The tensors of a module, in float32 whatever the file has. Each is read when it is asked for.

    Attributes:
        names: Of the tensors.
    """

    def __init__(self, folder: Path, base: str) -> None:
        self._base = base
        self._files: dict[str, Path] = {}
        for path in _weight_files(folder, base):
            with self._open(path) as file:
                self._files.update(dict.fromkeys(file.keys(), path))
        self.names = self._files.keys()

    def __getitem__(self, name: str) -> Array:
        if name not in self._files:
            raise BaseError(f"The files of the base {self._base!r} have no tensor {name!r}. Get it again.")
        with self._open(self._files[name]) as file:
            return np.asarray(file.get_tensor(name), np.float32)

    @contextmanager
    def _open(self, path: Path) -> Iterator[Any]:
        try:
            with safe_open(path, framework="np") as file:
                yield file
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise BaseError(
                f"{path.name} of the base {self._base!r} is damaged or no safetensors file: {error}."
            ) from error


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


def read_json(path: Path, base: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    """A JSON object out of a file of a base; without the file `default`, if there is one.

    Raises:
        BaseError: The file is missing or damaged, or holds something else.
    """
    if default is not None and not path.is_file():
        return default
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BaseError(f"{path.name} of the base {base!r} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise BaseError(f"{path.name} of the base {base!r} holds no object.")
    return values


def _weight_files(folder: Path, base: str) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if (folder / "model.safetensors").is_file() or not index.is_file():
        return sorted(folder.glob("model.safetensors"))
    try:
        return [folder / Path(name).name for name in sorted(set(read_json(index, base)["weight_map"].values()))]
    except (KeyError, AttributeError, TypeError) as error:
        raise BaseError(f"{index.name} of the base {base!r} cannot be read: {error!r}") from error


def _check_depth(folder: Path, base: str, tensors: int) -> None:
    """Building a million layers takes hours, before anyone sees that there are no weights for them."""
    config = read_json(folder / "config.json", base, {})  # without one, loading says what is missing
    for key in LAYER_COUNTS:
        count = config.get(key)
        if isinstance(count, int) and count > tensors:
            raise BaseError(
                f"config.json of the base {base!r} asks for {key}={count}, but its files hold {tensors} tensors only."
            )
