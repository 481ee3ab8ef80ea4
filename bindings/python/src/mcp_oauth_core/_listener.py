"""How is the redirect received on this machine, and nothing else let in (RFC 8252 §7.3, §8.3)?"""

from __future__ import annotations

import contextlib
import errno
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import h11

# More have to wait.
_MAX_CONNECTIONS = 32

_MAX_HEAD_BYTES = 32 * 1024

# How long a connection may take, all in all.
_CONNECTION_SECONDS = 10.0

# The same for a good callback, a failed one and a forged one: it can tell nobody anything, and reflects nothing.
_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>'
    b"<p>You can close this window and go back to the program that opened it.</p></html>\n"
)

_HEADERS = [
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("connection", "close"),
]

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(?::([0-9]{1,5}))?([/?].*)?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A redirect URI that can be listened on: http on loopback. Port 0 stands for any free one."""

    host: str
    port: int
    path_and_query: str

    @classmethod
    def read(cls, uri: str) -> Place | None:
        """None for a redirect URI that nobody can listen on here."""
        found = _LOOPBACK.fullmatch(uri)
        if found is None:
            return None
        return cls(found[1], int(found[2] or 80), found[3] or "")

    @property
    def path(self) -> str:
        """As a browser asks for it: an empty path is a slash there (RFC 9110 §4.2.3)."""
        return self.path_and_query.split("?")[0] or "/"

    def bind(self) -> tuple[list[socket.socket], str]:
        """Takes the port on loopback, and tells the redirect URI with it."""
        if self.host == "127.0.0.1":
            sockets = [_listen("127.0.0.1", self.port)]
        elif self.host == "[::1]":
            sockets = [_listen("::1", self.port)]
        else:
            sockets = self._bind_both()
        port = sockets[0].getsockname()[1]
        return sockets, f"http://{_authority(self.host, port)}{self.path_and_query}"

    def _bind_both(self) -> list[socket.socket]:
        """``localhost`` is either family, as the browser likes: nobody else may have the other one."""
        attempts = 1 if self.port else 8
        for left in reversed(range(attempts)):
            first = _listen("127.0.0.1", self.port)
            try:
                return [first, _listen("::1", first.getsockname()[1])]
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    return [first]
                first.close()
                if not left:
                    raise
        raise AssertionError


def reserve(preferred: str) -> str:
    """A redirect URI at which nothing arrives, with a port where we choose it."""
    place = Place.read(preferred)
    if place is None or place.port:
        return preferred
    sockets, uri = place.bind()
    for listening in sockets:
        listening.close()
    return uri


class Listener:
    """Listens at a place until it is closed, and hands on what comes back: the query, once it was answered."""

    def __init__(self, place: Place, on_callback: Callable[[str], None]) -> None:
        self._sockets, self.uri = place.bind()
        self._on_callback = on_callback
        self._authority = _authority(place.host, self._sockets[0].getsockname()[1])
        self._path = place.path
        self._room = threading.Semaphore(_MAX_CONNECTIONS)
        self._closed, self._close = socket.socketpair()
        threading.Thread(target=self._accept, name="mcp-oauth-redirect", daemon=True).start()

    def close(self) -> None:
        """Who was let in already still gets an answer."""
        self._close.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as open_sockets:
            for watched in (self._closed, *self._sockets):
                open_sockets.callback(watched.close)
                selector.register(watched, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._closed:
                        return
                    self._let_in(key.fileobj)

    def _let_in(self, listening: object) -> None:
        assert isinstance(listening, socket.socket)
        if not self._room.acquire(timeout=_CONNECTION_SECONDS):
            return
        try:
            connection, _ = listening.accept()
            threading.Thread(target=self._serve, args=(connection,), name="mcp-oauth-callback", daemon=True).start()
        except (OSError, RuntimeError):
            # Gone again, or out of descriptors or threads: it passes.
            self._room.release()
            time.sleep(0.05)

    def _serve(self, connection: socket.socket) -> None:
        query = None
        try:
            with connection, contextlib.suppress(OSError, h11.ProtocolError):
                query = self._answer(connection)
        finally:
            self._room.release()
        # Handed on last, so that the window is never left without its page.
        if query is not None:
            self._on_callback(query)

    def _answer(self, connection: socket.socket) -> str | None:
        deadline = time.monotonic() + _CONNECTION_SECONDS
        reading = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD_BYTES)
        while True:
            event = reading.next_event()
            if event is not h11.NEED_DATA:
                break
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
            reading.receive_data(connection.recv(4096))
        if not isinstance(event, h11.Request):
            return None
        status, query = self._judge(event)
        headers = [*_HEADERS, ("allow", "GET")] if status == 405 else _HEADERS
        page = _PAGE if status == 200 else b""
        response = h11.Response(status_code=status, headers=[*headers, ("content-length", str(len(page)))])
        answer = [response, *([h11.Data(data=page)] if event.method != b"HEAD" else []), h11.EndOfMessage()]
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        connection.sendall(b"".join(reading.send(part) or b"" for part in answer))
        connection.shutdown(socket.SHUT_WR)
        return query

    def _judge(self, request: h11.Request) -> tuple[int, str | None]:
        hosts = [value.decode("latin-1").lower() for name, value in request.headers if name == b"host"]
        target = request.target.decode("latin-1")
        if hosts != [self._authority] or not target.startswith("/"):
            # Another name that resolves to loopback: DNS rebinding, or somebody's mistake.
            return 421, None
        path, _, query = target.partition("?")
        if path != self._path:
            return 404, None
        if request.method != b"GET":
            return 405, None
        return 200, query


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)


def _authority(host: str, port: int) -> str:
    """As browsers write it: without the port where it is the scheme's own (RFC 9110 §7.2)."""
    return host if port == 80 else f"{host}:{port}"
