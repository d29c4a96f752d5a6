"""An adapter in memory, ready to run: its bottlenecks as they are multiplied, its head as a function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intent_adapters.adapter_config.sites import SiteShape
from intent_adapters.adapter_config.tensors import HEAD_SLOT
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AdapterError, ConfigError
from intent_adapters.runtime.bottlenecks import Bottlenecks, Layout, numbers_of
from intent_adapters.runtime.head import AgentHead

if TYPE_CHECKING:
    from intent_adapters.entities import EntityFinder
    from intent_adapters.runtime.tagger import AgentTagger

# Config, head and bookkeeping as Python objects, less the labels and tensors (measured with many tiny adapters).
OBJECT_BYTES = 12_000
# A value or synonym in the tables of definitions and finder, less its letters; a compiled pattern. Measured with many.
WORD_BYTES = 200
PATTERN_BYTES = 8_000


class Resident:
    """An adapter on the device of its base; nothing about it changes until it is released.

    Args:
        adapter: Config and tensors; the bottlenecks' are not kept.
        bottlenecks: Its bottlenecks; `None` for an adapter that is only a head.

    Attributes:
        config: The adapter's config.
        labels: The intents, in the order of the head's rows.
        head: Makes predictions from sentence embeddings.
        finder: Finds entities in utterances by what defines them; None where the agent has no definitions.
        tagger: Marks the entities that the agent has learned; None where it has learned none.
    """

    def __init__(self, adapter: Adapter, bottlenecks: Bottlenecks | None) -> None:
        self.config = adapter.config
        self.prompt = adapter.config.prompt or ""
        self.labels = adapter.labels
        self.bottlenecks = bottlenecks
        self.head = AgentHead(adapter)
        self.finder = _finder(adapter)
        self.tagger = _tagger(adapter)

    def release(self) -> None:
        """Give its memory back, whoever may still hold this object. Once nothing reads it any more."""
        self.bottlenecks = None


def resident_bytes(adapter: Adapter, dtype: str) -> int:
    """The memory that an adapter takes when it is resident.

    Args:
        adapter: Config and tensors.
        dtype: In which its bottlenecks are held; its head is in float32.
    """
    numbers = {name: array.size for name, array in adapter.arrays.items()}
    head = sum(count for name, count in numbers.items() if name.startswith(HEAD_SLOT))
    bottlenecks = (sum(numbers.values()) - head) * np.dtype(dtype).itemsize
    return bottlenecks + head * 4 + sum(map(sys.getsizeof, adapter.labels)) + _entity_bytes(adapter) + OBJECT_BYTES


def _entity_bytes(adapter: Adapter) -> int:
    if not adapter.entities:
        return 0
    definitions = adapter.entities.entities.values()
    tables = [adapter.entities.synonyms, *(definition.values for definition in definitions)]
    words = [word for table in tables for value, others in table.items() for word in (value, *others)]
    patterns = sum(len(definition.patterns) for definition in definitions)
    return sum(WORD_BYTES + 2 * sys.getsizeof(word) for word in words) + PATTERN_BYTES * patterns


def _finder(adapter: Adapter) -> EntityFinder | None:
    if not adapter.entities:
        return None
    from intent_adapters.entities import EntityFinder

    try:
        return EntityFinder(adapter.entities)
    except ConfigError as error:
        raise AdapterError(f"What the agent finds in utterances makes no sense: {error}") from error


def _tagger(adapter: Adapter) -> AgentTagger | None:
    if not adapter.config.tagger:
        return None
    from intent_adapters.runtime.tagger import AgentTagger

    return AgentTagger(adapter.config.tagger, adapter)


class ResidentFactory:
    """Lays adapters out for one encoder, having checked that they fit. Safe from several threads.

    Args:
        sites_of: The bottlenecks that an adapter must have on the encoder, and the dimension of the embeddings that
            its head must read; raises ConfigError if its config does not fit.
        place: Puts the numbers of an adapter's bottlenecks where they are multiplied.
        dtype: In which the bottlenecks are held, `"float32"` or `"float16"`; they compute in the encoder's type.
    """

    def __init__(
        self,
        sites_of: Callable[[Adapter], tuple[Mapping[str, SiteShape], int]],
        place: Callable[[NDArray[Any]], Any] = lambda values: values,
        dtype: str = "float32",
    ) -> None:
        self._sites_of = sites_of
        self._place = place
        self._dtype = np.dtype(dtype)
        self._layouts: dict[object, Layout] = {}

    def admit(self, adapter: Adapter) -> Resident:
        """Check an adapter against the encoder and copy it.

        Args:
            adapter: What was read or trained.

        Raises:
            AdapterError: It does not fit the encoder.
        """
        try:
            sites, dimension = self._sites_of(adapter)
        except ConfigError as error:
            raise AdapterError(f"The adapter's config does not fit this base: {error}") from error
        adapter.check_fits(sites, dimension)
        if not sites:
            return Resident(adapter, None)
        non_linearity = adapter.config.non_linearity
        key = (*sites.items(), non_linearity)
        layout = self._layouts.setdefault(key, Layout(sites, non_linearity, self._dtype))
        return Resident(adapter, Bottlenecks(layout, self._place(numbers_of(adapter, layout))))
