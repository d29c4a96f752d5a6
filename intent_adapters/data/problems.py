"""What is wrong with somebody's data, collected so that ten mistakes take one run to find and not ten."""

from __future__ import annotations

from intent_adapters.errors import DataError

MAX_SHOWN = 10


def describe(place: str, what: str, cure: str) -> str:
    """One problem as one line: where, what, and what to do."""
    return f"{place}: {what}; {cure}"


def data_error(place: str, what: str, cure: str) -> DataError:
    """The error for a problem after which reading cannot go on."""
    return DataError(describe(place, what, cure))


class Problems:
    """Collects problems and raises them together: the first ten in full, the others as a count."""

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[str] = []

    def add(self, place: str, what: str, cure: str) -> None:
        """Notes a problem; reading goes on."""
        self.count += 1
        if len(self._shown) < MAX_SHOWN:
            self._shown.append(describe(place, what, cure))

    def raise_if_any(self) -> None:
        """Raises what was collected.

        Raises:
            DataError: if any problem was added.
        """
        if not self.count:
            return
        if self.count == 1:
            raise DataError(self._shown[0])
        lines = [f"{self.count} problems in the data:", *self._shown]
        if self.count > len(self._shown):
            lines.append(f"... and {self.count - len(self._shown)} more")
        raise DataError("\n  ".join(lines))
