"""Watching a sentence encoder during its training: similarity of sentence pairs as people see it."""

from __future__ import annotations

import csv
from pathlib import Path

from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

from intent_adapters.errors import DataError

COLUMNS = ("sentence1", "sentence2", "score")
HIGHEST = 5.0


def sts_evaluator(path: str | Path, name: str = "sts", batch_size: int = 64) -> BaseEvaluator:
    """The Spearman correlation of cosines with scores from 0 to 5, for `train_encoder` and `distill`.

    Args:
        path: A tab-separated file in the form of the STS benchmark and KorSTS: a line of column names, among them
            `sentence1`, `sentence2` and `score`, and no quoting.
        name: Under which the score is logged.
        batch_size: Sentences in one pass.

    Raises:
        DataError: No such file, a column is missing, or a line has no such values.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:  # not splitlines: a sentence may hold U+2028
            rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}); give a tab-separated file in UTF-8") from error
    header = rows[0] if rows else []
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise DataError(f"{path}:1: there is no column {missing[0]!r}; the columns are {header}")
    first, second, score = (header.index(column) for column in COLUMNS)
    sentences: tuple[list[str], list[str]] = ([], [])
    scores: list[float] = []
    for number, row in enumerate(rows[1:], start=2):
        try:
            pair, value = (row[first], row[second]), float(row[score])
        except (IndexError, ValueError) as error:
            raise DataError(f"{path}:{number}: not two sentences and a score ({error}): mend the line") from error
        if not 0 <= value <= HIGHEST:
            raise DataError(f"{path}:{number}: the score {value} is not between 0 and {HIGHEST:g}: mend the line")
        for side, sentence in zip(sentences, pair, strict=True):
            side.append(sentence)
        scores.append(value / HIGHEST)
    return EmbeddingSimilarityEvaluator(*sentences, scores, name=name, batch_size=batch_size, write_csv=False)
