"""What a dialect consists of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from starlette.routing import Route

from intent_adapters.errors import RequestError
from intent_adapters.serving.openapi import Operation
from intent_adapters.serving.service import Service

# For `top_k`, where a dialect has all intents listed.
ALL = sys.maxsize


class Dialect(NamedTuple):
    """A dialect.

    Attributes:
        paths: How its paths begin.
        routes: Makes its routes.
        operations: What the OpenAPI document says of them.
        error: The body of an error, which its clients read.
    """

    paths: tuple[str, ...]
    routes: Callable[[Service], list[Route]]
    operations: tuple[Operation, ...]
    error: Callable[[RequestError], object]
