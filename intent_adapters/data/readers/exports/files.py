"""The JSON files of an export, from a folder or an archive, within bounds."""

from __future__ import annotations

import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

from intent_adapters.data.json_text import loads
from intent_adapters.data.problems import Problems, data_error, reason_of

MAX_FILES = 20_000
MAX_UNPACKED_BYTES = 2**28
_CURE = "export it again"
_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, zlib.error)

# A file in an archive: its name, what the archive says of its size in bytes, and what opens it.
_Member: TypeAlias = tuple[str, int, Callable[[], IO[bytes]]]


@dataclass
class ExportFiles:
    """Files by their names below the top of an export, with `/` between folders.

    Attributes:
        origin: The folder or archive.
        contents: The bytes of each file that ends in .json.
        others: The names of the other files.
    """

    origin: str
    contents: dict[str, bytes]
    others: list[str] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    @classmethod
    def of_folder(cls, folder: Path) -> ExportFiles:
        """The files below a folder; hidden ones do not count."""
        files, size = cls(str(folder), {}), 0
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or _is_hidden(name):
                continue
            if path.suffix.lower() != ".json":
                files.others.append(name)
                continue
            size += path.stat().st_size
            _check_bounds(files, size)
            try:
                files.contents[name] = path.read_bytes()
            except OSError as error:
                raise data_error(
                    str(path), f"the file cannot be read ({error.strerror})", "check permissions"
                ) from error
        return files

    @classmethod
    def of_archive(cls, path: Path) -> ExportFiles:
        """The files of a .zip or .tgz, read in memory; names that lead out of it, and too much, are refused."""
        files, size = cls(str(path), {}), 0
        kind, members = ("zip", _zip_members) if path.suffix.lower() == ".zip" else ("tgz", _tar_members)
        try:
            for stored_name, stated_size, open_member in members(path):
                if _is_hidden(stored_name):
                    continue
                name = _safe_name(path, stored_name)
                if name in files.contents:
                    raise data_error(f"{path}/{name}", "the archive has this file twice", _CURE)
                if PurePosixPath(name).suffix.lower() != ".json":
                    files.others.append(name)
                    continue
                _check_bounds(files, size + stated_size)
                with open_member() as file:  # what the archive says of the size may be far from true
                    content = file.read(MAX_UNPACKED_BYTES - size + 1)
                size += len(content)
                _check_bounds(files, size)
                files.contents[name] = content
        except (*_UNREADABLE, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            cure = f"{_CURE}, without a password"
            raise data_error(str(path), f"not a readable {kind} archive ({reason_of(error)})", cure) from error
        return files

    def place(self, name: str) -> str:
        """Where a file stands."""
        return f"{self.origin}/{name}"

    def matching(self, pattern: str) -> Iterator[tuple[str, re.Match[str]]]:
        """The names whose ends match a pattern, from the start of a folder's or file's name on."""
        for name in self.contents:
            found = re.search(rf"(?:^|/){pattern}$", name)
            if found:
                yield name, found

    def has(self, pattern: str) -> bool:
        """Whether a name matches."""
        return any(True for _ in self.matching(pattern))

    def read(self, name: str, problems: Problems) -> object:
        """What is in a file; None and a problem where it is no JSON."""
        self._used.add(name)
        try:
            return loads(self.contents[name].decode("utf-8-sig"), self.place(name), problems)
        except (ValueError, RecursionError) as error:
            problems.add(self.place(name), f"broken JSON ({reason_of(error)})", _CURE)
            return None

    def passed_over(self, pattern: str) -> None:
        """Counts files that hold no utterances and no entities, such as settings, as used."""
        self._used.update(name for name, _ in self.matching(pattern))

    def unused(self) -> list[str]:
        """What nobody looked at."""
        return [name for name in [*self.contents, *self.others] if name not in self._used]


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                yield entry.filename, entry.file_size, partial(archive.open, entry)


def _tar_members(path: Path) -> Iterator[_Member]:
    size = 0
    with tarfile.open(path, "r:gz") as archive:
        for entry in archive:
            size += entry.size
            _check_size(str(path), size)  # what is passed over is unpacked too
            if entry.isfile():
                yield entry.name, entry.size, partial(_open_in_tar, archive, entry)


def _open_in_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(entry)
    assert file is not None  # it is None for folders alone
    return file


def _is_hidden(name: str) -> bool:
    return any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _safe_name(path: Path, name: str) -> str:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or re.match(r"/|[A-Za-z]:", parts[0]):
        raise data_error(str(path), f"the archive has a file with the name {name!r}, which leads out of it", _CURE)
    return "/".join(parts)


def _check_size(origin: str, size: int) -> None:
    if size > MAX_UNPACKED_BYTES:
        what = f"its files have over {MAX_UNPACKED_BYTES >> 20} MiB when they are unpacked"
        raise data_error(origin, what, "export fewer intents at once")


def _check_bounds(files: ExportFiles, size: int) -> None:
    _check_size(files.origin, size)
    if len(files.contents) + len(files.others) >= MAX_FILES:
        raise data_error(files.origin, f"it has over {MAX_FILES:,} files", "export fewer intents at once")
