"""What do servers say that exist in memory only? Documents of the size and shape of public MCP servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from conftest import visit

from mcp_oauth_core import MemoryStore, OAuth, SignIn, Store, machine
from mcp_oauth_core._http import Reply

SERVER = "https://mcp.example.com/mcp"
ISSUER = "https://auth.example.com"
REDIRECT_URI = "http://127.0.0.1:49152/callback"
NOW = 1_800_000_000_000

CHALLENGE = (
    'Bearer realm="OAuth", error="invalid_token", error_description="No token was sent", '
    'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", '
    'scope="notes:read notes:write"'
)

RESOURCE_METADATA: dict[str, Any] = {
    "resource": SERVER,
    "authorization_servers": [ISSUER],
    "scopes_supported": ["notes:read", "notes:write", "notes:share", "folders:read", "folders:write", "audit:read"],
    "bearer_methods_supported": ["header"],
    "resource_name": "Example Notes",
    "resource_documentation": "https://docs.example.com/notes/mcp",
}

SERVER_METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/oauth/authorize",
    "token_endpoint": f"{ISSUER}/oauth/token",
    "registration_endpoint": f"{ISSUER}/oauth/register",
    "revocation_endpoint": f"{ISSUER}/oauth/token/revoke",
    "introspection_endpoint": f"{ISSUER}/oauth/token/introspect",
    "scopes_supported": ["notes:read", "notes:write", "notes:share", "openid", "email", "offline_access"],
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "authorization_response_iss_parameter_supported": True,
    "client_id_metadata_document_supported": True,
    "service_documentation": "https://docs.example.com/notes/oauth",
}


def callback_query(state: str, code: str) -> str:
    return f"code={code}&iss=https%3A%2F%2Fauth.example.com&state={state}"


class Canned:
    """The servers, as a network that answers at once."""

    def __init__(
        self,
        token: str = "at",
        refresh: str = "rt",
        client_secret: str | None = None,
        token_type: str = "Bearer",
    ) -> None:
        registration = {
            "client_id": "c2f6a1de-5b0f-4d6c-9a53-0b6f7f6f2f10",
            "client_id_issued_at": 1800000000,
            "client_name": "MCP client",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_post" if client_secret else "none",
            "application_type": "native",
            "scope": "notes:read notes:write offline_access",
            **({"client_secret": client_secret} if client_secret else {}),
        }
        tokens = {
            "access_token": token,
            "token_type": token_type,
            "expires_in": 3600,
            "refresh_token": refresh,
            "scope": "notes:read notes:write offline_access",
        }
        self.answers: dict[str, tuple[int, bytes]] = {
            "mcp": (200, encoded(RESOURCE_METADATA)),
            "oauth-authorization-server": (200, encoded(SERVER_METADATA)),
            "register": (201, encoded(registration)),
            "token": (200, encoded(tokens)),
        }
        self.records: dict[str, bytes] = {}

    def answer(self, url: str) -> tuple[int, bytes]:
        return self.answers[url.rpartition("/")[2]]

    def send(self, request: machine.Next.HTTP) -> Reply:
        status, body = self.answer(request.url)
        return Reply(status, b"content-type: application/json", body)

    def oauth(
        self,
        *,
        store: Store | None = None,
        headless: bool = False,
        show: Callable[[SignIn], object] = lambda _: None,
        code: str = "code",
        **settings: Any,
    ) -> OAuth:
        """An ``OAuth`` with these servers for a network, whose user comes back at once."""

        def open_url(sign_in: SignIn) -> None:
            show(sign_in)
            state = sign_in.url.split("state=")[1].split("&")[0]
            back = f"{sign_in.redirect_uri}?{callback_query(state, code)}"
            threading.Thread(target=visit, args=(back,)).start()

        oauth = OAuth(SERVER, store=store or MemoryStore(), headless=headless, open_url=open_url, **settings)
        object.__setattr__(oauth._driver._host, "network", self)
        return oauth


def drive(waiting: machine.Machine, canned: Canned, *, code: str = "code") -> Iterator[machine.Step]:
    """Each step of a sign-in, from the reading of the grant on."""
    kinds = machine.Next
    state = waiting.next()
    assert isinstance(state, kinds.LOAD)
    yield waiting.nothing_stored(state.id, NOW)
    step = waiting.challenge(401, [CHALLENGE.encode()], None, NOW)
    while True:
        yield step
        state = step.next
        if isinstance(state, kinds.HTTP):
            status, body = canned.answer(state.url)
            step = waiting.reply(state.id, status, b"content-type: application/json", body, NOW)
        elif isinstance(state, kinds.SAVE):
            canned.records[state.key.split("/")[0]] = state.record
            step = waiting.stored(state.id, NOW)
        elif isinstance(state, kinds.DELETE):
            step = waiting.stored(state.id, NOW)
        elif isinstance(state, kinds.BIND_REDIRECT):
            step = waiting.redirect_bound(state.id, REDIRECT_URI, NOW)
        elif isinstance(state, kinds.OPEN_URL):
            step = waiting.callback(callback_query(state.state, code), NOW)
        else:
            return


def encoded(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
