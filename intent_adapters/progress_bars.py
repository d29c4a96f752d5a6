"""The progress bars of libraries below: on a terminal alone, since a log keeps every step of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def on_terminal() -> bool:
    """Whether somebody may be watching standard error."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def no_bars_in_logs(disable: Callable[[], object], enable: Callable[[], object], *, shown: bool) -> Iterator[None]:
    """Switch off the bars of a library, unless they are on a terminal, and on again if they were.

    Args:
        disable: Switches them off for the process.
        enable: Switches them on.
        shown: Whether they are on.
    """
    if not shown or on_terminal():
        yield
        return
    disable()
    try:
        yield
    finally:
        enable()
