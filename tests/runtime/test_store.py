from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from intent_adapters.adapter_config import AdapterConfig
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AdapterError, AgentError
from intent_adapters.runtime.store import AdapterStore

COST = 10


class FakeResident:
    """Stands for a resident adapter; knows whether it was released, and that it was so only once."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.released = False

    def release(self) -> None:
        assert not self.released
        self.released = True


class Shelf:
    """A store of fake residents with room for `room` of them, and counts of what was read."""

    def __init__(self, room: int | None = None) -> None:
        self.reads: list[str] = []
        self.admitted: list[FakeResident] = []
        self.store = AdapterStore(self._admit, lambda _: COST, None if room is None else room * COST)

    def _admit(self, adapter: Adapter) -> FakeResident:
        resident = FakeResident(adapter)
        self.admitted.append(resident)
        return resident

    def source(self, name: str, version: int = 0):
        def load() -> Adapter:
            self.reads.append(name)
            return adapter(f"{name} {version}")

        return load

    def register(self, *names: str) -> None:
        self.store.register({name: self.source(name) for name in names})

    def ask(self, *names: str) -> list[str]:
        """The labels of the adapters that a call would get."""
        got = []
        with closing(self.store.leases(self.store.find(names).values())) as groups:
            for held in groups:
                assert not any(resident.released for resident in held.values())
                got += [resident.adapter.labels[0] for resident in held.values()]
        return got

    @property
    def alive(self) -> int:
        return sum(not resident.released for resident in self.admitted)


def adapter(label: str) -> Adapter:
    return Adapter(AdapterConfig(sites="none", labels=[label]), {})


@contextmanager
def call(shelf: Shelf, *names: str):
    """A call under way."""
    with closing(shelf.store.leases(shelf.store.find(names).values())) as groups:
        yield next(groups)


def test_agents_are_read_when_first_asked_and_once():
    shelf = Shelf()
    shelf.register("a", "b")
    assert shelf.reads == []
    assert shelf.ask("a") == shelf.ask("a") == ["a 0"]
    assert shelf.reads == ["a"]
    stats = shelf.store.stats()
    assert (stats.known, stats.resident, stats.hits, stats.misses, stats.loads) == (2, 1, 1, 1, 1)


def test_the_least_recently_used_leaves_first():
    shelf = Shelf(room=3)
    shelf.register(*"abcd")
    for name in "abcad":  # b is the oldest when d comes
        shelf.ask(name)
    shelf.reads.clear()
    shelf.ask("a", "c", "d")
    assert shelf.reads == []
    shelf.ask("b")
    assert shelf.reads == ["b"]
    stats = shelf.store.stats()
    assert (stats.resident, stats.bytes, stats.evictions) == (3, 3 * COST, 2)
    assert shelf.alive == 3


def test_pinned_agents_and_those_without_a_source_stay():
    shelf = Shelf(room=3)
    shelf.register(*"abcd")
    shelf.store.add("kept", adapter("kept 0"))
    shelf.store.pin("a")
    for name in "bcdbcd":
        shelf.ask(name)
    shelf.reads.clear()
    assert shelf.ask("a", "kept") == ["a 0", "kept 0"]
    assert shelf.reads == []
    shelf.store.unpin("a")
    shelf.ask("b", "c")
    shelf.ask("a")
    assert "a" in shelf.reads
    assert shelf.store.stats().pinned == 0


def test_a_pin_outlives_the_version_it_was_put_on():
    shelf = Shelf(room=1)
    shelf.register("a", "b")
    shelf.store.pin("a")
    with pytest.raises(AgentError, match=r"No room for agent 'b'.*max_adapter_bytes=10.*unpin"):
        shelf.ask("b")
    shelf.store.register({"a": shelf.source("a", 1)}, replace=True)
    assert shelf.ask("a") == ["a 1"]
    with pytest.raises(AgentError, match="No room for agent 'b'"):
        shelf.ask("b")
    assert shelf.store.stats().pinned == 1


def test_agents_without_a_source_may_exceed_the_budget_and_push_the_others_out():
    shelf = Shelf(room=2)
    shelf.register("a", "b")
    shelf.ask("a", "b")
    for index in range(3):
        shelf.store.add(f"kept {index}", adapter(f"kept {index}"))
    stats = shelf.store.stats()
    assert (stats.resident, stats.bytes, stats.evictions) == (3, 3 * COST, 2)
    with pytest.raises(AgentError, match="No room"):
        shelf.ask("a")
    shelf.store.remove("kept 0")
    shelf.store.remove("kept 1")
    assert shelf.ask("a") == ["a 0"]


def test_what_a_call_uses_stays_until_it_ends():
    shelf = Shelf(room=2)
    shelf.register("a", "b", "c")
    with call(shelf, "a") as held:
        [resident] = held.values()
        shelf.ask("b")
        shelf.ask("c")
        shelf.store.register({"a": shelf.source("a", 1)}, replace=True)
        shelf.store.remove("a")
        assert not resident.released
        with pytest.raises(AgentError, match="There is no agent 'a'"):
            shelf.store.find(["a"])
    assert resident.released
    assert shelf.alive == shelf.store.stats().resident == 1


def test_a_call_works_with_the_versions_it_found():
    shelf = Shelf()
    shelf.register("a")
    old = shelf.store.find_one("a")
    shelf.store.register({"a": shelf.source("a", 1)}, replace=True)
    with closing(shelf.store.leases([old])) as groups:
        assert [resident.adapter.labels for resident in next(groups).values()] == [["a 0"]]
    assert shelf.ask("a") == ["a 1"]
    assert shelf.alive == 1, "the old version left with the call"


def test_a_call_that_needs_more_than_fits_gets_it_piece_by_piece():
    shelf = Shelf(room=3)
    shelf.register(*"abcdefgh")
    found = shelf.store.find(list("abcdefgh")).values()
    with closing(shelf.store.leases(found)) as groups:
        sizes = [len(held) for held in groups]
    assert sizes == [3, 3, 2]
    assert shelf.ask(*"abcdefgh") == [f"{name} 0" for name in "abcdefgh"]
    assert shelf.store.stats().bytes <= 3 * COST


def test_a_call_waits_for_the_room_that_another_one_gives_back():
    shelf = Shelf(room=1)
    shelf.register("a", "b")
    got = []
    with call(shelf, "a"):
        other = threading.Thread(target=lambda: got.extend(shelf.ask("b")))
        other.start()
        time.sleep(0.1)
        assert got == []
        assert shelf.store.stats().bytes == COST
    other.join(10)
    assert got == ["b 0"]


def test_one_agent_is_read_once_for_all_who_ask_at_the_same_time():
    shelf = Shelf()
    started, go = threading.Event(), threading.Event()

    def slow() -> Adapter:
        shelf.reads.append("a")
        started.set()
        assert go.wait(10)
        return adapter("a 0")

    shelf.store.register({"a": slow, "b": shelf.source("b")})
    got = []
    threads = [threading.Thread(target=lambda: got.extend(shelf.ask("a"))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert started.wait(10)
    assert shelf.ask("b") == ["b 0"], "others are not held up by it"
    go.set()
    for thread in threads:
        thread.join(10)
    assert got == ["a 0"] * 5
    assert shelf.reads == ["a", "b"]


def test_an_agent_that_cannot_be_read_is_an_error_each_time_and_leaves_nothing():
    shelf = Shelf(room=1)
    broken = [True]

    def load() -> Adapter:
        if broken[0]:
            raise AdapterError("damaged")
        return adapter("a 1")

    shelf.store.register({"a": load, "b": shelf.source("b")})
    for _ in range(3):
        with pytest.raises(AdapterError, match="damaged"):
            shelf.ask("b", "a")
        with pytest.raises(AdapterError, match="damaged"):
            shelf.store.pin("a")
    assert shelf.ask("b") == ["b 0"]
    broken[0] = False
    assert shelf.ask("a") == ["a 1"]
    assert shelf.store.stats().bytes == COST


def test_an_agent_that_does_not_fit_the_base_leaves_nothing():
    def admit(_: Adapter) -> FakeResident:
        raise AdapterError("of another base")

    store = AdapterStore(admit, lambda _: COST, COST)
    for _ in range(3):
        with pytest.raises(AdapterError, match="another base"):
            store.load("a", lambda: adapter("a"))
        with pytest.raises(AdapterError, match="another base"):
            store.add("a", adapter("a"))
    assert store.names == ()
    assert store.stats().bytes == store.stats().resident == 0


def test_a_taken_name_is_refused_also_if_it_was_taken_while_loading():
    shelf = Shelf()

    def meanwhile() -> Adapter:
        shelf.store.add("a", adapter("first"))
        return adapter("second")

    with pytest.raises(AgentError, match="already"):
        shelf.store.load("a", meanwhile)
    assert shelf.ask("a") == ["first"]
    assert shelf.alive == 1
    with pytest.raises(AgentError, match="already"):
        shelf.store.register({"new": shelf.source("new"), "a": shelf.source("a")})
    assert shelf.store.names == ("a",)


class StoreMachine(RuleBasedStateMachine):
    """Any order of what can be done with a store, calls under way included, against a plain dict."""

    names = st.sampled_from("abcdef")

    def __init__(self) -> None:
        super().__init__()
        self.shelf = Shelf(room=3)
        self.known: dict[str, str] = {}
        self.pinned: set[str] = set()
        self.calls = []
        self.version = 0

    def _enter(self, name: str) -> str:
        self.version += 1
        self.known[name] = f"{name} {self.version}"
        return self.known[name]

    @rule(name=names)
    def register(self, name):
        self._enter(name)
        self.shelf.store.register({name: self.shelf.source(name, self.version)}, replace=True)

    @rule(name=names)
    def remove(self, name):
        if name in self.known:
            self.shelf.store.remove(name)
            del self.known[name]
            self.pinned.discard(name)

    @precondition(lambda self: len(self.pinned) < 2 and not self.calls)
    @rule(name=names)
    def pin(self, name):
        if name in self.known:
            self.shelf.store.pin(name)
            self.pinned.add(name)

    @rule(name=names)
    def unpin(self, name):
        if name in self.known:
            self.shelf.store.unpin(name)
            self.pinned.discard(name)

    @precondition(lambda self: not self.calls)
    @rule(names=st.lists(names, max_size=6))
    def ask(self, names):
        wanted = list(dict.fromkeys(name for name in names if name in self.known))
        assert self.shelf.ask(*wanted) == [self.known[name] for name in wanted]

    @precondition(lambda self: not self.calls)
    @rule(name=names)
    def begin_call(self, name):
        if name in self.known:
            groups = self.shelf.store.leases([self.shelf.store.find_one(name)])
            [resident] = next(groups).values()
            assert resident.adapter.labels == [self.known[name]]
            self.calls.append((groups, resident))

    @rule()
    def end_calls(self):
        for groups, resident in self.calls:
            assert not resident.released
            groups.close()
        self.calls.clear()

    @invariant()
    def counts_agree(self):
        stats = self.shelf.store.stats()
        assert self.shelf.store.names == tuple(self.known)
        assert stats.bytes == stats.resident * COST == self.shelf.alive * COST
        assert stats.bytes <= 3 * COST
        assert not any(resident.released for _, resident in self.calls)

    def teardown(self):
        self.end_calls()
        for name in list(self.known):
            self.shelf.store.remove(name)
        assert self.shelf.alive == self.shelf.store.stats().bytes == 0


StoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestStoreMachine = StoreMachine.TestCase
