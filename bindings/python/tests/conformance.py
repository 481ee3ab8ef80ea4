"""Does a real MCP client get its answer from a server that the official conformance suite has set up?

The suite says what it wants in the last argument and in the environment. Exit status 0 means that a tool was called and
answered; 1 that it was not, with the reason on stderr.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_oauth_core import (
    Assertion,
    AssertionKind,
    AuthMethod,
    AuthorizationError,
    ClientDocument,
    Deviations,
    DpopKey,
    DpopUse,
    GrantType,
    IdentityProvider,
    MemoryStore,
    OAuth,
    Preregistered,
    SignIn,
)
from mcp_oauth_core.signing import LocalSigner, SigningKey

# The suite stops a client after 30 seconds; to end before that leaves time to say why.
PATIENCE_SECONDS = 25

# The client ID metadata document that the suite knows of. Nobody fetches it. Any port of a loopback address stands for all
# (RFC 8252 §7.3).
DOCUMENT = ClientDocument(
    url="https://conformance-test.local/client-metadata.json", redirect_uris=["http://127.0.0.1/callback"]
)

# The scenarios about servers of revision 2025-03-26, which may publish no metadata at all.
ABOUT_2025_03_26 = "auth/2025-03-26-"


def main() -> int:
    logging.basicConfig(format="%(decision)s: %(message)s")
    log = logging.getLogger("mcp_oauth_core")
    log.setLevel(logging.DEBUG)
    url = sys.argv[-1]
    revision = os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION", "2026-07-28")
    oauth = OAuth(url, store=MemoryStore(), open_url=follow, **wanted(url, revision))
    try:
        print(asyncio.run(asyncio.wait_for(first_tool(oauth, url, revision), PATIENCE_SECONDS)))
        return 0
    except BaseException as error:
        for failure in failures(error):
            if isinstance(failure, AuthorizationError):
                print(f"failed: {failure.code}, advice: {failure.advice.name}: {failure}", file=sys.stderr)
            else:
                print(f"failed: {failure!r}", file=sys.stderr)
        return 1


def wanted(url: str, revision: str) -> dict[str, Any]:
    """What the scenario takes for granted."""
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    wanted: dict[str, Any] = {
        "client_name": "Conformance client",
        "client_document": DOCUMENT,
        "deviations": Deviations(default_endpoints=scenario.startswith(ABOUT_2025_03_26)),
        "protocol_version": revision,
    }
    if "client_id" in context:
        wanted["preregistered"] = Preregistered(
            issuer=context.get("issuer") or issuer_of(url),
            client_id=context["client_id"],
            client_secret=context.get("client_secret"),
            auth_method=AuthMethod.PRIVATE_KEY_JWT if "private_key_pem" in context else None,
        )
    if scenario.startswith("auth/client-credentials-"):
        wanted |= {"grant": GrantType.CLIENT_CREDENTIALS}
    if "private_key_pem" in context:
        key = SigningKey.from_pem(context["private_key_pem"].encode(), algorithm=context["signing_algorithm"])
        wanted |= {"client_key": key.public_jwk, "signer": LocalSigner([key])}
    if scenario.startswith("auth/dpop"):
        key = SigningKey.generate("ES256")
        wanted |= {
            "dpop": DpopUse.WHEN_SUPPORTED,
            "dpop_keys": [DpopKey(key=key.public_jwk)],
            "signer": LocalSigner([key]),
        }
    if "idp_id_token" in context:
        wanted |= {
            "grant": GrantType.ENTERPRISE_MANAGED,
            "identity_provider": IdentityProvider(
                issuer=context["idp_issuer"],
                token_endpoint=context["idp_token_endpoint"],
                client_id=context["idp_client_id"],
            ),
            "assertion_source": lambda _: Assertion(context["idp_id_token"], AssertionKind.ID_TOKEN),
            # The suite's server does not list the profile.
            "deviations": Deviations(assume_id_jag=True),
        }
    if "valid_jwt" in context:
        wanted |= {
            "grant": GrantType.WORKLOAD_IDENTITY,
            "workload_audience": wanted["preregistered"].issuer,
            "assertion_source": lambda _: Assertion(context["valid_jwt"]),
        }
    return wanted


def issuer_of(url: str) -> str:
    """With whom a client is registered, where the suite does not say: who sets one up knows."""
    metadata = httpx2.URL(url).join("/.well-known/oauth-protected-resource/mcp")
    return httpx2.get(metadata).raise_for_status().json()["authorization_servers"][0]


def follow(sign_in: SignIn) -> None:
    """The suite's authorization server asks nobody: it redirects to where the user comes back."""
    threading.Thread(target=httpx2.get, args=(sign_in.url,), kwargs={"follow_redirects": True}, daemon=True).start()


async def first_tool(oauth: OAuth, url: str, revision: str) -> str:
    """Calls the first tool that the server lists, without arguments."""
    mode = revision if revision in MODERN_PROTOCOL_VERSIONS else "legacy"
    async with (
        httpx2.AsyncClient(auth=oauth) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        tools = await client.list_tools()
        answer = await client.call_tool(tools.tools[0].name, {})
    return answer.model_dump_json()


def failures(error: BaseException) -> list[BaseException]:
    inner: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return [failure for nested in inner for failure in failures(nested)] if inner else [error]


if __name__ == "__main__":
    sys.exit(main())
