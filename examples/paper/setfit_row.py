"""SetFit on the same encoder and the same rows, as what a user would take instead."""

from __future__ import annotations

import random
import tempfile
import time
from importlib.util import find_spec

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sklearn.linear_model import LogisticRegression
from transformers import ProgressCallback, set_seed

from intent_adapters.training.agent.prototypes import new_names

ITERATIONS = 20
"""Pairs of one meaning, and as many of two, that SetFit makes of each row: all pairs of hundreds of intents would take
hours."""


def has_setfit() -> bool:
    """Whether SetFit is installed."""
    return find_spec("setfit") is not None


def labelled_texts(train: Dataset, *, label_names: bool) -> list[tuple[str, str]]:
    """The texts and their labels, with the readable names of the intents if these are wanted."""
    labels = sorted(set(train["label"]))
    names = new_names(labels, train["text"][:]) if label_names else ()
    return [
        *zip(train["text"][:], train["label"][:], strict=True),
        *((name, labels[number]) for number, name in names),
    ]


def run_setfit(
    encoder: str, train: Dataset, test: Dataset, seed: int, device: str | None, *, label_names: bool
) -> tuple[float, float]:
    """Train SetFit with its own defaults but the number of pairs, and test it.

    Args:
        encoder: The encoder that it starts from.
        train: What it is trained on.
        test: What it is tested on.
        seed: Of the training, and of the order of the rows: SetFit shuffles with a seed of its own.
        device: Where it runs.
        label_names: Whether the readable name of each intent is one more text of it, as the other rows have it.

    Returns:
        Accuracy in [0, 1], and seconds of training.
    """
    from setfit import SetFitModel, Trainer, TrainingArguments  # the only row that needs it

    rows = labelled_texts(train, label_names=label_names)
    random.Random(seed).shuffle(rows)
    numbers = {label: number for number, label in enumerate(sorted({label for _, label in rows}))}
    body = SentenceTransformer(encoder, device=device).float()
    on_gpu = body.device.type == "cuda"
    set_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        model = SetFitModel(model_body=body, model_head=LogisticRegression(max_iter=1000))
        settings = TrainingArguments(
            output_dir=folder,
            batch_size=64 if on_gpu else 16,
            num_epochs=1,
            num_iterations=ITERATIONS,
            seed=seed,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
            show_progress_bar=False,
        )
        trainer = Trainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_dict(
                {"text": [text for text, _ in rows], "label": [numbers[label] for _, label in rows]}
            ),
        )
        trainer.remove_callback(ProgressCallback)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        with torch.inference_mode():
            said = model.predict(list(test["text"][:]), batch_size=256, as_numpy=True)
    wanted = [numbers.get(label, -1) for label in test["label"]]
    return sum(int(a) == b for a, b in zip(said, wanted, strict=True)) / len(wanted), seconds
