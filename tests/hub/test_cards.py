from __future__ import annotations

import ast
import re

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from intent_adapters.errors import AdapterError, BaseError, ConfigError, DataError
from intent_adapters.hub import CardFacts, Measurement, adapter_card, base_card
from intent_adapters.hub.cards import Latency
from tests.hub.support import Base, base, python_blocks

__all__ = ["base"]

RUNS = [
    {"accuracy": 0.8, "macro_f1": 0.75, "out_of_scope": {"auroc": 0.9}, "confusions": [], "rows": 50},
    {"accuracy": 0.9, "macro_f1": 0.85, "out_of_scope": {"auroc": 0.94}, "confusions": [], "rows": 50},
]
FACTS = CardFacts(
    language=["ko", "en"],
    license="apache-2.0",
    description="For the front desk of a clinic.",
    data="Written by hand for this test.",
    datasets=["org/clinic-utterances"],
    texts=30,
    examples={"intent 0": "예약 취소해 주세요", "intent 2": "how much is it?"},
    measurements=Measurement.from_evaluations(RUNS, "clinic", split="test"),
    latency=[Latency(7.25, "one utterance, one thread")],
    limits="- No emergencies.",
)


@pytest.fixture
def folder(base: Base, tmp_path):
    base.adapter(base_model_name_or_path="org/base", revision="a" * 40).write(tmp_path / "clinic")
    return tmp_path / "clinic"


def section(card, name: str) -> str:
    found = re.search(rf"begin {name} -->\n(.*?)\n<!-- intent-adapters: end {name}", str(card), re.DOTALL)
    return found[1] if found else ""


def test_an_agents_card_says_everything_that_is_known(folder, base: Base):
    card = adapter_card(folder, repo_id="org/clinic", facts=FACTS)
    data = card.data.to_dict()
    assert data["base_model"] == "org/base"
    assert data["base_model_relation"] == "adapter"
    assert data["library_name"] == "peft"
    assert data["pipeline_tag"] == "text-classification"
    assert data["license"] == "apache-2.0"
    assert data["language"] == ["ko", "en"]
    assert data["datasets"] == ["org/clinic-utterances"]
    assert {"intent-adapters", "intent-classification", "peft", "sentence-transformers"} <= set(data["tags"])
    assert data["intent_adapters"]["base_fingerprint"] == base.fingerprint
    assert data["intent_adapters"]["intents"] == 3
    name, results = model_index_to_eval_results(data["model-index"])
    assert name == "clinic"
    assert [(r.metric_type, r.metric_value, r.dataset_name, r.dataset_split) for r in results] == [
        ("accuracy", 0.85, "clinic", "test"),
        ("f1", 0.8, "clinic", "test"),
        ("roc_auc", 0.92, "clinic", "test"),
    ]
    assert "| `intent 0` | 예약 취소해 주세요 |" in section(card, "intents")
    assert "| `intent 1` |  |" in section(card, "intents")
    assert "85.00 % ± 7.07 %" in section(card, "results")
    assert "92.00 % ± 2.83 %" in section(card, "results")
    assert "7.25 ms" in section(card, "results")
    assert "Written by hand for this test." in section(card, "data")
    assert "30 utterances" in section(card, "data")
    assert "| bottleneck size | 4 |" in section(card, "training")
    assert f"{base.adapter().num_parameters:,} parameters" in section(card, "training")
    assert base.fingerprint in section(card, "training")
    assert "- No emergencies." in section(card, "more-limits")
    assert "Yoon and Kang" in section(card, "citation")
    assert "For the front desk of a clinic." in section(card, "description")


