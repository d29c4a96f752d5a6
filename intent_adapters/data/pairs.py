"""`read_pairs`: pairs of texts that share their meaning, from several sources, for stages 1 and 2."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from intent_adapters.data.hub import load_hub
from intent_adapters.data.objects import choose_split
from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers import read_file
from intent_adapters.errors import ConfigError, shorten
from intent_adapters.extras import need
from intent_adapters.inputs import check_number

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

Rows: TypeAlias = "str | os.PathLike[str] | Dataset | Sequence[Mapping[str, object]]"


@dataclasses.dataclass(frozen=True)
class PairSource:
    """One source of pairs, and how much of it to take.

    Attributes:
        rows: A file (csv, tsv, jsonl, json, parquet; all but parquet also with .gz), the name of a Hub data set, a
            `datasets.Dataset` or a list of dicts. The columns of the pair are `anchor` and `positive`; a column `kind`
            and a column `source` may stand beside them.
        weight: Which share of the pairs to draw, in (0, 1].
        kinds: Take only these values of `kind`; None takes all.
        leave_out: Leave out these values of `source`, for their licence or their noise.
        split: Of a Hub data set with several.
        sources: Take only these values of `source`; None takes all.
        shares: For some values of `source`, what takes the place of `weight`.
    """

    rows: Rows
    weight: float = 1.0
    kinds: Collection[str] | None = None
    leave_out: Collection[str] = ()
    split: str | None = None
    sources: Collection[str] | None = None
    shares: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for share in (self.weight, *self.shares.values()):
            check_number("the weight of a pair source", share, 0, 1, above=True)
        for name in ("kinds", "sources", "leave_out"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} must be a list of names, but it is the text {getattr(self, name)!r}")

    @property
    def named_sources(self) -> set[str]:
        """The values of `source` that it names."""
        return {*(self.sources or ()), *self.shares, *self.leave_out}


def read_pairs(sources: Rows | PairSource | Sequence[PairSource], *, seed: int = 0) -> Dataset:
    """Reads pairs from one source or several, and checks them.

    Left out are pairs of a text with itself, pairs that came before, in either direction, and, with `kinds`, rows that
    have none.

    Args:
        sources: Where the pairs are; see `PairSource`. A bare file, name or dataset is taken whole.
        seed: Of the draws where a weight is below 1.

    Returns:
        A dataset with the string columns `anchor` and `positive`, source by source.

    Raises:
        DataError: A source cannot be read, lacks a column, or has rows that are no pair of texts (ten are named).
        ConfigError: A setting of a source makes no sense.

    Warns:
        DataWarning: How many pairs were left out, and where.
    """
    import numpy as np

    pairs: dict[tuple[str, str], None] = {}
    problems = Problems()
    given = _as_sources(sources)
    chosen = {("kind", name) for source in given for name in source.kinds or ()}
    chosen |= {("source", name) for source in given for name in source.named_sources}
    for number, source in enumerate(given):
        found = list(_pairs_of(source, problems, chosen))
        by_source: dict[str, list[int]] = {}
        for row, (_, name, _, _) in enumerate(found):
            by_source.setdefault(name if name in source.shares else "", []).append(row)
        drawn: list[int] = []
        rng = np.random.default_rng([seed, number])
        for name, rows in by_source.items():
            share = source.shares.get(name, source.weight)
            drawn += rng.permutation(rows)[: max(round(share * len(rows)), 1)].tolist() if share < 1 else rows
        for place, _, anchor, positive in (found[row] for row in sorted(drawn)):
            if anchor == positive:
                problems.leave_out("pairs of a text with itself", place)
            elif (anchor, positive) in pairs or (positive, anchor) in pairs:
                problems.leave_out("pairs that came before", place)
            else:
                pairs[anchor, positive] = None
    for column, name in sorted(chosen):
        problems.add("sources", f"no row has the {column} {name!r}", "check the names given for a slip")
    problems.report()
    if not pairs:
        raise data_error("sources", "no pair is left to train on", "check the files, kinds=, sources= and leave_out=")
    need("datasets")
    from datasets import Dataset

    anchors, positives = zip(*pairs, strict=True)
    return Dataset.from_dict({"anchor": list(anchors), "positive": list(positives)})


def meaning_groups(anchors: Sequence[str], positives: Sequence[str]) -> NDArray[np.int64]:
    """The number of each pair's group (pairs,), from 0: pairs that share a text are of one, and so on along the chain.

    In a batch of in-batch negatives no two pairs of a group may meet, or a paraphrase would be a negative.
    """
    import numpy as np

    parent: dict[str, str] = {}

    def root(text: str) -> str:
        top = text
        while (above := parent.setdefault(top, top)) != top:
            top = above
        while parent[text] != top:  # the chain is short next time
            parent[text], text = top, parent[text]
        return top

    for anchor, positive in zip(anchors, positives, strict=True):
        parent[root(anchor)] = root(positive)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(root(anchor), len(numbers)) for anchor in anchors], dtype=np.int64)


def _as_sources(sources: Rows | PairSource | Sequence[PairSource]) -> list[PairSource]:
    if isinstance(sources, PairSource):
        return [sources]
    if isinstance(sources, Sequence) and not isinstance(sources, str) and sources:
        given = [source for source in sources if isinstance(source, PairSource)]
        if len(given) == len(sources):
            return given
        if given:
            raise ConfigError("the sources are partly PairSource and partly rows: make each a PairSource")
    return [PairSource(sources)]


def _pairs_of(
    source: PairSource, problems: Problems, chosen: set[tuple[str, str]]
) -> Iterable[tuple[str, str, str, str]]:
    """The place and the value of `source` of each pair of a source; names that rows have are taken out of `chosen`."""
    for place, row in _rows_of(source, problems):
        if chosen:
            chosen -= {(column, str(row.get(column))) for column in ("kind", "source")}
        if source.kinds is not None and row.get("kind") not in source.kinds:
            if not row.get("kind"):
                problems.leave_out("rows without a kind", place)
            continue
        name = str(row.get("source"))
        if name in source.leave_out or (source.sources is not None and name not in source.sources):
            continue
        texts = [row.get("anchor"), row.get("positive")]
        bad = [text for text in texts if not isinstance(text, str) or not text.strip()]
        if bad:
            problems.add(place, f"{shorten(bad[0])} is not a text", "give every row an anchor and a positive")
        else:
            yield place, name, str(texts[0]).strip(), str(texts[1]).strip()


def _rows_of(source: PairSource, problems: Problems) -> Iterable[tuple[str, Mapping[str, object]]]:
    rows = source.rows
    if isinstance(rows, str | os.PathLike):
        path = Path(rows)
        if path.is_file():
            table = read_file(path, problems, split=source.split)
            _check_columns(table.origin, table.columns, source)
            yield from ((record.place, record.values) for record in table.records)
            return
        splits = load_hub(os.fspath(rows))
        rows = splits[choose_split(os.fspath(source.rows), list(splits), source.split)]  # type: ignore[arg-type]
    need("datasets")
    from datasets import Dataset

    if isinstance(rows, Dataset):
        _check_columns("rows", rows.column_names, source)
        names = [name for name in ("anchor", "positive", "kind", "source") if name in rows.column_names]
        rows = rows.with_format(None).select_columns(names)
    elif not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) for row in rows):
        cure = "give a file, a Hub data set, a datasets.Dataset or a list of {'anchor': ..., 'positive': ...}"
        raise data_error("sources", f"cannot read pairs from {type(rows).__name__} {shorten(rows)}", cure)
    yield from ((f"rows[{index}]", row) for index, row in enumerate(rows))


def _check_columns(origin: str, columns: Sequence[str], source: PairSource) -> None:
    needed = ["anchor", "positive"]
    needed += ["kind"] if source.kinds is not None else []
    needed += ["source"] if source.named_sources else []
    missing = [name for name in needed if name not in columns]
    if missing:
        found = ", ".join(map(shorten, columns[:20])) or "none"
        raise data_error(origin, f"there is no column {missing[0]!r}", f"the columns are: {found}; rename one")
