from __future__ import annotations

import copy
import dataclasses
import enum
import json
import math
import pickle
from dataclasses import asdict, fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import PeftConfig, TaskType

from intent_adapters.adapter_config.tagger import TaggerConfig
from intent_adapters.bottleneck import (
    INTENT_BOTTLENECK,
    NON_LINEARITIES,
    BottleneckConfig,
    Calibration,
    ExternalPeftType,
    Provenance,
)
from intent_adapters.errors import AdapterError, ConfigError

NAN, INF = math.nan, math.inf
NUMBERS = [
    "reduction_factor",
    "scaling",
    "dropout",
    "head_scale",
]
CALIBRATED = ["threshold", "temperature", "scope_location", "scope_spread"]
EVERYTHING = {
    "bottleneck_size": None,
    "reduction_factor": 8.0,
    "sites": "pfeiffer",
    "non_linearity": "silu",
    "scaling": 0.5,
    "dropout": 0.1,
    "init_weights": False,
    "target_modules": ["a.dense", "b"],
    "modules_to_save": ["classifier"],
    "labels": ["예약 취소", 'it\'s "quoted"\\', "🤖", "ß"],
    "head": "linear",
    "head_scale": 60.0,
    "embedding_dim": 512,
    "prompt": "query: ",
    "catch_all": ["ß"],
    "descriptions": {"ß": ["a letter", "글자 하나"], "🤖": ["로봇"]},
    "calibration": Calibration(temperature=1.7, scope_location=-3.25, scope_spread=0.5, threshold=0.35),
    "provenance": Provenance(
        "sha256:0123",
        {"epochs": 14, "learning_rate": 1.5e-3, "method": "adapter"},
        rows=95,
        data_digest="0123456789abcdef" * 4,
        versions={"python": "3.12.1", "torch": "2.13.0"},
        date="2026-11-29T10:00:00Z",
        accuracy=0.932,
        accuracy_source="cross-validation",
    ),
    "base_model_name_or_path": "some/base",
    "revision": "main",
    "inference_mode": True,
    "tagger": TaggerConfig(["date", "도시"], layer=4, width=384, trusted=["date"], starts="(", ends=")."),
}


def read_back(tmp_path, changes):
    """A config whose JSON was tampered with, read as PEFT reads it."""
    BottleneckConfig(labels=["a", "b"]).save_pretrained(str(tmp_path))
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return PeftConfig.from_pretrained(str(tmp_path))


def test_defaults():
    config = BottleneckConfig()
    assert (config.bottleneck_size, config.sites, config.head) == (16, "houlsby", "cosine")
    assert config.init_weights is True
    assert config.task_type is None
    assert type(config.peft_type) is ExternalPeftType


def test_everything_survives_the_file(tmp_path):
    assert set(EVERYTHING) >= {f.name for f in fields(BottleneckConfig)} - {
        "task_type",
        "peft_type",
        "auto_mapping",
        "peft_version",
    }
    config = BottleneckConfig(**EVERYTHING)
    config.save_pretrained(str(tmp_path))
    for reader in (PeftConfig, BottleneckConfig):
        again = reader.from_pretrained(str(tmp_path))
        assert type(again) is BottleneckConfig
        assert again == config
        assert {key: getattr(again, key) for key in EVERYTHING} == EVERYTHING
        assert type(again.peft_type) is ExternalPeftType


def test_the_file_names_the_type_and_is_written_the_same_each_time(tmp_path):
    BottleneckConfig(target_modules={"c", "a", "b"}).save_pretrained(str(tmp_path))
    written = json.loads((tmp_path / "adapter_config.json").read_text())
    assert written["peft_type"] == "INTENT_BOTTLENECK"
    assert written["task_type"] is None
    assert written["target_modules"] == ["a", "b", "c"]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_are_equal_and_keep_the_type(duplicate):
    config = BottleneckConfig(**EVERYTHING)
    twin = duplicate(config)
    assert twin == config
    assert type(twin.peft_type) is ExternalPeftType
    assert twin.peft_type.value == "INTENT_BOTTLENECK"


def test_asdict_does_not_share_the_labels():
    config = BottleneckConfig(labels=["a"])
    asdict(config)["labels"].append("b")
    assert config.labels == ["a"]


