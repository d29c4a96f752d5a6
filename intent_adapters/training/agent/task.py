"""What an agent has to learn, as numbers: texts, intents, and what the frozen base makes of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import torch
from datasets import Dataset
from torch import Tensor

from intent_adapters.adapter_config import AdapterConfig
from intent_adapters.data import texts_of, validate_rows
from intent_adapters.data.labels import is_catch_all
from intent_adapters.data.problems import Problems
from intent_adapters.data.texts import Texts
from intent_adapters.data.validation import check_label, check_text, reduced
from intent_adapters.errors import ConfigError, DataError, shorten
from intent_adapters.training.agent.background import background_texts, outside
from intent_adapters.training.agent.embedder import FrozenEmbedder
from intent_adapters.training.agent.prototypes import class_means, names_are_telling, new_names, uttered_names

Rows: TypeAlias = Dataset | Sequence[Mapping[str, object]]


@dataclasses.dataclass(frozen=True)
class Task:
    """The training data of one agent.

    Attributes:
        texts: The utterances, without prompt.
        labels: The number of each text's intent, shape (texts,).
        intents: The intents' names, by number.
        prompt: What is put before each text.
        embeddings: The frozen base's sentence embeddings of the texts, shape (texts, dim).
        names: How many of the texts, the last ones, are no utterances: readable names of intents, and descriptions.
        label_names: Whether the readable names are among them.
        validation: Texts and the numbers of their intents, to stop early on.
        background: Texts that have none of the intents, for the regression.
        background_embeddings: Of them, by the frozen base, shape (other texts, dim).
        catch_all: The numbers of the intents that stand for what has no intent.
        descriptions: What intents are about, by their names.
    """

    texts: list[str]
    labels: Tensor
    intents: list[str]
    prompt: str
    embeddings: Tensor
    names: int = 0
    label_names: bool = False
    validation: tuple[list[str], Tensor] | None = None
    background: list[str] = dataclasses.field(default_factory=list)
    background_embeddings: Tensor | None = None
    catch_all: tuple[int, ...] = ()
    descriptions: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    @property
    def utterances(self) -> int:
        """How many of the texts, the first ones, are utterances and not names or descriptions of intents."""
        return len(self.texts) - self.names

    def subset(self, numbers: Tensor) -> Task:
        """The task with only the texts that have these numbers, given in ascending order, and without validation."""
        return dataclasses.replace(
            self,
            names=int((numbers >= self.utterances).sum()),
            texts=[self.texts[number] for number in numbers.tolist()],
            labels=self.labels[numbers],
            embeddings=self.embeddings[numbers],
            validation=None,
        )


def prepare_task(
    frozen: FrozenEmbedder,
    rows: Rows,
    *,
    config: AdapterConfig | None = None,
    validation: Rows | None = None,
    label_names: bool | None = None,
    descriptions: Mapping[str, str | Sequence[str]] | None = None,
    catch_all: Sequence[str] | None = None,
) -> Task:
    """Validate the rows, number the intents and embed the texts.

    Args:
        frozen: Of the bare base.
        rows: The training data.
        config: Its labels, if any, fix the order of the intents; its prompt is put before each text; its descriptions
            and catch-all intents stand in for those that are not given.
        validation: Data to stop early on.
        label_names: Whether the intents' readable names become texts too. None: if they are telling.
        descriptions: What intents are about, by their names; each is a text too.
        catch_all: The intents that stand for what has no intent. None: those that are named so.
    """
    if config is not None and not isinstance(config, AdapterConfig):
        raise ConfigError(f"config must be a BottleneckConfig, but it is of type {type(config).__name__}")
    examples = validate_rows(rows)
    texts, of_text = list(examples["text"]), list(examples["label"])
    intents = _order_intents(set(of_text), config)
    number = {intent: index for index, intent in enumerate(intents)}
    config = config or AdapterConfig(labels=intents)
    prompt = config.prompt or ""
    labels = torch.tensor([number[intent] for intent in of_text])
    task = Task(texts, labels, intents, prompt, frozen.embed(texts, prompt=prompt))
    task = dataclasses.replace(
        task, catch_all=_catch_all(intents, config.catch_all if catch_all is None else catch_all)
    )
    if validation is not None:
        task = dataclasses.replace(task, validation=_number_validation(validation, number))
    if label_names is not False:
        task = _with_label_names(frozen, task, insist=label_names is True)
    return _with_descriptions(frozen, task, config.descriptions if descriptions is None else descriptions)


def with_background(frozen: FrozenEmbedder, task: Task) -> Task:
    """The task with those background utterances that are not about what the agent is about."""
    texts = background_texts()
    embeddings = frozen.embed(texts, prompt=task.prompt)
    kept = outside(embeddings, task.embeddings[: task.utterances])
    chosen = [text for text, keep in zip(texts, kept.tolist(), strict=True) if keep]
    return dataclasses.replace(task, background=chosen, background_embeddings=embeddings[kept])


def prepare_out_of_scope(rows: Texts | None, task: Task) -> list[str] | None:
    """The texts that the agent should reject, given as texts or rows; a DataError if one is a training text too."""
    if rows is None:
        return None
    texts = texts_of(rows, "out_of_scope")
    trained = set(map(reduced, task.texts[: task.utterances]))
    both = sorted(text for text in set(texts) if reduced(text) in trained)
    if both:
        raise DataError(
            f"{len(both)} of the out-of-scope texts are training texts too, the first is {both[0]!r}: take them out "
            "of the one or the other"
        )
    return texts


def _order_intents(intents: set[str], config: AdapterConfig | None) -> list[str]:
    if config is None or config.labels is None:
        return sorted(intents)
    different = intents.symmetric_difference(config.labels)
    if different:
        raise ConfigError(
            f"config.labels and the intents of the rows differ, for one in {min(different)!r}: leave config.labels "
            "out, or give each of its labels a training text"
        )
    return list(config.labels)


def _number_validation(rows: Rows, number: Mapping[str, int]) -> tuple[list[str], Tensor]:
    examples = validate_rows(rows, purpose="evaluation", origin="validation")
    unknown = sorted(set(examples["label"]) - number.keys())
    if unknown:
        raise DataError(
            f"The validation rows have {len(unknown)} intent(s) that no training row has, the first is "
            f"{unknown[0]!r}: add training texts for it, or leave its validation rows out"
        )
    return list(examples["text"]), torch.tensor([number[label] for label in examples["label"]])


def _catch_all(intents: list[str], wanted: Sequence[str] | None) -> tuple[int, ...]:
    if wanted is None:
        return tuple(number for number, intent in enumerate(intents) if is_catch_all(intent))
    if not isinstance(wanted, (list, tuple)) or not all(intent in intents for intent in wanted):
        raise ConfigError(
            f"catch_all must be a list of intents of the rows, {_some(intents)}, but it is {shorten(wanted)}"
        )
    if len(set(wanted)) == len(intents):
        raise ConfigError("catch_all names all intents: leave out those that the agent is there for")
    return tuple(number for number, intent in enumerate(intents) if intent in wanted)


def _with_label_names(frozen: FrozenEmbedder, task: Task, *, insist: bool) -> Task:
    """The task with each intent's name as one more text, if that is wanted or the names are telling."""
    named = list(new_names(task.intents, task.texts))
    if not named:
        return task
    numbers = torch.tensor([number for number, _ in named])
    names = [name for _, name in named]
    embeddings = frozen.embed(names, prompt=task.prompt)
    means = class_means(task.embeddings, task.labels, len(task.intents))
    uttered = len(uttered_names(task.intents, task.texts, task.labels.tolist()))
    if not insist and not names_are_telling(embeddings, numbers, means, uttered):
        return task
    return dataclasses.replace(_extended(task, names, numbers, embeddings), label_names=True)


