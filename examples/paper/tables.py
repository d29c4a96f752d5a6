"""The paper's tables with our figures beside its own, as plain cells."""

from __future__ import annotations

from statistics import fmean

from examples.benchmark.tables import NOTHING, Table
from examples.paper.claims import check_claims
from examples.paper.results import Results
from examples.paper.systems import SYSTEMS, TABLE_2, TABLE_3
from examples.published import CHECKPOINT_MEGABYTES, IT_ACCURACY

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
        for claim, found in check_claims(results, column):
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


def _accuracies(title: str, results: Results, systems: tuple[str, ...]) -> Table:
    heads: list[str] = []
    for column in results.columns:
        heads += [column, f"paper, {results.domain(column)}"] if results.domain(column) else [column]
    table = Table(title, ("system", *heads))
    for system in systems:
        cells: list[str] = []
        for column in results.columns:
            found = results.accuracy(column, system)
            cells.append(NOTHING if found is None else _accuracy(found.mean, found.spread, len(found.values)))
            if results.domain(column):
                cells.append(f"{IT_ACCURACY[system]:.2f}" if system in IT_ACCURACY else NOTHING)
        if any(results.accuracy(column, system) for column in results.columns):
            table.rows.append((SYSTEMS[system].title, *cells))
    return table


def _accuracy(mean: float, spread: float, repetitions: int) -> str:
    return f"{100 * mean:.2f} ± {100 * spread:.2f}" if repetitions > 1 else f"{100 * mean:.2f}"
