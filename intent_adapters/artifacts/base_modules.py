"""The modules of a sentence-transformers base, as its files describe them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from intent_adapters.artifacts.base_weights import Weights, read_json
from intent_adapters.artifacts.contents import CONFIG_NAME
from intent_adapters.errors import BaseError

SAFE_MODULES = frozenset({"Transformer", "Pooling", "Normalize", "Dense"})
# Files written before sentence-transformers 6 have a flag for each way of pooling.
POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


class Module(NamedTuple):
    """A module of sentence-transformers.

    Attributes:
        kind: The name of its class.
        config: Its settings.
        weights: Its tensors.
    """

    kind: str
    config: dict[str, Any]
    weights: Weights

    @property
    def pooling_mode(self) -> str:
        """How it pools, several ways together as Python writes a tuple; "" for a module that does not."""
        if self.kind != "Pooling":
            return ""
        flags = [mode for flag, mode in POOLING_FLAGS.items() if self.config.get(flag)]
        modes = self.config.get("pooling_mode") or flags or ["mean"]
        modes = modes if isinstance(modes, list) else [modes]
        return str(modes[0] if len(modes) == 1 else tuple(modes))


def read_modules(folder: Path, base: str) -> list[tuple[str, str]] | None:
    """What modules.json says: class and folder of each module; `None` if there is no such file.

    Raises:
        BaseError: It names classes that are not sentence-transformers': it can name any importable class. Or it points
            out of the folder, or is damaged, or the folder holds an adapter.
    """
    if (folder / CONFIG_NAME).exists():  # transformers would load the base that this names, from wherever it says
        raise BaseError(f"{base!r} is an adapter, no base: pass it as `adapter=`, and its base is found by itself.")
    path = folder / "modules.json"
    if not path.is_file():
        return None
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        places = [(str(module["type"]), str(module["path"])) for module in modules]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise BaseError(f"modules.json of the base {base!r} cannot be read: {error}") from error
    for name, place in places:
        if not name.startswith("sentence_transformers.") or name.rpartition(".")[2] not in SAFE_MODULES:
            raise BaseError(
                f"The base {base!r} asks for the module {name!r}. Only {', '.join(sorted(SAFE_MODULES))} of "
                "sentence-transformers are loaded, so that no foreign code can run."
            )
        if not (folder / place).resolve().is_relative_to(folder.resolve()):
            raise BaseError(f"modules.json of the base {base!r} points out of its folder, to {place!r}.")
    return [(name.rpartition(".")[2], place) for name, place in places]


def read_module(folder: Path, kind: str, place: str, base: str) -> Module:
    """A module that modules.json names: its class and its folder in the base's.

    Raises:
        BaseError: A file of it is damaged.
    """
    path = folder / place
    if kind == "Transformer":
        config = next((read_json(file, base) for file in sorted(path.glob("sentence_*_config.json"))), {})
    else:
        config = read_json(path / "config.json", base, {})
    return Module(kind, config, Weights(path, base))
