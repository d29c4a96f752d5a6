"""Which column is the text and which is the label."""

from __future__ import annotations

from collections.abc import Sequence

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.table import Example, Record, Table
from intent_adapters.errors import shorten

TEXT_NAMES = (
    *("text", "utterance", "utt", "sentence", "query", "question", "example", "input", "message"),
    *("문장", "발화", "질문", "텍스트"),
)
LABEL_NAMES = ("label", "intent", "category", "class", "target", "의도", "라벨", "레이블")
# Of words that can mean other things too, where there is none of those above.
VAGUE_TEXT_NAMES = (
    *("content", "phrase", "texts", "utterances", "sentences", "queries", "questions", "examples", "messages"),
    *("내용", "문의", "문의내용", "질의", "메시지", "예문", "본문"),
)
VAGUE_LABEL_NAMES = ("topic", "tag", "labels", "intents", "분류", "카테고리", "유형", "주제", "토픽", "인텐트")
ENTITIES = "entities"
# Data sets that number their classes often carry the names in a column beside the numbers.
SPELT_LABEL_NAMES = ("label_text", "label_name", "intent_name", "intent_text", "category_name", "class_name")
# Some files hold all splits, and a column that says which one a row belongs to.
SPLIT_COLUMNS = ("split", "partition", "set", "subset")
_ENGLISH_SPLITS = ("train", "training", "test", "validation", "valid", "val", "dev", "eval", "heldout", "holdout")
_KOREAN_SPLITS = ("학습", "훈련", "평가", "검증", "시험", "테스트")
SPLIT_NAMES = frozenset([*_ENGLISH_SPLITS, *_KOREAN_SPLITS])


def are_column_names(fields: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether a row is the first line of another table: the same columns in any order, or others with usual names."""
    names, own = _folded(fields), _folded(columns)
    if sorted(names) == sorted(own):
        return True
    texts, labels = {*TEXT_NAMES, *VAGUE_TEXT_NAMES}, {*LABEL_NAMES, *SPELT_LABEL_NAMES, *VAGUE_LABEL_NAMES}
    usual = texts.union(labels, own)
    return usual.issuperset(names) and not texts.isdisjoint(names) and not labels.isdisjoint(names)


def find_columns(
    origin: str, columns: list[str], text_column: str | None = None, label_column: str | None = None
) -> tuple[str, str]:
    """Finds the text column and the label column; a DataError if none or several could be meant.

    A column that the caller names is taken as it is. Otherwise names are compared without case and surrounding spaces:
    `text` and `label` win, then the one column whose name is usual for its role, then the one whose name can mean it.
    """
    text = find_text_column(origin, columns, text_column)
    label = _find(
        origin, columns, "label", label_column, [SPELT_LABEL_NAMES, ("label",), LABEL_NAMES, VAGUE_LABEL_NAMES]
    )
    if text == label:
        raise data_error(origin, f"text and label would both be the column {text!r}", "name two different columns")
    return text, label


def find_text_column(origin: str, columns: list[str], text_column: str | None = None) -> str:
    """Finds the text column alone, as `find_columns` does."""
    return _find(origin, columns, "text", text_column, [("text",), TEXT_NAMES, VAGUE_TEXT_NAMES])


def pick_examples(
    table: Table, problems: Problems, text_column: str | None = None, label_column: str | None = None
) -> list[Example]:
    """Reduces a table to text, label and entities; a row without one of the columns gets None there.

    Where other rows of the table have entities, one that lacks them has none: a list that is empty may be left out.

    Rows of several splits are a DataError. A line inside a quoted field that has the label of a row where rows have it
    is a problem.
    """
    text, label = find_columns(table.origin, table.columns, text_column, label_column)
    splits = {} if label in split_columns(table.columns) else rows_by_split(table)
    if len(splits) > 1:
        cure = "choose one with split= when you read the file, or keep the rows of one"
        raise data_error(table.origin, f"the rows belong to several splits: {', '.join(splits)}", cure)
    labels = {row.values.get(label) for row in table.records} - {"", None} if table.quoted else ()
    for line in table.quoted:
        if line.values[label] in labels:
            what = f"this line looks like a row, but stands in quotation marks: {shorten(list(line.values.values()))}"
            cure = (
                "delete or close the quotation mark before it; in a text of several lines, write a space after a comma"
            )
            problems.add(line.place, what, cure)
    entities = entity_column(table.columns)
    unmarked: list[object] | None = [] if entities in table.columns else None
    return [
        Example(row.place, row.values.get(text), row.values.get(label), row.values.get(entities, unmarked))
        for row in table.records
    ]


def entity_column(columns: Sequence[str]) -> str:
    """The column of the entities; there may be none."""
    return next((name for name, folded in zip(columns, _folded(columns), strict=True) if folded == ENTITIES), ENTITIES)


def split_columns(columns: Sequence[str]) -> list[str]:
    """The columns whose names are usual for the split of a row."""
    return [column for column, folded in zip(columns, _folded(columns), strict=True) if folded in SPLIT_COLUMNS]


def rows_by_split(table: Table) -> dict[str, list[Record]]:
    """The rows by split, where a column names the split of each row; empty where none does."""
    for column in split_columns(table.columns):
        rows: dict[str, list[Record]] = {}
        for record in table.records:
            rows.setdefault(str(record.values.get(column)).strip(), []).append(record)
        if rows and SPLIT_NAMES.issuperset(name.casefold() for name in rows):
            return rows
    return {}


def _find(origin: str, columns: list[str], role: str, named: str | None, groups: list[tuple[str, ...]]) -> str:
    found = ", ".join(map(shorten, columns[:20])) or "none"
    if named is not None:
        if named in columns:
            return named
        raise data_error(origin, f"there is no column {named!r}", f"the columns are: {found}")
    for names in groups:
        matches = [column for column, folded in zip(columns, _folded(columns), strict=True) if folded in names]
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = ", ".join(map(shorten, matches))
            raise data_error(
                origin, f"several columns could be the {role}: {several}", f"choose one with {role}_column="
            )
    cure = f"name it with {role}_column=, or call it {role!r} (a table needs its column names in the first line)"
    raise data_error(origin, f"no column looks like the {role}; the columns are: {found}", cure)


def _folded(names: Sequence[str]) -> list[str]:
    return [name.strip().casefold() for name in names]
