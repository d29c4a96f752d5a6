from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from sentence_transformers.sentence_transformer.modules import Dense

from intent_adapters import IntentModel
from intent_adapters.artifacts.base import save_base
from intent_adapters.artifacts.base_files import folder_fingerprint
from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.bottleneck.functional import NON_LINEARITIES
from intent_adapters.errors import BaseError, ConfigError, MissingExtraError
from intent_adapters.loading import load_onnx_base
from intent_adapters.runtime.onnx.export import base as exporting
from intent_adapters.runtime.onnx.export import export_base, export_folder
from intent_adapters.runtime.onnx.run.base import graph_origins, probe
from intent_adapters.runtime.onnx.run.description import KEY, graph_file
from tests.cli.conftest import run
from tests.runtime.onnx.conftest import Exports
from tests.support.adapters import random_adapter
from tests.support.tiny import EXPORTED, tiny_base, tiny_encoder, tiny_tokenizer

TEXTS = ["cancel my appointment", "예약 변경", "what is it that you want? " * 4]


def test_a_model_exports_its_base_and_one_in_onnx_says_that_it_cannot(tmp_path: Path):
    model = IntentModel(tiny_base(tmp_path))
    exported = model.export_base(tmp_path / "onnx", precision="float32")
    assert exported.description.fingerprint == model.fingerprint
    again = IntentModel.from_pretrained(exported.folder, backend="onnx")
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-4)
    with pytest.raises(ConfigError, match="load the base that it was exported from"):
        again.export_base(tmp_path / "again")


@pytest.mark.parametrize("sites", ["houlsby", "parallel"])
@pytest.mark.parametrize("architecture", EXPORTED)
def test_every_architecture_gives_the_embeddings_of_torch(tmp_path: Path, architecture: str, sites: Any):
    base = tiny_base(tmp_path, architecture)
    export_base(base, tmp_path / "onnx", precision="float32", sites=sites)
    ours, theirs = IntentModel.from_pretrained(tmp_path / "onnx", backend="onnx"), IntentModel(base)
    for model in (ours, theirs):
        model.add_agent("agent", random_adapter(base, sites=sites))
    for agent in (None, "agent"):
        np.testing.assert_allclose(ours.encode(TEXTS, agent), theirs.encode(TEXTS, agent), atol=1e-4)


@pytest.mark.parametrize("non_linearity", sorted(set(NON_LINEARITIES) - {"gelu"}))
def test_every_non_linearity(tmp_path: Path, non_linearity: str):
    base = tiny_base(tmp_path)
    export_base(base, tmp_path / "onnx", precision="float32", non_linearity=non_linearity)
    ours, theirs = IntentModel.from_pretrained(tmp_path / "onnx", backend="onnx"), IntentModel(base)
    for model in (ours, theirs):
        model.add_agent("agent", random_adapter(base, non_linearity=non_linearity))
    np.testing.assert_allclose(ours.encode(TEXTS, "agent"), theirs.encode(TEXTS, "agent"), atol=1e-4)


def test_the_first_token_as_pooling_and_no_normalisation(tmp_path: Path):
    base = tiny_base(tmp_path, normalize=False)
    base[1].pooling_mode = "cls"
    export_base(base, tmp_path / "onnx", precision="float32")
    ours = IntentModel.from_pretrained(tmp_path / "onnx", backend="onnx")
    np.testing.assert_allclose(ours.encode(TEXTS), IntentModel(base).encode(TEXTS), atol=1e-4)


@pytest.mark.parametrize("activation", [torch.nn.Tanh(), torch.nn.Identity()])
def test_a_dense_module_behind_the_pooling(tmp_path: Path, activation: torch.nn.Module):
    base = tiny_base(tmp_path)
    base.append(Dense(32, 8, activation_function=activation))
    exported = export_base(base, tmp_path / "onnx", precision="float32")
    assert exported.description.dimension == 8
    ours = IntentModel.from_pretrained(tmp_path / "onnx", backend="onnx")
    np.testing.assert_allclose(ours.encode(TEXTS), IntentModel(base).encode(TEXTS), atol=1e-4)
    base.append(Dense(8, 8, use_residual=True))
    with pytest.raises(BaseError, match="residual"):
        export_base(base, tmp_path / "onnx")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_folder_gives_the_graph_that_the_base_in_memory_gives(exports: Exports, tmp_path: Path, precision: Any):
    exports.base.save(str(tmp_path / "base"))
    export_folder(tmp_path / "base", tmp_path / "onnx", precision=precision)
    known = getattr(exports, precision) / graph_file(precision)
    assert (tmp_path / "onnx" / graph_file(precision)).read_bytes() == known.read_bytes()


