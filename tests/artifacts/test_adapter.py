"""Every way in which the files of an adapter can be wrong, and what the loaded model makes of it: nothing."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from intent_adapters import BottleneckConfig, IntentModel
from intent_adapters.artifacts.adapter import DIGEST_KEY, Adapter
from intent_adapters.artifacts.encoder import encoder_of, structural_copy
from intent_adapters.bottleneck import find_head
from intent_adapters.errors import AdapterError, BaseMismatchError
from tests.support.adapters import random_adapter
from tests.support.tiny import ARCHITECTURES, tiny_base

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
DOWN = "base_model.model.encoder.layer.0.attention.output.dense.intent_bottleneck_down.weight"
HEAD = "base_model.model.intent_head.intent_bottleneck_head.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def model(base):
    model = IntentModel(base, name="tiny")
    model.add_agent("resident", random_adapter(base, seed=1))
    return model


@pytest.fixture
def folder(base, model, tmp_path):
    random_adapter(base, labels=4, base_fingerprint=model.fingerprint).write(tmp_path / "clinic")
    return tmp_path / "clinic"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("sites", ["houlsby", "pfeiffer", "parallel", "none"])
def test_peft_reads_what_we_write_and_we_read_what_peft_writes(tmp_path, architecture, sites):
    base = tiny_base(tmp_path, architecture)
    ours = IntentModel(base)
    ours.add_agent("agent", random_adapter(base, labels=5, sites=sites))
    ours.save_adapter("agent", tmp_path / "ours")

    theirs = structural_copy(base)
    peft_model = PeftModel.from_pretrained(encoder_of(theirs), str(tmp_path / "ours")).eval()
    texts = ["예약 취소", "how much?"]
    embeddings = theirs.encode(texts, convert_to_tensor=True)
    assert torch.allclose(embeddings, torch.from_numpy(ours.encode(texts, agents="agent")), atol=1e-6)
    scores = torch.softmax(find_head(peft_model)(embeddings), dim=-1)
    for row, answer in enumerate(ours.predict(texts, top_k=1)):
        assert answer.label == f"intent {int(scores[row].argmax())}"
        assert answer.score == pytest.approx(float(scores[row].max()), abs=1e-5)

    peft_model.save_pretrained(str(tmp_path / "theirs"))
    again = IntentModel(base)
    again.load_adapter(tmp_path / "theirs", name="agent")
    assert again.predict(texts) == ours.predict(texts)


def test_a_fresh_peft_adapter_can_be_read(base, tmp_path):
    copied = structural_copy(base)
    get_peft_model(encoder_of(copied), BottleneckConfig(labels=["a", "b"])).save_pretrained(str(tmp_path / "a"))
    assert Adapter.read(tmp_path / "a").labels == ["a", "b"]


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_tensors(folder: Path, change, metadata=None) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata or {"format": "pt"})


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def truncate(name: str, share: float):
    def damage(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return damage


def flip(name: str, position: int):
    def damage(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[position] ^= 0x10
        (folder / name).write_bytes(data)

    return damage


def pickle_instead(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Evil()))


def pickle_in_disguise(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Evil()))


def huge_header(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((2**62).to_bytes(8, "little") + b"{}")


def overlapping_offsets(folder: Path) -> None:
    header = json.dumps(
        {n: {"dtype": "F32", "shape": [4, 32], "data_offsets": [0, 512]} for n in (DOWN, HEAD)}
    ).encode()
    (folder / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header + bytes(512))


def rename_in_header(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data.replace(b"intent_head", b"intent_heae", 1))


DAMAGES = {
    "no folder": (shutil.rmtree, "There is no folder"),
    "no config": (lambda f: (f / CONFIG).unlink(), f"No {CONFIG}"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), f"No {WEIGHTS}"),
    "empty config": (lambda f: (f / CONFIG).write_text(""), "not JSON"),
    "config cut off": (truncate(CONFIG, 0.5), "not JSON"),
    "config not UTF-8": (lambda f: (f / CONFIG).write_bytes(b"\xff\xfe{}"), "not JSON"),
    "config a list": (lambda f: (f / CONFIG).write_text("[]"), "type 'list'"),
    "config nested without end": (lambda f: (f / CONFIG).write_text("[" * 200_000), "not JSON"),
    "config too large": (lambda f: (f / CONFIG).write_text(" " * (33 * 2**20)), "more than"),
    "config of LoRA": (lambda f: edit_config(f, peft_type="LORA"), "type 'LORA'"),
    "config without a type": (lambda f: edit_config(f, peft_type=None), "type None"),
    "labels a string": (lambda f: edit_config(f, labels="abcd"), "labels"),
    "labels of numbers": (lambda f: edit_config(f, labels=[1, 2, 3, 4]), "labels"),
    "labels twice": (lambda f: edit_config(f, labels=["a", "a", "b", "c"]), "labels"),
    "labels empty": (lambda f: edit_config(f, labels=[]), "labels"),
    "labels absent": (lambda f: edit_config(f, labels=None), "names no labels"),
    "labels absurdly many": (lambda f: edit_config(f, labels=[str(i) for i in range(200_000)]), "labels"),
    "a label too many": (lambda f: edit_config(f, labels=["a", "b", "c", "d", "e"]), "digest|shape"),
    "labels swapped": (lambda f: edit_config(f, labels=["intent 1", "intent 0", "intent 2", "intent 3"]), "digest"),
    "bottleneck huge": (lambda f: edit_config(f, bottleneck_size=10**9), "bottleneck_size"),
    "bottleneck negative": (lambda f: edit_config(f, bottleneck_size=-4), "bottleneck_size"),
    "bottleneck a string": (lambda f: edit_config(f, bottleneck_size="4"), "bottleneck_size"),
    "bottleneck another size": (lambda f: edit_config(f, bottleneck_size=5), "shape"),
    "other sites": (lambda f: edit_config(f, sites="pfeiffer"), "unknown .* tensor"),
    "sites unknown": (lambda f: edit_config(f, sites="everywhere"), "sites"),
    "scaling NaN": (lambda f: edit_config(f, scaling=float("nan")), "scaling"),
    "temperature zero": (lambda f: edit_config(f, calibration={"temperature": 0}), "temperature"),
    "head unknown": (lambda f: edit_config(f, head="pickle"), "head"),
    "head of another kind": (lambda f: edit_config(f, head="linear"), "lacks"),
    "target modules without end": (lambda f: edit_config(f, target_modules="(" * 50), "target_modules"),
    "modules to save": (lambda f: edit_config(f, modules_to_save=["encoder"]), "modules_to_save.*Load it with PEFT"),
    "another base": (lambda f: edit_config(f, provenance={"base_fingerprint": "f" * 64}), "was trained on the base"),
    "empty weights": (lambda f: (f / WEIGHTS).write_bytes(b""), "damaged"),
    "weights cut in the header": (truncate(WEIGHTS, 0.05), "damaged"),
    "weights cut in the middle": (truncate(WEIGHTS, 0.6), "damaged"),
    "weights lack the last byte": (truncate(WEIGHTS, 0.99999), "damaged"),
    "weights with a tail": (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes() + b"x" * 64), "damaged"),
    "bit flipped in the weights": (flip(WEIGHTS, -77), "digest|NaN"),
    "bit flipped in the header length": (flip(WEIGHTS, 0), "damaged"),
    "bit flipped in a tensor's name": (rename_in_header, "lacks 1 tensor|digest"),
    "another non-linearity": (lambda f: edit_config(f, non_linearity="tanh"), "digest"),
    "another prompt": (lambda f: edit_config(f, prompt="passage: "), "digest"),
    "a pickle instead": (pickle_instead, "pickle.*never"),
    "a pickle in disguise": (pickle_in_disguise, "damaged"),
    "a header of 2^62 bytes": (huge_header, "damaged"),
    "tensors over each other": (overlapping_offsets, "damaged"),
    "a tensor missing": (lambda f: edit_tensors(f, lambda t: t.pop(DOWN)), "lacks 1 tensor"),
    "a tensor too many": (lambda f: edit_tensors(f, lambda t: t.update(x=torch.ones(1))), "unknown 1 tensor"),
    "a wrong shape": (lambda f: edit_tensors(f, lambda t: t.update({DOWN: torch.ones(4, 31)})), "has shape"),
    "NaN": (lambda f: edit_tensors(f, lambda t: t[HEAD].fill_(float("nan"))), "NaN"),
    "infinite": (lambda f: edit_tensors(f, lambda t: t[HEAD].view(-1)[3:4].fill_(float("inf"))), "infinite"),
    "integers": (lambda f: edit_tensors(f, lambda t: t.update({HEAD: torch.ones(4, 32).long()})), "type I64"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_adapter_is_refused_and_the_model_stays_as_it_was(model, folder, name, capfd):
    damage, match = DAMAGES[name]
    before = model.predict(["예약", "cancel"], agents="resident")
    damage(folder)
    with pytest.raises(AdapterError, match=f"(?s){match}"):
        model.load_adapter(folder, local_files_only=True)
    assert model.agents == ("resident",)
    assert model.predict(["예약", "cancel"], agents="resident") == before
    assert "code ran" not in capfd.readouterr().out


def test_replacing_an_agent_by_a_damaged_one_keeps_the_old_one(base, folder):
    model = IntentModel(base)
    model.add_agent("clinic", random_adapter(base, seed=3))
    before = model.predict("예약")
    truncate(WEIGHTS, 0.5)(folder)
    with pytest.raises(AdapterError):
        model.load_adapter(folder, name="clinic", replace=True)
    assert model.predict("예약") == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bit_goes_unnoticed_or_raises_anything_but_our_error(model, folder, data):
    path = folder / WEIGHTS
    original = path.read_bytes()
    shutil.copytree(folder, folder.with_name("intact"), dirs_exist_ok=True)
    position = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(changed)
    weights = Adapter.read(folder.with_name("intact")).tensors
    try:
        model.load_adapter(folder)
    except AdapterError:
        assert "clinic" not in model.agents
    else:  # a flip in the free text of the header, which leaves every weight as it was
        loaded = model.adapter("clinic").tensors
        model.unload_adapter("clinic")
        assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    finally:
        path.write_bytes(original)


def test_files_of_half_precision_are_read_as_float32(base, tmp_path):
    adapter = random_adapter(base)
    half = Adapter(adapter.config, {name: tensor.half() for name, tensor in adapter.tensors.items()})
    half.write(tmp_path / "half")
    read = Adapter.read(tmp_path / "half")
    assert {tensor.dtype for tensor in read.tensors.values()} == {torch.float32}
    assert all(torch.equal(read.tensors[name], tensor.float()) for name, tensor in half.tensors.items())


def test_values_that_float16_holds_are_written_in_it_and_others_are_not(base, tmp_path):
    adapter = random_adapter(base)
    adapter.tensors["intent_head.intent_bottleneck_head.scale"].fill_(1e6)
    adapter.write(tmp_path / "exact")
    rounded = adapter.rounded()
    rounded.write(tmp_path / "rounded")
    files = {name: load_file(tmp_path / name / WEIGHTS) for name in ("exact", "rounded")}
    large = "base_model.model.intent_head.intent_bottleneck_head.scale"
    assert {tensor.dtype for tensor in files["exact"].values()} == {torch.float32}
    assert {name for name, tensor in files["rounded"].items() if tensor.dtype == torch.float32} == {large}
    for name, one in (("exact", adapter), ("rounded", rounded)):
        read = Adapter.read(tmp_path / name)
        assert all(torch.equal(read.tensors[key], tensor) for key, tensor in one.tensors.items())
        assert read.digest == one.digest
    assert all(torch.allclose(rounded.tensors[key], tensor, rtol=1e-3) for key, tensor in adapter.tensors.items())


def test_a_rounded_adapter_is_read_by_peft(base, tmp_path):
    ours = IntentModel(base)
    ours.add_agent("agent", random_adapter(base).rounded())
    ours.save_adapter("agent", tmp_path / "agent")
    theirs = structural_copy(base)
    PeftModel.from_pretrained(encoder_of(theirs), str(tmp_path / "agent")).eval()
    embeddings = theirs.encode(["예약 취소", "a"], convert_to_tensor=True)
    assert embeddings.dtype == torch.float32
    assert torch.allclose(embeddings, torch.from_numpy(ours.encode(["예약 취소", "a"], agents="agent")), atol=1e-6)


def test_the_digest_is_optional_and_checked_when_there(folder, model):
    edit_tensors(folder, lambda tensors: None)
    assert Adapter.read(folder).labels
    edit_tensors(folder, lambda tensors: None, {"format": "pt", DIGEST_KEY: "0" * 64})
    with pytest.raises(AdapterError, match="digest"):
        Adapter.read(folder)


def test_saving_over_other_things_is_refused(base, tmp_path):
    adapter = random_adapter(base)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    for name in ("file", "full", "link"):
        with pytest.raises(AdapterError, match="Cannot save"):
            adapter.write(tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]


def test_saving_again_keeps_the_readme_and_replaces_the_rest(base, folder):
    (folder / "README.md").write_text("# Clinic\n\nWritten by a person.\n")
    random_adapter(base, labels=7, seed=5).write(folder)
    assert (folder / "README.md").read_text().endswith("Written by a person.\n")
    assert len(Adapter.read(folder).labels) == 7
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", CONFIG, WEIGHTS, "versions"]


def test_mismatch_is_an_adapter_error():
    assert issubclass(BaseMismatchError, AdapterError)
