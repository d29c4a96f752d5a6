"""Moved to `intent_adapters.hub.fetching`."""

from __future__ import annotations

from intent_adapters.hub.fetching import HubOptions, adapter_folder

__all__ = ["HubOptions", "adapter_folder"]
