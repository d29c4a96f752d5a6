"""Folders that are replaced whole and read whole, and files that are replaced whole.

A killed writer leaves the old folder or the new one, and whoever reads meanwhile gets all of one of them.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from intent_adapters.errors import IntentAdaptersError

Read = TypeVar("Read")

# A writer that replaces a folder as fast as it can is then outlasted.
READS = 50
SECONDS_BETWEEN_READS = 0.01
OLD_SECONDS = 3600

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def replaced_folder(target: Path, *, without: Collection[str] = ()) -> Iterator[Path]:
    """Yield an empty folder beside `target`; on success it takes the place of `target`, on an error it is removed.

    Files of an existing `target` that the block did not write (a README that a person wrote) are carried over.

    Args:
        target: The folder to create or to replace.
        without: Names in an existing `target` that are not carried over.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    staging.mkdir()
    try:
        yield staging
        if target.is_dir():
            _carry_over(target, staging, without)
        _flush(staging)
        _swap_in(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove_leftovers(folder: Path, names: Collection[str]) -> None:
    """Remove what writers of these folders and files left that were killed more than an hour ago, and write no more.

    Args:
        folder: Where the folders and files are.
        names: Theirs.
    """
    for path in folder.iterdir():
        left = re.fullmatch(r"\.(.+)\.[0-9a-f]{32}", path.name)
        if left and left[1] in names:
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > OLD_SECONDS:
                    path.unlink() if path.is_file() else shutil.rmtree(path)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Let others that write from what they found in a folder, in threads or processes, wait until the block is done.

    The lock is on the parent folder and leaves no file. Windows and some network file systems have none.
    """
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl

        parent = os.open(folder.absolute().parent, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(parent, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(parent, fcntl.LOCK_UN)  # for forked processes too, which hold what is only closed here
        os.close(parent)


def write_whole(file: Path, content: str | bytes) -> None:
    """Write a file in one step."""
    staging = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with staging.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        staging.replace(file)
    finally:
        staging.unlink(missing_ok=True)


def read_whole(folder: Path, read: Callable[[], Read]) -> Read:
    """Read several files of a folder that others may replace at any time, all of them of one version of it.

    Args:
        folder: That `replaced_folder` writes. A link to such folders may be switched, too.
        read: Reads the files; called again if the folder is not the one that it was when the reading began.

    Raises:
        Exception: What `read` raised, with the folder as it was throughout.
        IntentAdaptersError: The folder was replaced during each of fifty readings.
    """
    for _ in range(READS):
        is_there(folder)
        before = _version(folder)
        try:
            result = read()
        except Exception:
            if _version(folder) == before:
                raise
        else:
            if _version(folder) == before:
                return result
        time.sleep(SECONDS_BETWEEN_READS)
    raise IntentAdaptersError(
        f"{str(folder)!r} was replaced during each of {READS} attempts to read it. Stop what writes it, or read a "
        "copy."
    )


def _version(folder: Path) -> tuple[int, ...] | None:
    """What tells a folder from the one that replaces it; None while it is not there."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def is_there(folder: Path) -> bool:
    """Whether there is a folder; waits for one that is on its way, being replaced in two steps."""
    for _ in range(READS):
        if folder.is_dir():
            return True
        if not any(folder.parent.glob(f".{glob.escape(folder.name)}.{'?' * 32}*")):
            break
        time.sleep(SECONDS_BETWEEN_READS)
    return folder.is_dir()


def check_target(folder: Path, purpose: str, error: type[IntentAdaptersError], is_earlier: bool) -> None:
    """See whether a folder may be replaced: it is not there, or empty, or holds an earlier version.

    Args:
        folder: Where something is to be written.
        purpose: What the error says cannot be done: "save an adapter".
        error: What to raise.
        is_earlier: Whether it holds an earlier version.

    Raises:
        IntentAdaptersError: Of the kind `error`: it is a file or a link, or a folder with other things in it, or where
            nothing can be written.
    """
    problem = f"Cannot {purpose} to {str(folder)!r}:"
    if folder.is_symlink() or folder.is_file():
        raise error(f"{problem} it is a file or a link. Name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not is_earlier:
        raise error(f"{problem} the folder holds other things. Name a new folder.")
    # It is replaced by one beside it.
    above = next(path for path in folder.absolute().parents if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise error(
            f"{problem} nothing can be written to {str(above)!r}. Check its permissions, or name another folder."
        )


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Give a file of a folder that is about to go a second name, where the file system can; else copy it.

    What a link leads to is copied: it may be a file of somebody else.
    """
    if not os.path.islink(source):
        try:
            os.link(source, target)
        except OSError:
            pass
        else:
            return
    shutil.copy2(source, target)


def _carry_over(old: Path, new: Path, without: Collection[str]) -> None:
    for path in old.iterdir():
        if path.name in without or (new / path.name).exists():
            continue
        if path.is_dir():
            shutil.copytree(path, new / path.name, copy_function=link_or_copy)
        else:
            link_or_copy(path, new / path.name)


def _flush(folder: Path) -> None:
    """Have the disk hold every byte before the rename says so, in files that may be read by whoever may the folder."""
    mode = folder.stat().st_mode & 0o666  # safetensors makes files that only their owner can read
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)
            with path.open("r+b") as file:  # Windows writes out only what may be written to
                os.fsync(file.fileno())


def _swap_in(new: Path, target: Path) -> None:
    if not target.exists():
        try:
            new.rename(target)
        except OSError:
            if not target.exists():
                raise
        else:
            return
    # It was there, or another writer has just made it.
    if not _exchange(new, target):
        # No atomic exchange on this system: the target is absent for the moment between two renames.
        old = new.with_name(f"{new.name}.old")
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, where the kernel can (Linux, most file systems)."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(other))
