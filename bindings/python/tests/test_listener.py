"""Is the redirect let in, and nothing else?"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from mcp_oauth_core._listener import Listener, Place, reserve


class Door:
    def __init__(self, uri: str = "http://127.0.0.1:0/callback") -> None:
        place = Place.read(uri)
        assert place is not None
        self.came: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.listener = Listener(place, self.came.put)
        authority = self.listener.uri.split("/")[2]
        self.authority = authority
        self.address = (authority.rpartition(":")[0].strip("[]"), int(authority.rpartition(":")[2]))

    def knock(self, request: str, host: str | None = None) -> str:
        with socket.create_connection(self.address, timeout=5) as connection:
            connection.sendall(f"{request} HTTP/1.1\r\nHost: {host or self.authority}\r\n\r\n".encode())
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
        return answer.decode()


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.listener.close()


def test_a_callback_is_answered_and_handed_on(door: Door) -> None:
    answer = door.knock("GET /callback?code=1&state=%7E+x")
    assert answer.startswith("HTTP/1.1 200 ")
    assert "You can close this window" in answer
    assert "state" not in answer and "code" not in answer
    for name in (
        "content-security-policy: default-src 'none'",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
    ):
        assert name in answer.lower()
    assert door.came.get(timeout=5) == "code=1&state=%7E+x"


def test_a_second_callback_is_handed_on_too(door: Door) -> None:
    for number in range(3):
        door.knock(f"GET /callback?n={number}")
        assert door.came.get(timeout=5) == f"n={number}"


@pytest.mark.parametrize(
    ("request_line", "host", "status"),
    [
        ("GET /", None, 404),
        ("GET /callback/", None, 404),
        ("GET /favicon.ico", None, 404),
        ("POST /callback?code=1", None, 405),
        ("HEAD /callback?code=1", None, 405),
        ("GET /callback?code=1", "evil.example.com", 421),
        ("GET /callback?code=1", "localhost", 421),
        ("GET http://evil.example.com/callback?code=1", None, 421),
    ],
)
def test_anything_else_is_turned_away(door: Door, request_line: str, host: str | None, status: int) -> None:
    assert door.knock(request_line, host).startswith(f"HTTP/1.1 {status} ")
    assert door.came.empty()


def test_what_is_no_http_or_too_long_is_dropped(door: Door) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET /callback?" + b"x" * 40_000, b""):
        with socket.create_connection(door.address, timeout=5) as connection:
            # It may hang up before all of it was sent, at any of these steps.
            with suppress(OSError):
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert connection.recv(10) == b""
    assert door.knock("GET /callback?code=1").startswith("HTTP/1.1 200 ")


def test_one_who_says_nothing_keeps_nobody_waiting(door: Door) -> None:
    with socket.create_connection(door.address), socket.create_connection(door.address):
        assert door.knock("GET /callback?code=1").startswith("HTTP/1.1 200 ")


def test_closing_frees_the_port(door: Door) -> None:
    door.listener.close()
    for _ in range(100):
        try:
            with socket.create_server(door.address, reuse_port=False):
                return
        except OSError:
            threading.Event().wait(0.02)
    pytest.fail("the port is still taken")


@pytest.mark.parametrize("uri", ["http://[::1]:0/callback", "http://localhost:0/cb?x=1", "http://127.0.0.1:0"])
def test_every_form_of_loopback(uri: str) -> None:
    door = Door(uri)
    path = "/" + uri.split(":0")[1].lstrip("/").split("?")[0]
    assert door.knock(f"GET {path}?code=1").startswith("HTTP/1.1 200 ")
    assert door.came.get(timeout=5) == "code=1"
    assert door.listener.uri.replace(f":{door.address[1]}", ":0", 1) == uri
    door.listener.close()


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1/callback",
        "http://127.0.0.2/callback",
        "http://localhost.example.com/callback",
        "http://127.0.0.1@example.com/",
        "http://0.0.0.0:0/callback",
        "com.example.app:/callback",
    ],
)
def test_nowhere_else_is_listened_on(uri: str) -> None:
    assert Place.read(uri) is None
    assert reserve(uri) == uri


def test_a_port_is_chosen_where_nobody_will_listen() -> None:
    assert reserve("http://127.0.0.1:0/callback") not in ("http://127.0.0.1:0/callback", "http://127.0.0.1/callback")
    assert reserve("http://127.0.0.1:7/callback") == "http://127.0.0.1:7/callback"
