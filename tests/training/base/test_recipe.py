"""A base from a recipe: what may stand in it, and a run that can be stopped and killed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from intent_adapters.errors import ConfigError
from intent_adapters.loading import load_base
from intent_adapters.training import make_base, read_recipe
from intent_adapters.training.base import make_base as module
from intent_adapters.training.base.make_base import read_data
from intent_adapters.training.base.recipe import DataTable
from tests.support.tiny import tiny_base

RECIPES = Path(__file__).parents[3] / "examples" / "paper" / "recipes"
WORDS = ["abc", "예약", "hello", "취소", "진료", "얼마", "x1", "y2", "z3", "주세요", "변경", "q9"]
RECIPE = """
[data]
pairs = ["pairs.jsonl"]
kinds = ["paraphrase"]
single_kinds = ["next"]
texts = ["chat.txt"]
plain_share = 0.5
averaged_kinds = ["paraphrase"]

[start]
base = "one"
layers = [0]
dropout = 0.05

[stage_1]
temperature = 0.1
training = {steps = 4, batch_size = 4, learning_rate = 1e-3, warmup_steps = 1, save_every = 4}

[[targets]]
script = "hangul"
teachers = [{model = "stage-1", whitening = 0.125}, {model = "start", prompt = "abc "}]
combine = "mean"

[[targets]]
teachers = [{model = "other"}, {model = "start", weight = 0.5, centered = true}]
width = 32
turn = "stage-1"

[distillation]
teacher = "stage-1"
relation_weight = [1.0, 0.2]
matching_weight = 5
num_relation_heads = 4
projection = false
start_share = 0.25

[distillation.training]
steps = 24
max_tokens = 60
learning_rate = 3e-3
warmup_steps = 2
save_every = 3
log_every = 1
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    rows = [{"anchor": f"{word} a", "positive": f"b {word}", "kind": "paraphrase"} for word in WORDS]
    rows += [{"anchor": f"{word} c", "positive": f"Hello, {word}!", "kind": "next"} for word in WORDS]
    (folder / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    (folder / "chat.txt").write_text("\n".join(f"{word} 얼마 abc" for word in WORDS), encoding="utf-8")
    for seed, name in enumerate(("one", "other")):
        tiny_base(folder / f"made-{seed}", seed=seed).save_pretrained(str(folder / name))
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder


def weights(folder):
    return torch.cat([parameter.flatten() for parameter in load_base(folder, device="cpu").parameters()])


def parts(history):
    names = ("loss", "contrastive", "relation", "matching")
    return [{name: entry[name] for name in names} for entry in history if "loss" in entry]


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory):
    """A run from end to end: its folder and its log."""
    folder = tmp_path_factory.mktemp("whole")
    return folder / "base", make_base(read_recipe(data / "recipe.toml"), folder / "base", data=data)


def test_it_learns_and_says_how_each_part_goes(whole):
    folder, history = whole
    logged = parts(history)
    assert len(logged) == 24
    assert load_base(folder).encode("예약").shape == (32,)
    assert np.mean([entry["loss"] for entry in logged[-8:]]) < np.mean([entry["loss"] for entry in logged[:8]])


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(data, whole, tmp_path):
    folder, history = whole
    recipe = read_recipe(data / "recipe.toml")
    first = make_base(recipe, tmp_path / "base", data=data, stop_after=5)
    assert parts(first) == parts(history)[:5]
    assert not torch.equal(weights(tmp_path / "base"), weights(folder))
    with pytest.raises(ConfigError, match="Resume that run"):
        make_base(recipe, tmp_path / "base", data=data)
    rest = make_base(recipe, tmp_path / "base", data=data, resume=True)
    assert parts(rest) == parts(history)
    assert torch.equal(weights(tmp_path / "base"), weights(folder))


