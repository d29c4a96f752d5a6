"""Which rows run together in ONNX Runtime.

Here a run costs little beside its rows (a few hundred nodes of a microsecond or two), runs of a few hundred tokens
stay in the CPU's caches, and rows of one agent need no copy of its bottlenecks. So runs are short, and an agent with
enough rows has runs of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intent_adapters.runtime.resident import Resident
from intent_adapters.runtime.slab import Slab

# Per thread. Measured on MiniLM with 16 tokens a row: 94 ms for 64 rows in runs of 16 or 32, 100 in one run of 64.
RUN_TOKENS = 256
# From here on a run of one agent is faster than a share in a mixed one: 98 against 103 ms for 64 rows in runs of 8.
ALONE_TOKENS = 128


@dataclass(frozen=True)
class Run:
    """Rows that run together.

    Attributes:
        rows: Their indices.
        slab: Where their bottlenecks are; `None` if they have none.
        slots: One per row, or one for all.
    """

    rows: list[int]
    slab: Slab | None
    slots: list[int]


def runs(
    lengths: Sequence[int], residents: Sequence[Resident | None], batch_size: int, threads: int = 1
) -> Iterator[Run]:
    """Cut rows into runs of similar lengths.

    Args:
        lengths: How many tokens each row has.
        residents: The adapter of each row; `None` for the bare base.
        batch_size: Rows in a run, at most.
        threads: How many threads a run has.

    Yields:
        Every row in one run.
    """
    owners: dict[Resident | None, list[int]] = {}
    for row, resident in enumerate(residents):
        owners.setdefault(resident if resident and resident.slab else None, []).append(row)
    shared: dict[Slab, list[int]] = {}
    for owner, rows in owners.items():
        if owner is None or owner.slab is None:
            yield from (Run(some, None, []) for some in _cut(rows, lengths, batch_size, threads))
        elif len(owners) == 1 or sum(lengths[row] for row in rows) >= ALONE_TOKENS * threads:
            yield from (Run(some, owner.slab, [owner.slot]) for some in _cut(rows, lengths, batch_size, threads))
        else:
            shared.setdefault(owner.slab, []).extend(rows)
    for slab, rows in shared.items():
        for some in _cut(rows, lengths, batch_size, threads):
            slots = [resident.slot for row in some if (resident := residents[row])]
            yield Run(some, slab, slots[:1] if len(set(slots)) == 1 else slots)


def _cut(rows: list[int], lengths: Sequence[int], batch_size: int, threads: int) -> Iterator[list[int]]:
    """Runs of at most `batch_size` rows and, with their padding, about `RUN_TOKENS` tokens."""
    if len(rows) > 1:
        rows = sorted(rows, key=lengths.__getitem__, reverse=True)
    start = 0
    while start < len(rows):
        count = max(1, min(batch_size, RUN_TOKENS * threads // lengths[rows[start]]))
        yield rows[start : start + count]
        start += count
