"""The Hub itself: two HTTP servers on 127.0.0.1, one for the API and one for large content, as on the real one."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.support.loopback_hub import routes  # noqa: F401  (fills the table of routes)
from tests.support.loopback_hub.accounts import Account, Accounts
from tests.support.loopback_hub.faults import Cut, Fault, Faults
from tests.support.loopback_hub.log import Entry, RequestLog
from tests.support.loopback_hub.messages import Refused, Request, Response, json_response
from tests.support.loopback_hub.routing import dispatch
from tests.support.loopback_hub.storage import Commit, File, Storage, is_lfs


class LoopbackHub:
    """A Hub on this machine. A context manager: it serves inside the `with` block.

    Attributes:
        storage: The repositories.
        accounts: Users and tokens.
        log: What was asked.
        faults: What shall go wrong.
        endpoint: For `HF_ENDPOINT`.
        cdn_endpoint: Where the Hub sends clients for large files.
    """

    def __init__(self) -> None:
        self.storage = Storage()
        self.accounts = Accounts()
        self.log = RequestLog()
        self.faults = Faults()
        self._servers = [_Server(self, cdn) for cdn in (False, True)]
        # Two names of one machine: clients give their token to the one host and must not give it to the other.
        self.endpoint = f"http://127.0.0.1:{self._servers[0].server_port}"
        self.cdn_endpoint = f"http://localhost:{self._servers[1].server_port}"

    def __enter__(self) -> LoopbackHub:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.close()

    def add_user(self, name: str, *, role: str = "write", orgs: tuple[str, ...] = ()) -> str:
        """A new token of the user `name`, who is in these organisations."""
        return self.accounts.add(name, role=role, orgs=orgs)

    def put(self, repo_id: str, files: dict[str, bytes], *, private: bool = False) -> Commit:
        """Put files into a repository past the API and its checks; make the repository if there is none."""
        repo = self.storage.repos.get(repo_id) or self.storage.create(repo_id, private, repo_id.partition("/")[0])
        assert repo is not None, "another repository has this name in other case"
        added = {path: File(content, is_lfs(path, len(content))) for path, content in files.items()}
        return repo.add_commit("main", {**repo.head.files, **added}, "put", repo.owner)

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """The files of a revision."""
        commit = self.storage.repos[repo_id].commit_at(revision)
        return {path: file.content for path, file in commit.files.items()}

    def signed(self, path: str, *, cdn: bool = False) -> str:
        """An address that works without a token."""
        return f"{self.cdn_endpoint if cdn else self.endpoint}{quote(path)}?signature={self._signature(path)}"

    def is_signed(self, request: Request) -> bool:
        return request.query.get("signature") == [self._signature(unquote(request.path))]

    def answer(self, request: Request, authorization: str | None, fault: Fault | None) -> Response:
        """What the Hub says to a request, before the network has its way with it."""
        try:
            response = fault.answer_instead(request) if fault else None
            if response is not None:
                return response
            if authorization is not None and request.account is None and not request.cdn:
                raise Refused(401, "Invalid credentials in Authorization header")
            response = dispatch(self, request)
        except Refused as refused:
            response = refused.response()
        except (KeyError, ValueError, TypeError) as error:
            response = json_response({"error": f"Bad request: {error!r}"}, 400)
        return fault.change(request, response) if fault else response

    def _signature(self, path: str) -> str:
        return hashlib.sha256(f"{id(self)}{path}".encode()).hexdigest()[:32]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: LoopbackHub, cdn: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.cdn = cdn
        self._connections: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop listening, and hang up on those who keep their connection for later."""
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is its own business; anything else is a bug here."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def answer(self) -> None:
        with self.server.hub.log.open():
            self._answer()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """Say nothing: `LoopbackHub.log` has it all."""

    def _answer(self) -> None:
        hub = self.server.hub
        body = self._read_body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        authorization = headers.get("authorization")
        account = self._account(authorization)
        request = Request(self.command, self.path, headers, body, account, self.server.cdn)
        fault = hub.faults.take(request)
        if fault:
            request = replace(request, body=fault.receive(body))
        response = hub.answer(request, authorization, fault)
        if isinstance(fault, Cut) and fault.after is None:
            sent = 0
            self._hang_up()
        else:
            sent = self._send(response, fault)
        hub.log.add(
            Entry(
                method=self.command,
                target=self.path,
                path=urlsplit(self.path).path,
                status=response.status,
                received=len(body),
                sent=sent,
                user=account.name if account else None,
                cdn=self.server.cdn,
                range=headers.get("range"),
                authorization=authorization,
                user_agent=headers.get("user-agent", ""),
            )
        )

    def _account(self, authorization: str | None) -> Account | None:
        return self.server.hub.accounts.find((authorization or "").removeprefix("Bearer "))

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, response: Response, fault: Fault | None) -> int:
        body = b"" if self.command == "HEAD" else response.body
        length = len(response.body) if response.length is None else response.length
        self.send_response_only(response.status)
        for name, value in {**response.headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = 0
        try:
            for piece in fault.pieces(body) if fault else (body,):
                self.wfile.write(piece)
                sent += len(piece)
        except OSError:  # the client has hung up
            self.close_connection = True
        if self.command != "HEAD" and sent != length:
            self._hang_up()
        return sent

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):  # the client was faster
            self.connection.shutdown(socket.SHUT_RDWR)
