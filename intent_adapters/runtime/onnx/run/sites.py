"""The sites of an exported graph, and what its inputs there are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from intent_adapters.adapter_config.sites import SiteKind, SiteShape, sites_among, tensor_prefix
from intent_adapters.architectures import Architecture
from intent_adapters.artifacts.adapter import Adapter
from intent_adapters.errors import AdapterError, ConfigError


class SiteInputs(NamedTuple):
    """The names of a site's inputs, in the order of `bottlenecks.numbers_of`."""

    down_weight: str
    down_bias: str
    up_weight: str
    up_bias: str


@dataclass(frozen=True)
class GraphSite:
    """A site of an exported graph.

    Attributes:
        path: The name of its module in the encoder.
        kind: How the bottleneck is attached: a `SiteKind`.
        width: The size of the hidden states there.
    """

    path: str
    kind: str
    width: int

    @property
    def inputs(self) -> SiteInputs:
        """The names of the inputs."""
        return SiteInputs(*(f"{self.path}.{part}" for part in SiteInputs._fields))


class GraphSites:
    """The sites of a graph, and which of them an adapter needs.

    Args:
        sites: Of the graph.
        architecture: Of the encoder that it was made from.
    """

    def __init__(self, sites: Sequence[GraphSite], architecture: Architecture) -> None:
        self._sites = {site.path: site for site in sites}
        self._modules = list(_modules(sites, architecture))
        self._architecture = architecture
        self.width = max(site.width for site in sites)

    def of(self, adapter: Adapter, non_linearity: str) -> dict[str, SiteShape]:
        """The bottlenecks that an adapter must have.

        Args:
            adapter: Config and tensors.
            non_linearity: Of the graph.

        Raises:
            AdapterError: The graph has not all the sites that the adapter needs, or another non-linearity.
            ConfigError: The adapter's `target_modules` are nowhere.
        """
        config = adapter.config
        modules = self._modules
        if config.target_modules is not None:  # which may be modules that we have no name for, but then it has tensors
            modules = list(dict.fromkeys([*modules, *self._sites, *_sites_of_tensors(adapter)]))
        kinds = sites_among(modules, config, self._architecture)
        if not kinds and config.sites != "none":
            raise ConfigError(f"target_modules={config.target_modules!r} matches no module")
        missing = [path for path, kind in kinds.items() if self._kind_at(path) != kind]
        if missing or (kinds and config.non_linearity != non_linearity):
            what = f"bottlenecks at {missing[0]!r}" if missing else f"the non-linearity {config.non_linearity!r}"
            sites = config.sites if config.target_modules is None else "those of its `target_modules`"
            raise AdapterError(
                f"The base was exported to ONNX without {what}, which the adapter has. Export the base for such "
                f"adapters (intent-adapters export BASE FOLDER --sites {sites} --non-linearity "
                f'{config.non_linearity}), or use backend="torch".'
            )
        widths = {path: self._sites[path].width for path in kinds}
        return {path: SiteShape(kind, widths[path], config.size_for(widths[path])) for path, kind in kinds.items()}

    def _kind_at(self, path: str) -> str | None:
        site = self._sites.get(path)
        return None if site is None else site.kind


def _modules(sites: Sequence[GraphSite], architecture: Architecture) -> Iterator[str]:
    """The names of all modules of the encoder at which adapters may have bottlenecks."""
    layer = re.compile(rf"{re.escape(architecture.layers)}\.(\d+)\.")
    for number in dict.fromkeys(found[1] for site in sites if (found := layer.match(site.path))):
        for name in (architecture.attended, architecture.feed_forward, architecture.outer):
            yield f"{architecture.layers}.{number}.{name}"


def _sites_of_tensors(adapter: Adapter) -> Iterator[str]:
    kind: SiteKind = "parallel" if adapter.config.sites == "parallel" else "after"
    end = tensor_prefix("", kind) + ".intent_bottleneck_"
    yield from (name.partition(end)[0] for name in adapter.arrays if end in name)
