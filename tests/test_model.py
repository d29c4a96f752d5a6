from __future__ import annotations

import pickle
import random
import threading
import unicodedata

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import (
    AdapterError,
    AgentError,
    BaseMismatchError,
    ConfigError,
    IntentAdaptersError,
    TextError,
)
from intent_adapters.extras import is_installed
from intent_adapters.loading import load_for
from intent_adapters.prediction import Prediction
from intent_adapters.runtime.onnx.export import export_folder
from tests.support.adapters import random_adapter
from tests.support.tiny_files import write_tiny_base

# An export has places for these; parallel bottlenecks take one of their own.
SITES = ["houlsby", "pfeiffer", "none"]
TEXTS = ["예약 취소", "cancel", "진료비 얼마예요?", "a", "how much is it to change it?", "주세요 " * 20, "0123 4567"]


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory):
    """A base for either backend."""
    folder = write_tiny_base(tmp_path_factory.mktemp("model") / "base")
    export_folder(folder, None, precision="float32")
    return folder


@pytest.fixture(scope="module", params=["onnx", "torch"] if is_installed("sentence_transformers") else ["onnx"])
def backend(request):
    return request.param


@pytest.fixture(scope="module")
def base(base_folder, backend):
    return load_for(backend, base_folder, device="cpu", precision=None, threads=None)[0]


@pytest.fixture
def model(base):
    """Eight agents that differ in labels, sites, size, head and prompt."""
    model = IntentModel(base, name="tiny")
    for index in range(8):
        adapter = random_adapter(
            base,
            labels=2 + index,
            seed=index,
            sites=SITES[index % 3],
            bottleneck_size=2 + index,
            head="linear" if index % 3 == 2 else "cosine",
            prompt="query: " if index == 5 else None,
        )
        model.add_agent(f"agent {index}", adapter)
    return model


