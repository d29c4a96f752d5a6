"""`playground`, before it serves; the page itself is in tests/serving/playground."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from intent_adapters.cli import app
from intent_adapters.serving import Settings
from tests.cli.conftest import CliRunner
from tests.support.tiny_files import write_tiny_base

ADDRESS = "http://127.0.0.1:54321"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which it would have served."""
    found: list[Settings] = []

    def serve(settings: Settings, on_start: Callable[[str], object]) -> None:
        found.append(settings)
        on_start(ADDRESS)

    monkeypatch.setattr("intent_adapters.serving.serve", serve)
    return found


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that it had a browser open."""
    found: list[str] = []
    monkeypatch.setattr("webbrowser.open", found.append)
    return found


def test_a_page_for_this_machine_alone(served: list[Settings], opened: list[str], tmp_path: Path):
    base, agents = write_tiny_base(tmp_path / "base"), tmp_path / "new" / "agents"
    done = CliRunner().invoke(app, ["playground", str(agents), "--base", str(base)])
    assert done.exit_code == 0, done.output
    [settings] = served
    assert settings.admin_token is not None
    token = settings.admin_token.get_secret_value()
    assert len(token) >= 40
    assert opened == [f"{ADDRESS}/playground#token={token}"]
    assert opened[0] in done.stderr.replace("\n", "")
    assert (settings.host, settings.port, settings.playground, settings.train_warm) == ("127.0.0.1", 0, "full", True)
    assert (settings.agents, settings.train_base) == (agents, str(base))
    assert list(Path(settings.base).rglob("*.onnx")), "the base had no graph"
    assert not list(base.rglob("*.onnx")), "and is not ours to write to"

    again = CliRunner().invoke(app, ["playground", str(agents), "--base", str(base), "--no-browser"])
    assert (again.exit_code, len(opened)) == (0, 1)
    assert served[1].base == settings.base, "the graph is made once"
    assert served[1].admin_token != settings.admin_token


def test_read_only_has_no_token_and_trains_nothing(served: list[Settings], opened: list[str], tmp_path: Path):
    base = write_tiny_base(tmp_path / "base")
    options = ["--base", str(base), "--read-only", "--port", "8000"]
    assert CliRunner().invoke(app, ["playground", str(tmp_path / "agents"), *options]).exit_code == 0
    [settings] = served
    assert (settings.admin_token, settings.train_base, settings.playground) == (None, None, "read-only")
    assert (settings.port, opened) == (8000, [f"{ADDRESS}/playground"])
