"""How does a sign-in go through this package, without sockets?"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import ModuleType
from typing import Any

import httpcore2
import httpx2
from canned import CHALLENGE, NOW, REDIRECT_URI, SERVER, Canned, callback_query

from mcp_oauth_core import MemoryStore, OAuth, machine
from mcp_oauth_core.machine import mcp_oauth as generated

Exchange = Callable[[Any], tuple[int, bytes, bytes]]

CHALLENGES = [CHALLENGE.encode()]


def as_generated() -> ModuleType:
    """The interface as UniFFI generates it, without what this package replaces in it."""
    spec = importlib.util.spec_from_file_location("as_generated", generated.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["as_generated"] = module
    spec.loader.exec_module(module)
    return module


class Flows:
    """Sign-ins through one interface."""

    def __init__(self, interface: Any = machine) -> None:
        self.interface = interface
        self.config = interface.Config(interface.Settings(server_url=SERVER))
        self.canned = Canned(token="a" * 200)

    def bare(self) -> Any:
        """The machine alone: bytes in, bytes out."""
        return self._flow(self._at_once)

    def with_own_objects(self) -> Any:
        """With the request and the response object of each exchange that this package's own network makes."""
        return self._with_objects(self._through_httpcore2)

    def with_httpx2_objects(self) -> Any:
        """With those of the HTTP client that the SDK's own provider uses."""
        return self._with_objects(self._through_httpx2)

    def _with_objects(self, exchange: Exchange) -> Any:
        request = httpx2.Request("POST", SERVER, headers={"mcp-protocol-version": "2026-07-28"}, content=b"{}")
        refused = httpx2.Response(401, headers={"www-authenticate": CHALLENGE}, request=request)
        challenges = [value for name, value in refused.headers.raw if name.lower() == b"www-authenticate"]
        waiting = self._flow(exchange, challenges)
        headers = waiting.request_headers("POST", SERVER, NOW)
        request.headers["authorization"] = headers.authorization
        return waiting

    def _through_httpcore2(self, action: Any) -> tuple[int, bytes, bytes]:
        request = httpcore2.Request(action.method, action.url, headers=_fields(action), content=action.body)
        status, body = self.canned.answer(request.url.target.decode())
        response = httpcore2.Response(status, headers=[(b"content-type", b"application/json")], content=body)
        return response.status, _lines(response.headers), response.read()

    def _through_httpx2(self, action: Any) -> tuple[int, bytes, bytes]:
        request = httpx2.Request(action.method, action.url, headers=_fields(action), content=action.body)
        status, body = self.canned.answer(str(request.url))
        response = httpx2.Response(status, headers={"content-type": "application/json"}, content=body, request=request)
        return response.status_code, _lines(response.headers.raw), response.content

    def _at_once(self, action: Any) -> tuple[int, bytes, bytes]:
        status, body = self.canned.answer(action.url)
        return status, b"content-type: application/json", body

    def _flow(self, exchange: Exchange, challenges: list[bytes] = CHALLENGES) -> Any:
        kinds = self.interface.Next
        records: dict[str, bytes] = {}
        waiting = self.interface.Machine(self.config, "")
        state = waiting.next()
        waiting.nothing_stored(state.id, NOW)
        state = waiting.challenge(401, challenges, None, NOW).next
        while True:
            kind = type(state)
            if kind is kinds.HTTP:
                status, lines, body = exchange(state)
                state = waiting.reply(state.id, status, lines, body, NOW).next
            elif kind is kinds.SAVE:
                records[state.key] = state.record
                state = waiting.stored(state.id, NOW).next
            elif kind is kinds.DELETE:
                del records[state.key]
                state = waiting.stored(state.id, NOW).next
            elif kind is kinds.BIND_REDIRECT:
                state = waiting.redirect_bound(state.id, REDIRECT_URI, NOW).next
            elif kind is kinds.OPEN_URL:
                state = waiting.callback(callback_query(state.state, "SplxlOBeZQQYbYS6WxSbIA"), NOW).next
            else:
                assert kind is kinds.AUTHORIZED, state
                return waiting

    def looking(self) -> tuple[Any, Any]:
        """A machine that waits for its first document, and the action."""
        waiting = self.interface.Machine(self.config, "")
        waiting.nothing_stored(1, NOW)
        return waiting, waiting.challenge(401, CHALLENGES, None, NOW).next


def _fields(action: Any) -> list[tuple[str, str]]:
    fields = [line.partition(": ") for line in action.headers.splitlines()]
    return [(name, value) for name, _, value in fields]


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"\n".join(name + b": " + value for name, value in headers)


def signed_in() -> OAuth:
    """An ``OAuth`` that holds a token."""
    oauth = Canned(token="a" * 200).oauth(store=MemoryStore())
    url = oauth.begin()
    assert url is not None
    oauth.finish("?" + callback_query(url.split("state=")[1].split("&")[0], "code"))
    return oauth


def one_request(oauth: OAuth, request: httpx2.Request, response: httpx2.Response) -> None:
    """What each request costs that carries a token and is served."""
    flow = oauth.sync_auth_flow(request)
    next(flow)
    with suppress(StopIteration):
        flow.send(response)