def assert_same_answers(together, alone):
    for one, other in zip(together, alone, strict=True):
        assert (one.agent, one.label) == (other.agent, other.label)
        assert one.score == pytest.approx(other.score, abs=1e-5)
        for (label, score), (other_label, other_score) in zip(one.top_k, other.top_k, strict=True):
            assert label == other_label
            assert score == pytest.approx(other_score, abs=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_a_mixed_batch_answers_as_each_utterance_alone(model, seed):
    draw = random.Random(seed)
    count = draw.randint(1, 40)
    texts = draw.choices(TEXTS, k=count)
    agents = draw.choices(model.agents, k=count)
    together = model.predict(texts, agents=agents, batch_size=draw.choice([1, 7, 64]))
    assert_same_answers(
        together, [model.predict(text, agents=agent) for text, agent in zip(texts, agents, strict=True)]
    )


def test_predictions_are_probabilities_in_order(model):
    answer = model.predict("예약 취소", agents="agent 7", top_k=100)
    assert len(answer.top_k) == 9
    scores = [score for _, score in answer.top_k]
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    assert answer.top_k[0] == (answer.label, answer.score)
    assert {label for label, _ in answer.top_k} == set(model.labels("agent 7"))
    assert answer.to_dict()["top_k"][0] == {"label": answer.label, "score": answer.score}


def test_thresholds_of_the_call_and_of_the_agent(base):
    model = IntentModel(base)
    model.add_agent("open", random_adapter(base))
    model.add_agent("strict", random_adapter(base, threshold=1.0))
    assert model.predict("a", agents="open").in_scope
    assert not model.predict("a", agents="strict").in_scope
    assert model.predict("a", agents="strict", threshold=0.0).in_scope
    assert not model.predict("a", agents="open", threshold=1.0).in_scope
    both = model.predict(["a", "a", "a"], agents="open", threshold=[1.0, None, 0.0])
    assert [(answer.in_scope, answer.threshold) for answer in both] == [(False, 1.0), (True, None), (True, 0.0)]
    assert model.predict("a", agents="strict").threshold == 1.0


def test_an_answer_says_which_version_gave_it(base, tmp_path):
    model = IntentModel(base)
    adapter = random_adapter(base, threshold=0.5)
    adapter.write(tmp_path / "it")
    model.load_adapter(tmp_path / "it")
    info = model.agent_info("it")
    assert info == ("it", tuple(adapter.labels), 0.5, adapter.version)
    first = model.predict("a", "it")
    assert first.version == info.version
    model.set_threshold("it", 0.4)
    assert model.predict("a", "it").version not in ("", info.version)
    model.load_adapter(tmp_path / "it", replace=True)
    assert model.predict("a", "it").version == info.version
    with pytest.raises(AgentError):
        model.agent_info("hr")


def test_whether_an_agent_is_in_memory(base, tmp_path):
    random_adapter(base).write(tmp_path / "it")
    model = IntentModel(base)
    model.register_adapter(tmp_path / "it")
    assert not model.is_resident("it")
    model.predict("a", "it")
    assert model.is_resident("it")
    with pytest.raises(AgentError):
        model.is_resident("hr")


def test_one_agent_needs_no_name_and_shapes_follow_the_input(base):
    model = IntentModel(base)
    model.add_agent("only", random_adapter(base))
    assert model.predict("a").agent == "only"
    assert [answer.agent for answer in model.predict(["a", "b"])] == ["only", "only"]
    assert model.predict([]) == []
    assert model.encode("a").shape == (32,)
    assert model.encode(["a", "b"]).shape == (2, 32)
    assert model.encode([]).shape == (0, 32)


def test_save_and_load_give_the_same_answers_to_the_bit(model, tmp_path, base_folder, backend):
    for agent in model.agents:
        model.save_adapter(agent, tmp_path / agent)
    folders = {agent: tmp_path / agent for agent in model.agents}
    again = IntentModel.from_pretrained(base_folder, adapter=folders, backend=backend)
    agents = [agent for agent in model.agents for _ in TEXTS]
    assert again.predict(TEXTS * 8, agents=agents) == model.predict(TEXTS * 8, agents=agents)


def test_an_adapter_finds_its_base(base, tmp_path, base_folder, backend):
    adapter = random_adapter(base, base_model_name_or_path=str(base_folder))
    adapter.write(tmp_path / "clinic")
    model = IntentModel.from_pretrained(adapter=tmp_path / "clinic", backend=backend)
    assert model.agents == ("clinic",)
    random_adapter(base).write(tmp_path / "nameless")
    with pytest.raises(ConfigError, match="does not name its base"):
        IntentModel.from_pretrained(adapter=tmp_path / "nameless")
    with pytest.raises(ConfigError, match="got neither"):
        IntentModel.from_pretrained()


def test_an_adapter_of_another_base_is_refused_by_name(base, tmp_path):
    adapter = random_adapter(base, base_fingerprint="0" * 64, base_model_name_or_path="org/other")
    model = IntentModel(base, name="tiny")
    with pytest.raises(BaseMismatchError, match=r"agent 'clinic' .*'org/other'.*not on 'tiny'.*train the agent again"):
        model.add_agent("clinic", adapter)
    assert model.agents == ()


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "a/b", "a\\b", "../x", ".hidden", "a\nb", "a\x00b", "x" * 97, "a.", "a ", None, 3, "\ud800"],
)
def test_names_that_cannot_be_stored_are_refused(base, name):
    model = IntentModel(base)
    with pytest.raises(AgentError, match="cannot name an agent"):
        model.add_agent(name, random_adapter(base))
    assert model.agents == ()


@pytest.mark.parametrize(
    "name", ["a", "v1.2", "예약 봇", "clinic-intents", "weight", "bot", "keys", "default", "일본語_3"]
)
def test_names_that_trip_others_work_here(base, name, tmp_path):
    model = IntentModel(base)
    model.add_agent(name, random_adapter(base))
    model.save_adapter(name, tmp_path / name)
    again = IntentModel(base)
    assert again.load_adapter(tmp_path / name) == name
    assert again.predict("a") == model.predict("a")


def test_a_taken_name_needs_replace(base):
    model = IntentModel(base)
    model.add_agent("clinic", random_adapter(base, labels=2))
    with pytest.raises(AgentError, match="already"):
        model.add_agent("clinic", random_adapter(base, labels=5))
    assert len(model.labels("clinic")) == 2
    model.add_agent("clinic", random_adapter(base, labels=5), replace=True)
    assert len(model.labels("clinic")) == 5


def test_unloading_forgets_one_agent_only(model):
    before = model.predict("a", agents="agent 3")
    model.unload_adapter("agent 2")
    assert "agent 2" not in model.agents
    assert model.predict("a", agents="agent 3") == before
    for call in (model.unload_adapter, model.labels, model.adapter, lambda name: model.predict("a", agents=name)):
        with pytest.raises(AgentError, match="There is no agent 'agent 2'"):
            call("agent 2")


