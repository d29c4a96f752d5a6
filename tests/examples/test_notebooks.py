"""The notebooks run from start to end, as they are in git, and are fit to be read there."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.support.loopback_hub import LoopbackHub, environment

ROOT = Path(__file__).parents[2]
# Minutes on one core that nobody else uses, as the first cell of each tells its reader; and how much longer it may
# take on a core that is slow or shared.
MINUTES = {
    "1_first_agent": 2,
    "2_hundred_agents": 2,
    "3_from_language_model_to_base": 2,
    "4_publish_and_reuse": 2,
    "5_is_my_agent_good": 5,
}
PATIENCE = 4
WORDS = {2: "two minutes", 5: "five minutes"}
NOTEBOOKS = [ROOT / "examples" / f"{name}.ipynb" for name in MINUTES]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Path:
    return request.param


def cells(notebook: Path, kind: str) -> list[dict]:
    return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def test_no_notebook_is_left_out():
    assert sorted((ROOT / "examples").glob("*.ipynb")) == NOTEBOOKS


def test_was_run_in_order_without_an_error(notebook: Path):
    code = cells(notebook, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert "error" not in kinds
    assert not [o for cell in code for o in cell["outputs"] if o.get("name") == "stderr"], (
        "stderr says nothing to a reader"
    )


def test_is_small_and_says_nothing_of_the_machine_it_ran_on(notebook: Path):
    text = notebook.read_text(encoding="utf-8")
    assert len(text) < 400_000
    assert str(ROOT) not in text
    assert str(Path.home()) not in text or len(str(Path.home())) < 3


def test_says_what_it_needs_and_how_long_it_takes(notebook: Path):
    first, code = "".join(cells(notebook, "markdown")[0]["source"]), "".join(cells(notebook, "code")[0]["source"])
    assert first.startswith("# ")
    assert "pip install" in code
    assert WORDS[MINUTES[notebook.stem]] in first.replace("\n", " ").lower()


def test_lines_fit_the_screen(notebook: Path):
    lines = [line for cell in cells(notebook, "code") for line in "".join(cell["source"]).splitlines()]
    assert not [line for line in lines if len(line) > 110]


@pytest.mark.slow
@pytest.mark.timeout(max(MINUTES.values()) * PATIENCE * 60 + 60)
def test_runs(notebook: Path, tmp_path: Path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    (tmp_path / "examples").mkdir()
    for name in ("model_cards", "intent_adapters"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "examples" / "agents", tmp_path / "examples" / "agents")
    content = nbformat.read(notebook, as_version=4)
    resources = {"metadata": {"path": str(tmp_path / "examples")}}
    started = time.monotonic()
    budget = 60 * PATIENCE * MINUTES[notebook.stem]
    with LoopbackHub() as hub:  # for who publishes: no byte leaves the machine
        variables = environment(hub, tmp_path / "home", token=hub.add_user("ada", orgs=("org",)))
        client = nbclient.NotebookClient(content, timeout=budget, resources=resources)
        client.execute(env={**variables, "PYTHONPATH": str(ROOT)})
    assert time.monotonic() - started < budget
