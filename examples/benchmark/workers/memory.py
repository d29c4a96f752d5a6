"""Is there room for a whole model per agent?"""

from __future__ import annotations

from pathlib import Path

from .loop import NoRoom

MEMINFO = Path("/proc/meminfo")
SHARE = 0.6


def check_room(what: str, needed: int) -> None:
    """Refuses what would take more than a good half of the memory that is free.

    Raises:
        NoRoom: Too little is free. Where the system has no /proc it is not looked at.
    """
    if not MEMINFO.exists():
        return
    lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
    free = int(lines["MemAvailable"].split()[0]) * 1024
    if needed > SHARE * free:
        raise NoRoom(f"{what} need {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free")
