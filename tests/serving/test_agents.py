"""A folder of agents that changes."""

from __future__ import annotations

import asyncio
import shutil
import unicodedata
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.adapter_config import Provenance
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.cluster.switching import switch
from intent_adapters.errors import ConfigError, RequestError
from intent_adapters.loading import load_onnx_base
from intent_adapters.serving.agents import Agents
from tests.serving.conftest import NAMES
from tests.support.adapters import random_adapter


@pytest.fixture
def model(base: Path) -> IntentModel:
    return IntentModel.from_pretrained(base, backend="onnx", threads=1)


@pytest.fixture
def watched(model: IntentModel, agents: Path) -> Agents:
    return Agents(model, agents)


@pytest.fixture
def others(adapters) -> list[Adapter]:
    """Adapters that no agent has yet."""
    return adapters[1][len(NAMES) :]


def version(watched: Agents, name: str) -> str:
    return asyncio.run(watched.info(name)).version


def test_the_folder_is_what_can_be_asked(watched: Agents):
    assert sorted(watched.names) == sorted(NAMES)


def test_what_is_added_replaced_and_removed(watched: Agents, model: IntentModel, agents: Path, others: list[Adapter]):
    generation = watched.generation
    assert model.predict("a", "it").version == version(watched, "it")
    others[0].write(agents / "it")  # it is in memory
    others[1].write(agents / "clinic")  # it is not
    others[2].write(agents / "new one")
    watched.refresh()
    answers = model.predict(["a", "a", "a"], ["it", "clinic", "new one"])
    assert [answer.version for answer in answers] == [adapter.version for adapter in others]
    assert watched.generation not in ("", generation)
    shutil.rmtree(agents / "new one")
    watched.refresh()
    assert "new one" in watched.names  # it may be on its way
    watched.refresh()
    assert sorted(watched.names) == sorted(NAMES)


def test_servers_of_one_folder_have_one_generation(watched: Agents, base: Path, agents: Path, others: list[Adapter]):
    second = Agents(IntentModel.from_pretrained(base, backend="onnx", threads=1), agents)
    assert second.generation == watched.generation
    others[0].write(agents / "it")
    watched.refresh()
    assert second.generation != watched.generation
    second.refresh()
    assert second.generation == watched.generation


def test_an_agent_away_for_a_moment_stays(watched: Agents, agents: Path):
    (agents / "it").rename(agents / ".it")
    watched.refresh()
    (agents / ".it").rename(agents / "it")
    watched.refresh()
    (agents / "it").rename(agents / ".it")
    watched.refresh()
    assert "it" in watched.names


def test_a_threshold_set_by_hand_is_another_version(watched: Agents, agents: Path):
    before = asyncio.run(watched.info("it"))
    Adapter.read(agents / "it").with_threshold(0.9).write(agents / "it")
    watched.refresh()
    after = asyncio.run(watched.info("it"))
    assert (before.threshold, after.threshold) == (0.3, 0.9)
    assert before.version != after.version


def test_a_bad_replacement_leaves_the_agent_as_it_was(watched: Agents, model: IntentModel, agents: Path, caplog):
    before = version(watched, "it")
    (agents / "it" / "adapter_model.safetensors").write_bytes(b"no weights")
    watched.refresh()
    watched.refresh()
    assert model.predict("a", "it").version == before
    assert [record.fields["agent"] for record in caplog.records] == ["it"]


def test_an_agent_that_cannot_be_loaded_says_no_path(watched: Agents, agents: Path, others: list[Adapter]):
    (agents / "it" / "adapter_model.safetensors").write_bytes(b"no weights")
    failed = asyncio.run(watched.prepare(NAMES))
    assert failed.keys() == {"it"}
    assert (failed["it"].status, failed["it"].code) == (503, "agent_unavailable")
    assert str(agents) not in str(failed["it"])
    others[0].write(agents / "it")
    watched.refresh()
    assert not asyncio.run(watched.prepare(NAMES))


@pytest.mark.parametrize("how", ["of another base", "damaged", "too large"])
def test_agents_of_which_none_can_answer(base: Path, agents: Path, how: str):
    for name in NAMES:
        if how == "of another base":
            random_adapter(load_onnx_base(base), base_fingerprint="0" * 64).write(agents / name)
        if how == "damaged":
            (agents / name / "adapter_model.safetensors").write_bytes(b"no weights")
    budget = 1000 if how == "too large" else None
    model = IntentModel.from_pretrained(base, backend="onnx", threads=1, max_adapter_bytes=budget)
    with pytest.raises(ConfigError, match=r"No agent in .* can answer") as caught:
        Agents(model, agents).try_out()
    assert {"of another base": "base", "damaged": "safetensors", "too large": "1000"}[how] in str(caught.value)


def test_one_agent_that_can_answer_is_enough(watched: Agents, agents: Path, caplog):
    for name in NAMES[:2]:
        (agents / name / "adapter_model.safetensors").write_bytes(b"no weights")
    watched.try_out()
    assert {record.fields["agent"] for record in caplog.records} <= {*NAMES[:2]}


