"""Connections that say what they want too slowly, or at too great length."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
import uvicorn

from intent_adapters.serving.connections import MAX_HEADER_BYTES, Connection
from intent_adapters.serving.server import Server

GOOD = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Quick(Connection):
    header_seconds = 0.2
    linger_seconds = 0.2


async def app(scope: dict, receive: Callable, send: Callable) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def run(test: Callable[[int], Awaitable[None]], ends: bool = False) -> None:
    async def main() -> None:
        config = uvicorn.Config(app, http=Quick, lifespan="off", log_config=None)
        server = Server(config, SimpleNamespace(draining=False), 0, lambda: None)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            serving = asyncio.create_task(server.serve([listener]))
            if ends:
                asyncio.get_running_loop().call_later(0.5, setattr, server, "should_exit", True)
            try:
                await asyncio.wait_for(test(port), 10)
            finally:
                server.should_exit = True
                await serving

    asyncio.run(main())


async def said(port: int, *parts: bytes, seconds: float = 0) -> bytes:
    """What the server says until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(seconds)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("parts", [[], [b"GET"], [b"G", b"E", b"T", b" "], [b"\r\n"], [GOOD[:-2]]])
def test_headers_must_come_soon(parts: list[bytes]):
    async def test(port: int) -> None:
        assert (await said(port, *parts, seconds=0.05)).startswith(b"HTTP/1.1 408 ")

    run(test)


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"\r\n"])
def test_so_must_those_of_the_next_request(begun: bytes):
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):  # a pause between requests is no fault
            writer.write(GOOD)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        if begun:
            writer.write(begun)
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        else:
            await asyncio.sleep(0.4)
            writer.write(GOOD)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.close()

    run(test)


def test_a_response_comes_at_once():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        started = time.perf_counter()
        for _ in range(25):
            writer.write(GOOD)
            await reader.readuntil(b"ok")
        assert time.perf_counter() - started < 0.5
        writer.close()

    run(test)


def test_headers_must_be_short():
    async def test(port: int) -> None:
        line = b"x: " + b"a" * 8000 + b"\r\n"
        endless = await said(port, GOOD[:-2], *[line] * (MAX_HEADER_BYTES // len(line) + 1), seconds=0.001)
        assert endless.startswith(b"HTTP/1.1 431 ")
        assert (await said(port, GOOD[:-2], line * 3, b"connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200")

    run(test)


def test_bodies_do_not_count_as_headers():
    async def test(port: int) -> None:
        body = b"a" * (2 * MAX_HEADER_BYTES)
        head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(head + body)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.close()

    run(test)


def test_a_server_that_stops_waits_a_moment_for_requests_on_open_connections(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Quick, "header_seconds", 9)
    monkeypatch.setattr(Quick, "linger_seconds", 1)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        silent, _ = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(OSError):
            while True:  # until it takes no more connections
                await asyncio.sleep(0.01)
                async with asyncio.timeout(0.1):
                    _, more = await asyncio.open_connection("127.0.0.1", port)
                more.close()
        await asyncio.sleep(0.2)
        writer.write(GOOD)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        assert await silent.read() == b""

    run(test, ends=True)


@pytest.mark.parametrize("nonsense", [b"\x00\x01\x02\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"])
def test_what_is_no_http(nonsense: bytes):
    async def test(port: int) -> None:
        assert (await said(port, nonsense)).startswith(b"HTTP/1.1 4")
        assert (await said(port, GOOD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))).startswith(
            b"HTTP/1.1 200"
        )

    run(test)
