from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from examples.benchmark.measured_system import LocalSystem, Plan
from examples.benchmark.systems import SYSTEMS
from examples.benchmark.workers import measuring
from examples.benchmark.workers.measuring import NotMeasurable, agent_folder
from intent_adapters.model import IntentModel

HERE = [name for name in SYSTEMS if name not in ("setfit", "adapterhub")]
WITH_AGENTS = [name for name in HERE if not name.startswith("bare")]


def opened(name: str, plan: Plan) -> LocalSystem:
    system = SYSTEMS[name](plan)
    assert isinstance(system, LocalSystem)
    system.write_files()
    system.prepare()
    return system


@pytest.mark.parametrize("name", [name for name in WITH_AGENTS if name != "ours-fp16"])
def test_every_row_gets_an_answer_however_many_agents_share_the_batch(name: str, plan: Plan):
    system = opened(name, plan)
    for case in system.cases():
        answers = system.call(case)()
        assert len(answers) == case.rows
    assert [case.agents for case in system.cases()] == [1, 1, 8, 9]


def test_the_bare_encoders_embed_one_utterance_and_one_batch_alike(plan: Plan):
    embeddings = []
    for name in ("bare-torch", "bare-onnx-fp32", "bare-onnx-int8"):
        system = opened(name, plan)
        one, batch = system.cases()
        assert (one.name, batch.name) == ("one", "batch-1")
        single, many = (torch.as_tensor(system.call(case)()[0]) for case in (one, batch))
        assert (single.numel(), many.shape[-1]) == (32, 32)
        embeddings.append(single.flatten())
    assert torch.allclose(embeddings[0], embeddings[1], atol=1e-5)
    assert torch.cosine_similarity(embeddings[0], embeddings[2], dim=0) > 0.95


@pytest.mark.parametrize("name", WITH_AGENTS)
def test_bytes_are_those_of_saved_folders(name: str, plan: Plan):
    disk = SYSTEMS[name](plan).write_files()
    assert disk is not None
    files = [path for path in Path(plan.work).rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    copies = len(list(Path(plan.work).glob("*/agents/*"))) or 1
    if "onnx" not in name:
        assert disk.base_bytes + copies * disk.agent_bytes == total
    assert disk.agent_bytes > 1000


def test_half_precision_takes_half_the_bytes_of_the_weights(plan: Plan):
    full, half = (SYSTEMS[name](plan).write_files() for name in ("ours-torch", "ours-fp16"))
    assert full is not None and half is not None
    assert 0.3 < half.base_bytes / full.base_bytes < 0.9
    assert half.agent_bytes == full.agent_bytes


def test_ours_answers_as_the_library_does(plan: Plan):
    system = opened("ours-torch", plan)
    model = IntentModel.from_pretrained(plan.base, device="cpu")
    for index in range(plan.agents):
        model.load_adapter(agent_folder(plan.work, "ours", index), name=f"agent-{index}")
    owners = [row % 8 for row in range(plan.batch)]
    expected = [model.predict(text, f"agent-{owner}") for text, owner in zip(plan.texts, owners, strict=False)]
    found = system.call(next(case for case in system.cases() if case.agents == 8))()
    assert [answer.label for answer in found] == [answer.label for answer in expected]
    assert len({answer.agent for answer in found}) == 8


def test_given_adapters_take_the_place_of_random_ones(plan: Plan, tmp_path: Path):
    SYSTEMS["ours-torch"](plan).write_files()
    kept = [tmp_path / "kept" / name for name in "ab"]
    for index, folder in enumerate(kept):
        shutil.copytree(agent_folder(plan.work, "ours", index), folder)
    work = tmp_path / "given"
    given = replace(plan, work=str(work), adapters=[str(folder) for folder in kept])
    SYSTEMS["ours-torch"](given).write_files()
    digests = [
        (agent_folder(work, "ours", index) / "adapter_model.safetensors").read_bytes() for index in range(plan.agents)
    ]
    assert digests[0] == digests[2] != digests[1]
    assert len(digests) == plan.agents


def test_random_agents_differ_and_are_saved_in_half_precision_as_trained_ones(plan: Plan):
    SYSTEMS["ours-torch"](plan).write_files()
    first, second = (
        load_file(agent_folder(plan.work, "ours", index) / "adapter_model.safetensors") for index in (0, 1)
    )
    assert all(weights.dtype == torch.float16 for weights in first.values())
    assert not any(torch.equal(first[name], second[name]) for name in first if not name.endswith("scale"))
    model = IntentModel.from_pretrained(plan.base, adapter=agent_folder(plan.work, "ours", 0), device="cpu")
    assert len(model.labels("agent-0")) == plan.labels


def test_the_large_model_is_not_run_without_one(plan: Plan):
    with pytest.raises(NotMeasurable, match="--large"):
        SYSTEMS["large"](replace(plan, large=None)).write_files()


def test_a_model_for_each_agent_needs_room(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 100 kB\n")
    monkeypatch.setattr(measuring, "MEMINFO", meminfo)
    with pytest.raises(NotMeasurable, match="9 copies of the small model need"):
        opened("small-finetuned", plan)


def test_loading_counts_what_it_loads(plan: Plan):
    system = SYSTEMS["ours-torch"](plan)
    system.write_files()
    found = SYSTEMS["ours-torch"](plan).loading(12, 60.0)
    assert len(found["seconds"]) == 12
    assert len(SYSTEMS["ours-torch"](plan).loading(1000, 0.0)["seconds"]) == 1
