"""Tables from results into a page whose words are written by hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from examples.benchmark.tables import Table
from examples.paper.results import Results
from examples.paper.tables import claims_table, figure_2, kept_table, table_2, table_3, table_4
from intent_adapters.errors import DataError

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
    """Put tables between the marks `<!-- table2 of TRACK -->` and `<!-- end -->` of a page.

    Marks of tracks that are not among the results stay as they are.

    Args:
        page: Markdown.
        results: Of the tracks.

    Returns:
        The page with fresh tables.

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
