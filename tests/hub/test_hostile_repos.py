"""Repositories that mean harm, or are broken: each is refused with its reason, and nothing else happens."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from intent_adapters import IntentModel
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.errors import AdapterError, BaseError, BaseMismatchError, IntentAdaptersError
from intent_adapters.loading import load_base
from tests.support.adapters import random_adapter
from tests.support.loopback_hub import LoopbackHub
from tests.support.loopback_hub.storage import File
from tests.support.tiny import tiny_base

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
TEXTS = ["예약", "cancel"]
Files = dict[str, bytes]


class Payload:
    """A pickle that leaves a mark when it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@dataclass(frozen=True)
class Declared(File):
    """A file of which the Hub says that it is huge."""

    @cached_property
    def size(self) -> int:
        return 2**40


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tiny_base(folder).save_pretrained(str(folder / "saved"), create_model_card=False)
    return folder / "saved"


@pytest.fixture(scope="module")
def base(base_folder):
    return load_base(base_folder, device="cpu")


@pytest.fixture
def base_files(base_folder) -> Files:
    paths = [path for path in base_folder.rglob("*") if path.is_file()]
    return {path.relative_to(base_folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def adapter_folder(base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "clinic"
    random_adapter(base, labels=4, base_fingerprint=fingerprint(base)).write(folder)
    return folder


@pytest.fixture
def adapter_files(adapter_folder) -> Files:
    return {path.name: path.read_bytes() for path in adapter_folder.iterdir()}


@pytest.fixture
def model(base) -> IntentModel:
    model = IntentModel(base)
    model.add_agent("resident", random_adapter(base, seed=1))
    return model


@pytest.fixture(autouse=True)
def mark(tmp_path):
    """No code of a repository ran, and no file was written outside the cache."""
    mark = tmp_path / "code-ran"
    yield mark
    assert not mark.exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"hf-home"}


def config(**changes: object) -> Callable[[Files, Path], None]:
    def change(files: Files, mark: Path) -> None:
        files[CONFIG] = json.dumps({**json.loads(files[CONFIG]), **changes}).encode()

    return change


def raw(name: str, content: bytes) -> Callable[[Files, Path], None]:
    def change(files: Files, mark: Path) -> None:
        files[name] = content

    return change


def without(name: str) -> Callable[[Files, Path], None]:
    return lambda files, mark: files.pop(name)


def tensors(edit: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Files, Path], None]:
    """Other weights, without the digest of ours: as someone who means harm would write them."""

    def change(files: Files, mark: Path) -> None:
        loaded = load(files[WEIGHTS])
        edit(loaded)
        files[WEIGHTS] = save(loaded, {"format": "pt"})

    return change


def pickled(name: str, *, alone: bool, of: str) -> Callable[[Files, Path], None]:
    def change(files: Files, mark: Path) -> None:
        files[name] = pickle.dumps(Payload(mark))
        if alone:
            del files[of]

    return change


def header(value: object, length: int | None = None, body: bytes = b"") -> Callable[[Files, Path], None]:
    text = json.dumps(value).encode()
    return raw(WEIGHTS, (len(text) if length is None else length).to_bytes(8, "little") + text + body)


HEAD = "base_model.model.intent_head.intent_bottleneck_head.weight"
ADAPTERS: dict[str, tuple[Callable[[Files, Path], object], str]] = {
    "a pickle for weights": (pickled(PICKLE, alone=True, of=WEIGHTS), r"pickle.*run code.*never"),
    "a pickle called safetensors": (pickled(WEIGHTS, alone=False, of=WEIGHTS), "damaged|safetensors"),
    "nothing but a card": (lambda files, mark: [files.pop(CONFIG), files.pop(WEIGHTS)], "no adapter"),
    "no weights": (without(WEIGHTS), "weights"),
    "no config": (without(CONFIG), CONFIG),
    "config is no JSON": (raw(CONFIG, b"import os; os.system('true')"), "not JSON"),
    "config is a symlink": (raw(CONFIG, b"../../../../../etc/passwd"), "not JSON"),
    "config is nested without end": (raw(CONFIG, b'{"a":' * 100_000), "not JSON"),
    "config is a list": (raw(CONFIG, b"[]"), "type 'list'"),
    "config is another method's": (config(peft_type="LORA"), "type 'LORA'"),
    "config has numbers without end": (config(bottleneck_size=10**4000), "bottleneck_size"),
    "config has NaN": (config(calibration={"temperature": float("nan")}), "temperature"),
    "config asks for a terabyte": (
        config(bottleneck_size=65_536, embedding_dim=10**9),
        "bottleneck_size|embedding_dim",
    ),
    "regular expression without end": (config(target_modules=r"(.*a?)+$"), "target_modules"),
    "modules to save": (config(modules_to_save=["encoder"]), "modules_to_save"),
    "no labels": (config(labels=None), "names no labels"),
    "a million labels": (config(labels=[str(i) for i in range(1_000_000)]), "labels"),
    "a label twice": (config(labels=["a", "b", "c", "a"]), r"labels\[3\] repeats"),
    "labels that are no strings": (config(labels=[["a"], {"b": 1}, 3, None]), r"labels\[0\]"),
    "labels that clear the screen": (config(labels=["a", "b", "c", "\x1b[2Jd"]), r"labels\[3\].*control"),
    "labels that turn the text round": (config(labels=["a", "b", "c", "\u202ed"]), r"labels\[3\].*control"),
    "more labels than the head has": (config(labels=["a", "b", "c", "d", "e"]), "digest|shape"),
    "labels changed round": (config(labels=["intent 3", "intent 2", "intent 1", "intent 0"]), "digest"),
    "a prompt of a megabyte": (config(prompt="a" * 2**20), "prompt"),
    "another base": (config(provenance={"base_fingerprint": "0" * 64}), "was trained on the base"),
    "a header of 2^60 bytes": (header({}, length=2**60), "damaged"),
    "a header that is no object": (header([1, 2]), "damaged"),
    "a header of 100,000 levels": (
        raw(WEIGHTS, (100_000).to_bytes(8, "little") + b"[" * 100_000),
        "damaged",
    ),
    "tensors past the end": (
        header({HEAD: {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        "damaged",
    ),
    "a tensor of negative size": (
        header({HEAD: {"dtype": "F32", "shape": [-4, 32], "data_offsets": [0, 0]}}),
        "damaged",
    ),
    "tensors over each other": (
        header({n: {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]} for n in "ab"}, body=bytes(32)),
        "damaged",
    ),
    "a tensor name that climbs": (tensors(lambda t: t.update({"../../x": torch.ones(1)})), "unknown 1 tensor"),
    "a tensor missing": (tensors(lambda t: t.pop(HEAD)), "lacks 1 tensor"),
    "a wrong shape": (tensors(lambda t: t.update({HEAD: torch.ones(4, 31)})), "has shape"),
    "integers for weights": (tensors(lambda t: t.update({HEAD: torch.ones(4, 32).int()})), "type I32"),
    "NaN": (tensors(lambda t: t[HEAD].fill_(float("nan"))), "NaN"),
    "infinity": (tensors(lambda t: t[HEAD].fill_(float("inf"))), "infinite"),
}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_hostile_adapter_is_refused_and_the_model_stays_as_it_was(
    kind, hub: LoopbackHub, model, adapter_files, mark
):
    damage, reason = ADAPTERS[kind]
    before = model.predict(TEXTS, agents="resident")
    damage(adapter_files, mark)
    hub.put("org/evil", {"README.md": b"# Harmless", **adapter_files})
    start = time.perf_counter()
    with pytest.raises(AdapterError, match=f"(?s){reason}") as caught:
        model.load_adapter("org/evil")
    assert time.perf_counter() - start < 20
    assert len(str(caught.value)) < 1_500
    assert "\x1b" not in str(caught.value)
    assert model.agents == ("resident",)
    assert model.predict(TEXTS, agents="resident") == before
    assert not hub.log.find("*.bin", "GET")


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, "README.md"])
def test_a_file_too_large_is_not_even_fetched(hub: LoopbackHub, model, adapter_files, name):
    hub.put("org/evil", {"README.md": b"# Harmless", **adapter_files})
    repo = hub.storage.repos["org/evil"]
    repo.add_commit("main", {**repo.head.files, name: Declared(b"small", name == WEIGHTS)}, "huge", "eve")
    with pytest.raises(AdapterError, match=rf"(?s){name}.*1099511627776 bytes.*at most"):
        model.load_adapter("org/evil")
    assert hub.log.downloads == []
    assert model.agents == ("resident",)


def test_what_is_beside_the_adapter_is_left_alone(hub: LoopbackHub, model, adapter_files, mark):
    """Pickles, code, archives and names that climb are in the repository; nobody asks for them."""
    payload = pickle.dumps(Payload(mark))
    beside = {
        PICKLE: payload,
        "training_args.bin": payload,
        "optimizer.pt": payload,
        "modeling_evil.py": f"open({str(mark)!r}, 'w')".encode(),
        "__init__.py": b"raise SystemExit",
        "../../../../escaped.json": b"{}",
        "/etc/absolute.json": b"{}",
        "sub/../../../climbing_adapter_config.json": b"{}",
        "..\\..\\adapter_config.json": b"{}",
        f"nested/{CONFIG}": b"not this one",
    }
    config(auto_mapping={"base_model_class": "System", "parent_library": "modeling_evil"})(adapter_files, mark)
    hub.put("org/odd", {**beside, **adapter_files})
    assert model.load_adapter("org/odd") == "odd"
    assert {path.rpartition("/")[2] for path in hub.log.bytes_by_path()} <= {CONFIG, WEIGHTS, "README.md"}
    assert model.predict(TEXTS, agents="odd")


@pytest.mark.parametrize(
    "name", ["../../etc", "/etc", "..", "http://evil.test/base", "file:///etc/passwd", "a/b/c", "x\0y"]
)
def test_an_adapter_cannot_send_us_anywhere_for_its_base(hub: LoopbackHub, adapter_files, mark, name):
    config(base_model_name_or_path=name)(adapter_files, mark)
    hub.put("org/evil", adapter_files)
    with pytest.raises(IntentAdaptersError, match="base") as caught:
        IntentModel.from_pretrained(adapter="org/evil")
    assert "org/evil" in str(caught.value)
    assert all("org/evil" in entry.path for entry in hub.log)


def test_an_adapter_whose_base_is_not_the_one_it_was_trained_on(hub: LoopbackHub, adapter_files, base_files, mark):
    """The base's repository was changed after the adapter was trained, or the adapter names a wrong one."""
    weights = load(base_files["model.safetensors"])
    weights[next(name for name in weights if name.endswith("word_embeddings.weight"))].add_(1e-3)
    base_files["model.safetensors"] = save(weights, {"format": "pt"})
    hub.put("org/base", base_files)
    config(base_model_name_or_path="org/base")(adapter_files, mark)
    hub.put("org/clinic", adapter_files)
    with pytest.raises(BaseMismatchError, match="was trained on the base"):
        IntentModel.from_pretrained(adapter="org/clinic")


def modules(change: Callable[[list[dict[str, str]]], object]) -> Callable[[Files, Path], None]:
    def edit(files: Files, mark: Path) -> None:
        listed = json.loads(files["modules.json"])
        change(listed)
        files["modules.json"] = json.dumps(listed).encode()

    return edit


def encoder_config(**changes: object) -> Callable[[Files, Path], None]:
    def change(files: Files, mark: Path) -> None:
        files["config.json"] = json.dumps({**json.loads(files["config.json"]), **changes}).encode()

    return change


def remote_code(files: Files, mark: Path) -> None:
    files["modeling_evil.py"] = f"open({str(mark)!r}, 'w')".encode()
    auto_map = {"AutoConfig": "modeling_evil.Config", "AutoModel": "modeling_evil.Model"}
    encoder_config(model_type="evil", architectures=["EvilModel"], auto_map=auto_map)(files, mark)


def climbing_shards(files: Files, mark: Path) -> None:
    files["model.safetensors.index.json"] = json.dumps(
        {"metadata": {}, "weight_map": dict.fromkeys(load(files["model.safetensors"]), "../../../x.safetensors")}
    ).encode()
    files["model-00001-of-00002.safetensors"] = files.pop("model.safetensors")


BASES: dict[str, tuple[Callable[[Files, Path], object], str]] = {
    "a pickle for weights": (pickled("pytorch_model.bin", alone=True, of="model.safetensors"), r"pickle.*never"),
    "a pickle called safetensors": (pickled("model.safetensors", alone=False, of=""), "base"),
    "no config": (without("config.json"), r"config\.json"),
    "no weights": (without("model.safetensors"), "weights"),
    "config is no JSON": (raw("config.json", b"{"), "base"),
    "config is nested without end": (raw("config.json", b"[" * 200_000), "base"),
    "code of its own": (remote_code, "base"),
    "a module of the standard library": (modules(lambda m: m[2].update(type="os.path.Normalize")), "foreign code"),
    "a module that runs code": (modules(lambda m: m[1].update(type="builtins.exec")), "foreign code"),
    "a module of ours by another way": (
        modules(lambda m: m[0].update(type="sentence_transformers.sys.modules.os.Transformer")),
        "base",
    ),
    "modules outside the repository": (modules(lambda m: m[1].update(path="../../../..")), "points out of its folder"),
    "modules at the root": (modules(lambda m: m[1].update(path="/etc")), "points out of its folder"),
    "modules that are no list": (raw("modules.json", b'{"a": 1}'), r"modules\.json"),
    "modules nested without end": (raw("modules.json", b"[" * 200_000), r"modules\.json"),
    "shards outside the repository": (climbing_shards, "base"),
    "weights cut off": (lambda f, m: f.update({"model.safetensors": f["model.safetensors"][:5000]}), "base"),
    "a header of 2^60 bytes": (raw("model.safetensors", (2**60).to_bytes(8, "little") + b"{}"), "base"),
    "another architecture": (encoder_config(model_type="gpt_neox"), "base"),
    "layers that are not there": (encoder_config(num_hidden_layers=3), "base"),
    "a million layers": (encoder_config(num_hidden_layers=10**6), "num_hidden_layers"),
    "a vocabulary of a terabyte": (encoder_config(vocab_size=2**40), "base"),
    "hidden states of a terabyte": (encoder_config(hidden_size=2**38), "base"),
    "a tokenizer with code": (
        lambda files, mark: files.update(
            {
                "tokenizer_config.json": json.dumps(
                    {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
                ).encode(),
                "evil.py": f"open({str(mark)!r}, 'w')".encode(),
                "tokenizer.json": b"{}",
            }
        ),
        "base",
    ),
    "NaN": (
        lambda files, mark: files.update(
            {"model.safetensors": save({k: v * float("nan") for k, v in load(files["model.safetensors"]).items()})}
        ),
        "NaN",
    ),
}


@pytest.mark.parametrize("kind", BASES)
def test_a_hostile_base_is_refused(kind, hub: LoopbackHub, base_files, mark):
    damage, reason = BASES[kind]
    damage(base_files, mark)
    hub.put("org/evil", base_files)
    start = time.perf_counter()
    with pytest.raises(BaseError, match=f"(?s){reason}") as caught:
        IntentModel.from_pretrained("org/evil")
    assert time.perf_counter() - start < 20
    assert "org/evil" in str(caught.value)
    assert len(str(caught.value)) < 3_000
    fetched = {path.removeprefix("org/evil/") for path in hub.log.bytes_by_path()}
    assert not [path for path in fetched if path.endswith((".py", ".bin"))]


def test_what_is_beside_the_base_is_left_alone(hub: LoopbackHub, base_files, base, mark):
    payload = pickle.dumps(Payload(mark))
    beside = {
        "pytorch_model.bin": payload,
        "training_args.bin": payload,
        "tf_model.h5": payload,
        "onnx/model.onnx": payload,
        "modeling_evil.py": f"open({str(mark)!r}, 'w')".encode(),
        "../../../climbing.json": b"{}",
        "1_Pooling/../../../config.json": b"{}",
    }
    encoder_config(auto_map={"AutoModel": "modeling_evil.Model"})(base_files, mark)
    hub.put("org/odd", {**beside, **base_files})
    model = IntentModel.from_pretrained("org/odd")
    assert model.fingerprint == fingerprint(base)
    assert not [path for path in hub.log.bytes_by_path() if path.removeprefix("org/odd/") in beside]
