"""How well encoders tell intents apart by themselves: frozen embeddings, nearest class mean and logistic regression.

python -m examples.frozen clinc150/train_5.jsonl clinc150/validation.jsonl --base all-MiniLM-L6-v2 --base my-base
"""

from __future__ import annotations

import argparse

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression

from intent_adapters.data import read_intents

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


def accuracies(base: str, train: Dataset, test: Dataset) -> tuple[float, float]:
    """Percent right of the test texts, by class means and by regression."""
    encoder = SentenceTransformer(base, device="cpu")
    embedded = [encoder.encode(rows["text"][:], normalize_embeddings=True) for rows in (train, test)]
    labels, wanted = (np.array(rows["label"][:]) for rows in (train, test))
    means, regression = (
        100 * float((decide(embedded[0], labels, embedded[1]) == wanted).mean())
        for decide in (by_class_means, by_regression)
    )
    return means, regression


def main() -> None:
    """Read the arguments, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="labelled utterances")
    parser.add_argument("test", help="labelled utterances, none of them among the others")
    parser.add_argument("--base", required=True, action="append", help="folder or Hub name; may be repeated")
    chosen = parser.parse_args()
    train, test = read_intents(chosen.train), read_intents(chosen.test, purpose="evaluation")
    print("| encoder | class means | logistic regression |\n| --- | ---: | ---: |")
    for base in chosen.base:
        means, regression = accuracies(base, train, test)
        print(f"| {base} | {means:.2f} | {regression:.2f} |", flush=True)


if __name__ == "__main__":
    main()
