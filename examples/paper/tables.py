"""The paper's tables with our figures beside its own, and a page that is filled with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from examples.paper.results import Results
from examples.paper.rows import ROWS, TABLE_2, TABLE_3
from examples.published import CHECKPOINT_MEGABYTES, IT_ACCURACY
from examples.tables import NOTHING, Table
from intent_adapters.errors import DataError

SMALL, LARGE = "distilled-se-metric", "large-se-metric"


def table_2(results: Results) -> Table:
    """Accuracy of the four encoders, without and with metric learning, trained as adapters."""
    return _accuracies("Table 2: the four encoders", results, TABLE_2)


def table_3(results: Results) -> Table:
    """Accuracy of adapters against fine-tuning, logistic regression and SetFit."""
    return _accuracies("Table 3: adapter and fine-tuning", results, TABLE_3)


def claims_table(results: Results) -> Table:
    """What the paper says about their order, with the paired test of each column."""
    table = Table(
        "The paper's order, by the exact paired permutation test",
        ("claim", "column", "draws", "points", "p", "verdict"),
        left=2,
    )
    for column in results.columns:
        for claim, found in results.check_claims(column):
            holds = {"better": "holds", "worse": "the other way round"}.get(found.verdict, found.verdict)
            draws = str(found.repetitions)
            table.rows.append((claim.words, column, draws, f"{found.points:+.2f}", f"{found.p:.3f}", holds))
    return table


def kept_table(results: Results) -> Table:
    """How much of the large encoder's accuracy the distilled one keeps, both with adapter and metric learning."""
    table = Table("Distilled against large, both SE + metric", ("column", "draws", "large", "distilled", "kept"))
    for column in results.columns:
        small, large = results.on_both(column, SMALL, LARGE)
        if kept := results.kept(column, SMALL, LARGE):
            row = (column, f"{len(small)}", f"{100 * fmean(large):.2f}", f"{100 * fmean(small):.2f}")
            table.rows.append((*row, f"{100 * kept:.1f} %"))
    return table


def table_4(results: Results) -> Table:
    """Megabytes for 1, 50 and 100 agents."""
    table = Table("Table 4: checkpoints, MB", ("", *(f"{n} agents" if n > 1 else "1 agent" for n in (1, 50, 100))))
    for name, totals in results.values["footprint"]["totals"].items():
        table.rows.append((name, *(f"{totals[str(count)] / 1e6:,.1f}" for count in (1, 50, 100))))
        paper = CHECKPOINT_MEGABYTES.get(name)
        if paper:
            table.rows.append((f"{name}, paper", *(f"{paper[count]:,}" for count in (1, 50, 100))))
    return table


def figure_2(results: Results) -> Table:
    """Parameters, size and response time of the large and the distilled encoder."""
    footprint, response = results.values["footprint"], results.values["response"]
    table = Table("Figure 2: large and distilled", ("", "large", "distilled", "ratio"))
    for name, unit in (("parameters", 1e6), ("bytes", 1e6)):
        large, small = footprint["large"][name], footprint["distilled"][name]
        words = "parameters, millions" if name == "parameters" else "checkpoint, MB"
        table.rows.append((words, f"{large / unit:.1f}", f"{small / unit:.1f}", f"{small / large:.3f}"))
    for threads, found in response["threads"].items():
        name = f"one sentence, ms, {threads} thread{'s' if threads != '1' else ''}"
        ratio = found["ratio"]
        table.rows.append((name, f"{found['large']:.2f}", f"{found['distilled']:.2f}", f"{ratio:.3f}"))
    return table


def _accuracies(title: str, results: Results, names: tuple[str, ...]) -> Table:
    heads: list[str] = []
    for column in results.columns:
        heads += [column, f"paper, {results.domain(column)}"] if results.domain(column) else [column]
    table = Table(title, ("system", *heads))
    for name in names:
        cells: list[str] = []
        for column in results.columns:
            found = results.accuracy(column, name)
            cells.append(NOTHING if found is None else _accuracy(found.mean, found.spread, len(found.values)))
            if results.domain(column):
                cells.append(f"{IT_ACCURACY[name]:.2f}" if name in IT_ACCURACY else NOTHING)
        if any(results.accuracy(column, name) for column in results.columns):
            table.rows.append((ROWS[name].title, *cells))
    return table


def _accuracy(mean: float, spread: float, repetitions: int) -> str:
    return f"{100 * mean:.2f} ± {100 * spread:.2f}" if repetitions > 1 else f"{100 * mean:.2f}"


TABLES: Mapping[str, Callable[[Results], Table]] = {
    "table2": table_2,
    "table3": table_3,
    "table4": table_4,
    "figure2": figure_2,
    "claims": claims_table,
    "kept": kept_table,
}

BLOCK = re.compile(r"(<!-- (\w+) of ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill_page(page: str, results: Sequence[Results]) -> str:
    """Put tables between the marks `<!-- table2 of TRACK -->` and `<!-- end -->` of a Markdown page.

    Marks of tracks that are not among the results stay as they are.

    Raises:
        DataError: A mark names no table.
    """
    tracks = {found.values["track"]: found for found in results}

    def block(match: re.Match[str]) -> str:
        start, table, track, end = match.groups()
        if table not in TABLES:
            raise DataError(f"the page asks for {table!r}; the tables are {', '.join(TABLES)}")
        if track not in tracks:
            return match.group(0)
        return f"{start}\n{TABLES[table](tracks[track]).markdown()}\n\n{end}"

    return BLOCK.sub(block, page)
