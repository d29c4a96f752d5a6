"""The replicas of a server on Ray: started, watched, replaced, and listed for clients.

Ray places the actors and starts those again whose process or node died. What it does not see is a process that lives
and does not answer, and an actor that could not be started again: these are replaced here.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

from intent_adapters.artifacts.folders import write_whole
from intent_adapters.choices import Placement
from intent_adapters.cluster.replica import Place, Replica
from intent_adapters.errors import ConfigError, IntentAdaptersError
from intent_adapters.inputs import check_range
from intent_adapters.serving.settings import Settings, is_loopback

log = logging.getLogger(__name__)

# How long a replica may take to say that it lives, and how often in a row it may fail to.
HUNG_SECONDS = 10.0
PATIENCE = 3


class _Seat:
    """One replica, whichever actor it is now.

    Args:
        actor: Of Ray.

    Attributes:
        actor: As given, or what took its place.
        check: What it has been asked.
        asked: When that was.
        place: Where it answers; `None` while it does not.
        failures: How often in a row it said that it cannot answer.
    """

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.place: Place | None = None
        self.failures = 0
        self.ask()

    def ask(self) -> None:
        """Ask whether it answers."""
        self.check, self.asked = self.actor.check.remote(), time.monotonic()


class Replicas:
    """Replicas of a server on the nodes of the cluster that Ray is connected to.

    Each takes as many CPUs as `threads` says, holds the base and its own adapters in memory, and can answer for every
    agent. `look` is to be called about once a second, as `serve_on_ray` does.

    Args:
        settings: Of each server. `agents` is a folder that all nodes have at the same path; `port` is the first of as
            many ports as there are replicas: each takes one that is free on its node.
        replicas: How many; `None`: as many as the CPUs of the cluster allow.
        placement: `"spread"` over the nodes, or `"pack"` on few of them.
        file: Where addresses are written, for clients, whenever they change; `None`: nowhere.
        ray_options: Further options of the actors, such as `{"resources": {"serving": 1}}`.

    Raises:
        ConfigError: Settings that make no sense on a cluster.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        replicas: int | None = None,
        placement: Placement = "spread",
        file: Path | None = None,
        ray_options: Mapping[str, Any] | None = None,
    ) -> None:
        if settings.workers != 1:
            raise ConfigError(f"`workers={settings.workers}` is for one machine; here, `replicas=` says how many.")
        if settings.unix_socket is not None:
            raise ConfigError("`unix_socket=` is for one machine: clients of a cluster need `host=` and `port=`.")
        nodes = {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
        if len(nodes) > 1 and is_loopback(settings.host):
            raise ConfigError(
                f"The cluster has {len(nodes)} machines, and {settings.host!r} is reached from its own alone: set "
                "`host=` to 0.0.0.0."
            )
        if replicas is None:
            replicas = max(1, int(ray.cluster_resources().get("CPU", 1) // settings.threads))
        self._count = check_range("replicas", replicas, 1)
        self._settings = settings
        self._file = file
        self._seats: list[_Seat] = []
        self._published: list[Place] | None = None
        self._was_ready = False
        strategy = {"spread": "SPREAD", "pack": "DEFAULT"}[placement]
        options = {"num_cpus": settings.threads, "scheduling_strategy": strategy, "max_restarts": -1}
        self._actors = ray.remote(Replica).options(**{**options, **(ray_options or {})})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def places(self) -> list[Place]:
        """Where replicas answer."""
        return [seat.place for seat in self._seats if seat.place is not None]

    def start(self) -> None:
        """Have the replicas started."""
        self._seats = [_Seat(self._actors.remote(self._settings, self._count)) for _ in range(self._count)]
        self._publish()

    def wait_until_ready(self, seconds: float) -> None:
        """Return when all replicas answer.

        Args:
            seconds: How long that may take.

        Raises:
            IntentAdaptersError: They do not in so many seconds, or the first one cannot start.
        """
        until = time.monotonic() + seconds
        while len(self.places) < self._count:
            if time.monotonic() > until:
                raise IntentAdaptersError(
                    f"After {seconds:g} seconds {len(self.places)} of {self._count} replicas answer; `ray status` "
                    "says whether there are CPUs for the others."
                )
            self.look(0.2)

    def look(self, seconds: float = 1.0) -> None:
        """See to the replicas.

        Args:
            seconds: How long to wait for what they say.

        Raises:
            IntentAdaptersError: None has ever been ready, and one cannot start.
        """
        until = time.monotonic() + seconds
        checks = [seat.check for seat in self._seats]
        done = set(ray.wait(checks, num_returns=len(checks), timeout=seconds, fetch_local=False)[0])
        for seat in self._seats:
            if seat.check in done:
                self._hear(seat)
            elif seat.place is not None and time.monotonic() - seat.asked > HUNG_SECONDS:
                self._lose(seat, f"said nothing for {HUNG_SECONDS:g} seconds")
                ray.kill(seat.actor, no_restart=False)
                seat.ask()
        self._publish()
        time.sleep(max(0.0, until - time.monotonic()))

    def stop(self) -> None:
        """Let the replicas drain, and end."""
        seats, self._seats = self._seats, []
        self._publish()
        ends = [seat.actor.stop.remote() for seat in seats if seat.place is not None]
        patience = self._settings.drain_seconds + self._settings.shutdown_seconds + 10
        if ends:
            ray.wait(ends, num_returns=len(ends), timeout=patience)
        for seat in seats:
            ray.kill(seat.actor)

    def _hear(self, seat: _Seat) -> None:
        """Take note of what a replica said of itself, and ask it again."""
        try:
            place = ray.get(seat.check)
        except ActorUnavailableError:
            if seat.place is not None:
                self._lose(seat, "is gone, and Ray starts it again")
        except ActorDiedError as error:
            if not self._was_ready:
                raise IntentAdaptersError(f"A replica of the server cannot start: {_cause(error)}") from error
            self._lose(seat, f"has ended: {_cause(error)}")
            ray.kill(seat.actor)  # should Ray still have plans with it
            seat.actor = self._actors.remote(self._settings, self._count)
        except (RayError, IntentAdaptersError) as error:
            seat.failures += 1
            if seat.failures >= PATIENCE:
                self._lose(seat, f"cannot answer: {_cause(error)}")
                ray.kill(seat.actor, no_restart=False)
        else:
            if seat.place != place:
                log.info("replica ready", extra={"fields": asdict(place)})
            seat.place, seat.failures, self._was_ready = place, 0, True
        seat.ask()

    def _lose(self, seat: _Seat, why: str) -> None:
        fields = asdict(seat.place) if seat.place is not None else {}
        log.error("replica lost", extra={"fields": {**fields, "problem": why}})
        seat.place, seat.failures = None, 0

    def _publish(self) -> None:
        """Write where the replicas are, if that has changed."""
        places = self.places
        if self._file is None or places == self._published:
            return
        content = json.dumps({"replicas": [asdict(place) for place in places]}, indent=1)
        try:
            write_whole(self._file, content)
        except OSError as error:
            log.error(
                "list of replicas not written", extra={"fields": {"file": str(self._file), "problem": str(error)}}
            )
        else:
            self._published = places


def _cause(error: Exception) -> str:
    """The last line of what Ray says: with the traceback, it says the rest."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
