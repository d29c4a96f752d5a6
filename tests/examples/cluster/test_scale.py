"""The simulation behind docs/concepts/scale.md: it agrees with what can be worked out, and the page shows it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from examples.cluster.scale import (
    BALANCING,
    BEGIN,
    END,
    MEASURED,
    Load,
    Measured,
    cores_for,
    expected_hits,
    page,
    read_measured,
    simulate,
)

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "scale.md"
SMALL = Load(agents=2_000, per_second=1_000)


def test_shares_follow_zipf():
    shares = Load(agents=1_000).shares()
    assert shares.sum() == pytest.approx(1)
    assert shares[0] == pytest.approx(10 * shares[9])


def test_the_simulation_finds_what_the_approximation_says():
    for room in (20, 200):
        found = simulate(SMALL, 4, room, "random", requests=60_000)
        assert found.hits == pytest.approx(expected_hits(SMALL, room), abs=0.02)
        divided = simulate(SMALL, 4, room, "rendezvous", requests=60_000)
        assert divided.hits == pytest.approx(expected_hits(SMALL, 4 * room), abs=0.03)


def test_all_agents_in_memory_are_always_hits_once_they_were_asked():
    assert expected_hits(SMALL, 2_000) == 1.0
    assert simulate(Load(agents=50), 2, 50, "rendezvous", requests=20_000).hits == 1.0


def test_bounded_loads_keep_the_busiest_replica_from_being_much_busier():
    busiest = {each: simulate(SMALL, 20, 100, each, requests=60_000).busiest for each in BALANCING}
    assert busiest["rendezvous"] > 1.5 > busiest["rendezvous, bounded"] > 1.0


def test_cores_suffice_and_memory_that_is_divided_saves_some():
    measured = read_measured()
    cores, hits = cores_for(measured, SMALL, 50, divided=False)
    busy = SMALL.per_second * (measured.request_ms + (1 - hits) * measured.load_ms) / 1000
    assert 0.5 * cores < busy / 0.6 <= cores
    fewer, more_hits = cores_for(measured, SMALL, 50, divided=True)
    assert fewer <= cores and more_hits > hits


def test_every_measured_figure_says_what_it_is_and_where_it_is_from():
    content = json.loads(MEASURED.read_text(encoding="utf-8"))
    assert content.keys() == {field.name for field in dataclasses.fields(Measured)}
    for entry in content.values():
        assert entry.keys() == {"what", "value", "unit", "from"}
        assert entry["value"] > 0 and "not measured" not in entry["from"]


@pytest.mark.slow
def test_the_page_shows_what_the_simulation_gives():
    source = json.loads(MEASURED.read_text(encoding="utf-8"))
    written = PAGE.read_text(encoding="utf-8")
    shown = written[written.index(BEGIN) : written.index(END) + len(END)]
    assert shown == page(read_measured(), source, 1_000_000)
