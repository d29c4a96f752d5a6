"""A server's replicas from the start of a program to its end."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import ray

from intent_adapters.choices import Placement
from intent_adapters.cluster.ray_connection import connect
from intent_adapters.cluster.replicas import Replicas
from intent_adapters.serving.logs import log_to_stderr
from intent_adapters.serving.settings import Settings


def serve_on_ray(
    settings: Settings,
    *,
    replicas: int | None = None,
    placement: Placement = "spread",
    file: Path | None = None,
    address: str | None = None,
    runtime_env: Mapping[str, Any] | None = None,
) -> None:
    """Serve on a cluster until SIGTERM or Ctrl-C. When this process dies, the replicas end, too.

    Args:
        settings: Of each replica's server; see `Replicas`.
        replicas: How many; `None`: as many as the CPUs of the cluster allow.
        placement: `"spread"` over the nodes, or `"pack"` on few of them.
        file: Where the addresses of the replicas are written, for clients.
        address: Of the cluster: `"auto"` for one that this machine belongs to, `"local"` for one of this process,
            which ends with it. `None`: what RAY_ADDRESS says, or else the first of these that there is.
        runtime_env: What Ray is to prepare on the nodes, as Ray takes it.

    Raises:
        ConfigError: Settings that make no sense on a cluster, or there is none at the address.
        IntentAdaptersError: No replica comes up.
    """
    log_to_stderr()
    if not ray.is_initialized():
        connect(address)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    options = {"runtime_env": dict(runtime_env)} if runtime_env else {}
    with Replicas(settings, replicas=replicas, placement=placement, file=file, ray_options=options) as running:
        while not stopping.is_set():
            running.look()
