"""A card in an adapter's folder tells of the adapter that is there, and keeps what a person wrote."""

from __future__ import annotations

import dataclasses
import warnings

import pytest
from huggingface_hub import ModelCard

from intent_adapters import IntentModel, train_agent
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.versions import list_versions, rollback
from intent_adapters.data import data_digest
from intent_adapters.errors import IntentAdaptersWarning
from intent_adapters.hub import CardFacts, Measurement, adapter_card
from intent_adapters.hub.cards import Latency
from intent_adapters.hub.cards.saving import save_with_card
from tests.hub.support import Base, base
from tests.hub.test_cards import section

__all__ = ["base"]

FACTS = CardFacts(
    language="ko",
    license="apache-2.0",
    description="For the front desk.",
    data="Written by hand.",
    datasets=["org/clinic-utterances"],
    texts=30,
    measurements=[Measurement("accuracy", (0.81,), "clinic")],
    latency=[Latency(7.25, "one utterance")],
    limits="- No emergencies.",
)
ROWS = [
    {"text": text, "label": label}
    for label, texts in {
        "cancel": ["cancel it", "취소", "please cancel"],
        "price": ["how much", "얼마", "cost"],
    }.items()
    for text in texts
]


@pytest.fixture
def folder(base: Base, tmp_path):
    """An agent with its card, into which a person wrote."""
    folder = tmp_path / "clinic"
    base.adapter(base_model_name_or_path="org/base", revision="a" * 40).write(folder)
    card = adapter_card(folder, repo_id="org/clinic", facts=FACTS)
    (folder / "README.md").write_text(f"{card}\nCall 1234 if it fails.\n", encoding="utf-8")
    return folder


def card_of(folder) -> ModelCard:
    return ModelCard((folder / "README.md").read_text(encoding="utf-8"))


def test_saving_an_agent_over_another_makes_its_card_again(base: Base, folder):
    before = card_of(folder)
    model = IntentModel(base.model)
    model.add_agent("clinic", base.adapter(labels=5, seed=1, rows=77, date="2026-11-29T10:00:00Z"))
    model.save_adapter("clinic", folder)
    card = card_of(folder)
    assert "tells which of 5 intents" in section(card, "summary")
    assert "77 utterances of 5 intents" in section(card, "data")
    assert "| trained | 2026-11-29T10:00:00Z |" in section(card, "training")
    for stale in ("81.00 %", "7.25 ms", "30 utterances", "Written by hand.", "intents: 3"):
        assert stale in str(before)
        assert stale not in str(card)
    assert "model-index" not in card.data.to_dict()
    for kept in ("Call 1234 if it fails.", "For the front desk.", "- No emergencies.", 'adapter="org/clinic"'):
        assert kept in str(card)
    data = card.data.to_dict()
    assert (data["license"], data["language"], data["datasets"]) == ("apache-2.0", ["ko"], ["org/clinic-utterances"])
    rollback(folder)
    assert str(card_of(folder)) == str(before)


@pytest.mark.parametrize("method", ["probe", "full"])
def test_training_into_a_folder_makes_its_card_again(base: Base, folder, method):
    model = IntentModel(base.model, name="org/base", revision="a" * 40)
    result = train_agent(model, "clinic", ROWS, method=method, epochs=1, progress=False)
    result.save(folder)
    card, said = card_of(folder), Adapter.read(folder).config.provenance
    assert "6 utterances of 2 intents" in section(card, "data")
    assert f"| accuracy in cross-validation | {100 * said.accuracy:.1f} % |" in section(card, "training")
    assert f"| digest of the utterances | `{data_digest(ROWS)}` |" in section(card, "training")
    assert f"torch {said.versions['torch']}" in section(card, "training").replace("\\", "")
    assert "Call 1234 if it fails." in str(card)
    assert [version.in_use for version in list_versions(folder)] == [False, True]
    if method == "full":
        again = IntentModel.from_pretrained(adapter=folder, device="cpu")
        assert again.predict("취소") == result.model.predict("취소", "clinic")
        rollback(folder)
        rollback(folder)
        again = IntentModel.from_pretrained(adapter=folder, device="cpu")
        assert again.predict("취소") == result.model.predict("취소", "clinic")


def test_another_threshold_shows_on_the_card_and_figures_at_the_former_one_go(base: Base, folder):
    adapter = Adapter.read(folder)
    calibration = dataclasses.replace(adapter.config.calibration, threshold=0.125)
    save_with_card(adapter.with_config(calibration=calibration), folder)
    assert "| threshold | 0.125 |" in section(card_of(folder), "training")
    assert section(card_of(folder), "results") == ""


def test_the_same_agent_again_leaves_the_card_as_it_was(folder):
    before = str(card_of(folder))
    save_with_card(Adapter.read(folder), folder)
    assert str(card_of(folder)) == before
    assert len(list_versions(folder)) == 1


@pytest.mark.parametrize(
    ("readme", "reason"),
    [
        (b"# Mine\n\n81 %.\n", "No part of it is between markers"),
        (b"", "No part of it is between markers"),
        (b"<!-- intent-adapters: begin limits -->\nno end", "without an 'end limits'"),
        (b"---\nkey: [1\n---\n<!-- intent-adapters: skip limits -->\n", "front matter"),
        ("진료 예약\n".encode("cp949"), "not in UTF-8"),
    ],
)
def test_a_readme_that_is_not_ours_or_broken_stays_and_that_is_said(base: Base, folder, readme, reason):
    (folder / "README.md").write_bytes(readme)
    with pytest.warns(IntentAdaptersWarning, match=reason):
        save_with_card(base.adapter(seed=1), folder)
    assert (folder / "README.md").read_bytes() == readme
    assert (folder / "versions" / "1" / "README.md").read_bytes() == readme
    assert Adapter.read(folder).digest == base.adapter(seed=1).digest


def test_no_card_appears_where_there_was_none(base: Base, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(2):
            save_with_card(base.adapter(seed=seed), tmp_path / "it")
    assert not list(tmp_path.rglob("README.md"))
