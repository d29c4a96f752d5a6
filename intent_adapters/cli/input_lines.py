"""The lines of standard input, as they come."""

from __future__ import annotations

import codecs
import os
import queue
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import typer

from intent_adapters.errors import TextError
from intent_adapters.inputs import SURROGATES

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Line:
    """A text without surrounding white space, and why it cannot be answered."""

    text: str
    error: str | None = None


def input_lines(encoding: str | None = None) -> Iterator[Line]:
    """The lines of standard input, blank ones too; they are in UTF-8 if not said otherwise, or typed on a terminal."""
    try:
        " ".encode(encoding or "utf-8")
    except (LookupError, ValueError) as error:
        raise typer.BadParameter(f"{encoding!r} is no encoding of texts", param_hint="--encoding") from error
    return _lines(encoding)


def _lines(encoding: str | None) -> Iterator[Line]:
    parts = iter(sys.stdin.readline, "") if sys.stdin.isatty() else _decoded(encoding)
    for number, line in enumerate(_split(parts), start=1):
        yield checked(line, f"line {number}", encoding)


def _split(parts: Iterator[str]) -> Iterator[str]:
    rest = ""
    for part in parts:
        *whole, rest = (rest + part).split("\n")
        yield from whole
    if rest:
        yield rest


def _decoded(encoding: str | None) -> Iterator[str]:
    """What is there, as soon as it is there; bytes that are not of the encoding become lone surrogates."""
    utf8 = encoding is None or codecs.lookup(encoding).name == "utf-8"
    decoder = codecs.getincrementaldecoder("utf-8-sig" if utf8 else str(encoding))("surrogateescape")
    try:
        while chunk := _read():
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeError as error:  # of encodings in which a byte is no letter
        raise TextError(
            f"Standard input is not {encoding} ({error}): name another encoding with --encoding."
        ) from error


def _read() -> bytes:
    try:
        # Not through Python's buffers: a thread that waits in them keeps the program from ending in order.
        return os.read(sys.stdin.fileno(), _CHUNK)
    except (OSError, ValueError):  # it is no file, as in tests
        return sys.stdin.buffer.read(_CHUNK)


def checked(text: str, place: str, encoding: str | None = None) -> Line:
    """A text that somebody gave; what is not of the encoding has arrived as lone surrogates."""
    if not text.strip():
        return Line("", f"{place} is empty")
    if not SURROGATES.search(text):
        return Line(text.strip())
    cure = "name another encoding" if encoding else "name its encoding, such as cp949,"
    error = f"{place} is not {encoding or 'UTF-8'}: {cure} with --encoding"
    return Line(SURROGATES.sub("\ufffd", text).strip(), error)


def in_batches(lines: Iterator[Line], most: int) -> Iterator[list[Line]]:
    """Hands on what waits, at most so many lines at once, without waiting for more.

    The lines are read from now on, in a thread of their own.
    """
    waiting: queue.Queue[Line | Exception | None] = queue.Queue(most)

    def read() -> None:
        try:
            for line in lines:
                waiting.put(line)
        except Exception as error:
            waiting.put(error)
        else:
            waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    return _batches(waiting, most)


def _batches(waiting: queue.Queue[Line | Exception | None], most: int) -> Iterator[list[Line]]:
    last: Line | Exception | None = Line("")
    while last is not None:
        items = [_wait(waiting)]
        while len(items) < most and not waiting.empty():
            items.append(waiting.get())
        last = items[-1]
        batch = [item for item in items if isinstance(item, Line)]
        if batch:
            yield batch
        if isinstance(last, Exception):
            raise last


def _wait(waiting: queue.Queue[Line | Exception | None]) -> Line | Exception | None:
    while True:
        try:
            return waiting.get(timeout=0.5)  # Windows notices Ctrl-C only between two waits
        except queue.Empty:
            continue
