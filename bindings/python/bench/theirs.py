"""How does a sign-in go through the MCP SDK's own provider, without sockets?"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import httpx2
from canned import CHALLENGE, ISSUER, REDIRECT_URI, SERVER, Canned
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.oauth2 import AuthorizationCodeResult
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken


class Store:
    """Keeps everything in memory."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def flow(canned: Canned) -> OAuthClientProvider:
    """A whole sign-in, from the first 401 to the request with the token."""
    page = ""

    async def redirect(url: str) -> None:
        nonlocal page
        page = url

    async def callback() -> AuthorizationCodeResult:
        state = parse_qs(urlsplit(page).query)["state"][0]
        return AuthorizationCodeResult(code="SplxlOBeZQQYbYS6WxSbIA", state=state, iss=ISSUER)

    metadata = OAuthClientMetadata(client_name="MCP client", redirect_uris=[REDIRECT_URI])  # type: ignore[list-item]
    provider = OAuthClientProvider(SERVER, metadata, Store(), redirect, callback)
    request = httpx2.Request("POST", SERVER, headers={"mcp-protocol-version": "2026-07-28"}, content=b"{}")
    steps = provider.async_auth_flow(request)
    await anext(steps)
    response = httpx2.Response(401, headers={"www-authenticate": CHALLENGE}, request=request)
    while (outgoing := await steps.asend(response)) is not request:
        status, body = canned.answer(str(outgoing.url))
        response = httpx2.Response(status, headers={"content-type": "application/json"}, content=body, request=outgoing)
    assert request.headers["authorization"].startswith("Bearer ")
    await steps.aclose()
    return provider


async def one_request(provider: OAuthClientProvider, request: httpx2.Request, response: httpx2.Response) -> None:
    """What each request costs that carries a token and is served."""
    steps = provider.async_auth_flow(request)
    await anext(steps)
    with suppress(StopAsyncIteration):
        await steps.asend(response)
