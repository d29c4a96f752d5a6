"""`intent-adapters chat`."""

from __future__ import annotations

import difflib
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from intent_adapters.cli import options
from intent_adapters.cli.console import err, examples, out, percent, print_text
from intent_adapters.cli.input_lines import Line, checked, input_lines
from intent_adapters.cli.loading import open_model
from intent_adapters.errors import DataError

if TYPE_CHECKING:
    from intent_adapters.data.example_file import ExampleFile
    from intent_adapters.model import IntentModel


EXAMPLES = examples(
    "intent-adapters chat -a agents/clinic",
    "intent-adapters chat -a agents/clinic --fixes fixes.csv",
    "intent-adapters chat -a agents/clinic -a agents/it --agent it --fixes fixes-{agent}.csv",
)

HELP = """\
/agent [NAME]  talk to another agent, or see which there are
/intents       the intents of the agent
/fix INTENT    add the last utterance to the file of --fixes, with the intent that it should have had
/new INTENT    the same, with an intent that the agent does not have yet
/quit          or Ctrl-D"""


def command(
    adapter: options.Adapters,
    base: options.Base = None,
    agent: options.Agent = None,
    top_k: options.TopK = 3,
    threshold: options.Threshold = None,
    fixes: Annotated[
        str | None,
        typer.Option(
            "--fixes",
            metavar="FILE",
            help="csv or jsonl that /fix adds utterances to, for `train --add`; {agent} in it is the agent's name.",
        ),
    ] = None,
    encoding: options.Encoding = None,
    device: options.Device = None,
    backend: options.Backend = None,
) -> None:
    """Talk to agents: each line is answered, with the most probable intents and whether it is in scope.

    /agent NAME changes the agent, /fix INTENT collects what it got wrong; /help says more.
    """
    if fixes and len(adapter) > 1 and "{agent}" not in fixes:
        raise typer.BadParameter(
            "for several agents, the name needs {agent}, so that each has a file", param_hint="--fixes"
        )
    given = input_lines(encoding)
    model = open_model(base, adapter, device, backend)
    chat = _Chat(model, agent or model.agents[0], top_k, threshold, fixes)
    with suppress(KeyboardInterrupt):
        for line in chat.lines(given):
            if not chat.hear(line):
                break
    if sys.stdin.isatty():
        out.print()
    for path, count in chat.added.items():
        print_text(f"{count} added to {path}; to learn them: train DATA --add {path}", to=err)


class _Chat:
    """A talk with the agents of a model, `agent` being the first; see the options of `chat` for the others."""

    def __init__(self, model: IntentModel, agent: str, top_k: int, threshold: float | None, fixes: str | None) -> None:
        self.added: Counter[str] = Counter()
        self._model, self._agent, self._top_k, self._threshold = model, agent, top_k, threshold
        self._labels = model.labels(agent)
        self._last: str | None = None
        self._files: dict[str, ExampleFile] = {}
        if fixes:
            from intent_adapters.data.example_file import ExampleFile

            self._files = {name: ExampleFile(fixes.replace("{agent}", name)) for name in model.agents}

    def lines(self, given: Iterator[Line]) -> Iterator[Line]:
        """What is typed behind a prompt, or comes out of a pipe."""
        if not sys.stdin.isatty():
            yield from given
            return
        with suppress(ImportError):
            import readline  # noqa: F401 - the arrow keys then work in what is typed
        print_text(f"Talking to {self._agent}; /help says what else there is.")
        with suppress(EOFError):
            while True:
                yield checked(input(f"{self._agent}> "), "the line")

    def hear(self, line: Line) -> bool:
        """Answers a line, or does what it says; False ends the talk."""
        if not line.text:
            return True
        if line.error:
            _complain(line.error)
        elif not line.text.startswith("/"):
            self._answer(line.text)
        else:
            command, _, argument = line.text.partition(" ")
            return self._obey(command, unicodedata.normalize("NFC", argument.strip()))
        return True

    def _obey(self, command: str, argument: str) -> bool:
        if command in ("/quit", "/exit"):
            return False
        if command == "/agent":
            self._change_agent(argument)
        elif command == "/intents":
            print_text("\n".join(f"  {label}" for label in self._labels))
        elif command in ("/fix", "/new"):
            self._fix(argument, new=command == "/new")
        else:
            if command != "/help":
                _complain(f"there is no {command}")
            print_text(HELP)
        return True

    def _answer(self, text: str) -> None:
        answer = self._model.predict(text, self._agent, top_k=self._top_k, threshold=self._threshold)
        self._last = text
        scope = "" if answer.in_scope else f"out of scope (scope score {answer.scope_score:.2f}); the nearest:\n"
        shown = [f"  {percent(score):>7}  {label}" for label, score in answer.top_k]
        found = [f"  {entity.entity}: {entity.value}" for entity in answer.entities or ()]
        print_text(scope + "\n".join([*shown, *found]))

    def _change_agent(self, name: str) -> None:
        if name in self._model.agents:
            self._agent, self._labels, self._last = name, self._model.labels(name), None
        elif name:
            _complain(f"there is no agent {name!r}; there are: {', '.join(self._model.agents)}")
        else:
            print_text("\n".join(f"{'*' if one == self._agent else ' '} {one}" for one in self._model.agents))

    def _fix(self, label: str, *, new: bool) -> None:
        if not self._files:
            _complain("say where to: start chat with --fixes FILE")
        elif self._last is None:
            _complain("there is no utterance yet")
        elif not label:
            _complain("say the intent that it should have had: /fix INTENT")
        elif label not in self._labels and not new:
            like = difflib.get_close_matches(label, self._labels, n=3)
            meant = f"; did you mean {' or '.join(like)}?" if like else ""
            _complain(f"{self._agent} has no intent {label!r}{meant} (/new {label}, if it is to have it)")
        else:
            self._add(self._last, label)

    def _add(self, text: str, label: str) -> None:
        file = self._files[self._agent]
        try:
            added = file.add(text, label)
        except DataError as error:
            _complain(str(error))
            return
        self.added[str(file.path)] += added
        print_text(f"{'added to' if added else 'already in'} {file.path}: {text} -> {label}")


def _complain(what: str) -> None:
    print_text(what, "red", to=err)
