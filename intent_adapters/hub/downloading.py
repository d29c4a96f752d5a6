"""A repository of the Hub, of which only the files that we read are downloaded, and each is verified."""

from __future__ import annotations

import glob
import hashlib
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils.tqdm import tqdm

from intent_adapters.artifacts.contents import Files
from intent_adapters.hub.naming import check_repo_id
from intent_adapters.hub.problems import HUB_PROBLEMS, clean_token, hub_errors, is_unreachable, with_retries
from intent_adapters.progress_bars import on_terminal

logger = logging.getLogger(__name__)


def download(repo: str, files: Files, subfolder: str, hub: Mapping[str, Any]) -> tuple[Path, str]:
    """Have a repository in the cache, from the Hub or, where that cannot be reached, as it was left there.

    The sizes that the Hub states are checked before anything is downloaded. A repository whose download was cut off
    is never taken for a whole one: the weights come last, and without them there is nothing to load.

    Args:
        repo: Its name.
        files: Which of its files.
        subfolder: Where in it they are, ending with "/"; "" for the repository itself.
        hub: `HubOptions` without `subfolder`.

    Returns:
        The repository's folder, and the commit that it is from.

    Raises:
        IntentAdaptersError: Of the kind `files.error`: it cannot be had.
    """
    options = {**hub, "token": clean_token(hub.get("token"), files.error)}
    problem = f"There is no folder {repo!r} here, and no {files.what} can be fetched from the repository {repo!r}"
    with hub_errors(files.error, problem, revision=options.get("revision"), token=options["token"]):
        check_repo_id(repo)
        if hub.get("local_files_only"):
            return _cached(repo, files, subfolder, options)
        try:
            return _download(repo, files, subfolder, options)
        except HUB_PROBLEMS as error:
            if not is_unreachable(error):
                raise
            return _cached_instead(repo, files, subfolder, options, error)


def _download(repo: str, files: Files, subfolder: str, options: dict[str, Any]) -> tuple[Path, str]:
    revision, token = options.get("revision"), options["token"]
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    for _ in range(3):
        info = with_retries(
            lambda: HfApi().model_info(repo, revision=revision, files_metadata=True, token=token, timeout=timeout)
        )
        sizes = {file.rfilename: file.size for file in info.siblings or ()}
        small, weights = _plan(repo, sizes, files, subfolder)
        # By the name that was asked for, so that the cache knows which commit it stands for when it is offline.
        folder = _snapshot(repo, small, options, bars=False)
        if folder.name == info.sha:
            at_commit = {**options, "revision": info.sha}
            _verify(repo, small, info, folder, files, at_commit)
            if not all((folder / name).is_file() for name in weights):
                _snapshot(repo, weights, at_commit, bars=on_terminal())
            _verify(repo, small + weights, info, folder, files, at_commit)
            return folder, folder.name
    raise files.error(f"{repo!r} changed again and again while it was being fetched. Try again, or name a commit.")


def _plan(repo: str, sizes: Mapping[str, int | None], files: Files, subfolder: str) -> tuple[list[str], list[str]]:
    """The names of the small files and of the weights to download, their sizes checked."""
    inside = {name.removeprefix(subfolder): size for name, size in sizes.items() if name.startswith(subfolder)}
    files.check(inside, f"{repo!r}, folder {subfolder.rstrip('/')!r}" if subfolder else repr(repo))
    chosen = []
    for patterns in (files.small, files.weights):
        limits = files.choose(inside, patterns)
        for name, limit in limits.items():
            size = inside[name]
            if size is None or size > limit:
                raise files.error(
                    f"{subfolder}{name} of the {files.what} {repo!r} has {'unknown' if size is None else size} bytes; "
                    f"at most {limit} are accepted. Nothing was downloaded."
                )
        chosen.append([subfolder + name for name in limits])
    return chosen[0], chosen[1]


class Silent(tqdm):
    """No progress bar."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "disable": True})


def _snapshot(repo: str, names: list[str], options: dict[str, Any], *, bars: bool) -> Path:
    patterns = [glob.escape(name) for name in names]
    shown = None if bars else Silent
    return Path(with_retries(lambda: snapshot_download(repo, allow_patterns=patterns, tqdm_class=shown, **options)))


def _verify(
    repo: str, names: list[str], info: ModelInfo, folder: Path, files: Files, at_commit: dict[str, Any]
) -> None:
    """Compare files with the hashes that the Hub states, and fetch again what differs: the client compares lengths.

    `HfApi.verify_repo_checksums` does that for all files in the cache's snapshot, by a listing of its own: two
    requests more a load, and a file whose hash the Hub does not state counts as damaged.
    """
    stated = {file.rfilename: file for file in info.siblings or ()}

    def remove_damaged() -> list[str]:
        damaged = [name for name in names if not _is_intact(folder / name, stated[name])]
        for name in damaged:
            (folder / name).resolve().unlink(missing_ok=True)
            (folder / name).unlink(missing_ok=True)
        return damaged

    damaged = remove_damaged()
    for name in damaged:
        with_retries(partial(hf_hub_download, repo, name, **at_commit))
    # All of them once more: where a proxy gives files one ETag, the client keeps one for the other.
    if damaged and (again := remove_damaged()):
        raise files.error(
            f"{again[0]} of the {files.what} {repo!r} was damaged on the way, twice: its bytes are not those that the "
            "Hub states. It was not kept. Try again, on another network if that does not help."
        )


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


def _cached(repo: str, files: Files, subfolder: str, options: dict[str, Any]) -> tuple[Path, str]:
    """The copy in the cache; if there is only a part of it, an error of the kind `files.error`."""
    # Any file will do to find the folder: what must be in it is checked below.
    folder = Path(snapshot_download(repo, allow_patterns=[], **{**options, "local_files_only": True}))
    inside = folder / subfolder
    names = [path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_file()]
    if inside.is_dir() and not files.choose(names, files.weights):
        raise files.error(
            f"The copy of the {files.what} {repo!r} in the cache is incomplete, and the network may not be used. "
            "Fetch it once with a network: `intent-adapters pull`."
        )
    files.check(names, f"{repo!r} in the cache")
    return folder, folder.name


def _cached_instead(
    repo: str, files: Files, subfolder: str, options: dict[str, Any], error: Exception
) -> tuple[Path, str]:
    """The copy in the cache, for want of an answer from the Hub; without a whole copy, `error` is raised."""
    try:
        folder, commit = _cached(repo, files, subfolder, options)
    except (files.error, *HUB_PROBLEMS):
        raise error from None
    logger.warning("The Hub cannot be reached: using the copy of %s in the cache, commit %s.", repo, commit)
    return folder, commit
