"""SetFit's row, as far as it can be tested without SetFit."""

from __future__ import annotations

import pytest
from datasets import Dataset

from examples.paper import cells
from examples.paper.cells import Cell, Setup, run
from examples.paper.setfit_row import labelled_texts
from examples.paper.tracks import Column
from tests.support.tiny import tiny_base

ROWS = Dataset.from_dict({"text": ["my card?", "cancel", "stop it"], "label": ["card_arrival", "cancel", "cancel"]})


def test_the_names_of_the_intents_are_texts_if_they_are_wanted():
    plain = [("my card?", "card_arrival"), ("cancel", "cancel"), ("stop it", "cancel")]
    assert labelled_texts(ROWS, label_names=False) == plain
    assert labelled_texts(ROWS, label_names=True) == [*plain, ("card arrival", "card_arrival")]


def test_setfit_gets_them_where_the_other_rows_do(data, tmp_path, monkeypatch: pytest.MonkeyPatch):
    asked, said = [], []
    train_agent = cells.train_agent

    def watched(*arguments, **settings):
        trained = train_agent(*arguments, **settings)
        said.append(trained.label_names)
        return trained

    def setfit(encoder, train, test, seed, device, *, label_names):
        asked.append(label_names)
        return 0.5, 1.0

    monkeypatch.setattr(cells, "run_setfit", setfit)
    monkeypatch.setattr(cells, "train_agent", watched)
    base = tmp_path / "base"
    tiny_base(tmp_path).save_pretrained(str(base))
    encoders, digests = {"distilled-se": str(base)}, {"distilled-se": "a"}
    setup = Setup(data=data, encoders=encoders, digests=digests, cells=tmp_path / "cells", device="cpu")
    assert run(Cell("distilled-se-setfit", Column("clinic", "rows.jsonl", shots=2), 0), setup)["accuracy"] == 0.5
    assert asked == said