def test_what_the_intents_are_about_is_on_the_card(base: Base, tmp_path):
    about = {"intent 0": ["예약을 없애는 일", "calling it off"], "intent 1": ["a | b"]}
    base.adapter(descriptions=about).write(tmp_path / "it")
    alone = section(adapter_card(tmp_path / "it"), "intents")
    assert "| intent | about |" in alone
    assert "| `intent 0` | 예약을 없애는 일 / calling it off |" in alone
    assert "| `intent 2` |  |" in alone
    both = section(adapter_card(tmp_path / "it", facts=FACTS), "intents")
    assert "| intent | about | example |" in both
    assert "| `intent 0` | 예약을 없애는 일 / calling it off | 예약 취소해 주세요 |" in both


def test_what_entities_an_agent_finds_is_on_the_card(folder):
    assert "entities" not in adapter_card(folder).text
    (folder / "entities.json").write_text('{"entities": {"city": {"values": {"Seoul": []}, "system": ["date"]}}}')
    assert "city (1 value, date)" in adapter_card(folder).text


def test_what_is_not_known_is_left_out(folder):
    card = adapter_card(folder)
    assert not {"license", "language", "datasets", "metrics", "model-index"} & card.data.to_dict().keys()
    for name in ("results", "data"):
        assert f"begin {name}" not in str(card)
    assert not re.search(r"\bNone\b|\bnan\b|\bTODO\b|\bunknown\b", str(card))


def test_one_run_has_no_spread(folder):
    card = adapter_card(folder, facts=CardFacts(measurements=Measurement.from_evaluations(RUNS[:1], "clinic")))
    assert "80.00 %" in section(card, "results")
    assert "±" not in section(card, "results")


def test_figures_of_entities_are_those_of_entity_recognition(folder):
    entities = {"f1": 0.5, "precision": 0.4, "recall": 0.6, "lenient_f1": 0.7, "value_accuracy": None, "entities": []}
    runs = [{"accuracy": 0.8, "entities": entities}]
    measurements = Measurement.from_evaluations(runs, "clinic")
    card = adapter_card(folder, facts=CardFacts(measurements=measurements))
    assert "| Entity F1, exact spans | 50.00 % | 1 |" in section(card, "results")
    assert "Right values" not in section(card, "results")
    tasks = {entry.metric: entry.to_eval_result().task_type for entry in measurements}
    assert tasks["accuracy"] == "text-classification"
    assert tasks["entities.lenient_f1"] == "token-classification"


def test_the_usage_names_the_repository_and_the_pinned_base(folder):
    blocks = python_blocks(str(adapter_card(folder, repo_id="org/clinic", facts=FACTS)))
    assert len(blocks) == 2
    for block in blocks:
        ast.parse(block)
    assert 'IntentModel.from_pretrained(adapter="org/clinic")' in blocks[0]
    assert 'model.predict("예약 취소해 주세요")' in blocks[0]
    assert f'SentenceTransformer("org/base", revision="{"a" * 40}")' in blocks[1]


def test_a_base_that_has_no_commit_is_named_in_the_usage(base: Base, tmp_path):
    base.adapter(base_model_name_or_path="my-base").write(tmp_path / "it")
    assert 'from_pretrained("my-base", adapter="it")' in str(adapter_card(tmp_path / "it"))


def test_names_and_examples_stay_text(base: Base, tmp_path):
    labels = ["a|b", "`x`", "<script>alert(1)</script>", "two  spaces", "<!-- intent-adapters: end intents -->", "*b*"]
    adapter = base.adapter(labels=len(labels))
    adapter.config.labels = labels
    adapter.write(tmp_path / "odd")
    examples = {label: f'say "{label}" ``` <b> | \\' for label in labels}
    card = adapter_card(tmp_path / "odd", facts=CardFacts(examples=examples))
    rows = section(card, "intents").splitlines()[4:]
    assert len(rows) == len(labels)
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 3
        assert "<b>" not in row
    blocks = python_blocks(str(card))
    assert examples["a|b"] in [node.value for node in ast.walk(ast.parse(blocks[0])) if isinstance(node, ast.Constant)]
    assert adapter_card(tmp_path / "odd", facts=CardFacts(examples=examples), existing=str(card)).content == str(card)