def test_labels_given_are_copied():
    labels = ["a", "b"]
    about = {"a": ["x"]}
    config = BottleneckConfig(labels=labels, catch_all=labels, descriptions=about)
    labels.append("a")
    about["a"].append("y")
    assert (config.labels, config.catch_all, config.descriptions) == (["a", "b"], ["a", "b"], {"a": ["x"]})


def test_a_foreign_type_in_the_arguments_is_overridden():
    assert BottleneckConfig(peft_type="LORA").peft_type == INTENT_BOTTLENECK


@pytest.mark.parametrize(
    ("factor", "width", "size"), [(2, 32, 16), (16, 384, 24), (5, 32, 6), (100, 32, 1), (1, 8, 8)]
)
def test_reduction_factor(factor, width, size):
    config = BottleneckConfig(reduction_factor=factor)
    assert config.bottleneck_size is None
    assert config.size_for(width) == size


def test_size_does_not_depend_on_the_width():
    assert (
        BottleneckConfig(bottleneck_size=48).size_for(32) == BottleneckConfig(bottleneck_size=48).size_for(768) == 48
    )


def test_size_and_factor_exclude_each_other():
    with pytest.raises(ConfigError, match=r"bottleneck_size=8 and reduction_factor=2 exclude each other"):
        BottleneckConfig(bottleneck_size=8, reduction_factor=2)


HOSTILE = [
    *({"bottleneck_size": value} for value in ("16", True, 1e9, 16.0, 0, -1, 4097, 10**6000, [16], {}, NAN)),
    *({"embedding_dim": value} for value in ("384", False, 0, -3, 1.5, 10**9)),
    *({name: value} for name in NUMBERS for value in (NAN, INF, -INF, "1", True, [], 1e300, -1e300)),
    {"calibration": {"temperature": 0}},
    {"calibration": {"threshold": 1.01}},
    {"calibration": {"threshold": -0.01}},
    {"calibration": {"scope_location": 1.0}},
    {"calibration": {"scope_spread": 1.0}},
    {"calibration": {"scope_location": 1.0, "scope_spread": 0}},
    {"calibration": {"scope_location": 1.0, "scope_spread": -1.0}},
    {"calibration": {"scope_location": NAN, "scope_spread": 1.0}},
    {"calibration": {"scope_location": 1.0, "scope_spread": INF}},
    {"calibration": {"temperature": -1.0}},
    {"head_scale": 0},
    {"reduction_factor": 0.5},
    {"dropout": 1},
    {"dropout": -0.1},
    *({"calibration": {name: value}} for name in CALIBRATED for value in (NAN, INF, -INF, "1", True, [], 1e300)),
    *({"calibration": value} for value in (None, 1, [], "warm", {"heat": 1.0})),
    *({"provenance": value} for value in (None, "a base", [1], {"base": "x"}, {"training": [1]})),
    {"provenance": {"training": {"rates": [1, 2]}}},
    {"provenance": {"training": {str(number): 1 for number in range(101)}}},
    {"provenance": {"base_fingerprint": 3}},
    {"provenance": {"base_fingerprint": ["x"]}},
    *({"provenance": {"rows": value}} for value in (0, -1, 1.5, True, "12")),
    *({"provenance": {"data_digest": value}} for value in ("", "abc", "F" * 64, "٣" * 64, 3)),
    *({"provenance": {"date": value}} for value in ("", "yesterday", "2026-11-29", "2026-11-29T10:00:00", 1764410400)),
    *({"provenance": {"accuracy": value, "accuracy_source": "validation"}} for value in (None, 1.1, -0.1, NAN, "1")),
    *({"provenance": {"accuracy": 0.5, "accuracy_source": value}} for value in (None, "mixtures", 3)),
    *({"provenance": {"versions": value}} for value in (None, ["torch"], {"torch": ["2"]})),
    *({"sites": value} for value in ("lora", "", None, 3, ["houlsby"], {"houlsby": 1}, "Houlsby")),
    *({"non_linearity": value} for value in ("swish", None, 1, ["relu"])),
    *({"head": value} for value in ("softmax", None, 0, ["cosine"])),
    *({"init_weights": value} for value in (1, None, "true")),
    *({"labels": ["a", "b"], "catch_all": value} for value in ("a", 5, [], ["c"], ["a", "a"], [1], [["a"]], True, {})),
    {"labels": [str(i) for i in range(1_000)], "catch_all": ["a"]},
    {"catch_all": ["nowhere"]},
    *(
        {"labels": ["a", "b"], "descriptions": value}
        for value in ("a", 5, ["a"], {"c": ["x"]}, {"a": "x"}, {"a": []}, {"a": [5]}, {"a": None}, {"a": ["\ud800"]})
    ),
    {"descriptions": {"nowhere": ["x"]}},
    {"labels": ["a"], "descriptions": {"a": ["x" * 10_001]}},
    *(
        {"labels": value}
        for value in ("yes", 5, [], [1, 2], ["a", "a"], [""], [" \t"], {"a": 0}, [None], [["a"]], True)
    ),
    {"labels": ["a", "b\ud800"]},
    *({"labels": ["a", f"b{character}"]} for character in ("\x1b[31m", "\n", "\x9b", "\u202e", "\u2067", "\u2028")),
    {"labels": ["a" * 10_001]},
    {"labels": [str(i) for i in range(100_001)]},
    *(
        {name: value}
        for name in ("target_modules", "modules_to_save")
        for value in (3, "", [], [""], ["a", 1], {"a": 1}, r".*\.dense", "all-linear", True)
    ),
    *({name: 3} for name in ("prompt", "base_model_name_or_path", "revision", "peft_version")),
    {"target_modules": [str(i) for i in range(1_001)]},
    {"prompt": "p" * 10_001},
    {"prompt": "\udfff"},
    {"task_type": "NONSENSE"},
    {"task_type": {}},
    {"task_type": 7},
    {"inference_mode": "yes"},
    {"auto_mapping": "evil"},
    {"sites": "none"},
    {"sites": "none", "labels": ["a"], "target_modules": ["x"]},
]


