"""`serve`, before it serves; what it does then is in tests/serving."""

from __future__ import annotations

from pathlib import Path

import pytest

from intent_adapters.cli import app
from intent_adapters.serving import Settings
from tests.cli.conftest import CliRunner
from tests.support.processes import run_without

TOKEN = "a-token-for-all-agents"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings with which it would have served."""
    found: list[Settings] = []
    monkeypatch.setattr("intent_adapters.serving.serve", found.append)
    return found


def test_options_environment_and_file(served: list[Settings], tmp_path: Path):
    config = tmp_path / "server.toml"
    config.write_text(f"agents = '{tmp_path.as_posix()}'\nbase = 'b'\nport = 1\nworkers = 2\n", encoding="utf-8")
    arguments = ["serve", "--config", str(config), "--port", "2", "--host", "0.0.0.0", "--no-access-log"]
    environment = {"INTENT_ADAPTERS_WORKERS": "3", "INTENT_ADAPTERS_TOKEN": TOKEN}
    assert CliRunner().invoke(app, arguments, env=environment).exit_code == 0
    [settings] = served
    assert (settings.port, settings.workers, settings.host, settings.access_log) == (2, 3, "0.0.0.0", False)
    assert [token.token.get_secret_value() for token in settings.tokens()] == [TOKEN]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--base", "b", "--workers", "0"], "--workers"),
        ([], "--base"),
        (["--base", "b", "--host", "10.0.0.1"], "INTENT_ADAPTERS_TOKEN or --token-file, or --allow-anonymous"),
        (["--base", "b", "--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_is_wrong_is_said_in_options(served: list[Settings], tmp_path: Path, options: list[str], said: str):
    done = CliRunner().invoke(app, ["serve", str(tmp_path), *options])
    assert done.exit_code == 1
    assert said in done.stderr
    assert not served


@pytest.mark.parametrize("module", ["httptools", "starlette", "uvicorn"])
def test_without_its_extra_it_names_it(tmp_path: Path, module: str):
    done = run_without([module], "from intent_adapters.cli import app\napp()", "serve", tmp_path, "--base", "b")
    assert done.returncode == 1
    assert "pip install 'intent-adapters[serve]'" in " ".join(done.stderr.split())


def test_the_help_shows_what_a_file_of_tokens_has():
    assert "[[tokens]]" in CliRunner().invoke(app, ["serve", "--help"]).stdout