@pytest.mark.parametrize(
    ("error", "match", "arguments"),
    [
        (TextError, r"texts\[1\] is of type int", {"texts": ["a", 3]}),
        (TextError, r"texts\[0\] is of type NoneType", {"texts": [None]}),
        (TextError, r"texts\[0\] is of type bytes", {"texts": [b"a"]}),
        (TextError, r"texts\[2\] is empty", {"texts": ["a", "b", ""]}),
        (TextError, "The text is empty", {"texts": " \n\t"}),
        (TextError, "a text or a list of texts", {"texts": None}),
        (TextError, "a text or a list of texts", {"texts": 5}),
        (TextError, "a text or a list of texts", {"texts": b"bytes"}),
        (TextError, "a text or a list of texts", {"texts": {"text": "a"}}),
        (AgentError, "There is no agent 'nobody'", {"texts": "a", "agents": "nobody"}),
        (AgentError, "There is no agent 'nobody'", {"texts": ["a", "b"], "agents": ["agent 1", "nobody"]}),
        (AgentError, r"agents\[0\] is not a string: None", {"texts": ["a"], "agents": [None]}),
        (AgentError, "a string or one string per text, not by 3", {"texts": ["a"], "agents": 3}),
        (AgentError, "8 agents.*name the agent", {"texts": "a", "agents": None}),
        (ConfigError, r"3 text\(s\) but 2 agent\(s\)", {"texts": ["a"] * 3, "agents": ["agent 1"] * 2}),
        (ConfigError, "top_k", {"texts": "a", "top_k": 0}),
        (ConfigError, "top_k", {"texts": "a", "top_k": 1.5}),
        (ConfigError, "top_k", {"texts": "a", "top_k": True}),
        (ConfigError, "batch_size", {"texts": "a", "batch_size": -1}),
        (ConfigError, "threshold", {"texts": "a", "threshold": 1.1}),
        (ConfigError, "threshold", {"texts": "a", "threshold": float("nan")}),
        (ConfigError, "threshold", {"texts": "a", "threshold": "high"}),
        (ConfigError, "1 threshold", {"texts": ["a", "b"], "threshold": [0.5]}),
        (ConfigError, "threshold", {"texts": ["a"], "threshold": [2]}),
    ],
)
def test_bad_calls_name_what_is_wrong(model, error, match, arguments):
    with pytest.raises(error, match=match):
        model.predict(**{"agents": "agent 1", **arguments})


@pytest.mark.parametrize(
    "text", ["\ud800", "예약\udfff 취소", "\x00", "\u200b\ufeff?", "🙂" * 50, "a" * 100_000, "예약 " * 30_000]
)
def test_strange_texts_are_answered(model, text):
    answer = model.predict(text, agents="agent 0")
    assert 0 <= answer.score <= 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(), max_size=60), max_size=5))
def test_any_text_is_answered_or_refused_by_our_own_error(model, texts):
    try:
        answers = model.predict(texts, agents="agent 6")
    except TextError:
        assert any(not text.strip() for text in texts)
    else:
        assert len(answers) == len(texts)
        assert all(0 <= answer.score <= 1 for answer in answers)


def test_predictions_during_concurrent_loading_and_unloading_are_those_of_one_version(base):
    model = IntentModel(base)
    versions = [random_adapter(base, labels=4, seed=seed) for seed in range(4)]
    expected = []
    for version in versions:
        model.add_agent("swapped", version, replace=True)
        expected.append(model.predict(TEXTS, agents="swapped"))
    model.add_agent("steady", random_adapter(base, seed=9))
    steady = model.predict(TEXTS, agents="steady")
    stop = threading.Event()
    failures: list[str] = []

    def swap():
        index = 0
        while not stop.is_set():
            model.add_agent("swapped", versions[index % 4], replace=True)
            model.add_agent("guest", versions[(index + 1) % 4], replace=True)
            model.unload_adapter("guest")
            index += 1

    def ask():
        while not stop.is_set():
            answers = model.predict(TEXTS + TEXTS, agents=["swapped"] * 7 + ["steady"] * 7)
            labels = [answer.label for answer in answers]
            if labels[7:] != [answer.label for answer in steady]:
                failures.append("steady agent changed")
            if labels[:7] not in [[answer.label for answer in version] for version in expected]:
                failures.append("an answer mixes two versions")

    threads = [threading.Thread(target=target) for target in (swap, ask, ask)]
    for thread in threads:
        thread.start()
    stop.wait(2)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_every_error_is_ours():
    assert all(issubclass(error, IntentAdaptersError) for error in (AdapterError, AgentError, ConfigError, TextError))