def names_in(changes):
    """The names of settings, those inside blocks too."""
    return [*changes, *(name for value in changes.values() if isinstance(value, dict) for name in value)]


@pytest.mark.parametrize("changes", HOSTILE, ids=lambda changes: str(list(changes))[:40])
def test_nonsense_is_refused_by_name(changes):
    with pytest.raises(ConfigError) as caught:
        BottleneckConfig(**changes)
    assert any(name in str(caught.value) for name in names_in(changes)) or "task type" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "changes", [c for c in HOSTILE if c.get("bottleneck_size") != 10**6000 and c != {"sites": "none"}], ids=str
)
def test_nonsense_read_from_a_file_is_refused(tmp_path, changes):
    if "reduction_factor" in changes:
        changes = {"bottleneck_size": None, **changes}
    with pytest.raises(ConfigError):
        read_back(tmp_path, changes)


def test_none_sites_need_labels_also_from_a_file(tmp_path):
    with pytest.raises(ConfigError, match="nothing to train"):
        read_back(tmp_path, {"sites": "none", "labels": None})


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", "null", '"x"', "\x00", "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_a_file_that_is_no_json_object_is_refused(tmp_path, text):
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(AdapterError, match=r"adapter_config\.json"):
        BottleneckConfig.from_pretrained(str(tmp_path))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_bytes(b"\x80\x04\x95\xff\xfe")
    with pytest.raises(AdapterError, match="not a JSON file"):
        BottleneckConfig.from_pretrained(str(tmp_path))


@pytest.mark.filterwarnings("ignore:Unexpected keyword arguments")
def test_a_field_of_a_later_version_is_dropped(tmp_path):
    assert read_back(tmp_path, {"from_the_future": 1}).labels == ["a", "b"]


@pytest.mark.parametrize("value", [r".*\.dense", "all-linear", "dense"])
@pytest.mark.parametrize("name", ["target_modules", "modules_to_save"])
def test_a_string_for_names_of_modules_is_told_what_is_wanted(name, value):
    with pytest.raises(
        ConfigError, match=rf"{name} must be a list .*regular expressions .*all-linear.* not supported"
    ):
        BottleneckConfig(**{name: value})


