"""Putting names and figures into Markdown, so that whatever stands in them stays text."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

import jinja2

from intent_adapters.hub.cards.facts import CardFacts, Latency, Measurement
from intent_adapters.hub.cards.merging import check_prose

CITATION = """The method follows Yoon and Kang:

```bibtex
@article{yoon_kang_compressing,
  author = {Yoon and Kang},
  title = {Compressing intent classification model for multi-agent in low-resource devices}
}
```"""
SPECIAL = re.compile(r"([\\`*_\[\]|~$#])")
SHARES = {
    "accuracy",
    "f1",
    "precision",
    "recall",
    "false_rejection_rate",
    "fpr95",
    "roc_auc",
    "expected_calibration_error",
}


def plain(text: str) -> str:
    """A text as one line that Markdown and HTML leave alone."""
    return SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def quoted(text: str) -> str:
    """A text as a Python string in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def code(text: str) -> str:
    """A name as code, in or outside of a table."""
    line = " ".join(text.split())
    return plain(line) if "`" in line or "|" in line else f"`{line}`"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[str] = ()) -> str:
    """A Markdown table; the cells are Markdown already. Empty without rows."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return ""
    rule = ["---:" if column in numbers else "---" for column in columns]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(columns), rule, *cells])


def listed(facts: dict[str, object]) -> str:
    """A table of names and values; those without a value are left out."""
    return table(["", ""], [(name, value) for name, value in facts.items() if value is not None])


def size(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB" if count >= 1e3 else f"{count} bytes"


def fenced(source: str, language: str = "python") -> str:
    """Source code, fenced with more backticks than it has in a row."""
    longest = max((len(run) for run in re.findall(r"`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{source.strip()}\n{fence}"


def _results(measurements: Sequence[Measurement], latency: Sequence[Latency]) -> str:
    """Figures as one table for each data set, mean and spread over the runs, then how long an answer takes."""
    by_data: dict[str, list[tuple[object, ...]]] = {}
    for entry in measurements:
        spread = "" if entry.spread is None else f" ± {_shown(entry, entry.spread)}"
        where = f"{plain(entry.dataset)} ({plain(entry.split)})" if entry.split else plain(entry.dataset)
        row = (plain(entry.name), f"{_shown(entry, entry.mean)}{spread}", len(entry.values))
        by_data.setdefault(where, []).append(row)
    parts = [
        f"On {where}:\n\n{table(['metric', 'value', 'runs'], rows, numbers=['value', 'runs'])}"
        for where, rows in by_data.items()
    ]
    if any(entry.spread is not None for entry in measurements):
        parts.append("Mean ± standard deviation over the runs, one a seed.")
    times = [(plain(entry.setting), f"{entry.milliseconds:.3g} ms") for entry in latency]
    parts.append(table(["latency of", "time"], times, numbers=["time"]))
    return "\n\n".join(part for part in parts if part)


def render(template: str, facts: CardFacts, **values: object) -> dict[str, str]:
    """The parts of a file of `templates/`, each of which begins with a line `[name]`, by name and in order."""
    said = {name: check_prose(name, getattr(facts, name)) for name in ("description", "data", "limits")}
    values |= {**said, "results": _results(facts.measurements, facts.latency), "citation": CITATION}
    source = (files("intent_adapters.hub.cards") / "templates" / template).read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    parts = re.split(r"^\[([a-z-]+)\]\n", source, flags=re.MULTILINE)[1:]
    return {
        name: re.sub(r"\n{3,}", "\n\n", environment.from_string(part).render(values)).strip()
        for name, part in zip(parts[::2], parts[1::2], strict=True)
    }


def _shown(entry: Measurement, value: float) -> str:
    is_share = entry.to_eval_result().metric_type in SHARES and max(entry.values) <= 1
    return f"{100 * value:.2f} %" if is_share else f"{value:.4g}"
