"""What a caller has set in PyTorch, or a launcher in the environment, changes nothing of ours: the same bits."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from intent_adapters import BottleneckConfig, IntentModel
from intent_adapters.loading import load_base
from intent_adapters.training import train_agent
from tests.support.short_trainings import shorten
from tests.support.tiny import tiny_base

ROOT = Path(__file__).parents[1]
ROWS = [
    {"text": text, "label": label}
    for label, texts in {"yes": ["yes", "sure", "of course", "네"], "no": ["no", "never", "not now", "아니요"]}.items()
    for text in texts
]


@contextlib.contextmanager
def setting(change, value, restore):
    change(value)
    try:
        yield
    finally:
        change(restore)


SURROUNDINGS = {
    "no_grad": torch.no_grad,
    "enable_grad": torch.enable_grad,
    "inference_mode": torch.inference_mode,
    "set_grad_enabled": lambda: setting(torch.set_grad_enabled, False, True),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default dtype": lambda: setting(torch.set_default_dtype, torch.float64, torch.float32),
    "default device": lambda: setting(torch.set_default_device, "meta", None),
    "device context": lambda: torch.device("meta"),
    "deterministic": lambda: setting(torch.use_deterministic_algorithms, True, False),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True, check_nan=True),
}


@pytest.fixture(scope="module", autouse=True)
def short_trainings():
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    tiny_base(folder).save_pretrained(str(folder / "saved"))
    return folder / "saved"


def everything(folder, method):
    """Load, train, predict and encode; what came of it, as bytes."""
    model = IntentModel(load_base(folder, device="cpu"))
    config = None if method == "probe" else BottleneckConfig(dropout=0.1)
    result = train_agent(model, "agent", ROWS, method=method, config=config, epochs=2, progress=False)
    model = result.model
    answers = [*model.predict([row["text"] for row in ROWS], "agent"), model.predict("maybe", "agent")]
    embeddings = [model.encode(["yes", "maybe"]), model.encode(["yes", "maybe"], agents=[None, "agent"])]
    assert all(values.dtype == np.float32 for values in embeddings)
    tensors = {name: tensor.numpy().tobytes() for name, tensor in model.adapter("agent").tensors.items()}
    return tensors, str(result.calibration), str(answers), [values.tobytes() for values in embeddings]


@pytest.fixture(scope="module", params=["adapter", "full", "probe"])
def undisturbed(request, folder):
    return request.param, everything(folder, request.param)


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_callers_settings_change_no_bit(name, undisturbed, folder):
    method, expected = undisturbed
    with SURROUNDINGS[name]():
        assert everything(folder, method) == expected


LAUNCHERS = {
    "LOCAL_RANK": {"LOCAL_RANK": "0"},
    "torchrun": {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9"},
    "mpirun": {
        f"OMPI_COMM_WORLD_{name}": value for name, value in (("SIZE", "2"), ("RANK", "0"), ("LOCAL_RANK", "0"))
    },
    "accelerate": {"ACCELERATE_MIXED_PRECISION": "bf16", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
    "slurm": {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "1"},
}
SCRIPT = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    import pytest
    from tests.support.short_trainings import shorten
    from tests.test_surroundings import digest
    shorten(pytest.MonkeyPatch())
    print(digest(Path(sys.argv[2])))
"""


def digest(folder):
    return hashlib.sha256(repr(everything(folder, "adapter")).encode()).hexdigest()


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launchers_environment_changes_no_bit(launcher, undisturbed, folder, monkeypatch):
    method, expected = undisturbed
    for name, value in LAUNCHERS[launcher].items():
        monkeypatch.setenv(name, value)
    assert everything(folder, method) == expected


def test_nor_does_one_that_is_there_from_the_start(folder, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    launchers = {name: value for variables in LAUNCHERS.values() for name, value in variables.items()}
    found = subprocess.run(
        [sys.executable, str(script), str(ROOT), str(folder)],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), **launchers},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.split()[-1] == digest(folder)
