"""Many agents, and more than one machine: training them all, and training them again on another base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from intent_adapters.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from intent_adapters.cluster.comparison import Comparison
    from intent_adapters.cluster.report import AgentReport, TrainingReport
    from intent_adapters.cluster.training import train_agents
    from intent_adapters.cluster.upgrade import UpgradeReport, upgrade_agents

__all__ = ["AgentReport", "Comparison", "TrainingReport", "UpgradeReport", "train_agents", "upgrade_agents"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AgentReport": "intent_adapters.cluster.report",
        "Comparison": "intent_adapters.cluster.comparison",
        "TrainingReport": "intent_adapters.cluster.report",
        "UpgradeReport": "intent_adapters.cluster.upgrade",
        "train_agents": "intent_adapters.cluster.training",
        "upgrade_agents": "intent_adapters.cluster.upgrade",
    },
)
