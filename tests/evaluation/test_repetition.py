from __future__ import annotations

import pytest

from intent_adapters.errors import DataError
from intent_adapters.evaluation import Repeated, summarize_runs


def test_mean_and_spread_of_every_figure_at_any_depth():
    runs = [
        {"accuracy": 0.5, "agent": "it", "threshold": None, "fine": True, "scope": {"auroc": 0.9, "bins": [1, 2]}},
        {"accuracy": 0.7, "agent": "it", "threshold": 0.1, "fine": True, "scope": {"auroc": 0.8, "rows": 3}},
        {"accuracy": 0.9, "agent": "it", "threshold": 0.2, "fine": True, "scope": {"auroc": 0.7, "rows": 3}},
    ]
    figures = summarize_runs(runs)
    assert list(figures) == ["accuracy", "scope.auroc"]
    assert figures["accuracy"].to_dict() == {
        "mean": pytest.approx(0.7),
        "spread": pytest.approx(0.2),
        "values": [0.5, 0.7, 0.9],
    }
    assert figures["scope.auroc"].spread == pytest.approx(0.1)


def test_one_run_has_no_spread_and_no_run_is_an_error():
    assert Repeated((0.5,)).spread == 0
    with pytest.raises(DataError, match="no runs"):
        summarize_runs([])
