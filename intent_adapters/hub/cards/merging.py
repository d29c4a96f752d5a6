"""Making a card again without losing what a person wrote into it.

What we generate stands between markers, `<!-- intent-adapters: begin NAME -->` and `end NAME`; only that is replaced.
`<!-- intent-adapters: skip NAME -->` anywhere keeps a part from coming (back).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from itertools import zip_longest
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from intent_adapters.errors import ConfigError

OWN_KEY = "intent_adapters"
"""The entry of the front matter that is ours: which weights they are, the base's fingerprint, how many intents."""

MARKER = re.compile(r"^<!-- intent-adapters: (begin|end|skip) ([a-z-]+) -->[ \t]*$", re.MULTILINE)
FIRST_LINE = (
    "<!-- The parts between `intent-adapters` markers are generated. Text outside of them is yours and is kept. -->"
)
UNITED = ("tags", "datasets", "language", "metrics")
# What a person said there holds for what is trained in place of the former weights, too.
PROSE = ("description", "limits", "more-limits")


def finished_card(
    existing: str | None,
    metadata: dict[str, Any],
    sections: Mapping[str, str],
    *,
    title: str,
    owned: Set[str],
    modest: Set[str] = frozenset(),
) -> ModelCard:
    """Put a newly generated card into the text of the one that is there, if there is one.

    Args:
        existing: The text that is there.
        metadata: The front matter.
        sections: The generated parts, in their order; empty where nothing is known.
        title: The heading of a new card.
        owned: Keys of the front matter on which we know better than what is there.
        modest: Names of parts that yield to what an earlier call, which knew more, said of the same weights.

    Raises:
        ConfigError: The existing card's front matter or markers are broken.
    """
    if existing is None or not existing.strip():
        parts = [_block(*part) for part in sections.items() if part[1]]
        body = "\n\n".join([FIRST_LINE, f"# {title}", *parts])
        return _card(metadata, f"{body}\n")
    newline = "\r\n" if "\r\n" in existing else "\n"
    try:
        old = ModelCard(existing.replace("\r\n", "\n"))
    except Exception as error:  # whatever YAML and the client make of a broken front matter
        raise ConfigError(
            f"The front matter of the existing card cannot be read: {error}. Correct it first."
        ) from error
    before = old.data.to_dict()
    # The client sorts the front matter its own way; a person's order is kept.
    order = re.findall(r"^([\w-]+):", existing.partition("\n---")[0], re.MULTILINE)
    before = {key: before[key] for key in order if key in before} | before
    same = _version(before) is not None and _version(before) == _version(metadata)
    card = _card(_united(before, metadata, owned, same), _body(old.text, sections, modest, same))
    return ModelCard(card.content.replace("\n", newline)) if newline != "\n" else card


def handwritten_text(card: str) -> str:
    """What a person wrote: a card without its front matter, its generated parts and the markers."""
    body = re.sub(r"\A---\n.*?\n---\n", "", card.replace("\r\n", "\n"), flags=re.DOTALL)
    for start, _, _, end in reversed(_spans(body).values()):
        body = body[:start] + body[end:]
    kept = MARKER.sub("", body).replace(FIRST_LINE, "")
    return "\n".join(line.rstrip() for line in kept.splitlines() if line.strip())


def has_parts(card: str) -> bool:
    """Whether something in a card was generated, rightly marked or not."""
    return MARKER.search(card.replace("\r\n", "\n")) is not None


def check_prose(name: str, text: str | None) -> str | None:
    """Text that somebody handed over for a generated part; a ConfigError if it holds our markers."""
    if marker := MARKER.search(text or ""):
        raise ConfigError(f"{name} of a card may not contain the marker {marker[0]!r}.")
    return text.strip() if text else None


def _card(metadata: dict[str, Any], body: str) -> ModelCard:
    front = ModelCardData(**metadata).to_yaml(original_order=list(metadata))
    return ModelCard(f"---\n{front}\n---\n{body}")


