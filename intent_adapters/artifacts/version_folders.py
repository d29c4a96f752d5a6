"""The folder `versions` inside an adapter's folder: `versions/2` is an adapter folder of its own.

A version keeps its number for good, the one in use too. `order.json` beside the kept ones lists the numbers in the
order in which the versions were last in use; the last number is that of the adapter that is in use.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from intent_adapters.artifacts.contents import CARD_NAME, CONFIG_NAME, ENTITIES_NAME, SAFETENSORS_WEIGHTS_NAME
from intent_adapters.artifacts.folders import link_or_copy

KEPT = 10
"""How many former versions a folder keeps, unless it is told otherwise."""
BASE_FOLDER = "base"
"""Where an agent that was fine-tuned whole has its base, inside its folder."""
VERSIONS_FOLDER = "versions"
_ORDER = "order.json"


def numbers(folder: Path) -> list[int]:
    """The versions of an adapter folder, the one that was last in use last: that is the one in use.

    Without a list that can be read, the highest number was last in use.
    """
    names = [path.name for path in (folder / VERSIONS_FOLDER).glob("*") if path.is_dir()]
    kept = sorted(int(name) for name in names if re.fullmatch("[1-9][0-9]{0,8}", name, re.ASCII))
    order = _read_order(folder / VERSIONS_FOLDER / _ORDER)
    current = order[-1] if order and order[-1] not in kept else max(kept, default=0) + 1
    return [*sorted(kept, key=lambda number: order.index(number) if number in order else -1), current]


def version_path(folder: Path, number: int) -> Path:
    """Where a version is: the one in use is in the folder itself."""
    return folder if number == numbers(folder)[-1] else folder / VERSIONS_FOLDER / str(number)


def keep_former(folder: Path, new: Path, limit: int) -> list[int]:
    """Have a folder that will take the place of an adapter's folder keep its versions, the one in use among them.

    Args:
        folder: The adapter's folder.
        new: What will take its place.
        limit: How many former versions to keep at most; those that were last in use longest ago go.

    Returns:
        The numbers of those that go.
    """
    former = numbers(folder)
    gone = former[: max(len(former) - limit, 0)]
    write_versions(folder, new, [*former[len(gone) :], max(former) + 1])
    return gone


def write_versions(folder: Path, new: Path, order: Sequence[int]) -> None:
    """Write into `new` all versions of `folder` with the numbers in `order` but the last, which is in use there."""
    for number in order[:-1]:
        target = Path(VERSIONS_FOLDER, str(number))
        copy_version(version_path(folder, number), new / target, folder / target)
    (new / VERSIONS_FOLDER).mkdir(exist_ok=True)
    (new / VERSIONS_FOLDER / _ORDER).write_text(json.dumps(list(order)), encoding="utf-8")


def copy_version(source: Path, target: Path, place: Path) -> None:
    """Copy a version, as links where that can be: adapter, card, and a base of its own.

    Args:
        source: Its folder.
        target: Where to.
        place: Where `target` will be in the end: the adapter names a base of its own by its path.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME, ENTITIES_NAME):
        if (source / name).is_file():
            link_or_copy(source / name, target / name)
    if (source / CARD_NAME).is_file():
        shutil.copy2(source / CARD_NAME, target / CARD_NAME)  # which a person may edit where it stands
    if has_own_base(source):
        shutil.copytree(source / BASE_FOLDER, target / BASE_FOLDER, copy_function=link_or_copy)
        config = _read_config(source) | {"base_model_name_or_path": str(place.absolute() / BASE_FOLDER)}
        (target / CONFIG_NAME).unlink()
        (target / CONFIG_NAME).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def has_own_base(folder: Path) -> bool:
    """Whether the base that an adapter names is the one inside its folder, which may have been moved since."""
    named, inside = _read_config(folder).get("base_model_name_or_path"), folder / BASE_FOLDER
    if not isinstance(named, str) or not inside.is_dir():
        return False
    return inside.samefile(named) if Path(named).is_dir() else Path(named).name == BASE_FOLDER


def base_fingerprint_of(folder: Path) -> object:
    """The fingerprint of the base that an adapter names; None if it does not."""
    provenance = _read_config(folder).get("provenance")
    return provenance.get("base_fingerprint") if isinstance(provenance, dict) else None


def _read_order(path: Path) -> list[int]:
    try:
        order = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    is_order = isinstance(order, list) and all(type(number) is int and number > 0 for number in order)
    return order if is_order else []


def _read_config(folder: Path) -> dict[str, object]:
    """What an adapter's config says; nothing of a damaged one."""
    try:
        config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}
