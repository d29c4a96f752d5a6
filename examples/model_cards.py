"""Train the six example agents, measure them, and write them with their cards, and the base's, into model_cards/.

    python examples/model_cards.py                       # all, three seeds each: a minute a seed on one core
    python examples/model_cards.py ko/clinic --seeds 0   # one of them
    python examples/model_cards.py base                  # the card of the base alone

The adapter that is kept is that of the first seed; the others are for the spread of the figures. What a person wrote
into the cards stays.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from intent_adapters import IntentModel, train_agent
from intent_adapters.data import read_intents
from intent_adapters.evaluation import evaluate
from intent_adapters.hub import CardFacts, Measurement, adapter_card, base_card

ROOT = Path(__file__).resolve().parents[1]
BASE = "model_cards/intent-base-ko-en"
AGENTS = {
    "ko/clinic": "The front desk of a neighbourhood clinic (동네 의원).",
    "ko/public_office": "The desk of a city hall and community centre (시청·주민센터 민원).",
    "ko/it_helpdesk": "The internal IT helpdesk of a company (사내 IT 헬프데스크).",
    "en/clinic": "The front desk of a family doctor's practice.",
    "en/public_office": "The desk of a city hall.",
    "en/it_helpdesk": "The internal IT helpdesk of a company.",
}
LIMITS = "- A demonstration: the intents and the wording of its utterances are made up, by few people."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agents", nargs="*", help=f"of base, {', '.join(AGENTS)}; default: all")
    parser.add_argument("--seeds", default="0,1,2", help="the first one's adapter is kept")
    chosen = parser.parse_args()
    os.chdir(ROOT)  # so that the base has the name by which the README's commands find it
    model = IntentModel.from_pretrained(BASE, device="cpu")
    for agent in chosen.agents or ["base", *AGENTS]:
        if agent == "base":
            card = base_card(
                BASE, model.fingerprint, repo_id=BASE, existing=Path(BASE, "README.md").read_text("utf-8")
            )
            card.save(Path(BASE, "README.md"))
        else:
            make(model, agent, [int(seed) for seed in chosen.seeds.split(",")])


def make(model: IntentModel, agent: str, seeds: list[int]) -> None:
    """Trains, measures, saves and describes one agent."""
    source = Path("examples/agents", agent)
    train, test, outside = (
        read_intents(source / f"{file}.jsonl", purpose="evaluation") for file in ("train", "test", "out_of_scope")
    )
    name = agent.replace("/", "-")
    folder = Path("model_cards", name)
    figures = []
    for seed in seeds:
        train_agent(model, name, train, seed=seed, progress=False, replace=True)
        figures.append(evaluate(model, test, name, out_of_scope=outside["text"][:]).to_dict())
        print(f"{name}, seed {seed}: accuracy {figures[-1]['accuracy']:.3f}", flush=True)
        if seed == seeds[0]:
            model.save_adapter(name, folder, versions=0)
    examples = {
        label: text for text, label in zip(train["text"], train["label"], strict=True)
    }  # the most ordinary one
    facts = CardFacts(
        language=agent[:2],
        license="apache-2.0",
        description=AGENTS[agent],
        data=f"Ten utterances per intent, each written by hand for this project: `{source.as_posix()}/train.jsonl`.",
        texts=len(train),
        examples=examples,
        measurements=Measurement.from_evaluations(
            figures, f"{name}: {len(test)} utterances, and {len(outside)} out of scope", split="test"
        ),
        limits=LIMITS,
    )
    readme = folder / "README.md"
    existing = readme.read_text(encoding="utf-8") if readme.is_file() else None
    adapter_card(folder, name=name, repo_id=folder.as_posix(), facts=facts, existing=existing).save(readme)


if __name__ == "__main__":
    main()
