"""Train six agents, Korean and English, on one frozen encoder, and ask them all in one batch.

    python examples/demo.py            # or: make demo

Needs no network: the encoder and the utterances are in this repository. The trained adapters are left in
demo_agents/, for `intent-adapters predict` and for a look inside.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from intent_adapters import IntentModel, train_agent
from intent_adapters.data import read_intents, read_texts
from intent_adapters.evaluation import evaluate

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "model_cards" / "intent-base-ko-en"
AGENTS = ["ko/clinic", "ko/public_office", "ko/it_helpdesk", "en/clinic", "en/public_office", "en/it_helpdesk"]
OUTPUT = ROOT / "demo_agents"

QUESTIONS = [
    ("ko/clinic", "다음 주 화요일 예약은 취소할게요"),
    ("en/clinic", "something came up, I can't make it on Tuesday"),
    ("ko/it_helpdesk", "비번을 다섯 번 틀려서 계정이 잠겼대요"),
    ("en/it_helpdesk", "locked out after typing my password wrong five times"),
    ("ko/public_office", "이사했는데 전입신고는 어디서 하나요?"),
    ("en/public_office", "there's a huge pothole in front of my house"),
    ("ko/it_helpdesk", "프린터에서 종이가 자꾸 걸려요"),
    ("en/clinic", "how much do you charge for a check-up?"),
    # Nothing for these agents: they should say so.
    ("ko/clinic", "파이썬으로 웹사이트 만드는 법 알려줘"),
    ("en/it_helpdesk", "which team won the cup final?"),
]


def main() -> None:
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 100)  # a pipe says 80 columns, which break the tables
    started = time.perf_counter()
    model = IntentModel.from_pretrained(BASE, device="cpu")
    millions = sum(parameter.numel() for parameter in model.base.parameters()) / 1e6
    console.print(
        f"One frozen encoder, [bold]{BASE.name}[/]: {millions:.1f} million parameters, "
        f"loaded in {time.perf_counter() - started:.1f} s.\n"
    )
    table = Table(title="Agents, each trained on the CPU from ten utterances per intent", title_justify="left")
    measured = ("accuracy", "rejects\nout of scope", "rejects\nits own")
    for column in ("agent", "intents", "texts", "training", "on disk", *measured):
        table.add_column(column, justify="left" if column == "agent" else "right", no_wrap=True)
    for agent in AGENTS:
        folder = ROOT / "examples" / "agents" / agent
        rows, test = read_intents(folder / "train.jsonl"), read_intents(folder / "test.jsonl")
        name = agent.replace("/", "-")
        foreign = read_texts(folder / "out_of_scope.jsonl")
        result = train_agent(model, name, rows, seed=0)
        model.save_adapter(name, OUTPUT / name)
        scores = evaluate(model, test, name, out_of_scope=foreign)
        assert scores.out_of_scope is not None
        size = sum(path.stat().st_size for path in (OUTPUT / name).iterdir() if path.is_file())
        table.add_row(
            name,
            str(len(model.labels(name))),
            str(len(rows)),
            f"{result.seconds:.0f} s",
            f"{size / 1000:.0f} KB",
            f"{scores.accuracy:.1%}",
            f"{scores.out_of_scope.recall:.0%}",
            f"{scores.rejection.false_rejection_rate:.0%}",
        )
    console.print(table)

    texts = [text for _, text in QUESTIONS]
    agents = [agent.replace("/", "-") for agent, _ in QUESTIONS]
    model.predict(texts, agents=agents)  # the first call warms up
    started = time.perf_counter()
    answers = model.predict(texts, agents=agents)
    milliseconds = 1000 * (time.perf_counter() - started)
    title = f"\n{len(texts)} utterances for {len(set(agents))} agents, one pass of the encoder: {milliseconds:.0f} ms"
    table = Table(title=title, title_justify="left")
    for column in ("agent", "utterance", "intent", "", "in scope"):
        table.add_column(column, justify="left" if column else "right", no_wrap=column != "utterance", overflow="fold")
    for text, answer in zip(texts, answers, strict=True):
        table.add_row(answer.agent, text, answer.label, f"{answer.score:.2f}", "yes" if answer.in_scope else "no")
    console.print(table)

    alone = [model.predict(text, agents=agent) for text, agent in zip(texts, agents, strict=True)]
    same = sum(one.label == other.label for one, other in zip(answers, alone, strict=True))
    apart = max(abs(one.score - other.score) for one, other in zip(answers, alone, strict=True))
    console.print(f"\nAsked one by one, {same} of {len(texts)} say the same, to within {apart:.0e} in probability.")
    console.print(f"\nThe adapters are in {os.path.relpath(OUTPUT)}/. Ask one yourself:")
    console.print(
        f"  .venv/bin/intent-adapters predict '주차장 있나요?' --adapter {os.path.relpath(OUTPUT)}/ko-clinic",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
