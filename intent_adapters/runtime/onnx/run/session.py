"""A session of ONNX Runtime that reads its inputs, hundreds of kilobytes of an adapter, from where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from intent_adapters.errors import BaseError
from intent_adapters.runtime.onnx.run.description import IDS, MASK, OUTPUT


class Feed(NamedTuple):
    """Memory that holds one float32 input; whoever makes it keeps the memory alive until the run is over."""

    name: str
    shape: tuple[int, ...]
    address: int


class _Binding:
    """One run's inputs and outputs as ONNX Runtime has them, and the feeds that are bound in it at present."""

    def __init__(self, session: Any) -> None:
        self.whole = session.io_binding()
        # The public methods make a device and look the type up anew for each of fifty inputs.
        self.bind = self.whole._iobinding
        self.feeds: Sequence[Feed] | None = None


class OnnxSession:
    """Runs an exported graph. Safe to call from several threads.

    Args:
        graph: The model's file. ONNX Runtime reads it by itself, which takes half the memory that its bytes do.
        threads: How many threads one run may use.
        where: What errors call the graph.

    Attributes:
        metadata: Strings that the graph carries.

    Raises:
        BaseError: It is no graph that this version of ONNX Runtime can run.
    """

    def __init__(self, graph: Path, threads: int, where: str) -> None:
        import onnxruntime as runtime  # which a process that answers in PyTorch can do without

        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Beyond the basic level it would fuse operators into ones that are slower on a CPU: see encoder.py.
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        try:
            self._session = runtime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # of classes that ONNX Runtime does not name publicly
            raise BaseError(f"ONNX Runtime cannot load {where}: {error}") from error
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs: Mapping[str, tuple[Any, ...]] = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self.output: tuple[Any, ...] = tuple(self._session.get_outputs()[0].shape)
        self._device = runtime.OrtDevice.make("cpu", 0)._get_c_device()
        self._idle = [_Binding(self._session)]

    def run(
        self,
        tokens: Mapping[str, NDArray[np.int64]],
        dimension: int,
        feeds: Sequence[Feed],
        states: tuple[str, NDArray[np.float32]] | None = None,
    ) -> NDArray[np.float32]:
        """Embed some texts.

        Args:
            tokens: Token numbers, and 1 for tokens, 0 for padding: (rows, tokens) each.
            dimension: Of the embeddings.
            feeds: All other inputs. If it is the very list of the run before, nothing is bound anew.
            states: The name of a second output, and where to write it: (rows, tokens, width).

        Returns:
            (rows, dimension), float32.
        """
        try:
            binding = self._idle.pop()
        except IndexError:
            binding = _Binding(self._session)
        ids, mask = tokens[IDS], tokens[MASK].astype(np.int32)
        embeddings = np.empty((len(ids), dimension), np.float32)
        bind, device = binding.bind, self._device
        bind.bind_input(IDS, device, np.int64, ids.shape, ids.ctypes.data)
        bind.bind_input(MASK, device, np.int32, mask.shape, mask.ctypes.data)
        if binding.feeds is not feeds:
            for name, size, address in feeds:
                bind.bind_input(name, device, np.float32, size, address)
            binding.feeds = feeds
        bind.bind_output(OUTPUT, device, np.float32, embeddings.shape, embeddings.ctypes.data)
        if states:
            bind.bind_output(states[0], device, np.float32, states[1].shape, states[1].ctypes.data)
        self._session.run_with_iobinding(binding.whole)
        if states:
            bind.clear_binding_outputs()
        self._idle.append(binding)
        return embeddings
