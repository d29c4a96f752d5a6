"""The recipe of a base: the data, the teachers and all settings of stages 1 and 2, as a TOML file says them."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from intent_adapters.errors import ConfigError, shorten
from intent_adapters.inputs import check_number
from intent_adapters.training.base.distillation import STAGE_2
from intent_adapters.training.base.pair_training import PairTraining

Table = TypeVar("Table")

# What recipes call the encoder that they begin with, and what stage 1 makes of it.
START, STAGE_1 = "start", "stage-1"
SCRIPTS = {"hangul": re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]"), "latin": re.compile("[A-Za-z]")}


@dataclasses.dataclass(frozen=True)
class DataTable:
    """`[data]`: what is trained on. Files are named from the folder of the recipe, or from another that is given.

    Attributes:
        pairs: Files of pairs, as `read_pairs` reads them.
        kinds: The kinds of pairs that share their meaning; without any, all of them.
        single_kinds: Kinds of pairs that do not, such as turns that follow each other: their texts count as single.
        single_sources: Sources whose texts count as single, whatever their kind: utterances of one intent, say, that
            are no paraphrases.
        shares: Of some sources, which share of the pairs to take, also where their texts count as single.
        leave_out: Sources to leave out.
        texts: Files of single texts, as `read_texts` reads them.
        averaged_kinds: Kinds of pairs, such as translations, whose first texts get the mean of both texts' targets.
        plain_share: Of the single texts in Latin letters, which share comes once more in small letters and without
            punctuation, as people type.
    """

    pairs: list[str]
    kinds: list[str] = dataclasses.field(default_factory=list)
    single_kinds: list[str] = dataclasses.field(default_factory=list)
    single_sources: list[str] = dataclasses.field(default_factory=list)
    shares: dict[str, float] = dataclasses.field(default_factory=dict)
    leave_out: list[str] = dataclasses.field(default_factory=list)
    texts: list[str] = dataclasses.field(default_factory=list)
    averaged_kinds: list[str] = dataclasses.field(default_factory=list)
    plain_share: float = 0.0

    def __post_init__(self) -> None:
        check_number("plain_share", self.plain_share, 0, 1)
        for name, share in self.shares.items():
            check_number(f"the share of {name}", share, 0, 1, above=True)


@dataclasses.dataclass(frozen=True)
class StartTable:
    """`[start]`: the encoder that the recipe begins with, "start" where teachers are named.

    Attributes:
        base: Hub id or folder.
        trim: Whether only those pieces of its vocabulary stay that the texts use.
        layers: Which of its layers the student has, from 0; without any, all.
        dropout: How much dropout the student is trained with. Left out: as much as it came with.
    """

    base: str
    trim: bool = False
    layers: list[int] = dataclasses.field(default_factory=list)
    dropout: float | None = None

    def __post_init__(self) -> None:
        if self.dropout is not None:
            check_number("dropout", self.dropout, 0, 1, below=True)


@dataclasses.dataclass(frozen=True)
class Stage1Table:
    """`[stage_1]`: trains it on the pairs, to "stage-1", of which the student is then made.

    Attributes:
        temperature: Of the loss.
        training: `[stage_1.training]`: the settings of `PairTraining`.
    """

    temperature: float = 0.02
    training: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class TeacherTable:
    """`[[targets.teachers]]`: a teacher, with the settings of `Teacher`.

    Attributes:
        model: "start", "stage-1", a Hub id or a folder.
    """

    model: str
    prompt: str = ""
    weight: float = 1.0
    centered: bool = False
    whitening: float = 0.0


@dataclasses.dataclass(frozen=True)
class TargetsTable:
    """`[[targets]]`: how the targets of some texts are made; each text takes the first that fits.

    Attributes:
        teachers: The teachers.
        script: "hangul" or "latin": of texts with such a letter. Left out: of all texts.
        combine: "join" the embeddings side by side, or take their "mean", if they are of one width.
        width: How many directions to keep, those with most of the energy. Left out: all.
        turn: "start" or "stage-1": turn them, without a change of any cosine, to where that encoder has these texts.
            With several targets, and without W, that is what puts them into one space; and W begins well with it.
    """

    teachers: list[TeacherTable]
    script: str | None = None
    combine: Literal["join", "mean"] = "join"
    width: int | None = None
    turn: str | None = None


@dataclasses.dataclass(frozen=True)
class DistillationTable:
    """`[distillation]`: the settings of `distill`.

    Attributes:
        teacher: Whose attention the MiniLMv2 part compares: "start", "stage-1", or left out, without that part.
        relation_weight: One weight, or the first and the last.
        training: `[distillation.training]`: the settings of `PairTraining`; what is left out is as in `STAGE_2`.
    """

    teacher: str | None = None
    contrastive_weight: float = 1.0
    relation_weight: float | list[float] = 1.0
    matching_weight: float = 0.0
    temperature: float = 0.05
    projection: bool = True
    num_relation_heads: int = 12
    start_share: float = 0.0
    dtype: Literal["auto", "float16", "float32"] = "auto"
    training: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        weight = self.relation_weight
        if isinstance(weight, list) and len(weight) != 2:
            raise ConfigError(f"`relation_weight` is one weight, or the first and the last, but not {weight}")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A whole recipe.

    Attributes:
        data: What is trained on.
        start: What it begins with.
        distillation: Stage 2.
        stage_1: Stage 1, if there is one.
        targets: How the targets are made; without any they are the embeddings of the teacher of the MiniLMv2 part.
    """

    data: DataTable
    start: StartTable
    distillation: DistillationTable
    stage_1: Stage1Table | None = None
    targets: list[TargetsTable] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        known = {START, STAGE_1} if self.stage_1 else {START}
        if self.distillation.teacher is None:
            if not self.targets:
                raise ConfigError("a recipe needs `[[targets]]`, or a `teacher` in `[distillation]`")
        elif self.distillation.teacher not in known:
            raise ConfigError(f"`teacher` in `[distillation]` is one of {sorted(known)}: both read the same tokens")
        for number, targets in enumerate(self.targets):
            if not targets.teachers:
                raise ConfigError("`[[targets]]` has no `[[targets.teachers]]`")
            if targets.script is not None and targets.script not in SCRIPTS:
                raise ConfigError(f"`script` is one of {sorted(SCRIPTS)}, not {targets.script!r}")
            if (targets.script is None) != (number == len(self.targets) - 1):
                raise ConfigError("all `[[targets]]` but the last name a `script`, so that each text has its targets")
            if not self.stage_1 and STAGE_1 in (targets.turn, *(teacher.model for teacher in targets.teachers)):
                raise ConfigError(f"`[[targets]]` name {STAGE_1!r}, but there is no `[stage_1]`")
            if targets.turn not in (None, *known):
                raise ConfigError(f"`turn` is one of {sorted(known)}, not {targets.turn!r}")