def test_a_plain_encoder_is_made_a_sentence_encoder_first(tmp_path: Path):
    tiny_encoder().save_pretrained(tmp_path / "plain")
    tiny_tokenizer().save_pretrained(tmp_path / "plain")
    exported = export_folder(tmp_path / "plain", tmp_path / "onnx")
    model = IntentModel.from_pretrained(tmp_path / "plain", device="cpu")
    assert exported.description.fingerprint == model.fingerprint
    with pytest.raises(BaseError, match=r"plain.* has no modules\.json"):
        export_folder(tmp_path / "plain", None)


def test_texts_that_are_cut_at_their_beginning(tmp_path: Path):
    base = tiny_base(tmp_path)
    base.tokenizer.truncation_side = "left"
    base.max_seq_length = 8
    export_base(base, tmp_path / "onnx", precision="float32")
    ours = IntentModel.from_pretrained(tmp_path / "onnx", backend="onnx")
    np.testing.assert_allclose(ours.encode(TEXTS), IntentModel(base).encode(TEXTS), atol=1e-4)


def test_a_graph_beside_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("base")
    tiny_base(tmp_path).save(str(folder))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for precision in ("float32", "int8"):
        export_folder(folder, None, precision=precision)
    export_folder(folder, tmp_path / "alone")
    assert {path: path.read_bytes() for path in before} == before
    new = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path not in before}
    assert new == {"onnx/encoder_float32.onnx", "onnx/encoder_int8.onnx"}
    small = IntentModel.from_pretrained(folder, backend="onnx")
    alone = IntentModel.from_pretrained(tmp_path / "alone", backend="onnx")
    np.testing.assert_array_equal(small.encode(TEXTS), alone.encode(TEXTS))
    large = IntentModel.from_pretrained(folder, device="cpu")
    np.testing.assert_allclose(
        IntentModel.from_pretrained(folder, backend="onnx", precision="float32").encode(TEXTS),
        large.encode(TEXTS),
        atol=1e-4,
    )
    with pytest.raises(BaseError, match="alone"):
        export_folder(tmp_path / "alone", None)


@pytest.mark.parametrize("change", [{"hidden_size": 64}, {"num_attention_heads": 5}, {"hidden_act": "nonsense"}])
def test_a_config_that_is_not_of_the_weights(tmp_path: Path, change: dict[str, Any]):
    folder = tmp_path / "base"
    tiny_base(tmp_path).save(str(folder))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, **change}), encoding="utf-8")
    with pytest.raises(BaseError, match=r"do not fit together|cannot be exported|cannot load the graph"):
        export_folder(folder, None)
    assert not (folder / "onnx").exists()


def test_graphs_of_former_weights_go(tmp_path: Path):
    folder = tmp_path / "base"
    tiny_base(tmp_path).save(str(folder))
    export_folder(folder, None, precision="float32")
    tiny_base(tmp_path, seed=1).save(str(folder))  # which leaves what it does not know
    assert list(graph_origins(folder).values()) == [fingerprint(tiny_base(tmp_path))]
    export_folder(folder, None)
    assert [path.name for path in (folder / "onnx").iterdir()] == ["encoder_int8.onnx"]
    assert graph_origins(folder) == {folder / graph_file("int8"): folder_fingerprint(folder, "base")}
    save_base(tiny_base(tmp_path, seed=2), folder)
    assert not (folder / "onnx").exists()


def test_what_cannot_be_exported_is_refused(tmp_path: Path):
    with pytest.raises(BaseError, match="modernbert"):
        export_base(tiny_base(tmp_path, "modernbert"), tmp_path / "onnx")
    base = tiny_base(tmp_path)
    base[1].pooling_mode = "max"
    with pytest.raises(BaseError, match="max"):
        export_base(base, tmp_path / "onnx")
    with pytest.raises(ConfigError, match="none"):
        export_base(base, tmp_path / "onnx", sites="none")
    assert not (tmp_path / "onnx").exists()


def test_the_folder_stands_alone_and_is_small(exports: Exports):
    names = {path.name for path in exports.int8.rglob("*") if path.is_file()}
    assert {"config.json", "tokenizer.json", "modules.json", "encoder_int8.onnx"} <= names
    assert not any(name.endswith((".safetensors", ".bin", ".pkl")) for name in names)
    sizes = [(folder / graph_file(p)).stat().st_size for folder, p in _graphs(exports)]
    assert sizes[1] < 0.6 * sizes[0]  # a tiny model is mostly nodes and biases


def _graphs(exports: Exports) -> list[tuple[Path, str]]:
    return [(exports.float32, "float32"), (exports.int8, "int8")]


