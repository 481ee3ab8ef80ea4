"""Does what the README shows run?"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from conftest import LIST_TOOLS, Testbed, callback_of
from readme import snippets

from mcp_oauth_core.signing import SigningKey

SDK = version("mcp").split(".")[0]

pytestmark = pytest.mark.usefixtures("at_home")


def run(part: str, testbed: Testbed, **at_home: str) -> dict[str, Any]:
    """Runs the one snippet that has this in it, against the testbed: the MCP server, and what else of ``example.com`` is at
    home there. What it binds."""
    (snippet,) = [text for text in snippets(SDK) if part in text]
    assert "https://mcp.example.com/mcp" in snippet
    snippet = snippet.replace("https://mcp.example.com/mcp", testbed.url)
    for name, url in at_home.items():
        assert f"https://{name}.example.com" in snippet
        snippet = snippet.replace(f"https://{name}.example.com", url)
    scope: dict[str, Any] = {"__name__": "readme"}
    exec(snippet, scope)
    return scope


def test_the_first_sign_in(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    run("ClientSession" if SDK == "1" else "import Client\n", testbed)
    assert "client" in capsys.readouterr().out
    assert testbed.counts()["tool_calls"] == 1


def test_a_sign_in_ahead(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    run("oauth.status()", testbed)
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


def test_a_service_with_a_key(testbed: Testbed) -> None:
    key = SigningKey.generate("ES256", key_id="2027-01")
    Path("client-key.pem").write_bytes(key.to_pem())
    keys = {"keys": [json.loads(key.public_jwk)]}
    client = {"client_id": "nightly", "token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
    testbed.behave(client_credentials={"offered": True}, registration={"clients": [client]})
    run("CLIENT_CREDENTIALS", testbed, auth=testbed.issuer)["oauth"].sign_in()
    assert testbed.counts()["client_credentials"] == 1


def test_a_workload(testbed: Testbed) -> None:
    testbed.behave(
        workload={"offered": True, "audience": "issuer"}, registration={"clients": [{"client_id": "nightly"}]}
    )
    Path("token").write_text(testbed.mint("workload_assertion", audience=testbed.issuer))
    run("WORKLOAD_IDENTITY", testbed, auth=testbed.issuer)["oauth"].sign_in()
    assert testbed.counts()["workload_grants"] == 1


def test_an_enterprise(testbed: Testbed) -> None:
    testbed.behave(
        enterprise={"offered": True, "client": {"client_id": "notes"}, "client_id_at_server": "notes"},
        registration={"clients": [{"client_id": "notes", "client_secret": "secret"}]},
    )
    Path("id-token").write_text(testbed.mint("id_token"))
    run("ENTERPRISE_MANAGED", testbed, auth=testbed.issuer, idp=testbed.identity_provider)["oauth"].sign_in()
    assert testbed.counts()["enterprise_grants"] == 1


def test_another_device(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    testbed.behave(device={"offered": True, "interval": 1, "approved_after": 1})
    run("DEVICE_CODE", testbed)
    assert "on any device and enter" in capsys.readouterr().out


def test_bound_tokens(testbed: Testbed) -> None:
    testbed.behave(dpop={"offered": True, "required": True})
    for _ in range(2):
        oauth = run("dpop_keys", testbed)["oauth"]
        assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
    assert testbed.counts()["authorizations"] == 1
    assert Path("dpop-key.pem").stat().st_mode & 0o777 == 0o600


def test_nothing_is_shown_that_no_test_runs() -> None:
    assert len(snippets("2")) == 11
    assert len(snippets("1")) == 12
