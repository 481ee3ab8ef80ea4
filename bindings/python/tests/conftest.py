"""What do the tests sign in to?"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mcp_oauth_core import MemoryStore, OAuth, SignIn


class Testbed:
    """A protected MCP server and its authorization server, in a process of their own."""

    __test__ = False

    def __init__(self, *arguments: str) -> None:
        program = os.environ["MCP_OAUTH_TESTBED"]
        self._process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        urls = json.loads(self._process.stdout.readline())
        self.url: str = urls["mcp_url"]
        self.issuer: str = urls["issuer"]
        self.identity_provider: str = urls["identity_provider"]
        self._admin: str = urls["admin_url"]

    def tell(self, control: str) -> None:
        httpx2.post(f"{self._admin}/{control}").raise_for_status()

    def mint(self, what: str, **how: str) -> str:
        """What a program would get from its platform, or from the identity provider."""
        return httpx2.post(f"{self._admin}/{what}", params=how).raise_for_status().json()["token"]

    def ask(self, what: str) -> Any:
        return httpx2.get(f"{self._admin}/{what}").raise_for_status().json()

    def behave(self, **changes: dict[str, Any]) -> None:
        """Bends members of the behaviour, group by group."""
        behaviour = self.ask("behaviour")
        for group, members in changes.items():
            if isinstance(behaviour[group], dict):
                behaviour[group].update(members)
            else:
                behaviour[group] = members
        httpx2.put(f"{self._admin}/behaviour", json=behaviour).raise_for_status()

    def asked(self, endpoint: str) -> list[dict[str, str]]:
        """The requests to an endpoint, as far as their values are no secrets."""
        return [entry["values"] for entry in self.ask("log") if entry["endpoint"] == endpoint]

    def counts(self) -> dict[str, int]:
        return self.ask("counts")

    def close(self) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    bed = Testbed()
    try:
        yield bed
        assert bed.ask("breaches") == []
    finally:
        bed.close()


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On the machine of such a person, which nobody has signed in from."""

    def open_page(url: str) -> bool:
        threading.Thread(target=visit, args=(url,)).start()
        return True

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCP_OAUTH_HOME", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", open_page)


class Person:
    """Somebody with a browser, who says yes to everything."""

    def __init__(self) -> None:
        self.pages: list[SignIn] = []

    def __call__(self, sign_in: SignIn) -> None:
        self.pages.append(sign_in)
        threading.Thread(target=visit, args=(sign_in.url,)).start()


def visit(url: str) -> None:
    """Follows the redirects of a page, as a browser does, and logs as little."""
    with urllib.request.urlopen(url) as page:
        page.read()


def callback_of(url: str, person: str = "user-1") -> str:
    """Where a page sends a person's browser back to, when nobody listens there."""
    while True:
        location = httpx2.get(url, headers={"cookie": f"subject={person}"}).headers["location"]
        if "code=" in location or "error=" in location:
            return location
        url = location


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def oauth(testbed: Testbed, person: Person) -> Iterator[OAuth]:
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person)
    yield oauth
    oauth.close()


def call_tool(testbed: Testbed, oauth: OAuth, tool: str) -> str:
    """What a tool answers."""
    call = {"name": tool, "arguments": {"text": "milk"}}
    answer = httpx2.post(
        testbed.url,
        auth=oauth,
        timeout=20,
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call},
        headers={"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"},
    )
    return answer.raise_for_status().json()["result"]["content"][0]["text"]


LIST_TOOLS: dict[str, Any] = {
    "json": {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        },
    },
    "headers": {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/list",
    },
}
