"""The cards and adapters in model_cards/: as good as they say, and safe to make again."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.data import read_intents
from intent_adapters.evaluation import evaluate
from intent_adapters.hub import adapter_card, base_card
from intent_adapters.hub.cards.merging import handwritten_text
from tests.hub.support import python_blocks

ROOT = Path(__file__).parents[2]
BASE = ROOT / "model_cards" / "intent-base-ko-en"
AGENTS = sorted(path.parent for path in (ROOT / "model_cards").glob("*/adapter_config.json"))


@pytest.fixture(scope="module")
def model() -> IntentModel:
    return IntentModel.from_pretrained(BASE, device="cpu")


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.fixture(params=AGENTS, ids=lambda folder: folder.name)
def agent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    return request.param


def test_all_six_example_agents_are_there():
    languages = {name: sum(folder.name.startswith(f"{name}-") for folder in AGENTS) for name in ("ko", "en")}
    assert languages == {"ko": 3, "en": 3}


def test_an_agent_stands_on_our_base_and_is_small(agent: Path, model: IntentModel):
    assert Adapter.read(agent).config.provenance.base_fingerprint == model.fingerprint
    assert sum(path.stat().st_size for path in agent.iterdir()) < 400_000
    model.load_adapter(agent, replace=True)


def test_an_agents_card_can_be_made_again_without_any_loss(agent: Path):
    card = card_of(agent)
    source = f"model_cards/{agent.name}"
    assert str(adapter_card(agent, name=agent.name, repo_id=source, existing=card)) == card
    pushed = adapter_card(agent, repo_id=f"org/{agent.name}", existing=card)
    assert pushed.data.eval_results == ModelCard(card).data.eval_results
    assert handwritten_text(str(pushed)) == handwritten_text(card)


def test_the_figures_on_a_card_are_those_of_its_weights(agent: Path, model: IntentModel):
    model.load_adapter(agent, replace=True)
    source = ROOT / "examples" / "agents" / agent.name.replace("-", "/")
    test = read_intents(source / "test.jsonl", purpose="evaluation")
    figures = {
        (result.metric_type, result.metric_name): result for result in ModelCard(card_of(agent)).data.eval_results
    }
    stated = next(result for (kind, name), result in figures.items() if kind == "accuracy" and "threshold" not in name)
    accuracy = evaluate(model, test, agent.name).accuracy
    if stated.metric_name == "Accuracy":  # one run: that of these weights
        assert accuracy == pytest.approx(stated.metric_value, abs=0.013)
    else:
        assert accuracy == pytest.approx(stated.metric_value, abs=0.05)


def test_the_usage_on_a_card_runs(agent: Path, capsys):
    blocks = python_blocks(card_of(agent))
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(ast.parse(block), str(agent), "exec"), {})
    assert capsys.readouterr().out.splitlines()[1] == "(1, 384)"


def test_the_bases_card_keeps_what_was_written_and_can_be_made_again(model: IntentModel):
    card = card_of(BASE)
    again = str(base_card(BASE, model.fingerprint, repo_id="model_cards/intent-base-ko-en", existing=card))
    assert again == card
    for heading in ("# intent-base-ko-en", "## How it was made", "## Data", "## Limits"):
        assert re.search(rf"^{heading}$", handwritten_text(card), re.MULTILINE)
    assert ModelCard(card).data.base_model == "intfloat/multilingual-e5-small"