@pytest.fixture
def folder(base, tmp_path):
    """Six adapters in a folder, and things that are none."""
    for index in range(6):
        random_adapter(base, labels=2 + index, seed=index).write(tmp_path / "agents" / f"agent-{index}")
    (tmp_path / "agents" / "notes").mkdir()
    (tmp_path / "agents" / "README.md").write_text("")
    return tmp_path / "agents"


def test_an_adapter_that_names_the_base_is_read_once(base, tmp_path, monkeypatch, base_folder, backend):
    random_adapter(base).with_config(base_model_name_or_path=str(base_folder)).write(tmp_path / "clinic")
    reads, read = [], Adapter.read.__func__
    monkeypatch.setattr(Adapter, "read", classmethod(lambda cls, folder: reads.append(folder) or read(cls, folder)))
    model = IntentModel.from_pretrained(adapter=tmp_path / "clinic", backend=backend)
    assert model.agents == ("clinic",)
    assert len(reads) == 1
    random_adapter(base, labels=5).write(tmp_path / "clinic")
    assert len(model.adapter("clinic").labels) == 5, "what was read first is not kept"


def test_the_agents_of_a_folder_are_loaded_when_they_are_asked(base, folder, tmp_path, base_folder, backend):
    model = IntentModel.from_pretrained(base_folder, adapter_dir=folder, backend=backend)
    assert model.agents == tuple(f"agent-{index}" for index in range(6))
    assert model.stats.resident == 0
    assert len(model.predict("a", agents="agent-3", top_k=9).top_k) == 5
    assert len(model.labels("agent-5")) == 7
    assert (model.stats.resident, model.stats.loads) == (2, 2)
    with pytest.raises(AgentError, match="6 agents"):
        model.predict("a")
    with pytest.raises(AdapterError, match="No adapter folders"):
        IntentModel.from_pretrained(base_folder, adapter_dir=folder / "notes")


def test_a_budget_makes_agents_leave_and_come_back_with_the_same_answers(base, folder):
    free = IntentModel(base)
    tight = IntentModel(base, max_adapter_bytes=2 * 20_000)
    for model in (free, tight):
        for index in range(6):
            model.register_adapter(folder / f"agent-{index}")
    agents = [f"agent-{index}" for index in range(6)] * 2
    for agent in agents:
        assert tight.predict(TEXTS, agents=agent) == free.predict(TEXTS, agents=agent)
    assert_same_answers(tight.predict(TEXTS[:1] * 12, agents=agents), free.predict(TEXTS[:1] * 12, agents=agents))
    assert np.allclose(tight.encode("a", agents="agent-1"), free.encode("a", agents="agent-1"))
    assert tight.stats.evictions > 6
    assert tight.stats.bytes <= 2 * 20_000
    assert free.stats.evictions == 0


def test_a_pinned_agent_stays(base, folder):
    model = IntentModel(base, max_adapter_bytes=2 * 20_000)
    for index in range(6):
        model.register_adapter(folder / f"agent-{index}")
    model.pin_adapter("agent-0")
    for index in range(1, 6):
        model.predict("a", agents=f"agent-{index}")
    loads = model.stats.loads
    model.predict("a", agents="agent-0")
    assert (model.stats.loads, model.stats.pinned) == (loads, 1)
    model.unpin_adapter("agent-0")
    assert model.stats.pinned == 0
    for call in (model.pin_adapter, model.unpin_adapter):
        with pytest.raises(AgentError, match="There is no agent 'nobody'"):
            call("nobody")


def test_a_registered_agent_is_checked_when_it_is_asked(base, folder):
    model = IntentModel(base)
    model.register_adapter(folder / "agent-0", name="good")
    (folder / "agent-1" / "adapter_config.json").write_text("{}")
    model.register_adapter(folder / "agent-1", name="bad")
    with pytest.raises(AgentError, match="already"):
        model.register_adapter(folder / "agent-2", name="good")
    with pytest.raises(AgentError, match="cannot name an agent"):
        model.register_adapter(folder / "agent-2", name="a/b")
    with pytest.raises(AdapterError, match=r"adapter_config\.json"):
        model.predict(["a", "a"], agents=["good", "bad"])
    assert model.predict("a", agents="good").agent == "good"
    model.unload_adapter("bad")
    assert model.sole_agent() == "good"


def test_rows_for_the_bare_base_beside_rows_of_agents(model, base):
    embeddings = model.encode(["a", "b", "a"], agents=[None, "agent 0", "agent 0"])
    assert np.allclose(embeddings[0], model.encode("a"), atol=1e-6)
    assert np.allclose(embeddings[2], model.encode("a", agents="agent 0"), atol=1e-6)
    assert not np.allclose(embeddings[0], embeddings[2], atol=1e-2)


