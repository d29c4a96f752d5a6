from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
from huggingface_hub.utils.tqdm import are_progress_bars_disabled
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

from intent_adapters.artifacts.base import read_base, save_base
from intent_adapters.artifacts.encoder import encoder_of, structural_copy
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.errors import BaseError, ConfigError
from tests.support.shared import minilm_path
from tests.support.tiny import ARCHITECTURES, tiny_base


@pytest.fixture
def saved(tmp_path):
    base = tiny_base(tmp_path)
    base.save_pretrained(str(tmp_path / "base"))
    return base, tmp_path / "base"


def test_loading_freezes_and_gives_the_same_embeddings(saved):
    base, folder = saved
    loaded = read_base(folder, device="cpu")
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert not loaded.training
    assert (loaded.encode(["예약 취소", "cancel"]) == base.encode(["예약 취소", "cancel"])).all()


def test_fp16_files_are_run_in_float32(saved, tmp_path):
    base, _ = saved
    base.half().save_pretrained(str(tmp_path / "half"))
    assert {p.dtype for p in read_base(tmp_path / "half", device="cpu").parameters()} == {torch.float32}


def test_a_plain_transformers_folder_gets_mean_pooling(tmp_path):
    tiny_base(tmp_path)  # leaves the encoder's own folder behind
    assert read_base(tmp_path / "bert-0", device="cpu").encode("a").shape == (32,)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_structural_copy_shares_tensors_and_nothing_else(tmp_path, architecture):
    base = tiny_base(tmp_path, architecture)
    copied = structural_copy(base)
    for one, other in zip(base.parameters(), copied.parameters(), strict=True):
        assert one.data_ptr() == other.data_ptr()
        assert one is not other
        assert not other.requires_grad
    texts = ["예약 변경", "how much is it?"]
    assert (copied.encode(texts) == base.encode(texts)).all()
    before = base.encode(texts)
    encoder_of(copied).register_forward_hook(lambda module, args, output: output[0] * 0)
    copied.train()
    assert not base.training
    assert (base.encode(texts) == before).all()


def test_the_fingerprint_survives_saving_and_half_precision_files_of_half_precision_values(saved, tmp_path):
    base, folder = saved
    assert fingerprint(read_base(folder, device="cpu")) == fingerprint(base)
    base.half().save_pretrained(str(tmp_path / "half"))
    rounded = read_base(tmp_path / "half", device="cpu")
    rounded.save_pretrained(str(tmp_path / "float"))
    assert fingerprint(read_base(tmp_path / "float", device="cpu")) == fingerprint(rounded)
    assert fingerprint(rounded) == fingerprint(base)  # base itself holds the rounded values by now


def test_using_a_base_does_not_change_its_fingerprint(saved):
    base, _ = saved
    before = fingerprint(base)
    base.encode(["a" * 500, "b"])
    base.max_seq_length = 16
    assert fingerprint(base) == before


def change_weight(base):
    with torch.no_grad():
        next(encoder_of(base).encoder.parameters()).view(-1)[0] += 1e-3


def change_pooling(base):
    base[1].pooling_mode = "cls"


def change_normalisation(base):
    del base._modules["2"]


def change_tokenizer(base):
    base.tokenizer.add_tokens(["예약"])


@pytest.mark.parametrize("change", [change_weight, change_pooling, change_normalisation, change_tokenizer])
def test_whatever_changes_embeddings_changes_the_fingerprint(saved, change):
    base, folder = saved
    before = fingerprint(base)
    other = read_base(folder, device="cpu")
    change(other)
    assert fingerprint(other) != before


def test_every_architecture_and_seed_has_its_own_fingerprint(tmp_path):
    bases = [tiny_base(tmp_path, name) for name in ARCHITECTURES] + [tiny_base(tmp_path, seed=1)]
    assert len({fingerprint(base) for base in bases}) == len(bases)


def test_the_real_base_is_recognised():
    base = read_base(minilm_path(), device="cpu")
    assert len(fingerprint(base)) == 64
    assert fingerprint(structural_copy(base)) == fingerprint(base)


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def break_foreign_module(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules[2]["type"] = "os.path.Normalize"
    (folder / "modules.json").write_text(json.dumps(modules))


def break_module_outside_the_safe_ones(folder):
    modules = json.loads((folder / "modules.json").read_text())
    modules[2]["type"] = "sentence_transformers.models.CNN"
    (folder / "modules.json").write_text(json.dumps(modules))


def break_modules_json(folder):
    (folder / "modules.json").write_text('[{"idx": 0')


def break_by_pickle(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))


def break_by_truncation(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def break_config(folder):
    (folder / "config.json").write_text("{}")


@pytest.mark.parametrize(
    "damage",
    [
        break_foreign_module,
        break_module_outside_the_safe_ones,
        break_modules_json,
        break_by_pickle,
        break_by_truncation,
        break_config,
        shutil.rmtree,
    ],
)
def test_a_damaged_base_is_refused_by_name(saved, damage, capfd, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    _, folder = saved
    damage(folder)
    with pytest.raises(BaseError, match="base"):
        read_base(folder, device="cpu")
    assert "code ran" not in capfd.readouterr().out


def test_a_base_without_an_encoder_is_refused():
    with pytest.raises(BaseError, match="must start with a Transformer"):
        encoder_of(SentenceTransformer(modules=[torch.nn.Identity()], device="cpu"))


def test_a_base_is_stored_in_half_precision_only_where_that_is_exact(tmp_path):
    base = tiny_base(tmp_path)
    save_base(base, tmp_path / "auto")
    with pytest.raises(ConfigError, match="float16 would change"):
        save_base(base, tmp_path / "half", dtype="float16")
    assert not (tmp_path / "half").exists()
    rounded = base.half().float()
    for dtype, factor in (("auto", 2), ("float16", 2), ("float32", 4)):
        save_base(rounded, tmp_path / dtype, dtype=dtype)
        stored = (tmp_path / dtype / "model.safetensors").stat().st_size
        numbers = sum(parameter.numel() for parameter in rounded.parameters())
        assert factor * numbers < stored < factor * numbers + 6000
        again = read_base(tmp_path / dtype, device="cpu")
        assert fingerprint(again) == fingerprint(rounded)
        assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
        assert json.loads((tmp_path / dtype / "config.json").read_text())["dtype"] == "float32"
    with pytest.raises(ConfigError, match="float16"):
        save_base(base, tmp_path / "x", dtype="int8")


def test_a_base_folder_is_kept_whole(saved, tmp_path):
    base, _ = saved
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for taken in ("notes", "file"):
        with pytest.raises(BaseError, match="Name a"):
            save_base(base, tmp_path / taken)
    save_base(base, tmp_path / "ours")
    (tmp_path / "ours" / "README.md").write_text("# By hand")
    save_base(base, tmp_path / "ours")
    assert (tmp_path / "ours" / "README.md").read_text() == "# By hand"
    assert not [path for path in (tmp_path / "ours").rglob("*") if str(tmp_path).encode() in _bytes(path)]


def test_nothing_is_written_into_logs(saved, tmp_path, capfd):
    base, _ = saved
    logging.enable_progress_bar()  # a command that ran before may have left them off
    save_base(base, tmp_path / "base")
    read_base(tmp_path / "base", device="cpu")
    assert capfd.readouterr() == ("", "")
    assert logging.is_progress_bar_enabled()
    assert not are_progress_bars_disabled()


def _bytes(path) -> bytes:
    return path.read_bytes() if path.is_file() and path.suffix == ".json" else b""
