"""How rows of many agents are put into batches: little padding, and each agent's rows side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intent_adapters.runtime.bottlenecks import Bottlenecks
from intent_adapters.runtime.resident import Resident


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring rows of a batch whose adapters have one layout, each adapter with as many rows as the others.

    Attributes:
        start: Its first row in the batch.
        stop: The row after its last.
        adapters: Their bottlenecks, in the order of the rows.
    """

    start: int
    stop: int
    adapters: tuple[Bottlenecks, ...]


def batches(lengths: Sequence[int], residents: Sequence[Resident | None], batch_size: int) -> Iterator[list[int]]:
    """Cut rows into batches of similar length; in a batch, sort them so that `blocks` finds few.

    Args:
        lengths: How long each row is, in tokens.
        residents: The adapter of each row; `None` for the bare base.
        batch_size: Rows in a batch, at most.

    Yields:
        The indices of the rows of one batch.
    """
    rows = list(range(len(lengths)))
    if len(rows) > batch_size:
        rows.sort(key=lengths.__getitem__)
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        counts = Counter(residents[row] for row in batch)
        if len(counts) > 1:
            # Agents with no bottlenecks first, then by layout, then by how many rows they have.
            keys = {
                resident: (id(resident.bottlenecks.layout), count, number)
                if resident and resident.bottlenecks
                else (0, 0, 0)
                for number, (resident, count) in enumerate(counts.items())
            }
            batch.sort(key=lambda row: keys[residents[row]])
        yield batch


def blocks(residents: Sequence[Resident | None]) -> list[Block]:
    """The blocks of a batch that `batches` has sorted; rows in none have no bottlenecks."""
    found: list[Block] = []
    start = 0
    for row in range(1, len(residents) + 1):
        if row < len(residents) and residents[row] is residents[start]:
            continue
        resident = residents[start]
        if resident is not None and resident.bottlenecks is not None:
            own, last = resident.bottlenecks, found[-1] if found else None
            if (
                last is not None
                and last.stop == start
                and last.adapters[0].layout is own.layout
                and (last.stop - last.start) == (row - start) * len(last.adapters)
            ):
                found[-1] = Block(last.start, row, (*last.adapters, own))
            else:
                found.append(Block(start, row, (own,)))
        start = row
    return found
