"""Send each row of a batch through its own agent's bottlenecks: one encoder pass for any mix of agents.

The rows of a batch arrive sorted by agent, so that every agent's rows are one contiguous slice; at each site each
slice is worked on in place. Routes are kept per thread of execution (a context variable): calls do not see each
other's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn

from intent_adapters.runtime.resident import Resident

Route = Sequence[tuple[slice, Resident]]


class Router:
    """Hooks on an encoder's sites that apply the bottlenecks of the current route.

    Args:
        encoder: A private (structural) copy of the base's transformers model; hooks stay on it.
    """

    def __init__(self, encoder: nn.Module) -> None:
        self._encoder = encoder
        self._hooked: set[tuple[str, str]] = set()
        self._route: ContextVar[Route] = ContextVar("route", default=())

    def prepare(self, resident: Resident) -> None:
        """Hook the sites of an adapter that no earlier adapter had.

        Args:
            resident: Its site paths exist in the encoder: `Resident` checked that.
        """
        for path, site in resident.sites.items():
            if (path, site.kind) not in self._hooked:
                self._hooked.add((path, site.kind))
                self._hook(path, site.kind)

    @contextmanager
    def route(self, route: Route) -> Iterator[None]:
        """Apply these adapters to these rows in every forward pass of the block, in this thread.

        Args:
            route: Disjoint slices of the batch, each with its adapter; rows in no slice stay with the bare base.
        """
        token = self._route.set(route)
        try:
            yield
        finally:
            self._route.reset(token)

    def _hook(self, path: str, kind: str) -> None:
        module = self._encoder.get_submodule(path)
        if kind == "parallel_residual":

            def before(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
                states, residual = args
                return states, self._add(path, kind, source=residual, target=residual, in_place=False)

            module.register_forward_pre_hook(before)
        else:

            def after(_: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
                return self._add(path, kind, source=args[0] if kind == "parallel" else output, target=output)

            module.register_forward_hook(after)

    def _add(self, path: str, kind: str, source: Tensor, target: Tensor, in_place: bool = True) -> Tensor:
        for rows, resident in self._route.get():
            site = resident.sites.get(path)
            if site is not None and site.kind == kind:
                if not in_place:  # the residual is still needed as it is elsewhere in the layer
                    target, in_place = target.clone(), True
                target[rows] += site.delta(source[rows])
        return target