KILLED = """
import os, signal, sys
from transformers import TrainerCallback
from intent_adapters.training import make_base, read_recipe
from intent_adapters.training.base.pair_training import StopAfter
def end(self, args, state, control, **more):
    if state.global_step == 7:
        os.kill(os.getpid(), signal.SIGKILL)
StopAfter.on_step_end = end
make_base(read_recipe(sys.argv[1] + "/recipe.toml"), sys.argv[2], data=sys.argv[1], stop_after=24)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_run_that_was_killed_goes_on_as_if_it_had_not_been(data, whole, tmp_path):
    folder, history = whole
    found = subprocess.run([sys.executable, "-c", KILLED, str(data), str(tmp_path / "base")], check=False)
    assert found.returncode == -signal.SIGKILL
    assert not (tmp_path / "base").exists()
    rest = make_base(read_recipe(data / "recipe.toml"), tmp_path / "base", data=data, resume=True)
    assert parts(rest) == parts(history)
    assert torch.equal(weights(tmp_path / "base"), weights(folder))


def test_a_share_of_the_data(data, tmp_path):
    recipe = read_recipe(data / "recipe.toml")
    make_base(recipe, tmp_path / "base", data=data, share=0.5, stop_after=1)
    stored = (tmp_path / "base-work" / "embeddings").glob("*/*.npz")
    of_pairs, single = 2 * len(WORDS), 3 * len(WORDS) + 3 * len(WORDS) // 2
    assert 0 < max(len(np.load(file)["keys"]) for file in stored) <= (of_pairs + single) / 2 + 2
    with pytest.raises(ConfigError, match="share"):
        make_base(recipe, tmp_path / "other", data=data, share=0)


def test_pairs_that_are_taken_in_part_all_have_their_mean_target(data, tmp_path, monkeypatch):
    for name in ("chat.txt", "one", "other"):
        shutil.copytree(data / name, tmp_path / name) if (data / name).is_dir() else shutil.copy(data / name, tmp_path)
    rows = [json.loads(line) for line in (data / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [
        {**row, "source": "all", "kind": "translation" if row["kind"] == "paraphrase" and number % 2 else row["kind"]}
        for number, row in enumerate(rows)
    ]
    translations = {row["anchor"] for row in rows if row["kind"] == "translation"}
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    given = {}

    def distil(teacher, student, pairs, output, *, targets, **settings):
        of = targets.labelled(pairs)["label"][:]
        given["pairs"] = list(zip(pairs["anchor"], pairs["positive"], strict=True))
        given["vectors"] = targets.vectors[np.array(of)].astype(np.float32)
        return []

    monkeypatch.setattr(module, "distill", distil)
    shares = RECIPE.replace("[data]", "[data]\nshares = {all = 0.5}")
    shares = shares.replace('\nkinds = ["paraphrase"]', '\nkinds = ["paraphrase", "translation"]')
    shares = shares.replace('averaged_kinds = ["paraphrase"]', 'averaged_kinds = ["translation"]')

    def targets_of(text):
        (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
        make_base(read_recipe(tmp_path / "recipe.toml"), tmp_path / "base", data=tmp_path, resume=True)
        return given["pairs"], given["vectors"]

    pairs, plain = targets_of(shares.replace('averaged_kinds = ["translation"]', ""))
    again, averaged = targets_of(shares)
    assert pairs == again
    averaged_rows = np.array([anchor in translations for anchor, _ in pairs])
    assert 0 < averaged_rows.sum() < len(pairs) == 6
    expected = np.where(averaged_rows[:, None], plain.sum(axis=1), plain[:, 0])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(averaged[:, 0], expected, atol=2e-3)
    np.testing.assert_allclose(averaged[:, 1], plain[:, 1], atol=2e-3)


def test_sources_that_are_no_paraphrases_count_as_single_texts_and_some_are_taken_in_part(tmp_path):
    rows = [
        {
            "anchor": f"{source} {number} {kind}",
            "positive": f"{number} {source} {kind}",
            "kind": kind,
            "source": source,
        }
        for source in ("one", "two", "three")
        for kind in ("paraphrase", "next")
        for number in range(20)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    table = DataTable(
        pairs=["pairs.jsonl"],
        kinds=["paraphrase"],
        single_kinds=["next"],
        single_sources=["two"],
        shares={"one": 0.25, "two": 0.5},
    )
    pairs, singles = read_data(table, tmp_path)
    assert Counter(text.split()[0] for text in pairs["anchor"]) == {"one": 5, "three": 20}
    assert {text.split()[-1] for text in pairs["anchor"]} == {"paraphrase"}
    found = Counter((re.search("one|two|three", text)[0], text.split()[-1]) for text in singles)
    assert {key: count for key, count in found.items() if key[0] != "two"} == {
        ("one", "next"): 10,
        ("three", "next"): 40,
    }
    assert sum(count for key, count in found.items() if key[0] == "two") == 40


def test_the_final_weights_are_partly_those_of_the_start(data, whole, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.replace("start_share = 0.25", ""), encoding="utf-8")
    shutil.copytree(whole[0].parent / "base-work", tmp_path / "base-work")
    make_base(read_recipe(recipe), tmp_path / "base", data=data, resume=True)
    start = load_base(whole[0].parent / "base-work" / "stage-1")
    learned = dict(load_base(tmp_path / "base").named_parameters())
    for name, value in load_base(whole[0]).named_parameters():
        expected = 0.75 * learned[name] + 0.25 * dict(start.named_parameters())[name]
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-4)


def test_files_that_are_not_there(data, tmp_path):
    with pytest.raises(ConfigError, match=r"there is no file 'nowhere\.toml'"):
        read_recipe("nowhere.toml")
    with pytest.raises(ConfigError, match=r"no file 'pairs\.jsonl' in .*the folder of the data"):
        make_base(read_recipe(data / "recipe.toml"), tmp_path / "base", data=tmp_path)


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.toml")))
def test_the_shipped_recipes_can_be_read(name):
    assert read_recipe(RECIPES / f"{name}.toml").targets


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kinds =", "kind =", r"\[data\] has no setting 'kind'; it has pairs, kinds"),
        ('base = "one"', "", r"\[start\] needs the setting 'base'"),
        ("layers = [0]", 'layers = ["0"]', "start.layers is '0', but it must be a whole number"),
        ("plain_share = 0.5", "plain_share = 2", "plain_share"),
        ('teacher = "stage-1"', 'teacher = "other"', "both read the same tokens"),
        ('script = "hangul"', 'script = "greek"', "hangul"),
        ('script = "hangul"', "", "all `\\[\\[targets\\]\\]` but the last"),
        ('combine = "mean"', 'combine = "sum"', "targets.combine is 'sum', but it must be one of 'join', 'mean'"),
        ('turn = "stage-1"', 'turn = "two"', "`turn` is one of"),
        ("dropout = 0.05", "dropout = 1.0", "dropout"),
        ("plain_share = 0.5", "shares = {web = 0}", "the share of web"),
        ("steps = 24", "steps = 0", "steps"),
        ("steps = 24", "stepps = 24", "stepps"),
        ("relation_weight = [1.0, 0.2]", "relation_weight = [1.0, 0.2, 0.1]", "relation_weight"),
        ("[start]", "[start", "cannot be read as TOML"),
        ('kinds = ["paraphrase"]', 'kinds = "paraphrase"', "data.kinds is 'paraphrase', but it must be a list"),
    ],
)
def test_what_a_recipe_must_not_say(tmp_path, old, new, said):
    assert old in RECIPE
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_recipe(file)
