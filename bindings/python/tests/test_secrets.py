"""Does anything that can be printed show a secret?"""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from canned import REDIRECT_URI, SERVER, Canned, drive
from conftest import LIST_TOOLS, Person, Testbed
from test_dpop import Recorder, bound
from test_signing import KEYS, P256, RSA

from mcp_oauth_core import (
    Assertion,
    AssertionRequest,
    AuthorizationError,
    ConfigError,
    DeviceCode,
    DpopKey,
    DpopUse,
    GrantType,
    IdentityProvider,
    MemoryStore,
    NeedsUser,
    OAuth,
    Preregistered,
    ProvidedClient,
    SignIn,
    SigningError,
    SignRequest,
    machine,
)
from mcp_oauth_core._http import Reply
from mcp_oauth_core.signing import LocalSigner
from mcp_oauth_core.stores._envelope import Envelope

NOW = 1_800_000_000_000
MARK = "SECRET"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged by anybody, at every level."""
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    handler.setFormatter(logging.Formatter("%(message)s %(decision)s", defaults={"decision": ""}))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield told
    root.removeHandler(handler)
    root.setLevel(before)


def shown(value: object) -> str:
    return f"{value} {value!r} {value:} {[value]} " + (str(vars(value)) if isinstance(value, BaseException) else "")


def test_the_settings() -> None:
    settings = machine.Settings(
        server_url=SERVER,
        authorization_server="https://auth.example.com",
        software_statement=f"{MARK}-statement",
        initial_access_token=f"{MARK}-initial",
        preregistered=Preregistered(issuer="https://auth.example.com", client_id="c", client_secret=f"{MARK}-client"),
        identity_provider=IdentityProvider(
            issuer="https://idp.example.com",
            token_endpoint="https://idp.example.com/token",
            client_id="c",
            client_secret=f"{MARK}-provider",
        ),
    )
    config = machine.Config(settings)
    assert settings.preregistered is not None
    oauth = OAuth(SERVER, store=MemoryStore(), preregistered=settings.preregistered)
    provided = ProvidedClient("c", f"{MARK}-client")
    provider = settings.identity_provider
    for value in (settings, settings.preregistered, provider, config, oauth, provided, oauth._driver):
        assert MARK not in shown(value), value


@pytest.mark.parametrize("private", [P256, RSA], ids=lambda key: key["kty"])
def test_a_private_key_in_place_of_a_public_one(private: dict[str, str]) -> None:
    jwk = json.dumps(private)
    keys: list[dict[str, Any]] = [{"client_key": jwk}, {"dpop": DpopUse.ALWAYS, "dpop_keys": [DpopKey(key=jwk)]}]
    for settings in keys:
        with pytest.raises(ConfigError, match="private members") as caught:
            OAuth(SERVER, store=MemoryStore(), **settings)
        text = "".join(traceback.format_exception(caught.value)) + shown(caught.value)
        text += shown(machine.Settings(server_url=SERVER, **settings)) + shown(DpopKey(key=jwk))
        secret = private.keys() & {"d", "p", "q", "dp", "dq", "qi"}
        assert not [name for name in secret if private[name] in text]


def test_each_step_of_a_flow(log: io.StringIO) -> None:
    config = machine.Config(machine.Settings(server_url=SERVER))
    waiting = machine.Machine(config, "")
    canned = Canned(token=f"{MARK}-access", refresh=f"{MARK}-refresh", client_secret=f"{MARK}-client")
    seen: list[machine.Next] = []
    for step in drive(waiting, canned, code=f"{MARK}-code"):
        seen.append(step.next)
        secrets = [MARK]
        if isinstance(step.next, machine.Next.OPEN_URL):
            secrets.append(step.next.state)
        for value in (step, step.next, waiting):
            text = shown(value)
            assert not any(secret in text for secret in secrets), text
    kinds = {type(state) for state in seen}
    assert {machine.Next.HTTP, machine.Next.SAVE, machine.Next.OPEN_URL, machine.Next.AUTHORIZED} <= kinds
    assert any(MARK in (state.body or b"").decode() for state in seen if isinstance(state, machine.Next.HTTP))
    headers = waiting.request_headers("POST", SERVER, NOW)
    assert isinstance(headers, machine.RequestHeaders.READY) and MARK in headers.authorization
    assert MARK not in shown(headers)
    assert MARK not in shown(waiting.take_trace())
    assert MARK not in shown(machine.describe_grant(canned.records["grant"]))
    assert MARK not in log.getvalue()


def test_what_the_driver_holds() -> None:
    sign_in = SignIn(
        f"https://as.example/?state={MARK}", "https://as.example", frozenset(), frozenset(), REDIRECT_URI, 0
    )
    store = MemoryStore()
    store.save("grant/1", MARK.encode(), expected=None, generation=1, expires_at_ms=None)
    reply = Reply(200, b"set-cookie: SECRET", b"SECRET")
    code = DeviceCode(MARK, "https://as.example/", f"https://as.example/?{MARK}", "https://as.example", frozenset(), 0)
    asked = SignRequest("dpop_proof", "ES256", "print", None, "https://as.example", MARK.encode())
    for value in (sign_in, store, reply, Envelope(1, None, MARK.encode()), code, asked, Assertion(MARK)):
        assert MARK not in shown(value)


@pytest.mark.parametrize("breakage", ["none", "token_error", "store", "headless", "nonsense"])
def test_whole_sign_ins_good_and_bad(log: io.StringIO, breakage: str) -> None:
    canned = Canned(token=f"{MARK}-access", refresh=f"{MARK}-refresh", client_secret=f"{MARK}-client")
    if breakage == "token_error":
        error = {"error": "invalid_grant", "error_description": "no", "access_token": f"{MARK}-access"}
        canned.answers["token"] = (400, json.dumps(error).encode())
    if breakage == "nonsense":
        canned.answers["token"] = (200, f'{{"access_token": ["{MARK}-access"]'.encode())

    class Store(MemoryStore):
        def save(self, key: str, body: bytes, **rest: Any) -> bool:
            if breakage == "store" and b"tokens" in body:
                raise OSError("disk full")
            return super().save(key, body, **rest)

    pages: list[SignIn] = []
    oauth = canned.oauth(store=Store(), headless=breakage == "headless", show=pages.append, code=f"{MARK}-code")
    text = ""
    try:
        oauth.sign_in()
        assert breakage == "none"
    except AuthorizationError as error:
        assert breakage != "none"
        text = "".join(traceback.format_exception(error)) + f"{error} {error!r} {error.failure} {error.failure!r}"
        if isinstance(error, NeedsUser):
            state = error.url.split("state=")[1].split("&")[0]
            assert state not in text
    said = text + log.getvalue() + shown(oauth) + shown(pages)
    assert MARK not in said
    for page in pages:
        assert page.url.split("state=")[1].split("&")[0] not in said


def test_a_sign_in_over_sockets(testbed: Testbed, person: Person, log: io.StringIO) -> None:
    testbed.behave(registration={"secret": "always"})
    kept: list[str] = []

    class Store(MemoryStore):
        def save(self, key: str, body: bytes, **rest: Any) -> bool:
            kept.append(body.decode())
            return super().save(key, body, **rest)

    oauth = OAuth(testbed.url, store=Store(), open_url=person)
    assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
    entry = next(entry for entry in json.loads(kept[-1])["body"]["entries"])
    secrets = [
        entry["tokens"]["authorization"].removeprefix("Bearer "),
        entry["tokens"]["refresh_token"],
        entry["client"]["auth"]["secret"],
        person.pages[0].url.split("state=")[1].split("&")[0],
        person.pages[0].url.split("code_challenge=")[1].split("&")[0],
    ]
    assert "send_request_body" in log.getvalue()
    assert [secret for secret in secrets if secret in log.getvalue()] == []


def test_whole_grants_with_keys_and_assertions(testbed: Testbed, person: Person, log: io.StringIO) -> None:
    """Of what is signed, of signatures, of assertions and of codes nothing is shown, whether it goes well or not."""
    key = KEYS["ES256"]
    keys = {"keys": [json.loads(key.public_jwk)]}
    client = {"client_id": "nightly", "token_endpoint_auth_method": "private_key_jwt", "jwks": keys}
    testbed.behave(
        client_credentials={"offered": True},
        workload={"offered": True},
        device={"offered": True, "interval": 1, "approved_after": 1},
        registration={"clients": [client]},
    )
    secrets = [P256["d"]]
    said = ""

    class Signer(Recorder):
        def sign(self, request: SignRequest) -> bytes:
            secrets.append(request.input.decode())
            return LocalSigner([key]).sign(request)

    def source(_: AssertionRequest) -> Assertion:
        token = testbed.mint("workload_assertion", audience=f"{testbed.issuer}/token", flaw=flaw)
        secrets.append(token)
        return Assertion(token)

    def show(code: DeviceCode) -> None:
        secrets.append(code.user_code)

    registered = Preregistered(issuer=testbed.issuer, client_id="nightly")
    signing: dict[str, Any] = {"client_key": key.public_jwk, "signer": Signer()}
    grants: list[dict[str, Any]] = [
        {"grant": GrantType.CLIENT_CREDENTIALS, "preregistered": registered, **signing},
        {"grant": GrantType.WORKLOAD_IDENTITY, "authorization_server": testbed.issuer, "assertion_source": source},
        {"grant": GrantType.DEVICE_CODE, "show_code": show},
    ]
    for flaw in ("", "forged"):
        if flaw:
            testbed.behave(token={"refused": "unauthorized_client"})
        for grant in grants:
            oauth = OAuth(testbed.url, store=MemoryStore(), **grant)
            try:
                oauth.sign_in()
            except AuthorizationError as error:
                assert flaw
                said += "".join(traceback.format_exception(error)) + f"{error!r} {error.failure!r}"
            said += shown(oauth) + shown(oauth.status())
    assert "rejected" in said
    parts = [part for secret in secrets for part in secret.split(".")]
    assert len(parts) > 10
    assert [part for part in parts if part in said + log.getvalue()] == []


def test_proofs_and_their_tokens(testbed: Testbed, person: Person, log: io.StringIO) -> None:
    testbed.behave(dpop={"offered": True, "required": True, "server_nonce": "rotating", "resource_nonce": "rotating"})
    signer = Recorder()
    oauth = bound(testbed, person, signer)
    with httpx2.Client(auth=oauth) as client:
        for _ in range(2):
            answer = client.post(testbed.url, **LIST_TOOLS)
        signer.refuses = True
        with pytest.raises(SigningError) as caught:
            client.post(testbed.url, **LIST_TOOLS)
    said = log.getvalue() + "".join(traceback.format_exception(caught.value)) + shown(caught.value) + shown(oauth)
    headers = oauth._driver.request_headers("POST", testbed.url)
    assert isinstance(headers, machine.RequestHeaders.SIGN)
    said += shown(headers)
    secrets = [headers.authorization.removeprefix("DPoP "), headers.input, answer.request.headers["dpop"]]
    secrets += [asked.input.decode() for asked in signer.asked]
    assert [secret for secret in secrets if secret in said] == []
