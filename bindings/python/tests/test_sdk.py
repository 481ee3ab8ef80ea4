"""Does a client of the official SDK sign in and call a tool, where its own provider would go?"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import anyio
import pytest
from conftest import Person, Testbed, visit
from mcp.client.streamable_http import streamable_http_client
from test_dpop import Recorder, bound

from mcp_oauth_core import AuthorizationError, MemoryStore, OAuth, SignIn

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


if version("mcp").startswith("1."):
    import httpx
    from mcp import ClientSession

    @asynccontextmanager
    async def connected(oauth: OAuth, url: str) -> AsyncIterator[Any]:
        async with (
            httpx.AsyncClient(auth=oauth) as http,
            streamable_http_client(url, http_client=http) as (reading, writing, _),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            yield session

else:
    import httpx2
    from mcp.client import Client

    @asynccontextmanager
    async def connected(oauth: OAuth, url: str, patience: float | None = None) -> AsyncIterator[Any]:
        async with (
            httpx2.AsyncClient(auth=oauth) as http,
            Client(streamable_http_client(url, http_client=http), read_timeout_seconds=patience) as client,
        ):
            yield client

    async def test_a_person_may_take_longer_than_a_request(testbed: Testbed) -> None:
        def show(sign_in: SignIn) -> None:
            threading.Timer(2, visit, args=(sign_in.url,)).start()

        oauth = OAuth(testbed.url, store=MemoryStore(), open_url=show)
        async with connected(oauth, testbed.url, patience=1) as client:
            await client.call_tool("whoami", {})


async def test_a_tool_answers_after_a_sign_in(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    async with connected(oauth, testbed.url) as client:
        tools = await client.list_tools()
        answer = await client.call_tool("whoami", {})
    assert "whoami" in [tool.name for tool in tools.tools]
    assert "client" in answer.content[0].text
    assert len(person.pages) == 1
    counts = testbed.counts()
    assert (counts["registrations"], counts["code_exchanges"], counts["tool_calls"]) == (1, 1, 1)


async def test_a_tool_that_needs_more_scopes_gets_them(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    scopes = testbed.ask("behaviour")["mcp"]["tool_scopes"]
    tool, scope = next((tool, scope) for tool, scope in scopes.items() if scope != "notes:read")
    async with connected(oauth, testbed.url) as client:
        await client.call_tool("whoami", {})
        await client.call_tool(tool, {"text": "milk"})
    assert [scope in page.scopes for page in person.pages] == [False, True]
    assert person.pages[1].new_scopes == {scope}


async def test_expired_tokens_are_refreshed_without_anybody(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    async with connected(oauth, testbed.url) as client:
        await client.call_tool("whoami", {})
        testbed.tell("expire_access_tokens")
        await client.call_tool("whoami", {})
    assert len(person.pages) == 1
    assert testbed.counts()["refreshes"] == 1


@pytest.mark.parametrize("nonce", ["required", "rotating"])
async def test_tokens_are_bound_to_a_key(testbed: Testbed, person: Person, nonce: str) -> None:
    testbed.behave(dpop={"offered": True, "required": True, "server_nonce": nonce, "resource_nonce": nonce})
    async with connected(bound(testbed, person, Recorder()), testbed.url) as client:
        await client.list_tools()
        answer = await client.call_tool("whoami", {})
    assert "client" in answer.content[0].text
    counts = testbed.counts()
    assert (counts["authorizations"], counts["tool_calls"]) == (1, 1)


async def test_a_failure_reaches_the_caller(testbed: Testbed, person: Person) -> None:
    testbed.behave(authorization={"error": {"error": "access_denied"}})
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person)
    with pytest.raises(BaseException) as caught, anyio.fail_after(20):
        async with connected(oauth, testbed.url):
            pass
    assert [error.code for error in authorization_errors(caught.value)] == ["access_denied"]


def authorization_errors(error: BaseException) -> list[AuthorizationError]:
    if isinstance(error, AuthorizationError):
        return [error]
    inner: list[BaseException] = [*getattr(error, "exceptions", ()), *filter(None, [error.__cause__])]
    return [found for nested in inner for found in authorization_errors(nested)]
