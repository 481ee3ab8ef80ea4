"""A web back end that signs its users in to protected MCP servers and calls tools for them.

Any number of replicas may run behind a load balancer. All that one of them knows is in PostgreSQL, so that any may receive any
request, and any may be killed at any time.

    uvicorn gateway:app --host 0.0.0.0 --port 8080
"""

from __future__ import annotations

import functools
import logging
import math
import os
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_oauth_core import (
    Advice,
    AuthorizationError,
    ClientDocument,
    NeedsUser,
    NoPendingSignIn,
    OAuth,
    find_sign_in,
)
from mcp_oauth_core.stores import AESGCMSealer, PostgresStore, SealedStore, StoreError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

# The environment is the same for all replicas.
ORIGIN = os.environ["GATEWAY_ORIGIN"]  # Where browsers find the load balancer, such as https://gateway.example.com.
SERVERS = os.environ["GATEWAY_SERVERS"].split()  # The URLs of the MCP servers; the first is the default.
DATABASE = os.environ["GATEWAY_DATABASE"]  # The URL of the PostgreSQL database.
KEYS = os.environ["GATEWAY_KEYS"].split()  # Keys of 32 bytes in hexadecimal digits: the first seals, all of them open.

CALLBACK = f"{ORIGIN}/callback"
DOCUMENT = f"{ORIGIN}/oauth-client.json"

log = logging.getLogger("gateway")

# Each record is encrypted: whoever reads the database or a backup of it learns no token.
store = SealedStore(PostgresStore(DATABASE), AESGCMSealer([bytes.fromhex(key) for key in KEYS]))


@functools.lru_cache(maxsize=10_000)
def oauth_of(user: str, server: str) -> OAuth:
    """What gets the requests of one user to one server authorized. Settings and store are the same in all replicas, and so it
    is the same object in all of them. Those used last are kept, with their tokens: without one, the next request has to read
    the store first, and nothing else is lost."""
    # One client for all users, where the authorization server reads such documents. Otherwise it registers one for each.
    document = ClientDocument(url=DOCUMENT, redirect_uris=[CALLBACK]) if ORIGIN.startswith("https://") else None
    return OAuth(
        server,
        account=user,
        store=store,
        headless=True,  # The user's browser is elsewhere.
        client_name="Example gateway",
        client_document=document,
        redirect_uri=CALLBACK,
    )


async def document(_: Request) -> Response:
    """The client ID metadata document."""
    return answer(
        200,
        client_id=DOCUMENT,
        client_name="Example gateway",
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )


async def connect(request: Request) -> Response:
    """Begins a sign-in. Any replica can finish it: it is in the store before the user gets the URL."""
    url = await oauth_of(user_of(request), server_of(request)).abegin()
    return answer(200, signed_in=True) if url is None else answer(202, url=url)


async def callback(request: Request) -> Response:
    """Takes the user's browser back, or what another program hands on in its place: ?state&code, or
    ?state&error&error_description."""
    user = user_of(request)
    # As it came, since state and iss are compared byte for byte, but under the address that the authorization server knows: a
    # proxy may have changed the rest.
    url = f"{CALLBACK}?{request.url.query}"
    sign_in = await anyio.to_thread.run_sync(find_sign_in, store, url)
    if sign_in.account != user:
        # Somebody was sent the URL of another user's sign-in: the other would get what this one has consented to.
        raise NoPendingSignIn
    # It goes on when the browser does not wait: the code is good only once.
    await oauth_of(user, sign_in.server_url).afinish(url)
    return answer(200, signed_in=True)


async def whoami(request: Request) -> Response:
    """Calls a tool for the user. The token is put on each request and refreshed when it is due; of all replicas one alone
    refreshes, and the others use what comes of it."""
    server = server_of(request)
    oauth = oauth_of(user_of(request), server)
    # Where a person is needed, this says so at once, and not in a task of the client below.
    await oauth.asign_in()
    try:
        async with (
            httpx2.AsyncClient(auth=oauth) as http,
            Client(streamable_http_client(server, http_client=http)) as client,
        ):
            result = await client.call_tool("whoami", {})
    except Exception as error:
        # Perhaps because the server takes the token back: then a person is needed.
        await oauth.asign_in()
        log.warning("a tool could not be called: %r", error)
        raise HTTPException(502, "tool") from error
    return answer(200, tool=[content.model_dump(mode="json", exclude_none=True) for content in result.content])


def user_of(request: Request) -> str:
    """Stands for the session of your users. Here, the proxy in front has signed them in, and says who they are in a header that
    it lets nobody else set."""
    user = request.headers.get("x-forwarded-user", "")
    if not user:
        raise HTTPException(403, "no_session")
    return user


def server_of(request: Request) -> str:
    server = request.query_params.get("server", SERVERS[0])
    if server not in SERVERS:
        raise HTTPException(404, "unknown_server")
    return server


async def refused(_: Request, error: HTTPException) -> Response:
    return answer(error.status_code, error=error.detail)


async def no_sign_in(_: Request, error: NoPendingSignIn) -> Response:
    # Forged, expired or finished: all the same from outside.
    return answer(404, error="unknown_sign_in")


async def needs_user(_: Request, error: NeedsUser) -> Response:
    return answer(401, error="sign_in", url=error.url)


async def failed(_: Request, error: AuthorizationError) -> Response:
    """Says what the client can do about it. Texts of the library are safe to show and to log."""
    if error.code == "flow_taken":
        # Another replica has just taken it.
        return answer(404, error="unknown_sign_in")
    log.warning("%s: %s [%s]", error.code, error, error.failure.clause)
    if error.advice is Advice.RETRY_AFTER:
        return answer(503, retry_after=math.ceil(error.retry_after or 0), error=error.code, text=str(error))
    # That sign-in is over, and another one may be begun; or else trying again does not help.
    status = 409 if error.advice in (Advice.RESTART, Advice.ASK_USER) else 502
    return answer(status, error=error.code, text=str(error))


async def no_store(_: Request, error: StoreError) -> Response:
    log.warning("%s", error)
    return answer(503, retry_after=1, error="store_failed", text=str(error))


def answer(status: int, *, retry_after: int | None = None, **body: Any) -> Response:
    # A URL to open carries the state of a sign-in.
    headers = {"Cache-Control": "no-store"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return JSONResponse(body, status, headers)


handlers: dict[Any, Callable[..., Any]] = {
    HTTPException: refused,
    NoPendingSignIn: no_sign_in,
    NeedsUser: needs_user,
    AuthorizationError: failed,
    StoreError: no_store,
}

app = Starlette(
    routes=[
        Route("/oauth-client.json", document),
        Route("/connect", connect, methods=["POST"]),
        Route("/callback", callback, methods=["GET", "POST"]),
        Route("/whoami", whoami),
    ],
    exception_handlers=handlers,
)
