"""`intent-adapters predict`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from intent_adapters.cli.console import add_row, examples, new_table, out, percent, print_json, working
from intent_adapters.cli.loading import open_model
from intent_adapters.cli.options import Adapters, Backend, Base, BatchSize, Device, Json, Threshold
from intent_adapters.errors import TextError
from intent_adapters.prediction import Prediction

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="TEXT", help="Utterances; without any, or with -, the lines of standard input."),
]
Agents = Annotated[
    list[str] | None,
    typer.Option("--agent", help="The agent to ask; given several times, one for each text.", show_default=False),
]
TopK = Annotated[int, typer.Option("--top-k", "-k", min=1, help="How many intents to show for each text.")]

EXAMPLES = examples(
    'intent-adapters predict "I need to cancel my appointment" --adapter agents/clinic',
    'intent-adapters predict -a clinic -a it "예약을 취소하고 싶어요" "my laptop is dead" --agent clinic --agent it',
    'intent-adapters predict "where can I park?" -a agents/clinic --base base-int8 --backend onnx',
    "cat messages.txt | intent-adapters predict --adapter agents/clinic --json > intents.jsonl",
)


def predict_command(
    adapter: Adapters,
    texts: Texts = None,
    base: Base = None,
    agent: Agents = None,
    top_k: TopK = 3,
    threshold: Threshold = None,
    batch_size: BatchSize = 64,
    device: Device = None,
    backend: Backend = "torch",
    json: Json = False,
) -> None:
    """Tell the intent of utterances.

    With --json, one object a line. Empty lines of standard input are skipped.
    """
    texts = _texts(texts or ["-"])
    if not texts:
        raise typer.BadParameter("give a TEXT, or pipe lines into standard input", param_hint="TEXT")
    model = open_model(base, adapter, device, backend)
    agents = agent[0] if agent and len(agent) == 1 else agent or None
    with working("predicting"):
        predictions = model.predict(texts, agents, top_k=top_k, threshold=threshold, batch_size=batch_size)
    if json:
        for text, prediction in zip(texts, predictions, strict=True):
            print_json({"text": text, **prediction.to_dict()})
    else:
        _print_table(texts, predictions)


def _print_table(texts: list[str], predictions: list[Prediction]) -> None:
    table = new_table("text", "agent", "intent", "score", "next", numbers=("score",))
    for text, prediction in zip(texts, predictions, strict=True):
        others = "\n".join(f"{label} {percent(score)}" for label, score in prediction.top_k[1:])
        label = prediction.label if prediction.in_scope else f"out of scope ({prediction.label}?)"
        add_row(table, text, prediction.agent, label, percent(prediction.score), others)
    out.print(table)


def _texts(arguments: list[str]) -> list[str]:
    if "-" in arguments and sys.stdin.isatty():
        return [text for text in arguments if text != "-"]
    # Bytes of the command line that are no UTF-8 arrive as lone surrogates, which could not be written out again.
    given = [text.encode("utf-8", "replace").decode("utf-8") for text in arguments]
    return [line for text in given for line in (_lines_of_stdin() if text == "-" else [text])]


def _lines_of_stdin() -> list[str]:
    lines = []
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError as error:
            raise TextError(
                f"Line {number} of standard input is not UTF-8 ({error}); convert it with iconv."
            ) from error
        if text:
            lines.append(text)
    return lines
