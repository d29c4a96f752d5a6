"""Accuracy with few utterances: an adapter beside logistic regressions on the frozen base, all on the same texts.

python -m examples.few_shot banking77/train.jsonl banking77/test.jsonl --base BASE --shots 2 --repetitions 3
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from datasets import Dataset

from intent_adapters import IntentModel, train_agent
from intent_adapters.data import few_shot_split, read_intents
from intent_adapters.evaluation import evaluate

SYSTEMS: dict[str, dict[str, Any]] = {
    "logistic regression": {"method": "probe", "label_names": False, "calibrate": False},
    "logistic regression with names": {"method": "probe", "calibrate": False},
    "adapter": {"method": "adapter"},
}


def repetitions(rows: Dataset, test: Dataset, shots: int | None, count: int) -> Iterator[tuple[int, Dataset, Dataset]]:
    """Seeds, training rows and test rows: with `shots` a draw for each seed, else the same rows each time."""
    for seed in range(count):
        yield seed, few_shot_split(rows, shots, seed=seed)[0] if shots else rows, test


def measure(model: IntentModel, runs: Iterator[tuple[int, Dataset, Dataset]]) -> list[dict[str, Any]]:
    """Accuracy and training time of every system in every repetition; each is printed as it comes."""
    measured = []
    for seed, train, test in runs:
        for system, settings in SYSTEMS.items():
            result = train_agent(model, "few shots", train, seed=seed, progress=False, replace=True, **settings)
            accuracy = 100 * evaluate(result.model, test, "few shots").accuracy
            measured.append(
                {
                    "system": system,
                    "seed": seed,
                    "accuracy": round(accuracy, 2),
                    "seconds": round(result.seconds, 1),
                    "kept": result.method,
                    "names": result.label_names,
                    "texts": result.texts,
                }
            )
            print(json.dumps(measured[-1]), flush=True)
    return measured


def table(measured: list[dict[str, Any]]) -> str:
    """The mean of each system, its spread, and every repetition, as Markdown."""
    lines = ["| system | accuracy | repetitions | seconds |", "| --- | ---: | ---: | ---: |"]
    for system in SYSTEMS:
        own = [run for run in measured if run["system"] == system]
        accuracies = [run["accuracy"] for run in own]
        spread = f" ± {stdev(accuracies):.2f}" if len(own) > 1 else ""
        each = " / ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        lines.append(f"| {system} | {mean(accuracies):.2f}{spread} | {each} | {mean(r['seconds'] for r in own):.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="labelled utterances")
    parser.add_argument("test", help="labelled utterances, none of them among the others")
    parser.add_argument("--base", required=True, help="folder or Hub name of a base")
    parser.add_argument("--shots", type=int, help="draw so many utterances of each intent, anew for each repetition")
    parser.add_argument("--repetitions", type=int, default=3, help="seeds 0, 1, ... (default: 3)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    chosen = parser.parse_args()
    started = time.perf_counter()
    model = IntentModel.from_pretrained(chosen.base, device="cpu")
    rows, test = read_intents(chosen.train), read_intents(chosen.test, purpose="evaluation")
    measured = measure(model, repetitions(rows, test, chosen.shots, chosen.repetitions))
    print(table(measured))
    print(f"{torch.get_num_threads()} threads, {time.perf_counter() - started:.0f} s in all")
    if chosen.json:
        chosen.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