def test_an_export_that_fails_leaves_the_old_one(exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    export_base(exports.base, tmp_path / "onnx")
    before = {path: path.read_bytes() for path in (tmp_path / "onnx").rglob("*") if path.is_file()}
    monkeypatch.setattr(exporting, "LEAST_COSINE", 2.0)
    with pytest.raises(BaseError, match="does not give the embeddings"):
        export_base(exports.base, tmp_path / "onnx")
    assert {path: path.read_bytes() for path in (tmp_path / "onnx").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["onnx"]


def test_a_folder_with_other_things_is_left_alone(exports: Exports, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BaseError, match="other things"):
        export_base(exports.base, tmp_path)
    with pytest.raises(BaseError, match="file"):
        export_base(exports.base, tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_base_without_an_export_says_how_to_make_one(exports: Exports, tmp_path: Path):
    exports.base.save(str(tmp_path / "base"))
    with pytest.raises(BaseError, match="intent-adapters export"):
        IntentModel.from_pretrained(tmp_path / "base", backend="onnx")
    with pytest.raises(BaseError, match=r"encoder_float32.onnx \(there: encoder_int8.onnx\)"):
        IntentModel.from_pretrained(exports.int8, backend="onnx", precision="float32")


@pytest.fixture
def copied(exports: Exports, tmp_path: Path) -> Path:
    export_base(exports.base, tmp_path / "copied", precision="float32")
    return tmp_path / "copied"


def edit(folder: Path, change: Any) -> None:
    path = folder / graph_file("float32")
    model = onnx.load(str(path))
    change(model)
    path.write_bytes(model.SerializeToString())


def test_damaged_and_foreign_graphs_are_refused(copied: Path):
    path = copied / graph_file("float32")
    whole = path.read_bytes()
    for content in (b"", b"no graph", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(BaseError):
            load_onnx_base(copied)
    path.write_bytes(whole)
    edit(copied, lambda model: model.ClearField("metadata_props"))
    with pytest.raises(BaseError, match="no graph that"):
        load_onnx_base(copied)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": 99}, "format 99"),
        ({"sites": "x"}, "description cannot be read"),
        ({"dimension": 31}, "not what it says"),
        ({"dimension": "32"}, "description cannot be read"),
        ({"precision": "int3"}, "description cannot be read"),
        ({"sites": []}, "not what it says"),
        ({"probes": [[1, 2, 3]]}, "tokenizer"),
        ({"surprise": 1}, "description cannot be read"),
    ],
)
def test_graphs_that_describe_themselves_wrongly(copied: Path, change: dict[str, Any], message: str):
    def described(model: Any) -> None:
        values = json.loads(model.metadata_props[0].value)
        onnx.helper.set_model_props(model, {KEY: json.dumps({**values, **change})})

    edit(copied, described)
    with pytest.raises(BaseError, match=message):
        load_onnx_base(copied)


def test_tensors_in_other_files_are_refused(copied: Path):
    (copied.parent / "secret").write_bytes(b"\0" * 2**20)

    def outside(model: Any) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == "words")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", "../../secret"), ("offset", "0")):
            tensor.external_data.add(key=key, value=value)

    edit(copied, outside)
    with pytest.raises(BaseError, match="other files"):
        load_onnx_base(copied)


def test_weights_that_are_no_numbers(copied: Path):
    def poisoned(model: Any) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == "words")
        tensor.raw_data = np.full(len(tensor.raw_data) // 4, np.nan, np.float32).tobytes()

    edit(copied, poisoned)
    with pytest.raises(BaseError, match="no numbers"):
        load_onnx_base(copied)


def test_a_missing_package_names_its_extra(exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"intent-adapters\[export\]"):
        export_base(exports.base, tmp_path / "onnx")
    # Answering takes no more than ONNX Runtime.
    assert IntentModel.from_pretrained(exports.float32, backend="onnx").encode("hi").shape == (32,)


def test_int8_is_taken_where_there_are_both(exports: Exports, tmp_path: Path):
    folder = tmp_path / "both"
    export_base(exports.base, folder, precision="int8")
    (folder / graph_file("float32")).write_bytes((exports.float32 / graph_file("float32")).read_bytes())
    assert load_onnx_base(folder).description.precision == "int8"
    assert load_onnx_base(folder, precision="float32").description.precision == "float32"


def test_the_probes_are_what_the_tokenizer_gives(exports: Exports):
    loaded = load_onnx_base(exports.float32)
    assert loaded.description.probes == probe(loaded.tokenize)


def test_the_command(exports: Exports, tmp_path: Path):
    exports.base.save(str(tmp_path / "base"))
    result = run("export", tmp_path / "base", tmp_path / "onnx", "--json")
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["precision"], facts["sites"]) == ("int8", 4)
    assert facts["bytes"] == sum(path.stat().st_size for path in (tmp_path / "onnx").rglob("*") if path.is_file())
    assert facts["fingerprint"] == load_onnx_base(tmp_path / "onnx").description.fingerprint
    assert "least cosine" in run("export", tmp_path / "base", tmp_path / "onnx", "--precision", "float32").stdout
    assert run("export", tmp_path / "base").exit_code == 0
    assert (tmp_path / "base" / graph_file("int8")).is_file()
    result = run("export", "org/base")
    assert (result.exit_code, "name one" in result.stderr) == (2, True)
    result = run("export", tmp_path / "base", tmp_path / "base")
    assert result.exit_code == 1
    assert "other things" in result.stderr.replace("\n", " ")
