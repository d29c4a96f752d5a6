"""Which entities are found, missed and taken for which."""

from __future__ import annotations

import numpy as np

from intent_adapters.evaluation.entities import EntityScores
from intent_adapters.evaluation.plots.canvas import (
    BLUE,
    SKY,
    Picture,
    named_legend,
    new_picture,
    percent_axis,
    shortened,
)
from intent_adapters.evaluation.plots.confusion import draw_cells
from intent_adapters.evaluation.plots.matrix import BLOCK, side

MISSED, SPURIOUS = "missed", "spurious"


def plot_entities(scores: EntityScores) -> Picture:
    """Confusion table of entity types, and F1 of each, exact and lenient.

    A row for what was marked, a column for what was found, entities counted in the cells: blue where the type is
    right, though boundaries may be wrong. What was marked and not found is in the last column, what was found and not
    marked in the last row. The bars show F1 with exact spans, and behind it with overlapping ones: the gap is wrong
    boundaries. Of more than 24 types, those with the most entities marked or found are shown.

    Args:
        scores: What `evaluate` or `score_entities` gave.

    Returns:
        The picture.
    """
    common = sorted(scores.entities, key=lambda entity: -(entity.support + entity.predicted))[:BLOCK]
    shown = sorted(common, key=lambda entity: entity.entity)
    names = [entity.entity for entity in shown]
    place: dict[str | None, int] = {**{name: index for index, name in enumerate(names)}, None: len(names)}
    counts = np.zeros((len(place), len(place)))
    for cell in scores.confusion_table:
        if cell.meant in place and cell.said in place:
            counts[place[cell.meant], place[cell.said]] = cell.count
    height = side(len(place))
    with new_picture(2 * height, height, names) as picture:
        table, bars = picture.subplots(1, 2, width_ratios=(1.2, 1))
        draw_cells(table, counts, [*names, SPURIOUS], counts.sum(axis=1))
        table.set_xticks(range(len(place)), [*map(shortened, names), MISSED])
        table.set_ylabel("marked")
        table.set_xlabel("found")
        table.set_title("Entities by type" + f", the {len(names)} most common" * (len(scores.entities) > len(names)))
        rows = np.arange(len(shown))
        lenient = bars.barh(rows, [entity.lenient_f1 for entity in shown], color=SKY, height=0.7)
        exact = bars.barh(rows, [entity.f1 for entity in shown], color=BLUE, height=0.7)
        bars.set_yticks(rows, [f"{shortened(entity.entity)} ({entity.support})" for entity in shown], fontsize=8)
        bars.set_ylim(len(shown) - 0.4, -0.6)
        bars.set_xlim(0, 1)
        percent_axis(bars.xaxis)
        bars.set_xlabel("F1; in brackets how many were marked")
        bars.set_title(f"F1 {100 * scores.f1:.1f} %, {100 * scores.lenient_f1:.1f} % where spans may overlap")
        named_legend(
            picture, [exact, lenient], ["exact spans", "overlapping spans"], loc="outside lower right", ncols=2
        )
    return picture