def read_recipe(path: str | Path) -> Recipe:
    """Reads a recipe.

    Args:
        path: A TOML file.

    Returns:
        The recipe, with all its settings checked.

    Raises:
        ConfigError: It is no TOML file, or a setting is unknown, missing or makes no sense.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"there is no file {str(path)!r}: name the recipe, a TOML file")
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r} cannot be read as TOML: {error}") from error
    try:
        recipe: Recipe = _read(Recipe, tables, "")
        if recipe.stage_1:
            PairTraining(**recipe.stage_1.training)
        dataclasses.replace(STAGE_2, **recipe.distillation.training)
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"{str(path)!r}: {error}") from error
    return recipe


def _read(kind: type[Table], table: object, place: str) -> Table:
    """A table of TOML as the dataclass that says what may be in it.

    Raises:
        ConfigError: A setting is unknown, missing, or of another type.
    """
    where = f"[{place}]" if place else "the recipe"
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table, but it is {shorten(table)}")
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = [name for name in table if name not in fields]
    if unknown:
        raise ConfigError(f"{where} has no setting {unknown[0]!r}; it has {', '.join(fields)}")
    hints = get_type_hints(kind)
    given = {name: _value(hints[name], value, f"{place}.{name}".strip(".")) for name, value in table.items()}
    nothing = dataclasses.MISSING
    for name, field in fields.items():
        if name not in given and field.default is nothing and field.default_factory is nothing:
            raise ConfigError(f"{where} needs the setting {name!r}")
    return kind(**given)


def _wanted(kind: Any) -> str:
    """What an error calls a type."""
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(repr, get_args(kind)))}"
    names = {list: "a list", dict: "a table", int: "a whole number", float: "a number", str: "a text"}
    return names.get(get_origin(kind) or kind, "true or false" if kind is bool else "a table")


def _value(hint: Any, value: object, place: str) -> Any:
    """A value of TOML as a type hint wants it."""
    kinds = get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)
    for kind in kinds:
        if dataclasses.is_dataclass(kind):
            return _read(kind, value, place)  # type: ignore[arg-type]
        if get_origin(kind) is list and isinstance(value, list):
            return [_value(get_args(kind)[0], entry, place) for entry in value]
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
        if get_origin(kind) is dict and isinstance(value, dict):
            return value
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if kind in (int, str, bool) and type(value) is kind:
            return value
    wanted = " or ".join(_wanted(kind) for kind in kinds if kind is not type(None))
    raise ConfigError(f"{place} is {shorten(value)}, but it must be {wanted}")
