"""A track: which models and data stand for the paper's, read from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from examples.paper.rows import ROLES, ROWS, Role
from intent_adapters.errors import ConfigError

SHIPPED = Path(__file__).with_name("tracks")

T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """An encoder as it is."""

    model: str  # Hub id or folder


@dataclass(frozen=True)
class Pretrained:
    """A language model pretrained by masked language modelling."""

    texts: Sequence[str]  # files of texts below the data folder: one text a line, or pairs
    tokenizer: str  # Hub id or folder of the tokenizer
    architecture: str = "bert"  # `model_type` of transformers
    shape: Mapping[str, int] = field(default_factory=dict)  # settings of its config
    training: Mapping[str, Any] = field(default_factory=dict)  # settings of `MaskedTraining`


@dataclass(frozen=True)
class Contrastive:
    """Stage 1 on another encoder of the track."""

    of: Role  # its role
    settings: Mapping[str, Any] = field(default_factory=dict)  # arguments of `train_encoder`
    training: Mapping[str, Any] = field(default_factory=dict)  # settings of `PairTraining`


@dataclass(frozen=True)
class Distilled:
    """Stage 2 from another encoder of the track."""

    of: Role  # the teacher's role
    layers: int = 0  # layers of the teacher to start from; 0: random weights, 6 layers x 384
    # with random weights, settings of the architecture's config that differ from those
    shape: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)  # arguments of `distill`
    training: Mapping[str, Any] = field(default_factory=dict)  # settings of `PairTraining`


Recipe = Given | Pretrained | Contrastive | Distilled

RECIPES: Mapping[str, type[Recipe]] = {
    "given": Given,
    "pretrained": Pretrained,
    "contrastive": Contrastive,
    "distilled": Distilled,
}


@dataclass(frozen=True)
class Pairs:
    """The sentence pairs of stages 1 and 2."""

    files: Sequence[str] = ()  # below the data folder
    kinds: Sequence[str] = ()  # kinds to take; all if empty
    leave_out: Sequence[str] = ()  # sources to leave out


@dataclass(frozen=True)
class Column:
    """One column of the tables: an intent set, drawn from anew in every repetition."""

    name: str  # its heading
    rows: str  # file of the utterances to draw from, below the data folder, or Hub data set
    shots: int  # utterances of each intent to train on
    test: str | None = None  # file of the test utterances; None: all that were not drawn
    # folder of files `seed_N.json` with given draws; None: `few_shot_split` with the repetition as seed
    draws: str | None = None
    dropped: str | None = None  # JSON file whose list "dropped" names intents to leave out
    domain: str | None = None  # "IT" where the paper has the same column


@dataclass(frozen=True)
class Track:
    """What one run of the tables is made of."""

    name: str
    title: str
    encoders: Mapping[Role, Recipe]  # how to come by each encoder; roles that are missing have no rows
    columns: Sequence[Column]
    pairs: Pairs = Pairs()  # for stages 1 and 2, if the track trains encoders
    repetitions: int = 10  # runs of every cell

    @property
    def rows(self) -> list[str]:
        """The rows that its encoders allow."""
        return [name for name, row in ROWS.items() if row.role in self.encoders]


def shipped_tracks() -> list[str]:
    """Names of the tracks in `tracks/`."""
    return sorted(file.name.removesuffix(".toml") for file in SHIPPED.iterdir() if file.name.endswith(".toml"))


def read_track(source: str | Path) -> Track:
    """Read a track by the name of one in `tracks/`, or from a TOML file.

    Raises:
        ConfigError: There is no such track, or it says something that makes no sense.
    """
    if str(source) in shipped_tracks():
        name, text = str(source), (SHIPPED / f"{source}.toml").read_text(encoding="utf-8")
    elif Path(source).is_file():
        name, text = Path(source).stem, Path(source).read_text(encoding="utf-8")
    else:
        raise ConfigError(
            f"{str(source)!r} is neither a TOML file nor one of the tracks {', '.join(shipped_tracks())}"
        )
    try:
        return _track(name, tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"the track {name!r} cannot be read: {error}") from error


def _track(name: str, values: dict[str, Any]) -> Track:
    encoders = {cast(Role, role): _recipe(role, recipe) for role, recipe in values.pop("encoders", {}).items()}
    unknown = [role for role in encoders if role not in ROLES]
    if unknown or not encoders:
        raise ConfigError(f"encoders are {', '.join(ROLES)}; not {', '.join(unknown) or 'none'}")
    for role, recipe in encoders.items():
        if isinstance(recipe, (Contrastive, Distilled)) and recipe.of not in encoders:
            raise ConfigError(f"{role} is made of {recipe.of!r}, which the track does not have")
    columns = [_build(Column, column, "a column") for column in values.pop("columns", [])]
    if not columns:
        raise ConfigError("it has no columns")
    pairs = _build(Pairs, values.pop("pairs", {}), "pairs")
    return _build(Track, {"name": name, **values, "encoders": encoders, "columns": columns, "pairs": pairs}, "it")


def _recipe(role: str, values: dict[str, Any]) -> Recipe:
    kind = values.pop("kind", None)
    if kind not in RECIPES:
        raise ConfigError(f"the kind of {role} is one of {', '.join(RECIPES)}, not {kind!r}")
    build: Callable[..., Recipe] = RECIPES[kind]
    return _build(build, values, role)


def _build(kind: Callable[..., T], values: dict[str, Any], what: str) -> T:
    known = {item.name for item in fields(cast(Any, kind))}
    if unknown := sorted(set(values) - known):
        raise ConfigError(f"{what} has no setting {unknown[0]!r}; there are {', '.join(sorted(known))}")
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{what} lacks a setting: {error}") from error
