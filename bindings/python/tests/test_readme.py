"""Does what the README shows run?"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import anyio
import httpx2
import pytest
from conftest import Testbed, callback_of
from readme import snippets

SDK = version("mcp").split(".")[0]

pytestmark = pytest.mark.usefixtures("at_home")


def run(part: str, testbed: Testbed) -> dict[str, Any]:
    """Runs the one snippet that has this in it, against the testbed. What it binds."""
    (snippet,) = [text for text in snippets(SDK) if part in text]
    assert "https://mcp.example.com/mcp" in snippet
    scope: dict[str, Any] = {"__name__": "readme"}
    exec(snippet.replace("https://mcp.example.com/mcp", testbed.url), scope)
    return scope


def test_the_first_sign_in(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    run("ClientSession" if SDK == "1" else "import Client\n", testbed)
    assert "client" in capsys.readouterr().out
    assert testbed.counts()["tool_calls"] == 1


def test_a_sign_in_ahead(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    run("oauth.sign_in()", testbed)
    assert testbed.issuer in capsys.readouterr().out


def test_a_failure(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    run("error.advice", testbed)
    assert capsys.readouterr().out.startswith("client_issuer_mismatch RESOURCE_DISCOVERY ")


def test_a_store_of_ones_own(testbed: Testbed) -> None:
    oauth = run("sqlite3", testbed)["oauth"]
    oauth.sign_in()
    assert oauth.status().issuers[0].has_tokens
    oauth.sign_out(forget_client=True)


def test_a_web_back_end(testbed: Testbed) -> None:
    app = run("starlette", testbed)["app"]

    async def main() -> None:
        browser = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="https://app.example.com", headers={"x-user": "ada"}
        )
        page = (await browser.get("/tools")).headers["location"]
        back = await anyio.to_thread.run_sync(callback_of, page)
        somebody_else = {"x-user": "eve"}
        assert (await browser.get(back, headers=somebody_else)).status_code == 400
        assert (await browser.get(back)).headers["location"] == "/tools"
        answer = await browser.get("/tools")
        assert "location" not in answer.headers
        assert "jsonrpc" in answer.text

    anyio.run(main)


def test_nothing_is_shown_that_no_test_runs() -> None:
    assert len(snippets("2")) == 6
    assert len(snippets("1")) == 7
