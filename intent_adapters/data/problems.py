"""What is wrong with somebody's data and what was left out of it, collected so that one run finds all of it."""

from __future__ import annotations

import warnings

from intent_adapters.errors import DataError, DataWarning

MAX_SHOWN = 10
MAX_PLACES = 3


def data_error(place: str, what: str, cure: str) -> DataError:
    """The error for a problem after which reading cannot go on: one line of where, what, and what to do."""
    return DataError(f"{place}: {what}; {cure}")


def reason_of(error: Exception) -> str:
    """What an error of another library says, in one line."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class Problems:
    """Collects problems, and what is left out on purpose.

    Nothing of anybody's data is dropped in silence: what a reader finds becomes a row, a problem, or is left out and
    counted here.
    """

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[str] = []
        self._left_out: dict[str, tuple[int, list[str]]] = {}

    def add(self, place: str, what: str, cure: str) -> None:
        """Notes a problem; reading goes on."""
        self.count += 1
        if len(self._shown) < MAX_SHOWN:
            self._shown.append(str(data_error(place, what, cure)))

    def take(self, others: Problems) -> None:
        """Notes what others collected too."""
        self.count += others.count
        self._shown = (self._shown + others._shown)[:MAX_SHOWN]
        for kind, (count, places) in others._left_out.items():
            for place in places:
                self.leave_out(kind, place)
            known, shown = self._left_out[kind]
            self._left_out[kind] = (known + count - len(places), shown)

    def leave_out(self, kind: str, place: str) -> None:
        """Notes that one of a kind of things, in the plural, such as "blank rows", is not used, as it should be."""
        count, places = self._left_out.get(kind, (0, []))
        self._left_out[kind] = (count + 1, [*places, place] if count < MAX_PLACES else places)

    def report(self) -> None:
        """Raises the problems, ten of them in full, the others as a count; without any, warns of what was left out."""
        if self.count == 1:
            raise DataError(self._shown[0])
        if self.count:
            lines = [f"{self.count} problems in the data:", *self._shown]
            if self.count > len(self._shown):
                lines.append(f"... and {self.count - len(self._shown)} more")
            raise DataError("\n  ".join(lines))
        if self._left_out:
            parts = [
                f"{kind} ({count:,}: {', '.join(places)}{', ...' * (count > len(places))})"
                for kind, (count, places) in self._left_out.items()
            ]
            warnings.warn(f"left out: {'; '.join(parts)}", DataWarning, stacklevel=2)
