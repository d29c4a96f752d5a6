"""Which rows run together in ONNX Runtime.

Here a run costs little beside its rows (a few hundred nodes of a microsecond or two), runs of a few hundred tokens
stay in the CPU's caches, and rows of one agent need no copy of its bottlenecks. So runs are short, and an agent with
enough rows has runs of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intent_adapters.runtime.bottlenecks import Bottlenecks, Layout
from intent_adapters.runtime.resident import Resident

# Measured on MiniLM with 16 tokens a row: 94 ms for 64 rows in runs of 16 or 32, 100 in one run of 64.
RUN_TOKENS = 256
# From here on a run of one agent is faster than a share in a mixed one: 98 against 103 ms for 64 rows in runs of 8.
ALONE_TOKENS = 128
# So few tokens are not divided among threads.
WHOLE_TOKENS = 64


@dataclass(frozen=True)
class Run:
    """Rows that run together.

    Attributes:
        rows: Their indices.
        adapters: Their bottlenecks: one per row, or one for all; empty if they have none.
    """

    rows: list[int]
    adapters: list[Bottlenecks]


def runs(lengths: Sequence[int], residents: Sequence[Resident | None], batch_size: int, threads: int = 1) -> list[Run]:
    """Cut rows into runs of similar lengths.

    Args:
        lengths: How many tokens each row has.
        residents: The adapter of each row; `None` for the bare base.
        batch_size: Rows in a run, at most.
        threads: Among how many threads the runs are divided, each working on one of them alone.

    Returns:
        Every row in one run. A single run is meant for all threads together.
    """
    owners: dict[Bottlenecks | None, list[int]] = {}
    for row, resident in enumerate(residents):
        owners.setdefault(resident.bottlenecks if resident else None, []).append(row)
    tokens = _run_tokens(sum(lengths), threads)
    found: list[Run] = []
    shared: dict[Layout, list[int]] = {}
    for owner, rows in owners.items():
        if owner is None:
            found += [Run(some, []) for some in _cut(rows, lengths, batch_size, tokens)]
        elif len(owners) == 1 or sum(lengths[row] for row in rows) >= ALONE_TOKENS:
            found += [Run(some, [owner]) for some in _cut(rows, lengths, batch_size, tokens)]
        else:
            shared.setdefault(owner.layout, []).extend(rows)
    for rows in shared.values():
        for some in _cut(rows, lengths, batch_size, tokens):
            own = [b for row in some if (resident := residents[row]) and (b := resident.bottlenecks)]
            found.append(Run(some, own[:1] if len(set(own)) == 1 else own))
    return found


def _run_tokens(total: int, threads: int) -> int:
    """How many tokens a run has, so that all threads have the same to do."""
    if threads == 1 or total <= WHOLE_TOKENS:
        return RUN_TOKENS
    rounds = math.ceil(total / (threads * RUN_TOKENS))
    return math.ceil(total / (threads * rounds))


def _cut(rows: list[int], lengths: Sequence[int], batch_size: int, tokens: int) -> Iterator[list[int]]:
    """Runs of at most `batch_size` rows and, with their padding, about so many tokens."""
    if len(rows) > 1:
        rows = sorted(rows, key=lengths.__getitem__, reverse=True)
    start = 0
    while start < len(rows):
        count = max(1, min(batch_size, tokens // lengths[rows[start]]))
        yield rows[start : start + count]
        start += count
