"""`intent-adapters predict`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, percent, print_json, print_table, print_text
from intent_adapters.cli.input_lines import Line, checked, in_batches, input_lines
from intent_adapters.cli.loading import open_model

if TYPE_CHECKING:
    from intent_adapters.prediction import Prediction

# How many batches of waiting lines are answered together: texts of like length share a pass of the encoder.
PASSES = 16
SHOWN = 10

EXAMPLES = examples(
    'intent-adapters predict "I need to cancel my appointment" --adapter agents/clinic',
    'intent-adapters predict -a clinic -a it "예약을 취소하고 싶어요" "my laptop is dead" --agent clinic --agent it',
    'intent-adapters predict "where can I park?" -a agents/clinic --base base-int8 --backend onnx',
    "cat messages.txt | intent-adapters predict --adapter agents/clinic --json > intents.jsonl",
    "tail -f messages.log | intent-adapters predict --adapter agents/clinic",
)


def command(
    adapter: options.Adapters,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Utterances; without any, or with -, the lines of standard input."),
    ] = None,
    base: options.Base = None,
    agent: Annotated[
        list[str] | None, typer.Option("--agent", help="The agent to ask; given several times, one for each TEXT.")
    ] = None,
    top_k: options.TopK = 3,
    threshold: options.Threshold = None,
    batch_size: options.BatchSize = 64,
    encoding: options.Encoding = None,
    device: options.Device = None,
    backend: options.Backend = None,
    json: options.Json = False,
) -> None:
    """Tell the intent of utterances.

    Each line of standard input is answered at once, by one line: text, agent, intent and probability with tabs
    between, or with --json an object. A blank line is answered by a blank one, or by an object with an error. What
    cannot be answered keeps nothing else from being answered; the exit code is 1 then.
    """
    piped = texts in (None, [], ["-"])
    agents = agent or []
    if piped:
        if not texts and sys.stdin.isatty():
            raise typer.BadParameter(
                "give a TEXT, or pipe lines into standard input; to talk to agents, there is `chat`", param_hint="TEXT"
            )
        if len(agents) > 1:
            raise typer.BadParameter("lines of standard input all go to one agent", param_hint="--agent")
        batches = in_batches(input_lines(encoding), PASSES * batch_size)
    else:
        if len(agents) not in (0, 1, len(texts or ())):
            raise typer.BadParameter("give one agent, or one for each TEXT", param_hint="--agent")
        batches = iter([[checked(text, f"TEXT {number}") for number, text in enumerate(texts or (), 1)]])
    model = open_model(base, adapter, device, backend)
    failed = []
    for batch in batches:
        rows = [row for row, line in enumerate(batch) if not line.error]
        asked = [agents[row] for row in rows] if len(agents) > 1 else agents[0] if agents else None
        found = model.predict(
            [batch[row].text for row in rows], asked, top_k=top_k, threshold=threshold, batch_size=batch_size
        )
        answers = dict(zip(rows, found, strict=True))
        failed += [line.error for line in batch if line.error and (line.text or not piped)]
        if json or piped:
            for row, line in enumerate(batch):
                _print_line(line, answers.get(row), json)
        elif answers:
            limits = {
                name: model.adapter(name).config.calibration.threshold if threshold is None else threshold
                for name in dict.fromkeys(answer.agent for answer in answers.values())
            }
            _print_table([(batch[row].text, answer) for row, answer in answers.items()], limits)
    if failed:
        more = f", and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
        print_text(f"Error: {'; '.join(failed[:SHOWN])}{more}", "red", to=err)
        raise typer.Exit(1)


def _print_line(line: Line, answer: Prediction | None, json: bool) -> None:
    if json:
        print_json({"text": line.text, **(answer.to_dict() if answer else {"error": line.error})})
    elif answer:
        typer.echo("\t".join([line.text.replace("\t", " "), answer.agent, _said(answer), percent(answer.score)]))
    else:
        typer.echo(f"{line.text}\t\t{line.error}\t" if line.text else "")


def _print_table(answers: list[tuple[str, Prediction]], limits: dict[str, float | None]) -> None:
    rows = []
    for text, answer in answers:
        others = "\n".join(f"{label} {percent(score)}" for label, score in answer.top_k[1:])
        scope = f"{answer.scope_score:.3f}"
        found = "\n".join(f"{entity.entity}: {entity.value}" for entity in answer.entities or ())
        rows.append((text, answer.agent, _said(answer), percent(answer.score), scope, others, found))
    numbers = ("probability", "scope score")
    columns = ("text", "agent", "intent", *numbers, "next", "entities")
    shown = len(columns) if any(answer.entities is not None for _, answer in answers) else len(columns) - 1
    print_table(columns[:shown], [row[:shown] for row in rows], numbers=numbers)
    for agent, limit in limits.items():
        rejects = f"rejects below scope score {limit:.3g}" if limit else "never rejects: it has no threshold"
        print_text(f"{agent} {rejects}")


def _said(answer: Prediction) -> str:
    """The intent, or that the text is out of scope."""
    return answer.label if answer.in_scope else f"out of scope ({answer.label}?)"
