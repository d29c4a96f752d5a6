"""`serve-cluster`, before it serves; what it does then is in tests/cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intent_adapters.cli import app
from tests.cli.conftest import CliRunner
from tests.support.processes import run_without

pytest.importorskip("ray", reason="needs pip install 'intent-adapters[ray]'")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, dict[str, Any]]]:
    """With what it would have served."""
    found: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr("intent_adapters.cluster.serve_on_ray", lambda *given, **named: found.append((*given, named)))
    return found


def test_options_of_the_server_and_of_the_cluster(served, tmp_path: Path):
    environment = tmp_path / "environment.yaml"
    environment.write_text("env_vars: {HF_HUB_OFFLINE: '1'}\n", encoding="utf-8")
    options = ["--base", "b", "--port", "9000", "--replicas", "3", "--placement", "pack", "--address", "auto"]
    options += ["--replicas-file", "list.json", "--runtime-env", str(environment), "--max-adapter-bytes", "1000"]
    done = CliRunner().invoke(app, ["serve-cluster", str(tmp_path), *options])
    assert done.exit_code == 0, done.stderr
    [(settings, cluster)] = served
    assert (settings.base, settings.port, settings.max_adapter_bytes) == ("b", 9000, 1000)
    assert cluster == {
        "replicas": 3,
        "placement": "pack",
        "address": "auto",
        "file": Path("list.json"),
        "runtime_env": {"env_vars": {"HF_HUB_OFFLINE": "1"}},
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--base", "b", "--placement", "heap"], "heap"),
        (["--base", "b", "--replicas", "0"], "--replicas"),
        (["--base", "b", "--host", "10.0.0.1"], "without a token"),
        (["--base", "b", "--runtime-env", "nowhere.yaml"], "nowhere.yaml"),
        ([], "--base"),
    ],
)
def test_what_is_wrong_is_said(served, tmp_path: Path, options: list[str], said: str):
    done = CliRunner().invoke(app, ["serve-cluster", str(tmp_path), *options])
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert not served


def test_a_runtime_environment_that_is_no_table_is_refused(served, tmp_path: Path):
    (tmp_path / "list.yaml").write_text("- pip\n", encoding="utf-8")
    options = ["--base", "b", "--runtime-env", str(tmp_path / "list.yaml")]
    assert CliRunner().invoke(app, ["serve-cluster", str(tmp_path), *options]).exit_code == 2


def test_without_its_extra_it_names_it(tmp_path: Path):
    command = ("serve-cluster", tmp_path, "--base", "b")
    done = run_without(["ray"], "from intent_adapters.cli import app\napp()", *command)
    assert done.returncode == 1
    assert "pip install 'intent-adapters[ray]'" in " ".join(done.stderr.split())
