from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.data import Definition, EntityDefinitions, read_intents
from tests.cli.conftest import Agents, run


def chat(agents: Agents, *arguments: object, typed: str | bytes) -> tuple[str, str]:
    result = run("chat", "-a", agents.it, *arguments, stdin=typed)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_each_line_is_answered_with_the_top_intents(agents: Agents):
    out, err = chat(agents, "--top-k", 2, typed="예약 취소\n\nhow much?\n")
    assert len(out.splitlines()) == 4
    assert all(re.fullmatch(r" +\d+\.\d %  intent \d", line) for line in out.splitlines())
    assert err == ""


def test_out_of_scope_is_said(agents: Agents):
    out, _ = chat(agents, "--threshold", 1, typed="hi")
    assert "out of scope (scope score 0." in out
    assert "intent " in out


def test_entities_follow_the_intents(agents: Agents, tmp_path: Path):
    city = EntityDefinitions({"city": Definition({"Seoul": ("서울",)})})
    Adapter.read(agents.it).with_entities(city).write(tmp_path / "trips")
    said = run("chat", "-a", tmp_path / "trips", "--top-k", 1, stdin="서울에서\nhow much\n").stdout.splitlines()
    assert said[1] == "  city: Seoul"
    assert len(said) == 3


def test_the_agent_can_be_changed(agents: Agents):
    out, err = chat(agents, "-a", agents.hr, typed="/agent\n/agent hr\n/agent\n/agent sales\n")
    assert [line.split() for line in out.splitlines()] == [["*", "it"], ["hr"], ["it"], ["*", "hr"]]
    assert "there is no agent 'sales'; there are: it, hr" in err


def test_corrections_are_added_to_a_file_that_train_reads(agents: Agents, tmp_path: Path):
    path = tmp_path / "fixes.csv"
    typed = 'say "hi", now\n/fix intent 1\n예약\n/new booking\n/fix intent 2\n/quit\nnever heard\n/fix intent 1\n'
    _, err = chat(agents, "--fixes", path, typed=typed)
    assert read_intents(path).to_list() == [
        {"text": 'say "hi", now', "label": "intent 1"},
        {"text": "예약", "label": "booking"},
    ]
    assert "the text is there with the label 'booking'" in err
    assert f"train DATA --add {path}" in err


def test_an_intent_that_the_agent_does_not_have_is_refused(agents: Agents, tmp_path: Path):
    _, err = chat(agents, "--fixes", tmp_path / "a.csv", typed="hi\n/fix intnt 1\n/fix\n")
    assert "no intent 'intnt 1'; did you mean intent 1" in err
    assert "/fix INTENT" in err
    assert not (tmp_path / "a.csv").exists()


def test_each_agent_has_its_file(agents: Agents, tmp_path: Path):
    typed = "hi\n/fix intent 1\n/agent hr\n/fix intent 1\nho\n/fix intent 2\n"
    _, err = chat(agents, "-a", agents.hr, "--fixes", tmp_path / "{agent}.jsonl", typed=typed)
    assert "there is no utterance yet" in err  # that hr has heard
    for name, text in (("it", "hi"), ("hr", "ho")):
        assert read_intents(tmp_path / f"{name}.jsonl", purpose="evaluation")["text"][:] == [text]
    result = run("chat", "-a", agents.it, "-a", agents.hr, "--fixes", tmp_path / "a.csv", stdin="")
    assert (result.exit_code, "{agent}" in result.stderr) == (2, True)


def test_what_is_wrong_is_said_and_the_talk_goes_on(agents: Agents):
    out, err = chat(agents, typed=b"/what\nx\xff\n/fix a\nhi\n")
    assert "there is no /what" in err
    assert "/quit" in out
    assert "line 2 is not UTF-8" in err
    assert "--fixes FILE" in err
    assert "intent " in out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("end", ["end of file", "Ctrl-C"])
def test_on_a_terminal_it_prompts_and_ends_politely(agents: Agents, end: str):
    import pty

    # A shell's background jobs are born deaf to Ctrl-C.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program += "; from intent_adapters.cli import app; app()"
    command = [sys.executable, "-c", program, "chat", "-a", str(agents.it), "--backend", "onnx"]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TERM": "dumb"}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""

    def finish() -> None:
        process.send_signal(signal.SIGINT) if end == "Ctrl-C" else os.write(ours, b"\x04")

    def prompts() -> int:
        return shown.count(b"it> ")

    try:
        # What is typed before the prompt is ready to read may be lost: it is typed again, after a while. What ends the
        # process is repeated later, since it may take its time to end.
        for act, is_done, tenths in (
            (lambda: None, lambda: prompts() > 0, 20),
            (lambda: os.write(ours, b"hi\n"), lambda: prompts() > 1, 20),
            (finish, lambda: process.poll() is not None, 150),
        ):
            for tenth in range(600):
                if is_done() or process.poll() is not None:
                    break
                if tenth % tenths == 0:
                    act()
                if select.select([ours], [], [], 0.1)[0]:
                    shown += _read(ours)
        assert process.wait(60) == 0
    finally:
        process.kill()
        os.close(ours)
    assert b" %  intent " in shown
    assert b"Traceback" not in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 12)
    except OSError:  # so Linux says that the other end is closed
        return b""
