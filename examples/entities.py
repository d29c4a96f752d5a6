"""How well agents mark entities: exact spans and types, against how many utterances are marked.

python -m examples.entities slots restaurants8k/train_7.jsonl restaurants8k/test.jsonl --base BASE --seeds 3
python -m examples.entities slots klue_ner/pool.jsonl klue_ner/test.jsonl --base BASE --draw 100 500 2000 --crf
python -m examples.entities agents examples/agents/en/clinic --base BASE --shots 5
python -m examples.entities cost examples/agents/en/clinic --base BASE
"""

from __future__ import annotations

import argparse
import json
import random
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from typing import Any

from intent_adapters import IntentModel, train_agent
from intent_adapters.data import Definition, EntityAnnotation, EntityDefinitions, read_annotated, read_definitions
from intent_adapters.evaluation import score_entities
from intent_adapters.training import train_tagger

Row = dict[str, Any]
# What users would say of entities of such names.
KINDS = {"date": ("date",), "time": ("time",), "people": ("number",), "DT": ("date",), "TI": ("time",)}


def read_slots(path: Path) -> list[Row]:
    """Utterances without intents, with their entities."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def bare_agent(model: IntentModel, name: str) -> None:
    """An agent without bottlenecks, whose token states are those of the base; its intents are of no use."""
    rows = [{"text": text, "label": text} for text in ("yes", "no")]
    train_agent(model, name, rows, method="probe", calibrate=False, progress=False, replace=True)


def annotations(row: Row) -> list[EntityAnnotation]:
    """What is marked in a row."""
    return [
        EntityAnnotation(e["start"], e["end"], e["entity"], e.get("value") or row["text"][e["start"] : e["end"]])
        for e in row["entities"] or []
    ]


def f1(test: Sequence[Row], found: Sequence[Sequence[Any]]) -> float:
    """Of exact spans and types, micro-averaged, in per cent."""
    return 100 * score_entities([row["text"] for row in test], [annotations(row) for row in test], found).f1


def measure(model: IntentModel, name: str, train: Sequence[Row], test: Sequence[Row], seed: int) -> dict[str, Any]:
    """Trains a tagger and scores it."""
    result = train_tagger(model, name, train, seed=seed)
    found = [prediction.entities or () for prediction in model.predict([row["text"] for row in test], name)]
    return {"texts": result.texts, "seed": seed, "f1": round(f1(test, found), 2), "seconds": round(result.seconds, 1)}


def kinds_of(rows: Sequence[Row]) -> EntityDefinitions:
    """The kinds of system entities that the names of entities suggest."""
    names = {entity["entity"] for row in rows for entity in row["entities"]}
    kinds = {name: kind for name in names for part, kind in KINDS.items() if part in (name, name.rpartition("_")[2])}
    return EntityDefinitions({name: Definition(system=kind) for name, kind in sorted(kinds.items())})


def slots(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Agents without intents on a set of slots."""
    train, test = read_slots(arguments.train), read_slots(arguments.test)
    model = IntentModel.from_pretrained(arguments.base, device="cpu")
    systems = {"examples only": EntityDefinitions(), "examples and kinds": kinds_of(train)}
    measured = []
    for size in arguments.draw or [None]:
        for seed in range(arguments.seeds):
            rows = train if size is None else random.Random(seed).sample(train, size)
            for system, definitions in systems.items():
                if system == "examples only" or (definitions and not arguments.plain):
                    bare_agent(model, "slots")
                    model.set_entities("slots", definitions)
                    say(measured, {"system": system, **measure(model, "slots", rows, test, seed)})
            if arguments.crf:
                say(measured, {"system": "CRF", "texts": len(rows), "seed": seed, **crf(rows, test)})
    return measured


