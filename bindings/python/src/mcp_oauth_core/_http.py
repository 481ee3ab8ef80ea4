"""How is one request sent within its limits?

Redirects are handed back, no cookie is kept, no content encoding is asked for, TLS is always verified, and no connection is
used twice, so that nothing is ever sent a second time. Proxy settings of the environment are not followed: behind a proxy
nobody could tell which address is reached.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import httpcore2

from .machine import Cause, Next, Reach


@dataclass(frozen=True)
class Reply:
    """An answer, whole."""

    status: int
    #: As ``name: value`` lines.
    headers: bytes = field(repr=False)
    body: bytes = field(repr=False)


class Unreachable(Exception):
    """There was no answer."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.name.lower())
        self.cause = cause


class Network(Protocol):
    """Sends a request of the machine, within its limits."""

    def send(self, request: Next.HTTP) -> Reply: ...


class DirectNetwork:
    """Sends by itself, from this machine's own network."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None

    def send(self, request: Next.HTTP) -> Reply:
        """Raises `Unreachable` where there is no answer."""
        deadline = _Deadline(request.timeout_ms / 1000)
        backend = _CheckedBackend(request.reach, deadline)
        try:
            with httpcore2.ConnectionPool(
                ssl_context=self._trust(request.url), max_keepalive_connections=0, network_backend=backend
            ) as pool:
                return _exchange(pool, request)
        except _Refused as refused:
            raise Unreachable(refused.cause) from None
        except httpcore2.TimeoutException:
            raise Unreachable(Cause.TIMEOUT) from None
        except httpcore2.ConnectError as error:
            raise Unreachable(Cause.TLS if _is_about_tls(error) else Cause.CONNECT) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            raise Unreachable(Cause.INTERRUPTED) from None

    def _trust(self, url: str) -> ssl.SSLContext | None:
        """Made when first needed: reading the platform's certificates takes time, and plain http on loopback needs none."""
        if not url.startswith("https:"):
            return None
        if self._tls is None:
            self._tls = httpcore2.default_ssl_context()
        return self._tls


def _exchange(pool: httpcore2.ConnectionPool, request: Next.HTTP) -> Reply:
    fields = [line.partition(": ") for line in request.headers.splitlines()]
    headers = [(name, value) for name, _, value in fields]
    with pool.stream(request.method, request.url, headers=headers, content=request.body) as response:
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > request.max_body_bytes:
                raise _Refused(Cause.TOO_LARGE)
        lines = b"\n".join(name + b": " + value for name, value in response.headers)
        return Reply(response.status, lines, bytes(body))


def _is_about_tls(error: BaseException) -> bool:
    cause = error.__cause__ or error.__context__
    return isinstance(cause, ssl.SSLError | ssl.CertificateError)


class _Refused(Exception):
    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.name)
        self.cause = cause


class _Deadline:
    """When the whole exchange must be over."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise _Refused(Cause.TIMEOUT)
        return left


class _CheckedBackend(httpcore2.NetworkBackend):
    """Connects to the addresses within reach alone: what is checked is what is connected to (MCP security best practices,
    SSRF)."""

    def __init__(self, reach: Reach, deadline: _Deadline) -> None:
        self._reach = reach
        self._deadline = deadline
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        found = _resolve(host.strip("[]"), port, self._deadline.left())
        inside = [address for address in found if self._reach.allows_address(address)]
        if not inside:
            raise _Refused(Cause.BLOCKED if found else Cause.DNS)
        last = httpcore2.ConnectError()
        for address in inside:
            try:
                stream = self._sockets.connect_tcp(address, port, self._deadline.left())
                return _BoundedStream(stream, self._deadline)
            except httpcore2.ConnectError as error:
                last = error
        raise last


class _BoundedStream(httpcore2.NetworkStream):
    """A connection that is given up when the exchange takes too long as a whole."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _BoundedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _resolve(host: str, port: int, timeout: float) -> list[str]:
    """The addresses of a name, in the operating system's order."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))

    # The operating system's resolver knows no time limit.
    asking = threading.Thread(target=ask, name="mcp-oauth-resolve", daemon=True)
    asking.start()
    asking.join(timeout)
    if asking.is_alive():
        raise _Refused(Cause.TIMEOUT)
    return found
