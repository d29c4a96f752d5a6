"""What Prometheus is told."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from intent_adapters.runtime.agent import StoreStats
from intent_adapters.serving.batching import Batch

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Set before this module is imported, it has all processes of a server count together, in files in this folder.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 48, 64)


class Metrics:
    """The figures of a server, which begin at zero."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"intent_adapters_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, mode: str) -> Gauge:
            return Gauge(f"intent_adapters_{name}", what, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        def histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"intent_adapters_{name}", what, labels, registry=registry, buckets=buckets)

        self.request_seconds = histogram(
            "request_seconds", "From the first byte of a request to its response", SECONDS, "route", "status"
        )
        self.rejected = counter("rejected", "Requests that were turned down", "code")
        self._batch_rows = histogram("batch_rows", "Rows answered in one batch", ROWS)
        self._batch_seconds = histogram("batch_seconds", "What a batch took", SECONDS)
        self._queue_seconds = histogram("queue_seconds", "How long a request waited for its first batch", SECONDS)
        self._queue_rows = gauge("queue_rows", "Rows that wait", "livesum")
        self._known = gauge("agents", "Agents that can be asked", "livemax")
        self._resident = gauge("agents_resident", "Agents in memory", "livesum")
        self._bytes = gauge("adapter_bytes", "What the adapters in memory take", "livesum")
        self._counts = {
            "hits": counter("store_hits", "Agents that were asked and were in memory"),
            "misses": counter("store_misses", "Agents that were asked and had to be loaded"),
            "evictions": counter("store_evictions", "Adapters that left memory to make room"),
        }
        self._counted = dict.fromkeys(self._counts, 0)

    def batch(self, batch: Batch) -> None:
        """Count a batch."""
        self._batch_rows.observe(batch.rows)
        self._batch_seconds.observe(batch.seconds)
        for wait in batch.waits:
            self._queue_seconds.observe(wait)

    def state(self, store: StoreStats, queued: int) -> None:
        """Note how things are now."""
        self._queue_rows.set(queued)
        self._known.set(store.known)
        self._resident.set(store.resident)
        self._bytes.set(store.bytes)
        for name, metric in self._counts.items():
            total = getattr(store, name)
            metric.inc(total - self._counted[name])
            self._counted[name] = total

    def text(self) -> bytes:
        """All figures, in the format of Prometheus."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)
        return generate_latest(shared)
