"""How many of the likely wrong labels that `check` finds were flipped: precision at the number flipped.

    python -m examples.wrong_labels DATA... --base BASE

A share of the labels is flipped at random to another intent, three times. `check` names its suspects; of as many as
were flipped, those count that were.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time

from intent_adapters import IntentModel
from intent_adapters.data import read_intents
from intent_adapters.data.check import check


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--base", required=True)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args(arguments)
    model = IntentModel.from_pretrained(options.base, device="cpu")
    print("| data | utterances | flipped | precision by seed | mean | suspects without flips | seconds |")
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: |")
    for path in options.data:
        rows = [dict(row) for row in read_intents(path)]
        precisions, seconds = [], []
        for seed in options.seeds:
            spoilt, flipped = flip(rows, options.share, seed)
            started = time.perf_counter()
            suspects = [finding.places[0] for finding in check(spoilt, model).of_kind("wrong label")]
            seconds.append(time.perf_counter() - started)
            found = {f"rows[{row}]" for row in flipped}.intersection(suspects[: len(flipped)])
            precisions.append(len(found) / len(flipped))
        clean = len(check(rows, model).of_kind("wrong label"))
        by_seed = ", ".join(f"{precision:.2f}" for precision in precisions)
        print(
            f"| {path} | {len(rows)} | {len(flipped)} | {by_seed} | {statistics.mean(precisions):.2f} | {clean} | "
            f"{statistics.median(seconds):.1f} |"
        )


def flip(rows: list[dict[str, str]], share: float, seed: int) -> tuple[list[dict[str, str]], list[int]]:
    """The rows, a share of them with the label of another intent, and which these are."""
    draw = random.Random(seed)
    labels = sorted({row["label"] for row in rows})
    flipped = draw.sample(range(len(rows)), max(1, round(share * len(rows))))
    spoilt = [dict(row) for row in rows]
    for row in flipped:
        spoilt[row]["label"] = draw.choice([label for label in labels if label != rows[row]["label"]])
    return spoilt, flipped


if __name__ == "__main__":
    main()
