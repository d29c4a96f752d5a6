"""What a dialogue has to find out before it can act: slots that entities fill, turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from intent_adapters.errors import ConfigError, shorten
from intent_adapters.prediction import PredictedEntity, Prediction

_VERSION = 1
_KEYS = ("version", "slots", "intents", "filled")


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing to find out.

    Attributes:
        name: What it is called, such as `departure`.
        entity: The entity that fills it, such as `city`.
        question: What to ask for it.
        role: Which role of the entity fills it; None: any.
        required: Whether it is asked for.
        many: Whether it takes several values.
        default: Its value as long as nobody says one; then it is not asked for.

    Raises:
        ConfigError: A setting has a value that makes no sense.
    """

    name: str
    entity: str
    question: str = ""
    role: str | None = None
    required: bool = True
    many: bool = False
    default: str | None = None

    def __post_init__(self) -> None:
        for key in ("name", "entity", "question", "role", "default"):
            value = getattr(self, key)
            if value is None and key in ("role", "default"):
                continue
            if not isinstance(value, str) or (key in ("name", "entity") and not value.strip()):
                raise ConfigError(f"`{key}` of a slot is a text, not {shorten(value)}.")
        for key in ("required", "many"):
            if not isinstance(getattr(self, key), bool):
                raise ConfigError(f"`{key}` of a slot is true or false, not {shorten(getattr(self, key))}.")
        if self.required and self.default is None and not self.question.strip():
            raise ConfigError(f"The slot {shorten(self.name)} is required: give it a question, or a default.")


