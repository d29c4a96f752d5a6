"""An adapter in memory, ready to run: its bottlenecks in a slot of a slab, its head as a function."""

from __future__ import annotations

import os
import sys
import threading

import torch
from transformers import PreTrainedModel

from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.artifacts.tensors import site_shapes, site_tensors
from intent_adapters.bottleneck.slots import HEAD_SLOT
from intent_adapters.errors import AdapterError
from intent_adapters.runtime.head import AgentHead
from intent_adapters.runtime.slab import DTYPES, Signature, Slab
from intent_adapters.surroundings import own_settings

# Config, head and bookkeeping as Python objects, less the labels and tensors (measured with many tiny adapters).
OBJECT_BYTES = 12_000
# Where memory cannot be reserved without being taken, as on a GPU, slots come in blocks of so many.
DEVICE_SLOTS = 64


class Resident:
    """An adapter on the device of its base; nothing about it changes until it is released.

    Args:
        adapter: Config and tensors; the bottlenecks' are not kept.
        slab: Where its bottlenecks are; `None` for an adapter that is only a head.
        slot: Which slot of the slab.

    Attributes:
        config: The adapter's config.
        labels: The intents, in the order of the head's rows.
        head: Makes predictions from sentence embeddings.
    """

    def __init__(self, adapter: Adapter, slab: Slab | None, slot: int) -> None:
        self.config = adapter.config
        self.prompt = adapter.config.prompt or ""
        self.labels = adapter.labels
        self.slab = slab
        self.slot = slot
        self.head = AgentHead(adapter)

    def release(self) -> None:
        """Give its slot back. Once only, and when nothing reads it any more."""
        if self.slab is not None:
            self.slab.free(self.slot)


def resident_bytes(adapter: Adapter, dtype: str) -> int:
    """The memory that an adapter takes when it is resident.

    Args:
        adapter: Config and tensors.
        dtype: In which its bottlenecks are held; its head is in float32.
    """
    numbers = {name: tensor.numel() for name, tensor in adapter.tensors.items()}
    head = sum(count for name, count in numbers.items() if name.startswith(HEAD_SLOT))
    bottlenecks = (sum(numbers.values()) - head) * DTYPES[dtype].itemsize
    return bottlenecks + head * 4 + sum(map(sys.getsizeof, adapter.labels)) + OBJECT_BYTES


class Residence:
    """Lays adapters out for one encoder: checks that they fit and fills slots. Safe from several threads.

    Args:
        encoder: The base's transformers model, or one of the same config without weights.
        device: Where the adapters go.
        dtype: In which the bottlenecks are held, `"float32"` or `"float16"`; they compute in the encoder's type.
        max_bytes: What all adapters together may take; how much address space is reserved follows from it.
    """

    def __init__(
        self, encoder: PreTrainedModel, device: torch.device, dtype: str = "float32", max_bytes: int | None = None
    ) -> None:
        self._encoder = encoder
        self._device = device
        self._dtype = DTYPES[dtype]
        self._max_bytes = max_bytes
        self._slabs: dict[Signature, list[Slab]] = {}
        self._lock = threading.Lock()

    def admit(self, adapter: Adapter) -> Resident:
        """Check an adapter against the encoder and copy it into a slot.

        Args:
            adapter: What was read or trained.

        Raises:
            AdapterError: It does not fit the encoder.
        """
        # Also when a prediction loads it: what is made in inference mode could not be written to later, outside of it.
        with own_settings(gradients=True), torch.no_grad():
            return self._admit(adapter)

    def _admit(self, adapter: Adapter) -> Resident:
        adapter.check_fits(self._encoder)
        shapes = site_shapes(self._encoder, adapter.config)
        if not shapes:
            return Resident(adapter, None, 0)
        signature = Signature(tuple(shapes.items()), adapter.config.non_linearity, self._dtype)
        slab, slot = self._allocate(signature)
        for path, kind in slab.kinds.items():
            source = [adapter.tensors[name] for name in site_tensors(path, kind)]
            if not slab.fill(slot, path, source, adapter.config.scaling):
                slab.free(slot)
                raise AdapterError(f"The adapter's weights at {path!r} are too large for float16: hold it in float32.")
        return Resident(adapter, slab, slot)

    def _allocate(self, signature: Signature) -> tuple[Slab, int]:
        with self._lock:
            slabs = self._slabs.setdefault(signature, [])
            for slab in slabs:
                slot = slab.allocate()
                if slot is not None:
                    return slab, slot
            slab = Slab(signature, self._capacity(signature), self._device)
            slot = slab.allocate()
            assert slot is not None
            slabs.append(slab)
            return slab, slot

    def _capacity(self, signature: Signature) -> int:
        most = self._max_bytes
        if self._device.type != "cpu":
            most = min(most or sys.maxsize, DEVICE_SLOTS * signature.slot_bytes)
        elif most is None:
            most = _physical_memory()
        return max(1, most // signature.slot_bytes)


def _physical_memory() -> int:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 2**34
