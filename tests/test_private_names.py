"""Names of other libraries that are not part of their public face, and that this package reaches for all the same.

Each library named here has a ceiling in pyproject.toml. The lane of the newest releases goes beyond it, so that these
tests say by name what has moved.
"""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import onnxruntime
import pytest
import transformers.integrations.peft
from packaging.requirements import Requirement
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer

from intent_adapters.bottleneck.layer import (
    BottleneckLayer,
    IntentTunerLayer,
    ParallelBottleneck,
    SequentialBottleneck,
)
from intent_adapters.bottleneck.model import BottleneckModel

PEFT = {
    "peft.mapping": [
        "PEFT_TYPE_TO_CONFIG_MAPPING",
        "PEFT_TYPE_TO_PREFIX_MAPPING",
        "PEFT_TYPE_TO_TUNER_MAPPING",
    ],
    "peft.tuners.tuners_utils:BaseTuner": [
        "_cast_adapter_dtype",
        "_check_merge_allowed",
        "_check_target_module_exists",
        "_create_and_replace",
        "_prepare_adapter_config",
        "_prepare_model",
        "_replace_module",
    ],
    # PeftModel calls the method of this name of its tuner where there is one.
    "peft:PeftModel": ["_enable_peft_forward_hooks"],
    "peft.tuners.tuners_utils:BaseTunerLayer": ["_disable_adapters", "_active_adapter"],
}
ONNX_RUNTIME = {"onnxruntime:OrtDevice": ["_get_c_device"]}
UVICORN = {
    "uvicorn:Server": ["handle_exit", "shutdown", "startup"],
    "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol": [
        "connection_lost",
        "connection_made",
        "data_received",
        "on_headers_complete",
        "on_message_complete",
        "shutdown",
    ],
}
CEILINGS = {"peft", "onnxruntime", "uvicorn"}

NAMES = [
    pytest.param(place, name, id=f"{place}.{name}")
    for place, names in (PEFT | ONNX_RUNTIME | UVICORN).items()
    for name in names
]


@pytest.mark.parametrize(("place", "name"), NAMES)
def test_is_where_it_was(place: str, name: str):
    module, _, owner = place.partition(":")
    found = import_module(module)
    assert hasattr(getattr(found, owner) if owner else found, name), f"{place} has no {name} any more"


def test_the_binding_behind_a_binding_of_onnx_runtime_is_where_it_was(tmp_path: Path):
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "graph", [value], [out])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    assert {"bind_input", "bind_output"} <= set(dir(binding._iobinding))


def test_the_list_has_every_private_method_of_peft_that_is_overridden():
    listed = set(PEFT["peft.tuners.tuners_utils:BaseTuner"]) | set(PEFT["peft.tuners.tuners_utils:BaseTunerLayer"])
    for ours, theirs in (
        (BottleneckModel, BaseTuner),
        (IntentTunerLayer, BaseTunerLayer),
        (BottleneckLayer, BaseTunerLayer),
        (ParallelBottleneck, BaseTunerLayer),
        (SequentialBottleneck, BaseTunerLayer),
    ):
        private = {name for name, value in vars(ours).items() if name[0] == "_" != name[1] and callable(value)}
        assert {name for name in private if hasattr(theirs, name)} <= listed


def test_the_oldest_peft_that_transformers_takes_is_where_it_was():
    assert isinstance(transformers.integrations.peft.MIN_PEFT_VERSION, str)


def test_each_of_these_libraries_has_a_ceiling():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = [
        *project["dependencies"],
        *(text for extra in project["optional-dependencies"].values() for text in extra),
    ]
    capped = {entry.name for entry in map(Requirement, texts) if "<" in {s.operator for s in entry.specifier}}
    assert capped == CEILINGS
