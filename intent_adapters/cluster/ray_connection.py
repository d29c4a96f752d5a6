"""The way to a cluster of Ray, for training and for serving."""

from __future__ import annotations

import logging
from typing import Any

from intent_adapters.errors import ConfigError
from intent_adapters.extras import need


def connect(address: str | None) -> None:
    """Connect this process to Ray, which is not to print what its workers write.

    Args:
        address: Of the cluster: `"auto"` for one that this machine belongs to, `"local"` for one of this process,
            which ends with it. None: what RAY_ADDRESS says, or else the first of these that there is.

    Raises:
        ConfigError: There is no cluster at the address.
        MissingExtraError: Ray is not installed.
    """
    ray = need("ray")
    dashboard: dict[str, Any] = {"include_dashboard": False} if address in (None, "local") else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING, **dashboard)
    except ConnectionError as error:
        raise ConfigError(f"There is no cluster of Ray at {address!r}: {error}") from error
