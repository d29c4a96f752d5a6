"""Files as text: opened, unpacked and decoded, with an error that knows the usual ways this goes wrong."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from intent_adapters.data.problems import data_error
from intent_adapters.errors import DataError

MAX_BYTES = 2**30

_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "name a workbook .xlsx, or export it as CSV UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "export it as CSV UTF-8"),
    (b"PAR1", "a parquet file", "name it .parquet"),
    (b"\x1f\x8b", "compressed with gzip", "let its name end in .gz"),
    (b"%PDF", "a PDF document", "copy its utterances into a csv file"),
    *(
        (bytes([0x80, protocol]), "a Python pickle, which could run code when opened", "save it as csv or jsonl")
        for protocol in range(2, 6)
    ),
)
_BYTE_ORDER_MARKS = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_LINE_END = re.compile(r"\r\n|\r|\n")


def read_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file, in UTF-8 if not said otherwise, unpacked if its name ends in .gz, without a byte order mark.

    Lines that end in a carriage return alone, as on old Macs, end in a line feed. An empty file is a DataError, and so
    is one of over 1 GiB, or one that was joined from files with byte order marks.
    """
    raw = _read_bytes(path)
    if not raw.strip():
        raise data_error(f"{path}:1", "the file is empty", "write a row for each utterance")
    if encoding is None:
        _refuse_binary(path, raw)
    text = _decode(path, raw, encoding).lstrip("\ufeff")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    joined = text.find("\n\ufeff") + 1
    if joined:
        what = "the line starts with a byte order mark (U+FEFF), which does not show: files were joined here"
        cure = "delete the mark, and the column names behind it if there are any"
        raise data_error(f"{path}:{text.count(chr(10), 0, joined) + 1}", what, cure)
    return text


def read_lines(path: Path, encoding: str | None = None) -> Iterator[tuple[str, str]]:
    """The lines of a file of one utterance a line, each with its place; empty lines do not count."""
    # Not splitlines: an utterance may hold U+2028 and its like.
    for number, line in enumerate(_LINE_END.split(read_text(path, encoding)), start=1):
        if line.strip():
            yield f"{path}:{number}", line


def _read_bytes(path: Path) -> bytes:
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise data_error(str(path), f"the gzip file is damaged ({error})", "compress it again") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise data_error(str(path), f"the file cannot be read ({reason})", "check its name and permissions") from error
    if len(raw) > MAX_BYTES:
        raise data_error(str(path), "the file is larger than 1 GiB", "split it, or load it with datasets")
    return raw


def _refuse_binary(path: Path, raw: bytes) -> None:
    for signature, what, cure in _SIGNATURES:
        if raw.startswith(signature):
            raise data_error(f"{path}:1", f"this is {what}", cure)
    looks_wide = raw.count(0) * 4 > len(raw)
    for mark, name in (*_BYTE_ORDER_MARKS, *((b"", "UTF-16 without a byte order mark"),) * looks_wide):
        if raw.startswith(mark):
            cure = "re-save it as UTF-8, or give encoding='utf-16'"
            raise data_error(f"{path}:1", f"the file looks like {name}", cure)


def _decode(path: Path, raw: bytes, encoding: str | None) -> str:
    try:
        return raw.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _undecodable(f"{path}:{line}", raw, error, encoding) from error
    except UnicodeError as error:
        raise data_error(str(path), f"the file is not {encoding} ({error})", "give another encoding=") from error
    except (LookupError, ValueError) as error:  # the latter for a name with NUL in it
        raise data_error(str(path), f"encoding {encoding!r} is unknown", "try 'utf-8', 'cp949' or 'utf-16'") from error


def _undecodable(place: str, raw: bytes, error: UnicodeDecodeError, encoding: str | None) -> DataError:
    what = f"byte {error.object[error.start : error.start + 1].hex(' ')} is not {encoding or 'UTF-8'}"
    if encoding is not None:
        return data_error(place, what, "give another encoding=, or re-save the file as UTF-8")
    guess = _guess_encoding(raw)
    return data_error(place, f"{what}; it looks like {guess}", f"re-save it as UTF-8, or give encoding={guess!r}")


def _guess_encoding(raw: bytes) -> str:
    """cp949 (Windows in Korean, includes EUC-KR) where that gives mostly Hangul syllables, else Western European."""
    try:
        foreign = [c for c in raw.decode("cp949") if ord(c) > 127]
    except UnicodeDecodeError:
        return "cp1252"
    hangul = sum("가" <= c <= "힣" for c in foreign)
    return "cp949" if hangul * 2 > len(foreign) else "cp1252"