def test_making_a_card_again_changes_nothing(folder):
    card = adapter_card(folder, repo_id="org/clinic", facts=FACTS)
    assert str(adapter_card(folder, repo_id="org/clinic", facts=FACTS, existing=str(card))) == str(card)


def test_what_a_person_wrote_stays(folder):
    card = str(adapter_card(folder, repo_id="org/clinic", facts=FACTS))
    edited = card.replace("# clinic\n", "# The clinic of Dr. Kim\n\nCall 1234 if it fails.\n")
    edited = edited.replace("library_name: peft\n", "library_name: peft\nextra_gated_prompt: Be nice.\n")
    edited = edited.replace("- few-shot\n", "- few-shot\n- medical\n").replace("license: apache-2.0", "license: mit")
    edited = edited.replace(
        "<!-- intent-adapters: begin limits -->", "## Ours\n\n<!-- intent-adapters: begin limits -->"
    )
    edited += "\nThe end.\n"
    again = adapter_card(folder, repo_id="org/other", existing=edited)
    assert "# The clinic of Dr. Kim\n\nCall 1234 if it fails.\n" in str(again)
    assert "## Ours" in str(again)
    assert str(again).endswith("\nThe end.\n")
    assert again.data.to_dict()["extra_gated_prompt"] == "Be nice."
    assert again.data.license == "mit"
    assert "medical" in again.data.tags
    assert 'adapter="org/other"' in str(again)
    assert adapter_card(folder, facts=FACTS, existing=edited).data.license == "apache-2.0"


def test_of_the_same_weights_an_earlier_call_that_knew_more_is_believed(folder):
    card = str(adapter_card(folder, facts=FACTS))
    again = adapter_card(folder, existing=card)
    for name in ("results", "data", "intents", "usage", "description", "more-limits"):
        assert section(again, name) == section(card, name) != ""
    assert again.data.eval_results == ModelCard(card).data.eval_results


def test_figures_of_other_weights_go(folder, base: Base):
    card = str(adapter_card(folder, facts=FACTS))
    base.adapter(seed=1, base_model_name_or_path="org/base", revision="a" * 40).write(folder)
    again = adapter_card(folder, existing=card)
    assert "begin results" not in str(again)
    assert "begin data" not in str(again)
    assert "model-index" not in again.data.to_dict()
    assert again.data.license == "apache-2.0"


def test_more_figures_of_the_same_weights_come_beside_the_old_ones(folder):
    card = str(adapter_card(folder, facts=FACTS))
    other = CardFacts(measurements=[Measurement("accuracy", (0.5,), "calls")])
    results = adapter_card(folder, facts=other, existing=card).data.eval_results
    assert [(r.dataset_name, r.metric_value) for r in results][:2] == [("calls", 0.5), ("clinic", 0.85)]


def test_a_part_that_was_deleted_comes_back_unless_it_is_skipped(folder):
    card = str(adapter_card(folder))
    without = re.sub(r"<!-- intent-adapters: begin limits -->.*end limits -->\n", "", card, flags=re.DOTALL)
    again = str(adapter_card(folder, existing=without))
    assert again.index("end training") < again.index("begin limits") < again.index("begin citation")
    skipping = without + "\n<!-- intent-adapters: skip limits -->\n"
    assert "begin limits" not in str(adapter_card(folder, existing=skipping))


def test_a_card_by_a_person_alone_is_kept_whole(folder):
    own = "---\nlicense: mit\nmodel-index:\n- name: mine\n  results:\n  - task:\n      type: text-classification\n" + (
        "    dataset:\n      name: calls\n      type: calls\n    metrics:\n    - type: accuracy\n      value: 0.7\n"
    )
    own += "---\n# Mine\n\nAll of this by hand.\n"
    card = adapter_card(folder, facts=FACTS, existing=own.replace("license: mit\n", ""))
    assert "# Mine\n\nAll of this by hand.\n" in str(card)
    assert str(card).index("by hand") < str(card).index("begin summary")
    assert {r.dataset_name for r in card.data.eval_results} == {"clinic", "calls"}
    assert adapter_card(folder, existing=own).data.license == "mit"