def test_a_folder_without_agents_is_one_to_be_filled(model: IntentModel, tmp_path: Path, caplog):
    (tmp_path / "empty").mkdir()
    Agents(model, tmp_path / "empty").try_out()
    [record] = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "no agents yet")


def test_a_folder_that_is_gone_is_not_looked_for_on_the_hub(
    model: IntentModel, agents: Path, monkeypatch: pytest.MonkeyPatch, caplog
):
    monkeypatch.chdir(agents.parent)
    watched = Agents(model, Path("agents"))
    shutil.rmtree(agents / "it")
    asks_the_hub = "intent_adapters.hub.downloading.snapshot_download"
    monkeypatch.setattr(asks_the_hub, lambda *_, **__: pytest.fail("asked the Hub"))
    for _ in range(3):
        assert asyncio.run(watched.prepare(["it"]))["it"].code == "unknown_agent"
    assert not caplog.records
    agents.rename(agents.with_name("elsewhere"))  # a disk that is not there is another matter
    for _ in range(3):
        assert asyncio.run(watched.prepare(["it"]))["it"].code == "agent_unavailable"
    [record] = caplog.records  # one line is enough
    assert str(agents) in record.fields["problem"]


@pytest.mark.parametrize("name", ["nobody", "", "..", "../it", "it/", "\0", "\udc80", "it ", "x" * 10_000, "🙂"])
def test_an_unknown_agent(watched: Agents, name: str):
    assert {name: error.code for name, error in asyncio.run(watched.prepare([name])).items()} == {
        name: "unknown_agent"
    }
    with pytest.raises(RequestError) as caught:
        asyncio.run(watched.info(name))
    assert caught.value.status == 404
    assert len(str(caught.value)) < 200
    assert not any(other in str(caught.value) for other in ("clinic", "예약 상담"))


def test_a_name_is_the_same_however_its_letters_are_composed(watched: Agents, agents: Path, caplog):
    apart = unicodedata.normalize("NFD", "예약 상담")
    assert not asyncio.run(watched.prepare([apart]))
    shutil.copytree(agents / "it", agents / apart)
    watched.refresh()
    watched.refresh()
    assert sorted(watched.names) == sorted(NAMES)
    assert len(caplog.records) <= 1


def test_what_is_no_agent_is_passed_over(watched: Agents, agents: Path, others: list[Adapter], caplog):
    (agents / "file.txt").write_text("", encoding="utf-8")
    (agents / "empty").mkdir()
    shutil.copytree(agents / "it", agents / ".hidden")
    watched.refresh()
    assert sorted(watched.names) == sorted(NAMES)
    assert not caplog.records
    shutil.copytree(agents / "it", agents / "bad,name")
    watched.refresh()
    watched.refresh()
    assert sorted(watched.names) == sorted(NAMES)
    assert [record.fields["agent"] for record in caplog.records] == ["bad,name"]
    shutil.rmtree(agents / "bad,name")
    watched.refresh()
    watched.refresh()


def test_it_looks_by_itself(watched: Agents, agents: Path, others: list[Adapter]):
    async def main() -> None:
        watching = asyncio.create_task(watched.watch(0.01))
        others[0].write(agents / "new")
        for _ in range(500):
            if "new" in watched.names:
                break
            await asyncio.sleep(0.01)
        watching.cancel()

    asyncio.run(main())
    assert "new" in watched.names


@pytest.fixture
def upgraded(base: Path, agents: Path, tmp_path: Path) -> dict[str, str]:
    """The folder after all agents but one were upgraded to another base; their versions before."""
    other = load_onnx_base(base).description.fingerprint[::-1]
    own = load_onnx_base(base).description.fingerprint
    before = {}
    for name in NAMES:
        adapter = Adapter.read(agents / name)
        stated = adapter.with_config(provenance=Provenance(own))
        stated.write(agents / name)
        before[name] = stated.version
        adapter.with_config(provenance=Provenance(other), scaling=2.0).write(tmp_path / "new" / name)
    before.pop("it")
    switch(agents, tmp_path / "new", before)
    return before


def test_a_server_of_the_old_base_goes_on_with_the_old_versions(
    model: IntentModel, agents: Path, upgraded: dict[str, str]
):
    started_again = Agents(model, agents)
    assert {name: version(started_again, name) for name in upgraded} == upgraded
    assert not started_again.problems


def test_so_does_one_that_is_running(watched: Agents, agents: Path, tmp_path: Path, request: pytest.FixtureRequest):
    asyncio.run(watched.info("it"))  # is in memory, the others are not
    before = request.getfixturevalue("upgraded")
    # Even before it looks at the folder again.
    assert {name: version(watched, name) for name in before} == before
    watched.refresh()
    assert {name: version(watched, name) for name in before} == before


def test_one_of_another_base_is_a_problem_as_ever(
    model: IntentModel, agents: Path, upgraded: dict[str, str], tmp_path: Path
):
    started = Agents(model, agents)
    adapter = Adapter.read(agents / "clinic")
    shutil.rmtree(agents / "clinic")
    adapter.write(agents / "clinic")  # without its versions
    started.refresh()
    with pytest.raises(RequestError, match="cannot be loaded"):
        version(started, "clinic")
