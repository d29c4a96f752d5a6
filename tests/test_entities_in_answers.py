"""An agent that defines entities finds them in what it answers, wherever it runs; all others answer as before."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.artifacts import contents
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.versions import list_versions, rollback
from intent_adapters.data import Definition, EntityDefinitions
from intent_adapters.data.definitions import FILE_NAME
from intent_adapters.errors import AdapterError, ConfigError
from intent_adapters.extras import is_installed
from intent_adapters.loading import load_for
from intent_adapters.runtime.onnx.export import export_folder
from tests.support.adapters import random_adapter
from tests.support.tiny_files import write_tiny_base

CITIES = EntityDefinitions({"city": Definition({"Seoul": ("서울",)}), "when": Definition(system=("time",))})
TEXTS = ["서울에서 15:30에 봐요", "cancel it", "서울 서울"]


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory):
    folder = write_tiny_base(tmp_path_factory.mktemp("entities") / "base")
    export_folder(folder, None, precision="float32")
    return folder


@pytest.fixture(scope="module", params=["onnx", "torch"] if is_installed("sentence_transformers") else ["onnx"])
def base(base_folder, request):
    return load_for(request.param, base_folder, device="cpu", precision=None, threads=None)[0]


@pytest.fixture
def model(base) -> IntentModel:
    """Two agents of which one finds cities."""
    model = IntentModel(base, name="tiny")
    for seed, name in enumerate(("travel", "plain")):
        model.add_agent(name, random_adapter(base, labels=3, seed=seed, base_fingerprint=model.fingerprint))
    model.set_entities("travel", CITIES)
    return model


def found(prediction) -> list[tuple[str, str, str]] | None:
    entities = prediction.entities
    return None if entities is None else [(entity.text, entity.entity, entity.value) for entity in entities]


def test_only_the_agents_that_define_entities_find_them(model, base):
    asked = [(text, agent) for text in TEXTS for agent in ("travel", "plain")]
    together = model.predict([text for text, _ in asked], [agent for _, agent in asked])
    by_row = dict(zip(asked, together, strict=True))
    assert found(by_row[TEXTS[0], "travel"]) == [("서울", "city", "Seoul"), ("15:30", "when", "15:30")]
    assert found(by_row[TEXTS[1], "travel"]) == []
    assert found(by_row[TEXTS[2], "travel"]) == [("서울", "city", "Seoul")] * 2
    before = IntentModel(base, name="tiny")
    for name in ("travel", "plain"):
        before.add_agent(name, model.adapter(name).with_entities(None))
    for (text, agent), prediction in by_row.items():
        (former,) = before.predict([text], agent)
        assert former.entities is None
        if agent == "plain":
            assert prediction.to_dict().keys() == former.to_dict().keys()
            assert prediction.entities is None
        assert prediction.label == former.label
        assert prediction.score == pytest.approx(former.score, abs=1e-5)
    assert by_row[TEXTS[0], "travel"].to_dict()["entities"][0] == {
        "start": 0,
        "end": 2,
        "text": "서울",
        "entity": "city",
        "value": "Seoul",
        "role": None,
        "score": 1.0,
        "source": "values",
    }
    # Intents of the same rows in the same batch, with and without entities, are equal to the bit.
    alike = before.predict([text for text, _ in asked], [agent for _, agent in asked])
    assert [replace(one, entities=None) for one in together] == alike


def test_a_text_that_is_refused_has_no_entities(model):
    answers = model.predict(["", TEXTS[0]], "travel", errors="reject")
    assert [found(answer) for answer in answers] == [None, [("서울", "city", "Seoul"), ("15:30", "when", "15:30")]]


def test_definitions_travel_in_the_folder_and_in_copies(model, base, tmp_path: Path):
    model.save_adapter("travel", tmp_path / "travel")
    other = IntentModel(base, name="tiny")
    other.load_adapter(tmp_path / "travel")
    assert other.adapter("travel").entities == CITIES
    assert other.predict(TEXTS, "travel") == model.predict(TEXTS, "travel")
    assert other.agent_info("travel").version == model.agent_info("travel").version
    copy = pickle.loads(pickle.dumps(model))
    assert found(copy.predict(TEXTS[0], "travel")) == found(model.predict(TEXTS[0], "travel"))
    with pytest.raises(ConfigError, match=r"not 'entities\.json'"):
        other.set_entities("travel", "entities.json")  # type: ignore[arg-type]
    other.set_entities("travel", None)
    other.save_adapter("travel", tmp_path / "travel")
    assert not (tmp_path / "travel" / FILE_NAME).exists()
    assert other.agent_info("travel").version != model.agent_info("travel").version
    assert other.agent_info("travel").version == model.adapter("travel").with_entities(None).version


def test_definitions_that_could_not_be_read_again_are_not_saved(
    model: IntentModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model.save_adapter("travel", tmp_path / "travel")
    before = Adapter.read(tmp_path / "travel").version
    monkeypatch.setattr("intent_adapters.artifacts.adapter.MAX_ENTITIES_BYTES", 100_000)
    many = EntityDefinitions({"city": Definition({f"city {number}": () for number in range(10_000)})})
    adapter = model.adapter("travel").with_entities(many)
    with pytest.raises(AdapterError, match=r"have \d+,\d+ bytes, more than the 100,000"):
        adapter.write(tmp_path / "travel")
    assert Adapter.read(tmp_path / "travel").version == before
    assert [path.name for path in tmp_path.iterdir()] == ["travel"]


def test_a_version_has_its_own_definitions(model, tmp_path: Path):
    folder, adapter = tmp_path / "travel", model.adapter("travel")
    adapter.with_entities(None).write(folder)
    adapter.write(folder)
    assert sorted(bool(version.adapter.entities) for version in list_versions(folder)) == [False, True]
    rollback(folder)
    assert Adapter.read(folder).entities is None
    assert not (folder / FILE_NAME).exists()
    rollback(folder)
    assert Adapter.read(folder).entities == CITIES


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "broken JSON"),
        (b"[]", "no JSON object"),
        (b'{"entities": {"a": {"system": ["colour"]}}}', "'colour' is no kind"),
        (b'{"entities": {"a": {"patterns": ["("]}}}', "no regular expression"),
        (b" " * 3_000, "bytes, more than"),
    ],
)
def test_definitions_that_cannot_be_used_leave_the_model_as_it_was(model, tmp_path, monkeypatch, content, what):
    pytest.importorskip("regex")
    model.save_adapter("travel", tmp_path / "other")
    (tmp_path / "other" / FILE_NAME).write_bytes(content)
    monkeypatch.setattr("intent_adapters.artifacts.adapter.MAX_ENTITIES_BYTES", 2_000)
    with pytest.raises(AdapterError, match=what):
        model.load_adapter(tmp_path / "other")
    assert set(model.agents) == {"travel", "plain"}


def test_definitions_count_as_memory_of_the_agent(model):
    def taken() -> int:
        return model.stats.bytes

    before = taken()
    values = {f"value number {number}": () for number in range(10_000)}
    model.set_entities("plain", EntityDefinitions({"many": Definition(values)}))
    assert 2_000_000 < taken() - before < 10_000_000


def test_the_file_has_one_name():
    assert contents.ENTITIES_NAME == FILE_NAME