def test_line_ends_stay_as_they_are(folder):
    card = str(adapter_card(folder, facts=FACTS)).replace("\n", "\r\n")
    again = str(adapter_card(folder, facts=FACTS, existing=card))
    assert again == card


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<!-- intent-adapters: begin limits -->\nno end", "without an 'end limits'"),
        ("<!-- intent-adapters: end limits -->", "do not match"),
        ("<!-- intent-adapters: begin a -->\n<!-- intent-adapters: begin b -->", "do not match"),
        ("<!-- intent-adapters: begin a -->\n<!-- intent-adapters: end b -->", "do not match"),
        (2 * "<!-- intent-adapters: begin a -->\n<!-- intent-adapters: end a -->\n", "may be there once"),
        ("---\n- a\n- list\n---\ntext", "front matter"),
        ("---\nkey: [1\n---\ntext", "front matter"),
    ],
)
def test_a_broken_card_is_an_error_and_not_overwritten(folder, text, problem):
    with pytest.raises(ConfigError, match=problem):
        adapter_card(folder, existing=text)


@pytest.mark.parametrize(
    "values",
    [
        {"licence": "mit"},
        {"measurements": [{"metric": "accuracy", "values": ["high"], "dataset": "x"}]},
        {"measurements": [{"value": 1}]},
        {"language": [1]},
        {"examples": ["text"]},
        {"texts": -1},
        {"data": ["a"]},
    ],
)
def test_facts_that_make_no_sense_are_refused(values):
    with pytest.raises(ConfigError):
        CardFacts.from_dict(values)


def test_facts_come_from_json_and_from_rows():
    facts = CardFacts.from_dict(
        {"language": "ko", "measurements": [{"metric": "accuracy", "values": [0.5], "dataset": "x"}]}
    )
    assert facts.language == ("ko",)
    assert facts.measurements[0].mean == 0.5
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "x"}, {"text": "c", "label": "y"}]
    assert facts.with_rows(rows).examples == {"x": "a", "y": "c"}
    assert facts.with_rows(rows).texts == 3
    assert facts.with_rows([{"utterance": row["text"], "intent": row["label"]} for row in rows]).texts == 3
    with pytest.raises(DataError, match=r"rows\[3\]: the text is missing"):
        facts.with_rows([*rows, {"label": "x"}])


def test_an_example_of_an_unknown_intent_is_refused(folder):
    with pytest.raises(ConfigError, match="intent 9"):
        adapter_card(folder, facts=CardFacts(examples={"intent 9": "?"}))


def test_prose_may_not_hold_markers(folder):
    with pytest.raises(ConfigError, match="marker"):
        adapter_card(folder, facts=CardFacts(data="a\n<!-- intent-adapters: end data -->\nb"))


def test_a_bases_card(base: Base):
    card = base_card(base.folder, base.fingerprint, repo_id="org/base", facts=CardFacts(license="mit", language="ko"))
    data = card.data.to_dict()
    assert data["library_name"] == "sentence-transformers"
    assert data["intent_adapters"]["fingerprint"] == base.fingerprint
    assert data["license"] == "mit"
    shape = section(card, "shape")
    parameters = sum(parameter.numel() for parameter in base.model.parameters())
    assert f"| parameters | {parameters:,} |" in shape
    assert "| layers | 2 |" in shape
    assert "| hidden size | 32 |" in shape
    assert base.fingerprint in shape
    assert len(python_blocks(str(card))) == 2
    again = base_card(base.folder, base.fingerprint, repo_id="org/base", existing=str(card))
    assert str(again) == str(card)


def test_a_card_of_nothing_is_an_error(tmp_path):
    with pytest.raises(AdapterError):
        adapter_card(tmp_path)
    with pytest.raises(BaseError):
        base_card(tmp_path, "f" * 64)
