"""A process that is forked after a model was loaded, or has answered or trained, goes on with it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.runtime.onnx.export import export_base
from tests.support.adapters import random_adapter
from tests.support.tiny import tiny_base

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only on Linux do servers fork processes that go on computing"
)
ROOT = Path(__file__).parents[1]
# Three threads even where there is one core, and batches that are large enough to be shared among them.
SCRIPT = """
    import multiprocessing, sys
    import torch
    from intent_adapters import IntentModel, train_agent

    torch.set_num_threads(3)
    folder, backend = sys.argv[1:]
    settings = {"backend": "onnx", "threads": 3} if backend == "onnx" else {"device": "cpu"}
    model = IntentModel.from_pretrained(f"{folder}/{backend}", adapter={"agent": f"{folder}/agent"}, **settings)
    texts = ["please cancel my appointment of next week and make another"] * 64
    rows = [{"text": f"{label} {number} of them all", "label": label} for label in "ab" for number in range(40)]

    def work(answers):
        if backend == "torch":
            train_agent(model, "trained", rows, epochs=1, calibrate=False, progress=False, replace=True)
        answers.put([model.predict(texts, "agent")[9].label, model.predict("cancel", "agent").label])

    context = multiprocessing.get_context("fork")
    for what in ("loaded", "used"):
        answers = context.Queue()
        child = context.Process(target=work, args=(answers,), daemon=True)
        child.start()
        print(what, *answers.get(timeout=60))
        work(answers)
        torch.ones(10**6).sum()
    print("here", *answers.get())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fork")
    base = tiny_base(folder)
    base.save_pretrained(str(folder / "torch"))
    export_base(base, folder / "onnx", precision="float32")
    model = IntentModel(base)
    model.add_agent("agent", random_adapter(base, labels=5))
    model.save_adapter("agent", folder / "agent")
    return folder


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_forked_process_answers_and_trains(backend, folder, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    found = subprocess.run(
        [sys.executable, str(script), str(folder), backend],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=170,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    loaded, used, here = (line.split() for line in found.stdout.splitlines())
    assert loaded[0] == "loaded" and used[0] == "used"
    assert loaded[1:] == used[1:] == here[1:]
