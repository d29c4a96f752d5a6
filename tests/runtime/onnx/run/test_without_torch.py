"""What answers in ONNX Runtime needs no PyTorch, nor what is built on it, and answers the same without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from intent_adapters import IntentModel
from intent_adapters.runtime.onnx.export import export_folder
from tests.runtime.onnx.conftest import Exports
from tests.support.adapters import random_adapter
from tests.support.processes import HEAVY, run_process, run_without

BESIDE = "import torch, peft, sentence_transformers\n"
COMMAND = "from intent_adapters.cli import app\napp()"
# Each line of its output is what one of its jobs came to.
ANSWERS = """
import json, sys
from pathlib import Path
from intent_adapters import IntentModel
from intent_adapters.artifacts.adapter import Adapter

def random(base, agents, saved):
    texts = ["예약을 취소하고 싶어요", "cancel it", "x " * 40, "where can I park?"] * 5
    model = IntentModel.from_pretrained(base, backend="onnx", adapter_dir=agents, threads=1, max_adapter_bytes=34_000)
    answers = model.predict(texts, [model.agents[number % len(model.agents)] for number in range(len(texts))])
    answers += [model.predict("cancel it", name, top_k=2) for name in model.agents]
    model.pin_adapter("cosine")
    model.load_adapter(f"{agents}/linear", name="cosine", replace=True)
    model.unpin_adapter("cosine")
    model.unload_adapter("none")
    model.add_agent("none", Adapter.read(f"{agents}/none"))
    answers += model.predict(texts, "cosine") + model.predict(texts, "none")
    embeddings = [model.encode(texts), model.encode(texts, "linear")]
    assert model.stats.evictions
    print(json.dumps([[answer.to_dict() for answer in answers], [array.tolist() for array in embeddings]]))
    model.save_adapter("cosine", saved)

def released(base, cards):
    agents = {path.name: path for path in sorted(Path(cards).glob("??-*"))}
    texts = ["내일 예약을 취소하고 싶어요", "my laptop won't turn on", "여권은 어디서 만들어요?", "hi", "암호 " * 30]
    # A lone text on both threads, of a batch each part on one.
    model = IntentModel.from_pretrained(base, adapter=agents, threads=2)
    rows = [(text, agent) for text in texts for agent in agents]
    answers = model.predict([text for text, _ in rows], [agent for _, agent in rows], top_k=5)
    answers += [model.predict(*row) for row in rows]
    print(json.dumps([answer.to_dict() for answer in answers]))

for job, *arguments in json.loads(sys.argv[1]):
    globals()[job](*arguments)
"""
CARDS = Path(__file__).parents[4] / "model_cards"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base of the six released agents in int8."""
    folder = tmp_path_factory.mktemp("released") / "base"
    export_folder(CARDS / "intent-base-ko-en", folder, precision="int8")
    return folder


@pytest.fixture(scope="module")
def agents(exports: Exports, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("without_torch") / "agents"
    kinds = {
        "cosine": {"head": "cosine", "threshold": 0.4, "temperature": 0.7, "base_fingerprint": None},
        "linear": {"head": "linear", "sites": "pfeiffer", "scaling": 0.5, "prompt": "query: "},
        "none": {"head": "normalized_linear", "sites": "none"},
    }
    for seed, (name, settings) in enumerate(kinds.items()):
        random_adapter(exports.base, labels=4 + seed, seed=seed, **settings).write(folder / name)
    return folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def answers(exports: Exports, agents: Path, released: Path, saved: Path) -> dict[str, tuple[str, str]]:
    """What comes of each job without PyTorch and beside it, in one process each: PyTorch takes seconds to import."""
    jobs = {
        "float32": ("random", exports.float32, agents, saved / "adapter"),
        "int8": ("random", exports.int8, agents, saved / "other"),
        "released": ("released", released, CARDS),
    }
    arguments = json.dumps([[*map(str, job)] for job in jobs.values()])
    beside = run_process(BESIDE + ANSWERS, arguments)
    assert beside.returncode == 0, beside.stderr
    shutil.rmtree(saved / "adapter")
    without = run_without(HEAVY, ANSWERS, arguments)
    assert without.returncode == 0, without.stderr
    lines = zip(without.stdout.splitlines(), beside.stdout.splitlines(), strict=True)
    return dict(zip(jobs, lines, strict=True))


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_answers_are_the_same_to_the_bit(answers: dict[str, tuple[str, str]], precision: str):
    without, beside = answers[precision]
    assert without == beside


def test_the_released_agents_answer_the_same_to_the_bit(answers: dict[str, tuple[str, str]]):
    without, beside = answers["released"]
    assert without == beside
    assert len({answer["agent"] for answer in json.loads(without)}) == 6


@pytest.mark.usefixtures("answers")
def test_what_was_saved_without_pytorch_is_what_was_loaded(exports: Exports, agents: Path, saved: Path):
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (saved / "adapter" / name).read_bytes() == (agents / "linear" / name).read_bytes()
    model = IntentModel(exports.base)
    model.load_adapter(saved / "adapter", name="saved")
    assert model.labels("saved") == [f"intent {number}" for number in range(5)]


def test_the_commands_that_answer(exports: Exports, agents: Path):
    arguments = ("--adapter", agents / "cosine", "--base", exports.int8, "--backend", "onnx", "--json")
    done = run_without(HEAVY, COMMAND, "predict", "예약 취소", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["agent"] == "cosine"
    done = run_without(HEAVY, COMMAND, "info", agents / "cosine", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["intents"] == 4
    done = run_without(HEAVY, COMMAND, "predict", "예약 취소", "-a", agents / "cosine", "--base", "org/nowhere")
    assert done.returncode == 1
    assert "org/nowhere" in done.stderr  # it is known to be missing before PyTorch is needed
