"""Rendezvous hashing: every client has the same order, loads are even, and little moves when replicas come and go."""

from __future__ import annotations

import unicodedata
from collections import Counter
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from intent_adapters.cluster.ranking import ranked

ADDRESSES = st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=12, unique=True)
AGENTS = st.text(min_size=1, max_size=40)
REPLICAS = tuple(f"http://10.0.0.{number}:8000" for number in range(1, 9))
NAMES = [f"customer {number}" for number in range(8_000)]


@given(AGENTS, ADDRESSES)
def test_the_order_has_all_replicas_and_does_not_depend_on_the_list(agent: str, addresses: list[str]):
    assert ranked(agent, tuple(addresses)) == ranked(agent, tuple(sorted(addresses)))
    assert sorted(ranked(agent, tuple(addresses))) == sorted(addresses)


@given(AGENTS, ADDRESSES, st.data())
def test_without_a_replica_the_order_of_the_others_stays(agent: str, addresses: list[str], data):
    gone = data.draw(st.sampled_from(addresses))
    before = [address for address in ranked(agent, tuple(addresses)) if address != gone]
    assert list(ranked(agent, tuple(address for address in addresses if address != gone))) == before


def test_a_name_is_the_same_however_its_letters_are_composed():
    apart = unicodedata.normalize("NFD", "예약 상담")
    assert apart != "예약 상담"
    assert ranked(apart, REPLICAS) == ranked("예약 상담", REPLICAS)


def test_every_replica_has_its_share_of_the_agents():
    counts = Counter(ranked(name, REPLICAS)[0] for name in NAMES)
    mean = len(NAMES) / len(REPLICAS)
    assert all(abs(count - mean) < 0.15 * mean for count in counts.values()), counts


def test_the_agents_of_a_replica_that_goes_are_divided_among_all_others():
    counts = Counter(order[1] for name in NAMES if (order := ranked(name, REPLICAS))[0] == REPLICAS[0])
    mean = sum(counts.values()) / (len(REPLICAS) - 1)
    assert set(counts) == set(REPLICAS[1:])
    assert all(abs(count - mean) < 0.4 * mean for count in counts.values()), counts


def test_the_weights_are_those_that_are_documented():
    weights = {address: blake2b(f"{address}\n예약 상담".encode(), digest_size=8).hexdigest() for address in REPLICAS}
    assert list(ranked("예약 상담", REPLICAS)) == sorted(REPLICAS, key=weights.__getitem__, reverse=True)
