"""Is each request sent within its limits, and is what came handed on as it came?"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from mcp_oauth_core import Reach
from mcp_oauth_core._http import DirectNetwork, Unreachable
from mcp_oauth_core.machine import Cause, Next


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[tuple[int, list[bytes]]]:
    """A server that takes each request and then does as it is told."""
    seen: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    seen.append(received(connection))
                    connection.settimeout(5)
                    answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1], seen
    listening.close()


def received(connection: socket.socket) -> bytes:
    """A request without a body at once, anything else once no more comes."""
    connection.settimeout(0.2)
    sent = b""
    with suppress(TimeoutError):
        while not (sent.startswith(b"GET ") and sent.endswith(b"\r\n\r\n")):
            sent += connection.recv(65536)
    return sent


def request(url: str, **changes: object) -> Next.HTTP:
    members: dict[str, object] = {
        "id": 1,
        "method": "GET",
        "url": url,
        "headers": "accept: application/json\nuser-agent: tests\n",
        "body": None,
        "max_body_bytes": 1000,
        "timeout_ms": 5000,
        "reach": Reach.LOOPBACK,
        "purpose": "server_metadata",
        **changes,
    }
    return Next.HTTP(**members)  # type: ignore[arg-type]


def cause_of(asked: Next.HTTP) -> Cause:
    with pytest.raises(Unreachable) as caught:
        DirectNetwork().send(asked)
    return caught.value.cause


def test_exactly_the_given_headers_and_body_are_sent() -> None:
    with server(lambda c: c.sendall(b"HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok")) as (
        port,
        seen,
    ):
        url = f"http://127.0.0.1:{port}/token?a=%7E"
        headers = "content-type: application/x-www-form-urlencoded\nauthorization: Basic eDp5\n"
        reply = DirectNetwork().send(request(url, method="POST", headers=headers, body=b"grant_type=a"))
    assert (reply.status, reply.body) == (201, b"ok")
    assert reply.headers.split(b"\n") == [b"X-A: 1", b"X-A: 2", b"Content-Length: 2"]
    head, body = seen[0].split(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /token?a=%7E HTTP/1.1"
    assert sorted(line.lower() for line in head.split(b"\r\n")[1:]) == [
        b"authorization: basic edp5",
        b"content-length: 12",
        b"content-type: application/x-www-form-urlencoded",
        f"host: 127.0.0.1:{port}".encode(),
    ]
    assert body == b"grant_type=a"


def test_a_redirect_is_handed_back() -> None:
    with server(lambda c: c.sendall(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")) as (
        port,
        seen,
    ):
        reply = DirectNetwork().send(request(f"http://127.0.0.1:{port}/a"))
    assert reply.status == 302
    assert b"Location: /b" in reply.headers
    assert len(seen) == 1


def test_more_than_the_limit_is_not_read() -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(10):
            connection.sendall(b"200\r\n" + b"x" * 512 + b"\r\n")

    with server(pour) as (port, _):
        assert cause_of(request(f"http://127.0.0.1:{port}/")) is Cause.TOO_LARGE


def test_a_server_that_drips_is_given_up_in_time() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(100):
            time.sleep(0.05)
            connection.sendall(b"x")

    with server(drip) as (port, _):
        start = time.monotonic()
        assert cause_of(request(f"http://127.0.0.1:{port}/", timeout_ms=300)) is Cause.TIMEOUT
        assert time.monotonic() - start < 2


def test_an_answer_that_breaks_off_is_interrupted() -> None:
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nx", b"nonsense\r\n\r\n"):
        with server(lambda c, answer=answer: c.sendall(answer)) as (port, seen):  # type: ignore[misc]
            assert cause_of(request(f"http://127.0.0.1:{port}/", method="POST", body=b"x")) is Cause.INTERRUPTED
        assert len(seen) == 1


def test_where_nobody_listens_there_is_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert cause_of(request(f"http://127.0.0.1:{port}/")) is Cause.CONNECT


def test_a_name_that_does_not_resolve() -> None:
    assert cause_of(request("https://nothing.invalid/")) is Cause.DNS


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "http://localhost:{}/", "http://[::ffff:127.0.0.1]:{}/"])
@pytest.mark.parametrize("reach", [Reach.PUBLIC, Reach.PRIVATE])
def test_addresses_outside_the_reach_are_not_connected_to(url: str, reach: Reach) -> None:
    with server(lambda c: None) as (port, seen):
        assert cause_of(request(url.format(port), reach=reach)) is Cause.BLOCKED
    assert seen == []


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = socket.getaddrinfo, list[str]()

    def resolve(host: str, port: int, *rest: object, **named: object) -> object:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "192.0.2.1"
        if host == "rebinding.example.com":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        return real(host, port, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with server(lambda c: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, seen):
        assert DirectNetwork().send(request(f"http://rebinding.example.com:{port}/")).status == 204
    assert asked.count("rebinding.example.com") == 1
    assert f"host: rebinding.example.com:{port}".encode() in seen[0].lower()


def test_a_resolver_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait() and [])
    assert cause_of(request("https://slow.example.com/", timeout_ms=200)) is Cause.TIMEOUT
    released.set()


def test_what_is_no_tls_is_told_as_such() -> None:
    with server(lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as (port, _):
        assert cause_of(request(f"https://127.0.0.1:{port}/")) is Cause.TLS


def test_certificates_are_checked() -> None:
    network = DirectNetwork()
    trust = network._trust("https://example.com/")
    assert trust is not None
    assert trust.verify_mode is ssl.CERT_REQUIRED and trust.check_hostname
    assert network._trust("http://127.0.0.1/") is None


def test_the_environments_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server(lambda c: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")) as (port, _):
        assert DirectNetwork().send(request(f"http://127.0.0.1:{port}/")).status == 204
