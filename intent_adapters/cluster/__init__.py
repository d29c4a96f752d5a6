"""More than one machine: a server's replicas on Ray, and the client that divides the agents among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intent_adapters.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from intent_adapters.cluster.client import ClusterClient
    from intent_adapters.cluster.replicas import Replicas
    from intent_adapters.cluster.serve import serve_on_ray

__all__ = ["ClusterClient", "Replicas", "serve_on_ray"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ClusterClient": "intent_adapters.cluster.client",
        "Replicas": "intent_adapters.cluster.replicas",
        "serve_on_ray": "intent_adapters.cluster.serve",
    },
)
