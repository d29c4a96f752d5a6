"""Stage 2 on two processes: one W and one student on both, from gradients of both."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.support.tiny import tiny_base

ROOT = Path(__file__).parents[3]
SCRIPT = """
    import sys
    from pathlib import Path

    from accelerate import PartialState
    from datasets import Dataset
    from safetensors.torch import save_file
    from sentence_transformers import SentenceTransformer

    from intent_adapters.training.base import pair_training
    from intent_adapters.training.base.distillation import distill

    folder = Path(sys.argv[1])
    rank = PartialState(cpu=True).process_index
    teacher, student = (SentenceTransformer(str(folder / name), device="cpu") for name in ("teacher", "student"))
    kept = []
    care = pair_training.ProjectionCare.__init__

    def keep(self, projection, checkpoint):
        kept.append(projection)
        care(self, projection, checkpoint)

    pair_training.ProjectionCare.__init__ = keep
    words = [f"{a}{b}" for a in "abcdef" for b in "0123"]
    pairs = Dataset.from_dict({"anchor": [w + " x" for w in words], "positive": ["y " + w for w in words]})
    training = pair_training.PairTraining(steps=4, batch_size=4, learning_rate=1e-3, warmup_steps=1, save_every=4)
    settings = {"num_relation_heads": 4, "gather_across_devices": True, "training": training}
    distill(teacher, student, pairs, folder / "out", **settings)
    state = {name: value.contiguous() for name, value in student.state_dict().items()}
    save_file({**state, "W": kept[0].weight.detach()}, folder / f"rank-{rank}.safetensors")
"""


@pytest.mark.slow
def test_both_processes_end_with_the_same_weights(tmp_path):
    for seed, name in enumerate(("teacher", "student")):
        tiny_base(tmp_path, seed=seed).save_pretrained(str(tmp_path / name))
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(SCRIPT))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
    }
    runs = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for rank in (0, 1)
    ]
    for run in runs:
        _, errors = run.communicate(timeout=240)
        assert run.returncode == 0, errors[-3000:]
    first, second = (load_file(tmp_path / f"rank-{rank}.safetensors") for rank in (0, 1))
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert not torch.equal(first["W"], torch.eye(32))
    saved = load_file(tmp_path / "out-checkpoints" / "checkpoint-4" / "projection.safetensors")
    assert torch.equal(first["W"], saved["weight"])