def test_rows_that_cannot_be_answered_are_errors_and_the_others_are_answered(model, tmp_path):
    (tmp_path / "empty").mkdir()
    model.register_adapter(tmp_path / "empty", name="gone")
    texts = ["취소", " ", "cancel", "a", None, "how much", "how much", b"hi", "취소"]
    agents = ["agent 1", "agent 1", "nobody", "gone", "agent 2", ["x"], None, None, "agent 2"]
    answers = model.predict(texts, agents, errors="return")
    kinds = [None, TextError, AgentError, AdapterError, TextError, AgentError, AgentError, TextError, None]
    assert [type(answer) if isinstance(answer, Exception) else None for answer in answers] == kinds
    assert "agents[6] is not a string: None" in str(answers[6])
    assert_same_answers([answers[0], answers[8]], [model.predict("취소", "agent 1"), model.predict("취소", "agent 2")])


def test_all_rows_may_be_errors_and_none_hides_another(model):
    assert [type(error) for error in model.predict(["a", ""], "nobody", errors="return")] == [AgentError, TextError]
    assert [type(error) for error in model.predict(["", None], "agent 1", errors="return")] == [TextError, TextError]
    assert model.predict([], "agent 1", errors="return") == []
    with pytest.raises(ConfigError, match="errors"):
        model.predict("a", "agent 1", errors="return")
    with pytest.raises(ConfigError, match="errors"):
        model.predict(["a"], "agent 1", errors="ignore")


def test_unusable_texts_can_count_as_out_of_scope(model):
    texts = ["취소", "", None, 3, "cancel"]
    answers = model.predict(texts, "agent 1", errors="reject")
    assert_same_answers(
        [answers[0], answers[4]], [model.predict("취소", "agent 1"), model.predict("cancel", "agent 1")]
    )
    nothing = Prediction("agent 1", "", 0.0, (), in_scope=False, scope_score=0.0)
    assert answers[1:4] == [nothing] * 3 == model.predict(["", None, 3], "agent 1", errors="reject")
    assert model.predict(" ", "agent 1", errors="reject") == nothing
    for agent in ("nobody", None):
        with pytest.raises(AgentError):
            model.predict(["", "a"], ["agent 1", agent], errors="reject")


def test_a_model_is_shown_in_one_line(base, model):
    assert repr(model) == "IntentModel(base='tiny', agents=8)"
    assert len(repr(IntentModel(base, name="/a/very/long/folder" * 20))) < 100


def test_an_error_tells_of_other_agents_in_its_attribute_alone(model):
    for call in (lambda: model.predict("a", "nobody"), lambda: model.predict("a"), lambda: model.labels("nobody")):
        with pytest.raises(AgentError) as caught:
            call()
        assert caught.value.names == model.agents
        assert "agent 1" not in str(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).names == model.agents


@pytest.mark.parametrize("name", ["진료", "café", "がぎぐ"])
def test_a_name_is_one_name_however_its_letters_are_composed(base_folder, folder, tmp_path, name, backend):
    composed, apart = unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    one = folder / "agent-1"
    (tmp_path / "mac").mkdir()
    (tmp_path / "mac" / apart).symlink_to(one, target_is_directory=True)
    for model in (
        IntentModel.from_pretrained(base_folder, adapter_dir=tmp_path / "mac", backend=backend),
        IntentModel.from_pretrained(base_folder, adapter=tmp_path / "mac" / apart, backend=backend),
    ):
        assert model.agents == (composed,)
        assert model.predict("a", apart).top_k == model.predict("a", composed).top_k
        with pytest.raises(AgentError, match="already"):
            model.load_adapter(one, name=apart)
        model.load_adapter(one, name=apart, replace=True)
        model.unload_adapter(apart)
        assert model.agents == ()


def test_a_linked_adapter_is_called_as_its_link(base_folder, folder, tmp_path, monkeypatch, backend):
    (tmp_path / "releases").mkdir()
    release = (folder / "agent-1").rename(tmp_path / "releases" / "2026-11-29")
    (tmp_path / "clinic").symlink_to("releases/2026-11-29", target_is_directory=True)
    for adapter in (tmp_path / "clinic", f"{tmp_path}/releases/../clinic/"):
        assert IntentModel.from_pretrained(base_folder, adapter=adapter, backend=backend).agents == ("clinic",)
    monkeypatch.chdir(release)
    assert IntentModel.from_pretrained(base_folder, adapter=".", backend=backend).agents == ("2026-11-29",)