@pytest.mark.parametrize(
    ("field", "value", "known"),
    [("sites", "lora", "houlsby"), ("non_linearity", "swish", "silu"), ("head", "softmax", "cosine")],
)
def test_an_unknown_name_lists_the_known_ones(field, value, known):
    with pytest.raises(ConfigError, match=f"{field} is one of .*{known}.*, not '{value}'"):
        BottleneckConfig(**{field: value})


def test_the_most_labels_there_may_be():
    assert len(BottleneckConfig(labels=[str(i) for i in range(100_000)]).labels) == 100_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [f.name for f in fields(BottleneckConfig)]


LABELS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1).filter(
    str.strip
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_values_give_a_config_or_a_config_error(values):
    try:
        config = BottleneckConfig(**values)
    except ConfigError:
        return
    for name in NUMBERS:
        value = getattr(config, name)
        assert value is None or (type(value) is float and math.isfinite(value))
    assert config.bottleneck_size is None or 1 <= config.bottleneck_size <= 4096


VALID = st.fixed_dictionaries(
    {},
    optional={
        "bottleneck_size": st.integers(1, 4096),
        "sites": st.sampled_from(["houlsby", "pfeiffer", "parallel"]),
        "non_linearity": st.sampled_from(sorted(NON_LINEARITIES)),
        "scaling": st.floats(-100, 100),
        "dropout": st.floats(0, 1, exclude_max=True),
        "labels": st.none() | st.lists(LABELS, min_size=1, unique=True),
        "head": st.sampled_from(["cosine", "linear", "normalized_linear"]),
        "head_scale": st.floats(0.01, 1e4),
        "calibration": st.builds(Calibration, temperature=st.floats(0.01, 100), threshold=st.none() | st.floats(0, 1)),
        "provenance": st.builds(Provenance, training=st.dictionaries(st.text(max_size=5), st.none() | st.integers())),
        "prompt": st.none() | st.text(st.characters(codec="utf-8"), max_size=30),
        "target_modules": st.none() | st.lists(st.sampled_from("abc"), min_size=1),
        "modules_to_save": st.none() | st.lists(st.sampled_from("abc"), min_size=1),
        "task_type": st.none() | st.sampled_from(list(TaskType)),
    },
)


@given(VALID)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_valid_config_survives_the_file(tmp_path, values):
    config = BottleneckConfig(**values)
    config.save_pretrained(str(tmp_path))
    assert PeftConfig.from_pretrained(str(tmp_path)) == config


class Intent(str, enum.Enum):  # noqa: UP042, a StrEnum's str() would be its value
    CANCEL = "cancel"


def test_labels_of_an_enumeration_are_its_values():
    (label,) = BottleneckConfig(labels=[Intent.CANCEL]).labels
    assert (type(label), label) == (str, "cancel")


VERSION_0_1 = {
    "circle_margin": 0.25,
    "circle_gamma": 16.0,
    "circle_weight": 0.05,
    "label_smoothing": 0.05,
    "threshold": 0.05,
    "temperature": 0.87,
    "scope_location": 6.5,
    "scope_spread": 0.4,
    "base_fingerprint": "f" * 64,
}


def test_what_version_0_1_wrote_is_read_into_the_blocks(tmp_path):
    BottleneckConfig(labels=["a", "b"]).save_pretrained(str(tmp_path))
    path = tmp_path / "adapter_config.json"
    values = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("calibration", "provenance")}
    path.write_text(json.dumps(values | VERSION_0_1))
    config = BottleneckConfig.from_pretrained(str(tmp_path))
    assert config.calibration == Calibration(0.87, 6.5, 0.4, 0.05)
    assert config.provenance.base_fingerprint == "f" * 64
    assert config.provenance.training == {name: VERSION_0_1[name] for name in list(VERSION_0_1)[:4]}
    config.save_pretrained(str(tmp_path))
    assert not VERSION_0_1.keys() & json.loads(path.read_text()).keys()
    assert BottleneckConfig.from_pretrained(str(tmp_path)) == config


def test_a_bottleneck_size_changes_nothing_else():
    assert dataclasses.replace(BottleneckConfig(bottleneck_size=32), bottleneck_size=16) == BottleneckConfig()
