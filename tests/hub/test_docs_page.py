"""docs/how_to/publish.md and docs/ko/how_to/publish.md, run as a reader would, over the loopback Hub."""

from __future__ import annotations

import json

import pytest

from intent_adapters import IntentModel
from intent_adapters.data import few_shot_split, read_intents
from intent_adapters.hub import CardFacts
from intent_adapters.training import train_agent
from tests.docs.blocks import blocks_of
from tests.docs.running import ROOT, Session
from tests.support.loopback_hub import LoopbackHub, connect
from tests.support.short_trainings import short_trainings

__all__ = ["short_trainings"]

PAGE = ROOT / "docs" / "how_to" / "publish.md"


@pytest.fixture
def session(hub: LoopbackHub, tmp_path, monkeypatch, short_trainings) -> Session:
    connect(hub, tmp_path / "home", monkeypatch, token=hub.add_user("reader", orgs=("my-org",)))
    folder = tmp_path / "reader"
    folder.mkdir()
    clinic = ROOT / "examples" / "agents" / "en" / "clinic"
    for name, file in (("clinic", "train"), ("heldout", "test")):
        rows = read_intents(clinic / f"{file}.jsonl", purpose="evaluation")
        wanted = list(dict.fromkeys(rows["label"]))[:2]
        rows = rows.select([number for number, label in enumerate(rows["label"]) if label in wanted])
        few_shot_split(rows, 4)[0].to_csv(folder / f"{name}.csv")
    (folder / "model_cards").symlink_to(ROOT / "model_cards")
    monkeypatch.chdir(folder)
    model = IntentModel.from_pretrained("model_cards/intent-base-ko-en", device="cpu")
    train_agent(model, "clinic", read_intents("clinic.csv"), epochs=1, progress=False)
    model.save_adapter("clinic", "agents/clinic")
    return Session(folder)


@pytest.mark.parametrize(
    ("page", "count"),
    [
        pytest.param(PAGE, 9, id="en"),
        # A translation, with fewer blocks.
        pytest.param(ROOT / "docs" / "ko" / "how_to" / "publish.md", 5, id="ko", marks=pytest.mark.slow),
    ],
)
def test_every_block_runs(session: Session, hub: LoopbackHub, page, count):
    blocks = list(blocks_of(page))
    assert len(blocks) == count
    for block in blocks:
        session.run(block)
    assert set(hub.storage.repos) == {"my-org/intent-base", "my-org/clinic"}
    assert (session.folder / "mine" / "clinic" / "adapter_config.json").is_file()


def test_the_facts_on_the_page_are_facts():
    text = PAGE.read_text(encoding="utf-8")
    facts = json.loads(text.partition("```json\n")[2].partition("```")[0])
    assert CardFacts.from_dict(facts).measurements[0].mean == pytest.approx(0.85)
