"""Stages 1 and 2 from the command line, on tiny models."""

from __future__ import annotations

import json

import pytest

from intent_adapters.loading import load_base
from tests.cli.conftest import run
from tests.support.tiny import tiny_base

WORDS = ["abc", "예약", "hello", "취소", "진료", "얼마"]


@pytest.fixture
def base(tmp_path):
    tiny_base(tmp_path).save_pretrained(str(tmp_path / "base"))
    return tmp_path / "base"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"anchor": f"{w} a", "positive": f"b {w}", "source": "one", "kind": "qa"} for w in WORDS]
    rows.append({"anchor": "z", "positive": "q", "source": "two", "kind": "next"})
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_one_stage_after_the_other(tmp_path, base, pairs):
    sts = tmp_path / "sts.tsv"
    sts.write_text("sentence1\tsentence2\tscore\nabc\tabc a\t5\nhello\t예약\t0\n취소\t얼마\t1\n", encoding="utf-8")
    common = ("--steps", 4, "--batch-size", 3, "--every", 2, "--sts", sts)
    result = run("train-encoder", pairs, "-b", base, "-o", tmp_path / "large", "--kind", "qa", *common)
    assert result.exit_code == 0, result.output
    result = run(
        "distill", f"{pairs}=1.0", "-t", tmp_path / "large", "-o", tmp_path / "small", "--layers", 1, "--trim",
        "--relation-heads", 4, "--matching-weight", 5, *common,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    large, small = (load_base(tmp_path / name, device="cpu") for name in ("large", "small"))
    assert small[0].auto_model.config.num_hidden_layers == 1
    assert small.encode(["abc"]).shape == large.encode(["abc"]).shape
    assert (tmp_path / "small-checkpoints" / "checkpoint-4" / "projection.safetensors").is_file()
    again = run("train-encoder", pairs, "-b", base, "-o", tmp_path / "large", *common)
    assert again.exit_code == 1
    assert "checkpoints of an earlier run" in " ".join(again.output.split())


def test_a_plain_transformers_model_as_teacher(tmp_path, base, pairs):
    plain = tmp_path / "bert-0"  # from which `base` was made: no modules.json
    assert not (plain / "modules.json").exists()
    result = run(
        "distill", pairs, "-t", plain, "-o", tmp_path / "small", "--layers", 1, "--relation-heads", 4,
        "--steps", 2, "--every", 2, "--batch-size", 3, "--dtype", "float16",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    halved = (tmp_path / "small" / "model.safetensors").stat().st_size
    assert halved < 0.6 * (tmp_path / "small-checkpoints" / "checkpoint-2" / "model.safetensors").stat().st_size


def test_pickled_weights_are_never_read(tmp_path, base, pairs):
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    for command in (("train-encoder", pairs, "-b", base), ("distill", pairs, "-t", base)):
        result = run(*command, "-o", tmp_path / "out")
        assert result.exit_code == 1
        assert "pickle" in " ".join(result.output.split())


def test_filters_and_weights(base, pairs, tmp_path):
    result = run("train-encoder", pairs, "-b", base, "-o", tmp_path / "out", "--leave-out", "one")
    assert result.exit_code == 1
    assert "there are 1" in result.output
    result = run("train-encoder", f"{pairs}=much", "-b", base, "-o", tmp_path / "out")
    assert result.exit_code == 2
    result = run("train-encoder", f"{pairs}=1.5", "-b", base, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "weight of a pair source" in " ".join(result.output.split())


def test_a_recipe(tmp_path, base, pairs):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f"""
data = {{pairs = ["pairs.jsonl"], kinds = ["qa"], single_kinds = ["next"]}}
start = {{base = "{base.name}", layers = [0]}}
targets = [{{teachers = [{{model = "start"}}, {{model = "{base.name}", prompt = "abc "}}]}}]
[distillation]
matching_weight = 5
training = {{steps = 2, batch_size = 3, warmup_steps = 1}}
""",
        encoding="utf-8",
    )
    result = run("make-base", recipe, "-o", tmp_path / "made")
    assert result.exit_code == 0, result.output
    made = load_base(tmp_path / "made", device="cpu")
    assert made[0].auto_model.config.num_hidden_layers == 1
    recipe.write_text("start = 1", encoding="utf-8")
    result = run("make-base", recipe, "-o", tmp_path / "other")
    assert result.exit_code == 1
    assert "[start] must be a table, but it is 1" in " ".join(result.output.split())
    assert not (tmp_path / "other").exists()
