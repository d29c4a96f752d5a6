"""How well encoders tell intents apart by themselves: frozen embeddings, nearest class mean and logistic regression.

python -m examples.frozen clinc150/train_5.jsonl clinc150/validation.jsonl --base all-MiniLM-L6-v2 --base my-base
python -m examples.frozen clinc150/train.jsonl clinc150/validation.jsonl --base my-base --shots 5 --draws 3
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

from intent_adapters.data import few_shot_split, read_intents

INVERSE_REGULARIZATION = 30.0


def by_class_means(
    train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]
) -> NDArray[np.str_]:
    """The label of the mean, scaled to length 1, that has the highest cosine with each test embedding (texts, dim)."""
    names = np.unique(labels)
    means = np.stack([train[labels == name].mean(axis=0) for name in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    found: NDArray[np.str_] = names[(test @ means.T).argmax(axis=1)]
    return found


def by_regression(train: NDArray[np.float32], labels: NDArray[np.str_], test: NDArray[np.float32]) -> NDArray[np.str_]:
    """What scikit-learn's logistic regression says."""
    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=1000).fit(train, labels)
    found: NDArray[np.str_] = fitted.predict(test)
    return found


def accuracies(base: str, draws: Sequence[tuple[Dataset, Dataset]]) -> NDArray[np.float64]:
    """Percent right of the test texts of each draw (draws, 2), by class means and by regression."""
    encoder = SentenceTransformer(base, device="cpu")
    texts = sorted({text for draw in draws for rows in draw for text in rows["text"][:]})
    row_of = {text: row for row, text in enumerate(texts)}
    embeddings = encoder.encode(texts, normalize_embeddings=True)
    found = []
    for draw in draws:
        train, test = (embeddings[[row_of[text] for text in rows["text"][:]]] for rows in draw)
        labels, wanted = (np.array(rows["label"][:]) for rows in draw)
        decided = [decide(train, labels, test) for decide in (by_class_means, by_regression)]
        found.append([100 * float((labels_found == wanted).mean()) for labels_found in decided])
    return np.array(found)


def cell(column: NDArray[np.float64]) -> str:
    """One accuracy, or the mean of several, how far they spread, and each of them."""
    if len(column) == 1:
        return f"{column[0]:.2f}"
    each = " / ".join(f"{accuracy:.2f}" for accuracy in column)
    return f"{column.mean():.2f} ± {column.std(ddof=1):.2f} ({each})"


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="labelled utterances")
    parser.add_argument("test", nargs="?", help="labelled utterances, or those of the first file that were not drawn")
    parser.add_argument("--base", required=True, action="append", help="folder or Hub name; may be repeated")
    parser.add_argument("--shots", type=int, help="draw so many utterances of each intent, the same for every encoder")
    parser.add_argument("--draws", type=int, default=3, help="how many draws, with --shots (default: 3)")
    chosen = parser.parse_args()
    if not (chosen.test or chosen.shots):
        parser.error("name a file of test utterances, or --shots, to draw some and test on the others")
    rows = read_intents(chosen.train)
    draws = [(rows, rows)]
    if chosen.shots:
        draws = [few_shot_split(rows, chosen.shots, seed=seed) for seed in range(chosen.draws)]
    if chosen.test:
        test = read_intents(chosen.test, purpose="evaluation")
        draws = [(train, test) for train, _ in draws]
    print("| encoder | class means | logistic regression |\n| --- | ---: | ---: |")
    for base in chosen.base:
        means, regressions = accuracies(base, draws).T
        print(f"| {base} | {cell(means)} | {cell(regressions)} |", flush=True)


if __name__ == "__main__":
    main()
