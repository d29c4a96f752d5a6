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
    """An encoder as it is.

    Attributes:
        model: Hub id or folder.
    """

    model: str


@dataclass(frozen=True)
class Pretrained:
    """A language model pretrained by masked language modelling.

    Attributes:
        texts: Files of texts below the data folder: one text a line, or pairs.
        tokenizer: Hub id or folder of the tokenizer.
        architecture: `model_type` of transformers.
        shape: Settings of its config.
        training: Settings of `MaskedTraining`.
    """

    texts: Sequence[str]
    tokenizer: str
    architecture: str = "bert"
    shape: Mapping[str, int] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contrastive:
    """Stage 1 on another encoder of the track.

    Attributes:
        of: Its role.
        settings: Arguments of `train_encoder`.
        training: Settings of `PairTraining`.
    """

    of: Role
    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Distilled:
    """Stage 2 from another encoder of the track.

    Attributes:
        of: The teacher's role.
        layers: Layers of the teacher to start from; 0: random weights, 6 layers x 384.
        shape: With random weights, settings of the architecture's config that shall differ from those.
        settings: Arguments of `distill`.
        training: Settings of `PairTraining`.
    """

    of: Role
    layers: int = 0
    shape: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)


Recipe = Given | Pretrained | Contrastive | Distilled

RECIPES: Mapping[str, type[Recipe]] = {
    "given": Given,
    "pretrained": Pretrained,
    "contrastive": Contrastive,
    "distilled": Distilled,
}


@dataclass(frozen=True)
class Pairs:
    """The sentence pairs of stages 1 and 2.

    Attributes:
        files: Below the data folder.
        kinds: Kinds to take; all if empty.
        leave_out: Sources to leave out.
    """

    files: Sequence[str] = ()
    kinds: Sequence[str] = ()
    leave_out: Sequence[str] = ()


@dataclass(frozen=True)
class Column:
    """One column of the tables: an intent set, drawn from anew in every repetition.

    Attributes:
        name: Its heading.
        rows: File of the utterances to draw from, below the data folder, or Hub data set.
        shots: Utterances of each intent to train on.
        test: File of the test utterances; None: all that were not drawn.
        draws: Folder of files `seed_N.json` with given draws; None: `few_shot_split` with the repetition as seed.
        dropped: JSON file whose list "dropped" names intents to leave out.
        domain: "IT" where the paper has the same column.
    """

    name: str
    rows: str
    shots: int
    test: str | None = None
    draws: str | None = None
    dropped: str | None = None
    domain: str | None = None


@dataclass(frozen=True)
class Track:
    """What one run of the tables is made of.

    Attributes:
        name: Of the track.
        title: In words.
        encoders: How to come by each encoder; roles that are missing have no rows.
        columns: The columns.
        pairs: For stages 1 and 2, if the track trains encoders.
        repetitions: Runs of every cell.
    """

    name: str
    title: str
    encoders: Mapping[Role, Recipe]
    columns: Sequence[Column]
    pairs: Pairs = Pairs()
    repetitions: int = 10

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
