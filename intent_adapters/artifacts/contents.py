"""What adapters and bases consist of: the files that are read, how large they may be, and what is never touched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from intent_adapters.artifacts.folders import check_target
from intent_adapters.errors import AdapterError, BaseError, IntentAdaptersError

# What PEFT calls the files of an adapter; they are written down here because importing PEFT takes seconds.
CONFIG_NAME = "adapter_config.json"
SAFETENSORS_WEIGHTS_NAME = "adapter_model.safetensors"
CARD_NAME = "README.md"
ENTITIES_NAME = "entities.json"
MAX_CARD_BYTES = 4 * 2**20
MAX_ENTITIES_BYTES = 32 * 2**20
MAX_CONFIG_BYTES = 32 * 2**20
MAX_ADAPTER_BYTES = 2**30
MAX_TOKENIZER_BYTES = 128 * 2**20
MAX_BASE_BYTES = 8 * 2**30


@dataclass(frozen=True, slots=True)
class Files:
    """Which files of a repository are read, how large they may be, and which ones it cannot be without.

    Attributes:
        what: "adapter" or "base".
        error: What is raised if it cannot be had.
        small: The most bytes by pattern of the files that are fetched first.
        weights: The same of those that are fetched last, so that where they are the others are too.
        required: Pattern and name of the file that makes it one of its kind.
        main: Pattern of the weights without which there is nothing to load.
        pickles: Pattern of weights that could run code; they are never fetched, only named in the error.
        mistaken: Pattern of a file that shows what it was mistaken for, and what to do about that.
    """

    what: str
    error: type[IntentAdaptersError]
    small: Mapping[str, int]
    weights: Mapping[str, int]
    required: tuple[str, str]
    main: str
    pickles: str
    mistaken: tuple[str, str]

    def choose(self, names: Iterable[str], patterns: Mapping[str, int]) -> dict[str, int]:
        """The most bytes of every file among `names` that fits one of the patterns."""
        return {name: limit for name in names for pattern, limit in patterns.items() if re.fullmatch(pattern, name)}

    def present(self, folder: Path) -> list[str]:
        """The files in a folder that are read, weights last; "/" is between the parts of a name."""
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        return [*self.choose(names, self.small), *self.choose(names, self.weights)]

    def check(self, names: Iterable[str], where: str) -> None:
        """See whether files can be one of its kind.

        Args:
            names: The files that are there.
            where: What the error calls the place.

        Raises:
            IntentAdaptersError: Of the kind `error`: it is something else, or has no weights that are safe to read.
        """
        names = sorted(names)
        pattern, name = self.required
        if not _any(pattern, names):
            mistaken, cure = self.mistaken
            hint = cure if _any(mistaken, names) else "Check the id, the revision and the subfolder."
            raise self.error(f"{where} is no {self.what}: it has no {name}. {hint}")
        if _any(self.main, names):
            return
        if pickle := _any(self.pickles, names):
            raise self.error(
                f"The {self.what} {where} has its weights as a pickle, {pickle}, which can run code when it is opened "
                "and is never read. Ask its makers for safetensors."
            )
        if _any(_EXPORTED, names):
            raise self.error(f"{where} {IS_EXPORTED}")
        if self.main == _EXPORTED:
            raise self.error(
                f"The base {where} has no graph for ONNX Runtime. Export it once: intent-adapters export BASE "
                "FOLDER (with intent-adapters[export], without PyTorch), and load FOLDER."
            )
        raise self.error(f"The {self.what} {where} has no weights of a kind that is read ({self.main}).")


def _any(pattern: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if re.fullmatch(pattern, name)), None)


ADAPTER = Files(
    "adapter",
    AdapterError,
    small={
        re.escape(CONFIG_NAME): MAX_CONFIG_BYTES,
        re.escape(CARD_NAME): MAX_CARD_BYTES,
        re.escape(ENTITIES_NAME): MAX_ENTITIES_BYTES,
    },
    weights={re.escape(SAFETENSORS_WEIGHTS_NAME): MAX_ADAPTER_BYTES},
    required=(re.escape(CONFIG_NAME), CONFIG_NAME),
    main=re.escape(SAFETENSORS_WEIGHTS_NAME),
    pickles=r"adapter_model\.(bin|pt|pth|pkl)",
    mistaken=(r"modules\.json|config\.json", "It looks like a base: pass it as `base=`."),
)
ONNX_FOLDER = "onnx"
# Old sentence-transformers models keep the encoder in a folder 0_Transformer.
_MODULE = r"(\d+_\w+/)?"
_SMALL = {
    r"(modules|config_sentence_transformers)\.json": MAX_CONFIG_BYTES,
    _MODULE + r"(config|sentence_\w+_config|special_tokens_map|tokenizer_config)\.json": MAX_CONFIG_BYTES,
    _MODULE + r"(preprocessor_config|processor_config)\.json": MAX_CONFIG_BYTES,
    _MODULE + r"((tokenizer|vocab|added_tokens)\.json|(vocab|merges)\.txt)": MAX_TOKENIZER_BYTES,
    re.escape(CARD_NAME): MAX_CARD_BYTES,
}
BASE = Files(
    "base",
    BaseError,
    small={**_SMALL, _MODULE + r"model\.safetensors\.index\.json": MAX_CONFIG_BYTES},
    weights={_MODULE + r"model(-\d+-of-\d+)?\.safetensors": MAX_BASE_BYTES},
    required=(r"(0_\w+/)?config\.json", "config.json"),
    main=r"(0_\w+/)?model(-\d+-of-\d+)?\.safetensors",
    pickles=r"(0_\w+/)?pytorch_model.*\.bin",
    mistaken=(re.escape(CONFIG_NAME), "It is an adapter: pass it as `adapter=`, and its base is found by itself."),
)
_EXPORTED = ONNX_FOLDER + r"/encoder_\w+\.onnx"
IS_EXPORTED = (
    'is a base in ONNX alone: load it with backend="onnx". To train, give the base that it was exported from.'
)
ONNX_BASE = replace(BASE, small=_SMALL, weights={_EXPORTED: MAX_BASE_BYTES}, main=_EXPORTED)
WHOLE_BASE = replace(BASE, weights={**BASE.weights, **ONNX_BASE.weights})


def is_exported(folder: Path) -> bool:
    """Whether a folder holds a base that was exported to ONNX, and no weights for PyTorch."""
    names = [path.relative_to(folder).as_posix() for pattern in ("*", "*/*") for path in folder.glob(pattern)]
    return bool(_any(_EXPORTED, names)) and not _any(BASE.main, names)


def graphs_in(folder: Path) -> list[Path]:
    """The graphs that a base's folder holds."""
    return sorted(folder.glob(f"{ONNX_FOLDER}/encoder_*.onnx"))


def check_adapter_target(folder: Path) -> None:
    """See whether an adapter can be written to a folder: it is new or empty, or holds an adapter.

    Raises:
        AdapterError: It is a file or a link, or a folder with other things in it.
    """
    check_target(folder, "save an adapter", AdapterError, (folder / CONFIG_NAME).exists())
