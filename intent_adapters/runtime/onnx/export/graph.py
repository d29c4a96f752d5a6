"""Writing an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intent_adapters.extras import need

# Opset 20 brought Gelu; contributed operators of ONNX Runtime have no versions.
OPSET = 20
IR_VERSION = 9
RUNTIME_DOMAIN = "com.microsoft"
PRODUCER = "intent-adapters"
# What `Cast` is told to make.
FLOAT, INT64 = 1, 7

Size = int | str | None


class Graph:
    """A graph in the making. Values are known by their names; a missing optional input is the empty string."""

    def __init__(self) -> None:
        self._onnx = need("onnx")
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._constants: dict[str, Any] = {}

    def input(self, name: str, dtype: type[np.generic], shape: Sequence[Size]) -> str:
        """Something that every run is given; sizes that differ from run to run have names."""
        self._inputs.append(self._value(name, dtype, shape))
        return name

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Something that never changes. The same name again gives what it was first given."""
        if name not in self._constants:
            self._constants[name] = self._onnx.numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        """A constant vector of integers, such as a shape."""
        return self.constant(f"integers {values}", np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A constant scalar."""
        return self.constant(f"number {value!r}", np.array(value, np.float32))

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output, and return that."""
        return self.ops(kind, *inputs, outputs=1, domain=domain, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """Add a node with several outputs."""
        node = f"{kind} {len(self._nodes)}"
        names = [f"{node} {index}" for index in range(outputs)]
        self._nodes.append(
            self._onnx.helper.make_node(kind, list(inputs), names, name=node, domain=domain, **attributes)
        )
        return names

    def finish(
        self, output: str, name: str, shape: Sequence[Size], metadata: Mapping[str, str], also: Sequence[str] = ()
    ) -> bytes:
        """The model as a file holds it; the graph is used up by it.

        Args:
            output: The value that is the result, float32.
            name: What the result is called.
            shape: Of the result.
            metadata: Strings that travel with the graph.
            also: Values of hidden states that are results, too, by their own names.
        """
        self._nodes.append(self._onnx.helper.make_node("Identity", [output], [name]))
        outputs = [self._value(name, np.float32, shape), *(self._value(a, np.float32, (None,) * 3) for a in also)]
        graph = self._onnx.helper.make_graph(self._nodes, PRODUCER, self._inputs, outputs)
        opsets = [self._onnx.helper.make_opsetid("", OPSET), self._onnx.helper.make_opsetid(RUNTIME_DOMAIN, 1)]
        model = self._onnx.helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name=PRODUCER
        )
        for constant in list(self._constants):  # which are nearly all of it: there is never a second copy of all
            model.graph.initializer.append(self._constants.pop(constant))
        self._onnx.helper.set_model_props(model, dict(metadata))
        serialized: bytes = model.SerializeToString()
        return serialized

    def _value(self, name: str, dtype: type[np.generic], shape: Sequence[Size]) -> Any:
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, kind, list(shape))