@dataclass(frozen=True, slots=True)
class Form:
    """Slots, and what the turns so far have filled. A form never changes: each turn makes a new one.

    Attributes:
        slots: What to find out, in the order in which it is asked.
        intents: The intents whose entities count. After any other, and out of scope, only the slot that was asked is
            filled. Empty: every intent counts.
        filled: The values said so far, by the name of their slot; what was said last comes last.

    Raises:
        ConfigError: Two slots have one name, or something is of the wrong kind.
    """

    slots: tuple[Slot, ...]
    intents: tuple[str, ...] = ()
    filled: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.intents, str):
            raise ConfigError(f"`intents` is a list of names, not {shorten(self.intents)}.")
        try:
            parts = tuple(self.slots), tuple(self.intents), tuple((name, tuple(said)) for name, said in self.filled)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                "A form takes lists of slots, of intents and of pairs of a slot's name and values."
            ) from error
        for key, part in zip(("slots", "intents", "filled"), parts, strict=True):
            object.__setattr__(self, key, part)
        if not self.slots or not all(isinstance(slot, Slot) for slot in self.slots):
            raise ConfigError(f"`slots` is one `Slot` or several, not {shorten(self.slots)}.")
        if not all(isinstance(intent, str) for intent in self.intents):
            raise ConfigError(f"`intents` is a list of names, not {shorten(self.intents)}.")
        if len({slot.name for slot in self.slots}) < len(self.slots):
            raise ConfigError(f"Two slots have the same name: {', '.join(slot.name for slot in self.slots)}.")
        for name, said in self.filled:
            many = self._slot(name).many
            if not said or not all(isinstance(value, str) for value in said) or (len(said) > 1 and not many):
                wanted = "texts" if many else "one text"
                raise ConfigError(f"The slot {shorten(name)} takes {wanted}, not {shorten(list(said))}.")
        if len({name for name, _ in self.filled}) < len(self.filled):
            raise ConfigError("A slot is filled twice: give all its values together.")

    @property
    def missing(self) -> tuple[Slot, ...]:
        """What is still to be asked, in order."""
        said = dict(self.filled)
        return tuple(slot for slot in self.slots if slot.required and slot.default is None and slot.name not in said)

    @property
    def complete(self) -> bool:
        """Whether nothing is to be asked any more."""
        return not self.missing

    @property
    def next_question(self) -> str | None:
        """What to ask now; None if the form is complete."""
        return self.missing[0].question if self.missing else None

    @property
    def values(self) -> dict[str, str | list[str]]:
        """What is known, defaults included, by the slot's name; of a slot that takes several values a list."""
        said = dict(self.filled)
        known = {slot: said.get(slot.name, () if slot.default is None else (slot.default,)) for slot in self.slots}
        return {slot.name: list(values) if slot.many else values[0] for slot, values in known.items() if values}

    def update(self, turn: Prediction | Iterable[PredictedEntity]) -> Form:
        """The form after one more turn.

        An entity with a role goes to the slot of that role, else to one without a role. Of several slots that an
        entity fits, the one that was asked comes first, then those that are empty, then what was said last: so "no,
        on Friday" corrects. Several entities for several slots go to them in the order of the utterance. If there are
        more of them than slots, the last slot has the last one, or, if it takes several values, all of the rest.

        Args:
            turn: The agent's answer to what the user said, or entities alone, which count whatever the intent.

        Raises:
            ConfigError: It is neither.
        """
        asked = self.missing[0].name if self.missing else None
        slots = self.slots
        if isinstance(turn, Prediction):
            if self.intents and not (turn.in_scope and turn.label in self.intents):
                slots = self.missing[:1]
            turn = turn.entities or ()
        entities = list(turn) if isinstance(turn, Iterable) else [turn]
        for entity in entities:
            if not isinstance(entity, PredictedEntity):
                raise ConfigError(f"A turn is a `Prediction` or a list of `PredictedEntity`, not {shorten(entity)}.")
        entities.sort(key=lambda entity: (entity.role is None, entity.start))  # stable
        groups: dict[tuple[str, str | None], list[str]] = {}
        for entity in entities:
            groups.setdefault((entity.entity, entity.role), []).append(entity.value)
        age = {name: -position for position, (name, _) in enumerate(self.filled)}
        turned: dict[str, tuple[str, ...]] = {}
        for (kind, role), values in groups.items():
            fitting = [slot for slot in slots if slot.entity == kind and slot.name not in turned]
            if role is not None:
                fitting = [slot for slot in fitting if slot.role == role] or [s for s in fitting if s.role is None]
            best = sorted(fitting, key=lambda slot: (slot.name != asked, slot.name in age, age.get(slot.name, 0)))
            targets = sorted(best[: len(values)], key=self.slots.index)
            for position, value in enumerate(values if targets else ()):
                slot = targets[min(position, len(targets) - 1)]
                before = turned.get(slot.name, dict(self.filled).get(slot.name, ())) if slot.many else ()
                turned[slot.name] = tuple(dict.fromkeys((*before, value)))
        return replace(self, filled=(*(pair for pair in self.filled if pair[0] not in turned), *turned.items()))

    def fill(self, name: str, *values: str) -> Form:
        """The form with these values in one slot, such as from a button; without values the slot is empty again.

        Raises:
            ConfigError: There is no such slot, or it does not take these values.
        """
        self._slot(name)
        others = tuple(pair for pair in self.filled if pair[0] != name)
        return replace(self, filled=(*others, (name, values)) if values else others)

    def to_dict(self) -> dict[str, Any]:
        """The form as JSON-ready values."""
        return {
            "version": _VERSION,
            "slots": [asdict(slot) for slot in self.slots],
            "intents": list(self.intents),
            "filled": [{"slot": name, "values": list(values)} for name, values in self.filled],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The form that `to_dict` wrote.

        Raises:
            ConfigError: It is none, or one of a later version.
        """
        if not isinstance(values, Mapping) or values.get("version") != _VERSION or set(values) != set(_KEYS):
            raise ConfigError(f"This is no form of version {_VERSION}, with {', '.join(_KEYS)}: {shorten(values)}.")
        try:
            known = {entry.name for entry in fields(Slot)}
            if any(set(slot) != known for slot in values["slots"]):
                raise ConfigError(f"A slot of a form has {', '.join(entry.name for entry in fields(Slot))}.")
            slots = tuple(Slot(**slot) for slot in values["slots"])
            filled = tuple((entry["slot"], _list(entry["values"])) for entry in _list(values["filled"]))
            return cls(slots, _list(values["intents"]), filled)
        except (TypeError, KeyError) as error:
            raise ConfigError(f"This is no form as `to_dict` writes it: {shorten(values)}.") from error

    def _slot(self, name: str) -> Slot:
        for slot in self.slots:
            if slot.name == name:
                return slot
        raise ConfigError(f"The form has no slot {shorten(name)}, only {', '.join(slot.name for slot in self.slots)}.")


def _list(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"Not a list in a form: {shorten(value)}.")
    return tuple(value)