def agents(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """An agent with intents, as trained on its whole file; entities from some utterances of each, or from all."""
    measured: list[dict[str, Any]] = []
    folder = arguments.folder
    train, test = (
        [
            {"text": row.text, "label": row.label, "entities": [entity.to_dict() for entity in row.entities]}
            for row in read_annotated(folder / f"{part}.jsonl")[0]
        ]
        for part in ("train", "test")
    )
    definitions = read_definitions(folder / "entities.json")
    model = IntentModel.from_pretrained(arguments.base, device="cpu")
    plain = [{"text": row["text"], "label": row["label"]} for row in train]
    trained = train_agent(model, "agent", plain, progress=False)
    before = model.predict([row["text"] for row in test], "agent")
    model.set_entities("agent", definitions)
    found = [prediction.entities or () for prediction in model.predict([row["text"] for row in test], "agent")]
    say(measured, {"system": "definitions only", "texts": 0, "seed": 0, "f1": round(f1(test, found), 2), "seconds": 0})
    for seed in range(arguments.seeds):
        few = few_of_each(train, arguments.shots, seed)
        for size, rows in {f"{arguments.shots} of each": few, "all": train}.items():
            for system, known in {"examples": None, "examples and definitions": definitions}.items():
                model.set_entities("agent", known)
                say(measured, {"system": f"{system}, {size}", **measure(model, "agent", rows, test, seed)})
    after = model.predict([row["text"] for row in test], "agent")
    same = all(
        (one.top_k, one.scope_score) == (other.top_k, other.scope_score)
        for one, other in zip(before, after, strict=True)
    )
    print(json.dumps({"intents unchanged to the bit": same, "method": trained.method}))
    return measured


def cost(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """What definitions and a tagger cost beside the same agent without entities, called in turn, on one thread."""
    measured: list[dict[str, Any]] = []
    folder = arguments.folder
    train, test = (
        [{"text": row.text, "label": row.label, "entities": row.entities} for row in read_annotated(folder / name)[0]]
        for name in ("train.jsonl", "test.jsonl")
    )
    texts = [row["text"] for row in test]
    with TemporaryDirectory() as scratch:
        torch_model = IntentModel.from_pretrained(arguments.base, device="cpu")
        train_agent(
            torch_model, "plain", [{"text": row["text"], "label": row["label"]} for row in train], progress=False
        )
        plain = torch_model.adapter("plain")
        for name in ("definitions", "tagger"):
            torch_model.add_agent(name, plain)
            torch_model.set_entities(name, read_definitions(folder / "entities.json"))
        train_tagger(torch_model, "tagger", train)
        torch_model.export_base(f"{scratch}/int8", precision="int8")
        onnx_model = IntentModel.from_pretrained(f"{scratch}/int8", backend="onnx", threads=1)
        for name in ("plain", "definitions", "tagger"):
            onnx_model.add_agent(name, torch_model.adapter(name))
        for system, model in {"ONNX int8": onnx_model, "PyTorch": torch_model}.items():
            alone = seconds(model, [[text] for text in texts[:120]])
            batches = seconds(model, [texts[start : start + 64] for start in range(0, len(texts) - 63, 64)])
            for name in ("definitions", "tagger"):
                ratios = {"one": alone[name] / alone["plain"], "batch": batches[name] / batches["plain"]}
                row = {"system": f"{system}, {name}", **{size: round(ratio, 3) for size, ratio in ratios.items()}}
                say(measured, {**row, "ms": round(1000 * alone[name], 2)})
    return measured


def seconds(model: IntentModel, calls: Sequence[Sequence[str]]) -> dict[str, float]:
    """The median time of a call by agent: each call is made of all agents before the next, three times."""
    taken: dict[str, list[float]] = {name: [] for name in ("plain", "definitions", "tagger")}
    for _ in range(3):
        for texts in calls:
            for name, own in taken.items():
                started = time.perf_counter()
                model.predict(texts, name)
                own.append(time.perf_counter() - started)
    return {name: median(own) for name, own in taken.items()}


def few_of_each(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """Drawn utterances until each entity is in so many, or in all that have it; and as many without any."""
    order = random.Random(seed).sample(list(rows), len(rows))
    seen: Counter[str] = Counter()
    kept = []
    for row in order:
        names = {entity["entity"] for entity in row["entities"]}
        if any(seen[name] < count for name in names):
            kept.append(row)
            seen.update(names)
    return kept + [row for row in order if not row["entities"]][: len(kept)]


def crf(train: Sequence[Row], test: Sequence[Row]) -> dict[str, Any]:
    """A conditional random field on n-grams of characters around each character (sklearn-crfsuite)."""
    import sklearn_crfsuite

    started = time.perf_counter()
    model = sklearn_crfsuite.CRF(c1=0.05, c2=0.01, max_iterations=100)
    model.fit([characters(row["text"]) for row in train], [tags(row) for row in train])
    seconds = time.perf_counter() - started
    tagged = model.predict([characters(row["text"]) for row in test])
    found = [spans_of(own) for own in tagged]
    right = sum(len(own & gold(row)) for own, row in zip(found, test, strict=True))
    total = sum(len(own) + len(gold(row)) for own, row in zip(found, test, strict=True))
    return {"f1": round(200 * right / total, 2), "seconds": round(seconds, 1)}


def characters(text: str, window: int = 3) -> list[dict[str, float]]:
    """The features of each character: n-grams of 1 to 4 around it, and what kind of character it is."""
    padded = "\0" * window + text + "\0" * window
    rows = []
    for place in range(window, window + len(text)):
        grams = {
            f"{size}:{start - place}:{padded[start : start + size]}": 1.0
            for size in (1, 2, 3, 4)
            for start in range(place - window, place + window - size + 2)
        }
        letter = padded[place]
        kind = "0" if letter.isdigit() else "가" if "가" <= letter <= "힣" else "A" if letter.isupper() else "a"
        rows.append({**grams, f"kind:{kind if letter.isalnum() else letter}": 1.0})
    return rows


def gold(row: Row) -> set[tuple[int, int, str]]:
    """What is marked in a row."""
    return {(entity["start"], entity["end"], entity["entity"]) for entity in row["entities"]}


def tags(row: Row) -> list[str]:
    """The tag of each character."""
    found = ["O"] * len(row["text"])
    for start, end, name in gold(row):
        found[start:end] = [f"B-{name}", *[f"I-{name}"] * (end - start - 1)]
    return found


def spans_of(found: Sequence[str]) -> set[tuple[int, int, str]]:
    """Start, end and name of each entity in tags of characters."""
    spans, start = set(), 0
    for place in range(1, len(found) + 1):
        if place == len(found) or found[place] != f"I-{found[start][2:]}":
            if found[start] != "O":
                spans.add((start, place, found[start][2:]))
            start = place
    return spans


def say(measured: list[dict[str, Any]], row: dict[str, Any]) -> None:
    """Keeps and prints what was measured."""
    measured.append(row)
    print(json.dumps(row), flush=True)


def table(measured: Sequence[dict[str, Any]]) -> str:
    """Means and spreads, as Markdown."""
    lines = ["| system | utterances | F1 | each | seconds |", "| --- | ---: | ---: | --- | ---: |"]
    groups: dict[tuple[str, int | None], list[dict[str, Any]]] = {}
    for row in measured:
        drawn = "of each" in row["system"]
        groups.setdefault((row["system"], None if drawn else row["texts"]), []).append(row)
    for (system, _), rows in groups.items():
        scores = [row["f1"] for row in rows]
        spread = f" ± {stdev(scores):.2f}" if len(scores) > 1 else ""
        texts = "-".join(map(str, sorted({min(row["texts"] for row in rows), max(row["texts"] for row in rows)})))
        seconds = mean(row["seconds"] for row in rows)
        each = " ".join(f"{score:.2f}" for score in scores)
        lines.append(f"| {system} | {texts} | {mean(scores):.2f}{spread} | {each} | {seconds:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    of_slots = commands.add_parser("slots")
    of_slots.add_argument("train", type=Path)
    of_slots.add_argument("test", type=Path)
    of_slots.add_argument("--draw", type=int, nargs="+", help="draw so many utterances, for each seed others")
    of_slots.add_argument("--crf", action="store_true", help="a CRF on characters beside it (sklearn-crfsuite)")
    of_slots.add_argument("--plain", action="store_true", help="without definitions alone")
    of_slots.set_defaults(run=slots)
    of_agents = commands.add_parser("agents")
    of_agents.add_argument("folder", type=Path)
    of_agents.add_argument("--shots", type=int, default=5)
    of_agents.set_defaults(run=agents)
    of_cost = commands.add_parser("cost")
    of_cost.add_argument("folder", type=Path)
    of_cost.set_defaults(run=cost)
    for command in (of_slots, of_agents, of_cost):
        command.add_argument("--base", required=True)
    for command in (of_slots, of_agents):
        command.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    measured = arguments.run(arguments)
    if arguments.run is not cost:
        print(table(measured))


if __name__ == "__main__":
    main()