def _with_descriptions(
    frozen: FrozenEmbedder, task: Task, descriptions: Mapping[str, str | Sequence[str]] | None
) -> Task:
    """The task with each description as one more text, but for those that are texts already."""
    if not descriptions:
        return task
    checked = _check_descriptions(descriptions, task)
    number = {intent: index for index, intent in enumerate(task.intents)}
    taken = set(zip(map(reduced, task.texts), task.labels.tolist(), strict=True))
    new = dict.fromkeys((text, number[intent]) for intent, texts in checked.items() for text in texts)
    added = [(text, intent) for text, intent in new if (reduced(text), intent) not in taken]
    if added:
        texts = [text for text, _ in added]
        numbers = torch.tensor([intent for _, intent in added])
        task = _extended(task, texts, numbers, frozen.embed(texts, prompt=task.prompt))
    return dataclasses.replace(task, descriptions=checked)


def _check_descriptions(descriptions: Mapping[str, str | Sequence[str]], task: Task) -> dict[str, list[str]]:
    if not isinstance(descriptions, Mapping):
        raise DataError(f"descriptions must be a mapping from intents to texts, got {shorten(descriptions)}")
    problems = Problems()
    uttered = {reduced(task.texts[row]): task.intents[task.labels[row]] for row in range(task.utterances)}
    checked: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    for intent, described in descriptions.items():
        name = check_label("descriptions", intent, problems)
        if name is not None and name not in task.intents:
            problems.add("descriptions", f"{name!r} is no intent of the rows", f"there are {_some(task.intents)}")
        place = f"descriptions[{intent!r}]"
        found = [
            check_text(place, one, problems)
            for one in (list(described) if isinstance(described, (list, tuple)) else [described])
        ]
        for text in found:
            if text is not None and uttered.get(reduced(text), name) != name:
                what = f"{shorten(text)} is an utterance of {uttered[reduced(text)]!r}"
                problems.add(place, what, "keep one of the two")
            elif text is not None and said.setdefault(reduced(text), str(name)) != name:
                problems.add(place, f"{shorten(text)} describes {said[reduced(text)]!r} too", "keep one of the two")
        if not found:
            problems.add(place, "there is no text", "write what the intent is about, or leave it out")
        checked[str(name)] = [text for text in found if text is not None]
    problems.report()
    return checked


def _some(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(map(repr, found[:5])) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _extended(task: Task, texts: list[str], numbers: Tensor, embeddings: Tensor) -> Task:
    """The task with texts that are no utterances."""
    return dataclasses.replace(
        task,
        texts=task.texts + texts,
        labels=torch.cat([task.labels, numbers]),
        embeddings=torch.cat([task.embeddings, embeddings]),
        names=task.names + len(texts),
    )
