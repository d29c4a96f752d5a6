"""A folder of many agents, a budget for few of them."""

from __future__ import annotations

import pytest
from sentence_transformers import SentenceTransformer

from intent_adapters import IntentModel
from tests.support.memory import linux
from tests.support.shared import minilm_path
from tests.support.tiny import tiny_base
from tests.support.traffic import drive, write_fleet


def test_zipf_traffic_within_a_budget_gets_the_right_answers(tmp_path):
    base = tiny_base(tmp_path)
    (tmp_path / "agents").mkdir()
    fleet = write_fleet(tmp_path / "agents", base, count=200, distinct=20, labels=5)
    base.save_pretrained(str(tmp_path / "base"))
    budget = 25 * 20_000
    model = IntentModel.from_pretrained(
        tmp_path / "base", adapter_dir=tmp_path / "agents", max_adapter_bytes=budget, device="cpu"
    )
    assert model.agents == tuple(fleet.names)
    assert model.stats.resident == 0
    traffic = drive(model, fleet, requests=150, batch=8)
    assert traffic.wrong == 0
    assert traffic.asked > 100
    assert traffic.evictions > 100
    assert 0.3 < traffic.hit_rate < 1
    assert budget / 2 < traffic.highest_bytes <= budget


def test_one_call_may_ask_more_agents_than_fit(tmp_path):
    base = tiny_base(tmp_path)
    (tmp_path / "agents").mkdir()
    fleet = write_fleet(tmp_path / "agents", base, count=60, distinct=20, labels=5)
    model = IntentModel(base, max_adapter_bytes=5 * 20_000)
    model.register_adapters({name: tmp_path / "agents" / name for name in fleet.names})
    traffic = drive(model, fleet, requests=3, batch=300)
    assert traffic.wrong == 0
    assert traffic.highest_bytes <= 5 * 20_000


@linux
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_ten_thousand_agents_stay_within_64_megabytes(tmp_path, dtype):
    base = SentenceTransformer(str(minilm_path()), device="cpu")
    fleet = write_fleet(tmp_path, base, count=10_000, distinct=200, labels=77, bottleneck_size=16)
    budget = 64 * 2**20
    model = IntentModel(base, max_adapter_bytes=budget, adapter_dtype=dtype)
    model.register_adapters({name: tmp_path / name for name in fleet.names})
    traffic = drive(model, fleet, requests=1000, batch=16)
    assert traffic.wrong == 0
    assert traffic.highest_bytes <= budget
    assert traffic.highest_growth <= 1.1 * budget
    assert traffic.hit_rate > 0.25  # an agent that is asked several times in one call counts once
