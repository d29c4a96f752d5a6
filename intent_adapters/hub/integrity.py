"""Whether what arrived is what the Hub has: the client compares lengths, we compare hashes.

`HfApi.verify_repo_checksums` does that for all files in the cache's snapshot, ours or not, by a listing of its own:
two requests more a load, and a file whose hash the Hub does not state counts as damaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from huggingface_hub.hf_api import RepoSibling


def damaged_file(
    folder: Path, names: Iterable[str], stated: Iterable[RepoSibling], fetch_again: Callable[[str], object]
) -> str | None:
    """Compare files with the hashes that the Hub states, and fetch again what differs.

    Args:
        folder: The snapshot's folder in the cache.
        names: Files of it.
        stated: All files of the repository, as the Hub describes them.
        fetch_again: Downloads one file.

    Returns:
        The first file that is damaged the second time too, or `None`. The cache is free of it.
    """
    by_name = {file.rfilename: file for file in stated}
    names = list(names)

    def remove_damaged() -> list[str]:
        damaged = [name for name in names if not _is_intact(folder / name, by_name[name])]
        for name in damaged:
            (folder / name).resolve().unlink(missing_ok=True)
            (folder / name).unlink(missing_ok=True)
        return damaged

    damaged = remove_damaged()
    for name in damaged:
        fetch_again(name)
    # All of them once more: where a proxy gives files one ETag, the client keeps one for the other.
    return next(iter(remove_damaged()), None) if damaged else None


def _is_intact(path: Path, stated: RepoSibling) -> bool:
    if not path.is_file():
        return False
    if stated.lfs is not None:
        digest, expected = hashlib.sha256(), stated.lfs.sha256
    elif stated.blob_id is not None:
        digest, expected = hashlib.sha1(b"blob %d\0" % path.stat().st_size), stated.blob_id  # as git does
    else:
        return True  # a Hub that states no hashes
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: digest).hexdigest() == expected