def _block(name: str, content: str) -> str:
    return f"<!-- intent-adapters: begin {name} -->\n{content.strip()}\n<!-- intent-adapters: end {name} -->"


def _body(text: str, sections: Mapping[str, str], modest: Set[str], same: bool) -> str:
    """The existing body with its generated parts replaced, and missing ones put where they belong."""
    _spans(text)
    skipped = {match[2] for match in MARKER.finditer(text) if match[1] == "skip"}
    previous: str | None = None
    for name, content in sections.items():
        spans = _spans(text)
        if name in spans:
            start, inner_start, inner_end, end = spans[name]
            old = text[inner_start:inner_end].strip()
            if old and (not content or name in modest) and (same or name in PROSE):
                content = old
            if content:
                text = text[:start] + _block(name, content) + text[end:]
            else:
                text = text[:start].rstrip("\n") + "\n\n" + text[end:].lstrip("\n")
        elif content and name not in skipped:
            if previous is None:
                text = f"{text.rstrip()}\n\n{_block(name, content)}\n"
            else:
                after = spans[previous][3]
                text = f"{text[:after]}\n\n{_block(name, content)}{text[after:]}"
        if name in _spans(text):
            previous = name
    return text


def _spans(text: str) -> dict[str, tuple[int, int, int, int]]:
    """Of every generated part: where its first marker starts and ends, and where its second starts and ends."""
    spans: dict[str, tuple[int, int, int, int]] = {}
    markers = [match for match in MARKER.finditer(text) if match[1] != "skip"]
    for first, second in zip_longest(markers[::2], markers[1::2]):
        kind, name = first[1], first[2]
        if kind == "begin" and second is None:
            raise ConfigError(f"The existing card has {first[0]!r} without an 'end {name}'.")
        if kind != "begin" or (second[1], second[2]) != ("end", name) or name in spans:
            line = text.count("\n", 0, first.start()) + 1
            raise ConfigError(
                f"The markers of the existing card do not match: see {first[0]!r} in line {line} of its text. Every "
                "'begin NAME' needs one 'end NAME', and every NAME may be there once."
            )
        spans[name] = (first.start(), first.end(), second.start(), second.end())
    return spans


def _united(before: dict[str, Any], now: dict[str, Any], owned: Set[str], same: bool) -> dict[str, Any]:
    merged = dict(before)
    for key, value in now.items():
        if key in UNITED and key in before and key not in owned:
            if set(_listed(value)) - set(_listed(before[key])):
                merged[key] = list(dict.fromkeys([*_listed(before[key]), *_listed(value)]))
        elif key == "model-index":
            merged[key] = _index(before.get(key) if same or _version(before) is None else None, value)
        elif key in owned or key not in before:
            merged[key] = value
    if not same and "model-index" not in now and _version(before) is not None:
        merged.pop("model-index", None)  # figures of other weights
    return merged


def _index(before: Any, now: Any) -> Any:
    """Our figures, and those of the same weights that were there and that we have none for."""
    if not before:
        return now
    measured = {_measured(result, metric) for result in now[0]["results"] for metric in result["metrics"]}
    kept = []
    for result in before[0]["results"]:
        metrics = [metric for metric in result["metrics"] if _measured(result, metric) not in measured]
        if metrics:
            kept.append({**result, "metrics": metrics})
    return [{"name": now[0]["name"], "results": [*now[0]["results"], *kept]}]


def _measured(result: Any, metric: Any) -> tuple[Any, ...]:
    return (result["dataset"]["type"], result["dataset"].get("split"), metric["type"], metric.get("name"))


def _version(metadata: dict[str, Any]) -> Any:
    """Of the weights and the calibration that a card is about; `None` where no card of ours was made yet."""
    own = metadata.get(OWN_KEY)
    return own.get("version") or own.get("fingerprint") if isinstance(own, dict) else None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
