"""Where things come from: a local folder, or a Hub repository of which only the files we read are fetched."""

from __future__ import annotations

import glob
import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypedDict, Unpack

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils.tqdm import tqdm

from intent_adapters.artifacts.contents import ADAPTER, BASE, CONFIG_NAME, ONNX_BASE, Files
from intent_adapters.artifacts.folders import is_there
from intent_adapters.errors import AdapterError, BaseError, IntentAdaptersError
from intent_adapters.hub.naming import check_repo_id
from intent_adapters.hub.problems import HUB_PROBLEMS, clean_token, hub_errors, is_unreachable, with_retries
from intent_adapters.progress_bars import on_terminal

logger = logging.getLogger(__name__)


class HubOptions(TypedDict, total=False):
    """What every call that may go to the Hub understands; the names and meanings are those of transformers.

    Attributes:
        revision: Branch, tag or commit of the repository.
        token: Hub token, `True` for the stored one.
        cache_dir: Where downloads are kept.
        local_files_only: Do not go to the network.
        subfolder: Folder of the repository that holds the files.
    """

    revision: str | None
    token: str | bool | None
    cache_dir: str | Path | None
    local_files_only: bool
    subfolder: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """Something that is on this machine now.

    Attributes:
        folder: Where it is.
        commit: The Hub commit that it is from; `None` for a folder that was local all along.
    """

    folder: Path
    commit: str | None = None


def adapter_folder(source: str | Path, **hub: Unpack[HubOptions]) -> Path:
    """Find an adapter's folder, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        **hub: See `HubOptions`.

    Returns:
        A local folder.

    Raises:
        AdapterError: There is no such folder, nothing to fetch by that name, or files that are too large.
    """
    return fetch(source, ADAPTER, **hub).folder


def fetch_base(source: str | Path, *, onnx: bool = False, **hub: Unpack[HubOptions]) -> Fetched:
    """Find a base's folder, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        onnx: Fetch the ONNX graphs instead of the safetensors weights.
        **hub: See `HubOptions`.

    Returns:
        The folder, and the commit that it is from.

    Raises:
        BaseError: There is no such folder, nothing to fetch by that name, or files that are too large.
    """
    return fetch(source, ONNX_BASE if onnx else BASE, **hub)


def fetch_either(source: str | Path, *, onnx: bool = False, **hub: Unpack[HubOptions]) -> tuple[Fetched, bool]:
    """Find the folder of an adapter or a base, whichever it is, downloading it if it is on the Hub.

    Args:
        source: Local folder or Hub id.
        onnx: Of a base fetch the ONNX graphs instead of the safetensors weights.
        **hub: See `HubOptions`.

    Returns:
        The folder, and whether it is an adapter's.

    Raises:
        AdapterError: There is neither.
    """
    try:
        found = fetch(source, ADAPTER, **hub)
    except AdapterError as error:
        try:
            return fetch_base(source, onnx=onnx, **hub), False
        except BaseError:
            raise error from None
    return found, (found.folder / CONFIG_NAME).is_file()


def fetch(source: str | Path, files: Files, **hub: Unpack[HubOptions]) -> Fetched:
    """Find a folder, downloading it if it is on the Hub.

    The sizes that the Hub states are checked before anything is downloaded. A repository whose download was cut off
    is never taken for a whole one: the weights come last, and without them there is nothing to load.

    Raises:
        IntentAdaptersError: Of the kind `files.error`: it cannot be had.
    """
    subfolder = _checked_subfolder(hub.pop("subfolder", None), files.error)
    options: dict[str, Any] = {**hub, "token": clean_token(hub.get("token"), files.error)}
    if is_there(Path(source)):
        return Fetched(_inside(Path(source), subfolder, str(source), files))
    repo = str(source)
    problem = f"Cannot fetch the {files.what} {repo!r}"
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


def _checked_subfolder(subfolder: str | None, error: type[IntentAdaptersError]) -> str:
    """A folder's path inside a repository, ending with "/"; "" for the repository itself."""
    if not subfolder:
        return ""
    path = PurePosixPath(subfolder)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]|^~", subfolder):
        raise error(
            f"subfolder={subfolder!r} leads out of the repository: name a folder inside it, such as 'agents/clinic'."
        )
    return f"{path}/" if path.parts else ""


def _inside(folder: Path, subfolder: str, source: str, files: Files) -> Path:
    inside = folder / subfolder
    if not inside.is_dir():
        raise files.error(f"The {files.what} {source!r} has no folder {subfolder.rstrip('/')!r}.")
    return inside


def _download(repo: str, files: Files, subfolder: str, options: dict[str, Any]) -> Fetched:
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
            return Fetched(_inside(folder, subfolder, repo, files), info.sha)
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


def _cached(repo: str, files: Files, subfolder: str, options: dict[str, Any]) -> Fetched:
    """The copy in the cache; if there is only a part of it, an error of the kind `files.error`."""
    # Any file will do to find the folder: what must be in it is checked below.
    folder = Path(snapshot_download(repo, allow_patterns=[], **{**options, "local_files_only": True}))
    inside = _inside(folder, subfolder, f"{repo} in the cache", files)
    names = [path.relative_to(inside).as_posix() for path in inside.rglob("*") if path.is_file()]
    if not files.choose(names, files.weights):
        raise files.error(
            f"The copy of the {files.what} {repo!r} in the cache is incomplete, and the network may not be used. "
            "Fetch it once with a network: `intent-adapters pull`."
        )
    files.check(names, f"{repo!r} in the cache")
    return Fetched(inside, folder.name)


def _cached_instead(repo: str, files: Files, subfolder: str, options: dict[str, Any], error: Exception) -> Fetched:
    """The copy in the cache, for want of an answer from the Hub; without a whole copy, `error` is raised."""
    try:
        found = _cached(repo, files, subfolder, options)
    except (files.error, *HUB_PROBLEMS):
        raise error from None
    logger.warning("The Hub cannot be reached: using the copy of %s in the cache, commit %s.", repo, found.commit)
    return found
