"""A base read from its files alone is the one that sentence-transformers loads from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from intent_adapters.artifacts.base import read_base
from intent_adapters.artifacts.base_files import BaseFiles, folder_fingerprint
from intent_adapters.artifacts.encoder import encoder_of
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.errors import BaseError
from tests.support.shared import minilm_path
from tests.support.tiny import ARCHITECTURES, EXPORTED, tiny_base

MODEL_CARDS = Path(__file__).parents[2] / "model_cards"


def saved(folder: Path, architecture: str = "bert", dense: bool = False) -> Path:
    base = tiny_base(folder, architecture)
    if dense:
        base.append(Dense(32, 8, activation_function=torch.nn.Identity()))
    base.save_pretrained(str(folder / "base"), create_model_card=False)
    return folder / "base"


def edit(path: Path, **changes: object) -> None:
    values = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not ...}), encoding="utf-8")


@pytest.mark.parametrize("architecture", EXPORTED)
def test_the_fingerprint_is_that_of_the_base_in_memory(tmp_path: Path, architecture: str):
    folder = saved(tmp_path, architecture)
    base = read_base(folder, device="cpu")
    files = BaseFiles(folder, "base")
    assert files.fingerprint == fingerprint(base)
    assert files.max_tokens == base.max_seq_length
    parameters = {name: value for name, value in encoder_of(base).named_parameters() if "pooler" not in name}
    assert set(files._tensor_names()) == set(parameters)
    for name, value in parameters.items():
        np.testing.assert_array_equal(files.weights[name], value.numpy())


@pytest.mark.parametrize("name", ["intent-base-en", "intent-base-ko-en", "all-MiniLM-L6-v2"])
def test_of_real_bases_too(name: str):
    folder = minilm_path() if name == "all-MiniLM-L6-v2" else MODEL_CARDS / name
    assert BaseFiles(folder, name).fingerprint == fingerprint(read_base(folder, device="cpu"))


def rewrite(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        save_file({name: change(value) for name, value in tensors.items()}, folder / "model.safetensors")

    return apply


def shard(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    index = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, folder / file, {"format": "pt"})
        index |= dict.fromkeys(part, file)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def flags_of_old_files(folder: Path) -> None:
    (folder / "1_Pooling/config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )


CHANGES = {
    "half": rewrite(torch.Tensor.half),
    "bfloat16": rewrite(torch.Tensor.bfloat16),
    "shards": shard,
    "flags": flags_of_old_files,
    "several ways of pooling": lambda folder: edit(folder / "1_Pooling/config.json", pooling_mode=["cls", "mean"]),
    "length": lambda folder: edit(folder / "sentence_bert_config.json", max_seq_length=40),
    "buffers": lambda folder: save_file(
        {**load_file(folder / "model.safetensors"), "embeddings.position_ids": torch.arange(66)[None]},
        folder / "model.safetensors",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_however_it_is_stored(tmp_path: Path, change: str):
    if change == "bfloat16":
        pytest.importorskip("ml_dtypes")
    folder = saved(tmp_path, dense=True)
    CHANGES[change](folder)
    base = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    files = BaseFiles(folder, "base")
    assert files.fingerprint == fingerprint(base)
    assert files.max_tokens == base.max_seq_length


def test_a_projection_behind_narrow_embeddings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ARCHITECTURES["electra"], "embedding_size", 16)
    folder = saved(tmp_path, "electra")
    assert BaseFiles(folder, "base").fingerprint == fingerprint(read_base(folder, device="cpu"))


def without_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.bias"]
    save_file(tensors, folder / "model.safetensors")


def with_tensor(folder: Path) -> None:
    tensors = {**load_file(folder / "model.safetensors"), "encoder.layer.1.attention.gate": torch.ones(3)}
    save_file(tensors, folder / "model.safetensors")


def left(side: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "tokenizer_config.json", **{side: "left"})


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no modules": (lambda folder: (folder / "modules.json").unlink(), "modules.json"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer.json"),
    "damaged tokenizer": (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer"),
    "a tensor less": (without_tensor, "encoder.layer.1.output.dense.bias"),
    "a tensor more": (with_tensor, "encoder.layer.1.attention.gate"),
    "no numbers": (rewrite(lambda tensor: tensor * torch.nan), "infinite values or NaN"),
    "damaged weights": (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 99), "damaged"),
    "an old layout": (
        lambda folder: edit_modules(folder, 0, path="0_Transformer"),
        "a Transformer in the folder itself",
    ),
    "foreign code": (lambda folder: edit_modules(folder, 1, type="evil.Pooling"), "foreign code"),
    "a million layers": (lambda folder: edit(folder / "config.json", num_hidden_layers=10**9), "no tensor"),
    "no size": (lambda folder: edit(folder / "config.json", hidden_size=...), "hidden_size"),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), "no object"),
    "a decoder": (lambda folder: edit(folder / "config.json", is_decoder=True), "decoder"),
    "lower case": (lambda folder: edit(folder / "sentence_bert_config.json", do_lower_case=True), "do_lower_case"),
    "padding": (left("padding_side"), "pads on the right"),
    "truncation": (left("truncation_side"), "on the left"),
    "a token": (lambda folder: edit(folder / "tokenizer_config.json", extra_token="[NEW]"), r"\[NEW\]"),
    "too long": (lambda folder: edit(folder / "sentence_bert_config.json", max_seq_length=9999), "9999"),
    "an adapter": (lambda folder: (folder / "adapter_config.json").write_text("{}"), "is an adapter"),
}


def edit_modules(folder: Path, index: int, **changes: str) -> None:
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    modules[index] |= changes
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("change", REFUSED)
def test_what_the_files_do_not_say_is_not_guessed(whole: Path, tmp_path: Path, change: str):
    folder = shutil.copytree(whole, tmp_path / "base")
    damage, message = REFUSED[change]
    damage(folder)
    with pytest.raises(BaseError, match=message):
        _ = BaseFiles(folder, "base").fingerprint


SETTINGS = {
    "config.json": ("hidden_size", "num_hidden_layers", "hidden_act", "layer_norm_eps", "pad_token_id", "model_type"),
    "tokenizer_config.json": ("pad_token", "model_max_length", "padding_side", "truncation_side"),
    "sentence_bert_config.json": ("max_seq_length", "do_lower_case", "processing_kwargs"),
    "1_Pooling/config.json": ("pooling_mode",),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.sampled_from([(file, key) for file, keys in SETTINGS.items() for key in keys]), value=JSON, text=st.text()
)
def test_whatever_a_file_says_it_is_read_or_refused(whole: Path, place: tuple[str, str], value: Any, text: str):
    file, key = place
    before = (whole / file).read_bytes()
    try:
        for content in (json.dumps({**json.loads(before), key: value}), text):
            (whole / file).write_bytes(content.encode("utf-8", "surrogatepass"))
            try:
                assert len(BaseFiles(whole, "base").fingerprint) == 64
            except BaseError as error:
                assert "base" in str(error) or "ONNX" in str(error)
    finally:
        (whole / file).write_bytes(before)


def test_what_only_sentence_transformers_can_read_it_reads(tmp_path: Path):
    tiny_base(tmp_path, "modernbert").save_pretrained(str(tmp_path / "base"), create_model_card=False)
    expected = fingerprint(read_base(tmp_path / "base", device="cpu"))
    assert folder_fingerprint(tmp_path / "base", "base") == expected
    folder = saved(tmp_path)
    (folder / "modules.json").unlink()
    assert folder_fingerprint(folder, "base") == fingerprint(read_base(folder, device="cpu"))
