"""Many agents, and more than one machine: training them all, and answering for them from replicas on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intent_adapters.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from intent_adapters.cluster.client import ClusterClient
    from intent_adapters.cluster.comparison import Comparison
    from intent_adapters.cluster.replicas import Replicas
    from intent_adapters.cluster.report import AgentReport, TrainingReport
    from intent_adapters.cluster.serve import serve_on_ray
    from intent_adapters.cluster.training import train_agents
    from intent_adapters.cluster.upgrade import UpgradeReport, upgrade_agents

__all__ = [
    "AgentReport",
    "ClusterClient",
    "Comparison",
    "Replicas",
    "TrainingReport",
    "UpgradeReport",
    "serve_on_ray",
    "train_agents",
    "upgrade_agents",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AgentReport": "intent_adapters.cluster.report",
        "Comparison": "intent_adapters.cluster.comparison",
        "TrainingReport": "intent_adapters.cluster.report",
        "UpgradeReport": "intent_adapters.cluster.upgrade",
        "train_agents": "intent_adapters.cluster.training",
        "upgrade_agents": "intent_adapters.cluster.upgrade",
        "ClusterClient": "intent_adapters.cluster.client",
        "Replicas": "intent_adapters.cluster.replicas",
        "serve_on_ray": "intent_adapters.cluster.serve",
    },
)
