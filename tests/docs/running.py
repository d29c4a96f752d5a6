"""Runs blocks of a page as its reader would: one after the other, in one folder and one Python session."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
import tokenize
import tomllib
from pathlib import Path
from typing import Any

from typer import Typer
from typer.main import get_command
from typer.testing import CliRunner

from examples.benchmark import __main__ as benchmark
from examples.paper import __main__ as paper
from intent_adapters.cli import app
from tests.docs.blocks import Block

ROOT = Path(__file__).parents[2]
# Commands that install or build: they are checked against the files that they depend on, not run.
CHECKED_ONLY = ("pip", "make", "git", "cd")
PROGRAMS = {
    "intent-adapters ": app,
    "python -m examples.benchmark ": benchmark.app,
    "python -m examples.paper ": paper.app,
}


class Session:
    """The reader's folder and Python session on one page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    def run(self, block: Block) -> None:
        """Runs a block.

        Raises:
            AssertionError: A command failed, or a value is not what the comment behind it says.
            Exception: Whatever the Python code raises.
        """
        if block.language == "python":
            self._run_python(block)
        elif block.language == "file":
            (self.folder / block.title).write_text(block.code, encoding="utf-8")
        else:
            for command in _commands(block.code):
                self._run_command(command, block)

    def _run_python(self, block: Block) -> None:
        # Blank lines before it, so that a traceback names the line of the page.
        tree = ast.parse("\n" * (block.line - 1) + block.code, str(block.page))
        expected = _expected_values(block)
        for node in tree.body:
            if isinstance(node, ast.Expr) and node.end_lineno in expected:
                value = eval(compile(ast.Expression(node.value), str(block.page), "eval"), self.namespace)
                stated = expected[node.end_lineno]
                assert value == stated, f"{block.page}:{node.end_lineno} gives {value!r}, the page says {stated!r}"
            else:
                exec(compile(ast.Module([node], []), str(block.page), "exec"), self.namespace)

    def _run_command(self, command: str, block: Block) -> None:
        program = shlex.split(command, comments=True)[0]
        if program in CHECKED_ONLY:
            _check_only(command, block)
            return
        given, pipe, last = command.rpartition(" | ")
        ours = _program(last)
        if ours is None:
            done = subprocess.run(["bash", "-euc", command], cwd=self.folder, capture_output=True, text=True)
            assert done.returncode == 0, f"{block.place}: {command}\n{done.stdout}{done.stderr}"
            return
        last, _, target = ours[1].partition(" > ")
        stdin = subprocess.run(["bash", "-euc", given], cwd=self.folder, capture_output=True).stdout if pipe else None
        result = CliRunner().invoke(ours[0], shlex.split(last, comments=True), input=stdin)
        assert result.exit_code == 0, f"{block.place}: {command}\n{result.output}{result.exception or ''}"
        if target:
            (self.folder / shlex.split(target)[0]).write_text(result.stdout, encoding="utf-8")


def check(block: Block) -> None:
    """Sees whether a block that is not run is Python, or names commands, options and choices that there are.

    Raises:
        SyntaxError: It is no Python.
        UsageError: A command would be refused for how it is written.
        AssertionError: As `Session.run`, for commands that install or build.
    """
    if block.language == "python":
        compile(block.code, str(block.page), "exec")
        return
    for command in _commands(block.code):
        last = command.rpartition(" | ")[2].partition(" > ")[0]
        if shlex.split(last, comments=True)[0] in CHECKED_ONLY:
            _check_only(command, block)
        ours = _program(last)
        if ours is not None:
            program, words = get_command(ours[0]), shlex.split(ours[1], comments=True)
            context = program.make_context("program", words)
            if hasattr(program, "resolve_command"):  # it has subcommands
                name, subcommand, rest = program.resolve_command(context, words)
                subcommand.make_context(name, rest, parent=context)


def _program(command: str) -> tuple[Typer, str] | None:
    """One of ours, and its arguments; None if the command is of another one."""
    return next(
        ((program, command.removeprefix(name)) for name, program in PROGRAMS.items() if command.startswith(name)), None
    )


def _commands(code: str) -> list[str]:
    """The commands of a shell block: continued lines joined, comments and empty lines left out."""
    joined = re.sub(r"\\\n\s*", "", code)
    lines = [line.removeprefix("$ ").strip() for line in joined.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _expected_values(block: Block) -> dict[int, object]:
    """What comments such as `# 'cancel_appointment'` say about the expression before them, by the page's line."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(block.code).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip() != token.line[token.start[1] :]:
            try:
                found[token.start[0] + block.line - 1] = ast.literal_eval(token.string.removeprefix("#").strip())
            except (ValueError, SyntaxError):
                continue
    return found


def _check_only(command: str, block: Block) -> None:
    """Extras must be in pyproject.toml, and targets in the Makefile."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, f"{block.place}: {command}\n{done.stderr}"
    if words[0] == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = {extra for group in re.findall(r"\[([\w,-]+)\]", command) for extra in group.split(",")}
        assert named <= set(extras), f"{block.place}: {command}: pyproject.toml has no extra {named - set(extras)}"
