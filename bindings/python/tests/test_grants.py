"""Are tokens got without a browser, without a user, and with keys in place of secrets? Are they given back?"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Person, Testbed, call_tool, callback_of

from mcp_oauth_core import (
    Algorithm,
    Assertion,
    AssertionFile,
    AssertionKind,
    AssertionRequest,
    AuthMethod,
    AuthorizationError,
    ClientDocument,
    DeviceCode,
    DpopKey,
    DpopUse,
    GrantType,
    IdentityProvider,
    MemoryStore,
    OAuth,
    Preregistered,
)
from mcp_oauth_core.signing import LocalSigner, SigningKey

DOCUMENT = "https://app.example.com/client.json"


def keyed(key: SigningKey) -> dict[str, Any]:
    """A client with this key, as the server knows it."""
    method = "private_key_jwt"
    return {"token_endpoint_auth_method": method, "jwks": {"keys": [json.loads(key.public_jwk)]}}


def with_key(key: SigningKey) -> dict[str, Any]:
    """The same, as it knows itself."""
    return {"store": MemoryStore(), "client_key": key.public_jwk, "signer": LocalSigner([key])}


def code_of(oauth: OAuth) -> str:
    with pytest.raises(AuthorizationError) as caught:
        oauth.sign_in()
    return caught.value.code


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
def test_a_service_with_a_key_acts_for_itself(testbed: Testbed, algorithm: Algorithm) -> None:
    key = SigningKey.generate(algorithm, key_id="2027-01")
    client = {"client_id": "nightly", "grant_types": ["client_credentials"], **keyed(key)}
    testbed.behave(client_credentials={"offered": True}, registration={"clients": [client]}, token={"lifetime": 2})
    oauth = OAuth(
        testbed.url,
        grant=GrantType.CLIENT_CREDENTIALS,
        refresh_skew_ms=0,
        preregistered=Preregistered(issuer=testbed.issuer, client_id="nightly", auth_method=AuthMethod.PRIVATE_KEY_JWT),
        **with_key(key),
    )
    for _ in range(2):
        assert json.loads(call_tool(testbed, oauth, "whoami"))["client"] == "nightly"
        time.sleep(2.05)
    assert testbed.counts()["client_credentials"] == 2


def test_a_service_with_a_secret_acts_for_itself(testbed: Testbed) -> None:
    client = {"client_id": "nightly", "client_secret": "s", "grant_types": ["client_credentials"]}
    testbed.behave(client_credentials={"offered": True}, registration={"clients": [client]})
    registered = Preregistered(issuer=testbed.issuer, client_id="nightly", client_secret="s")
    oauth = OAuth(
        testbed.url, store=MemoryStore(), grant=GrantType.CLIENT_CREDENTIALS, preregistered=registered, headless=True
    )
    assert oauth.begin() is None
    assert json.loads(call_tool(testbed, oauth, "whoami"))["client"] == "nightly"


@pytest.mark.parametrize("client", ["registered", "dynamic", "document"])
def test_a_key_authenticates_a_client_whose_users_sign_in(testbed: Testbed, person: Person, client: str) -> None:
    key = SigningKey.generate("ES256")
    settings: dict[str, Any] = {}
    redirect = {"redirect_uris": ["http://127.0.0.1/callback"]}
    if client == "registered":
        testbed.behave(
            registration={"clients": [{"client_id": "notes", **redirect, **keyed(key)}]},
            authorization={"loopback_port": "any"},
        )
        settings["preregistered"] = Preregistered(
            issuer=testbed.issuer, client_id="notes", auth_method=AuthMethod.PRIVATE_KEY_JWT
        )
    elif client == "document":
        grants = {"grant_types": ["authorization_code", "refresh_token"]}
        document = {"client_id": DOCUMENT, "client_name": "Notes", **redirect, **grants, **keyed(key)}
        testbed.behave(registration={"client_documents": {DOCUMENT: document}}, authorization={"loopback_port": "any"})
        settings["client_document"] = ClientDocument(
            url=DOCUMENT, redirect_uris=redirect["redirect_uris"], auth_method=AuthMethod.PRIVATE_KEY_JWT
        )
    oauth = OAuth(testbed.url, open_url=person, **settings, **with_key(key))
    call_tool(testbed, oauth, "whoami")
    testbed.tell("expire_access_tokens")
    call_tool(testbed, oauth, "whoami")
    assert testbed.counts()["refreshes"] == 1
    assert len(person.pages) == 1


def test_another_process_finishes_with_the_same_keys(testbed: Testbed) -> None:
    key = SigningKey.generate("ES256")
    redirect = "https://app.example.com/callback"
    testbed.behave(
        registration={"clients": [{"client_id": "notes", "redirect_uris": [redirect], **keyed(key)}]},
        pushed={"offered": True, "required": True},
        dpop={"offered": True, "required": True, "server_nonce": "rotating", "resource_nonce": "rotating"},
    )
    settings: dict[str, Any] = {
        **with_key(key),
        "redirect_uri": redirect,
        "headless": True,
        "dpop": DpopUse.ALWAYS,
        "dpop_keys": [DpopKey(key=key.public_jwk)],
        "preregistered": Preregistered(issuer=testbed.issuer, client_id="notes"),
    }
    page = OAuth(testbed.url, **settings).begin()
    assert page is not None and "request_uri=" in page
    other = OAuth(testbed.url, **settings)
    other.finish(callback_of(page, "alice"))
    assert json.loads(call_tool(testbed, other, "whoami"))["subject"] == "alice"
    other.sign_out()
    assert testbed.counts()["revocations"] == 2


def test_a_client_without_its_signer_says_so(testbed: Testbed, person: Person) -> None:
    key = SigningKey.generate("ES256")
    redirect = {"redirect_uris": ["http://127.0.0.1/callback"]}
    testbed.behave(
        registration={"clients": [{"client_id": "notes", **redirect, **keyed(key)}]},
        authorization={"loopback_port": "any"},
    )
    registered = Preregistered(issuer=testbed.issuer, client_id="notes", auth_method=AuthMethod.PRIVATE_KEY_JWT)
    for signer in (None, LocalSigner([SigningKey.generate("ES256")])):
        settings = {**with_key(key), "signer": signer}
        assert code_of(OAuth(testbed.url, open_url=person, preregistered=registered, **settings)) == "signing_failed"


def workload(testbed: Testbed, source: Any) -> OAuth:
    return OAuth(
        testbed.url,
        store=MemoryStore(),
        grant=GrantType.WORKLOAD_IDENTITY,
        authorization_server=testbed.issuer,
        assertion_source=source,
        refresh_skew_ms=0,
    )


def test_a_workload_shows_what_its_platform_says_of_it(testbed: Testbed, tmp_path: Path) -> None:
    testbed.behave(workload={"offered": True}, token={"lifetime": 2})
    token = tmp_path / "token"
    oauth = workload(testbed, AssertionFile(token))
    for _ in range(2):
        # As the platform does, before the old one expires.
        token.write_text(testbed.mint("workload_assertion", audience=f"{testbed.issuer}/token") + "\n")
        call_tool(testbed, oauth, "whoami")
        time.sleep(2.05)
    assert testbed.counts()["workload_grants"] == 2


def test_an_assertion_that_cannot_be_had_or_is_refused_is_not_made_up_for(testbed: Testbed, tmp_path: Path) -> None:
    testbed.behave(workload={"offered": True})
    assert code_of(workload(testbed, None)) == code_of(workload(testbed, lambda _: None)) == "assertion_needed"
    with pytest.raises(AuthorizationError) as caught:
        workload(testbed, AssertionFile(tmp_path / "nothing")).sign_in()
    assert caught.value.code == "assertion_needed"
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    forged = testbed.mint("workload_assertion", audience=f"{testbed.issuer}/token", flaw="forged")
    assert code_of(workload(testbed, lambda _: Assertion(forged))) == "assertion_rejected"
    assert [entry["grant_type"] for entry in testbed.asked("token")] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


def test_an_enterprise_says_who_the_user_is(testbed: Testbed) -> None:
    client = {"client_id": "client-at-server", "client_secret": "s"}
    testbed.behave(enterprise={"offered": True}, registration={"clients": [client]}, token={"lifetime": 2})
    asked: list[AssertionRequest] = []

    def id_token(request: AssertionRequest) -> Assertion:
        asked.append(request)
        return Assertion(testbed.mint("id_token"), AssertionKind.ID_TOKEN)

    oauth = OAuth(
        testbed.url,
        store=MemoryStore(),
        grant=GrantType.ENTERPRISE_MANAGED,
        identity_provider=IdentityProvider(
            issuer=testbed.identity_provider,
            token_endpoint=f"{testbed.identity_provider}/token",
            client_id="client-at-provider",
            client_secret="secret-at-provider",
        ),
        preregistered=Preregistered(issuer=testbed.issuer, client_id="client-at-server", client_secret="s"),
        assertion_source=id_token,
        refresh_skew_ms=0,
    )
    for _ in range(2):
        call_tool(testbed, oauth, "whoami")
        time.sleep(2.05)
    wanted = AssertionRequest("identity", testbed.identity_provider, "client-at-provider", renew=False)
    assert asked == [wanted, wanted]
    counts = testbed.counts()
    assert (counts["token_exchanges"], counts["enterprise_grants"]) == (2, 2)


def on_another_device(testbed: Testbed, **options: Any) -> OAuth:
    return OAuth(testbed.url, store=MemoryStore(), grant=GrantType.DEVICE_CODE, **options)


def test_a_user_signs_in_on_another_device(testbed: Testbed) -> None:
    testbed.behave(device={"offered": True, "interval": 1, "slow_downs": 0})
    shown: list[DeviceCode] = []

    def show(code: DeviceCode) -> None:
        shown.append(code)
        decide = f"decide_device?user_code={code.user_code}&decision=allow"
        # Some polls later.
        threading.Timer(2.5, testbed.tell, args=(decide,)).start()

    oauth = on_another_device(testbed, show_code=show)
    call_tool(testbed, oauth, "whoami")
    assert len(shown) == 1
    assert shown[0].issuer == testbed.issuer
    assert shown[0].user_code in (shown[0].verification_uri_complete or "")
    assert shown[0].expires_at_ms > time.time() * 1000
    assert "notes:read" in shown[0].scopes
    testbed.tell("expire_access_tokens")
    call_tool(testbed, oauth, "whoami")
    assert len(shown) == 1
    assert testbed.counts()["refreshes"] == 1


def test_the_code_is_printed_where_nobody_shows_it(testbed: Testbed, capfd: pytest.CaptureFixture[str]) -> None:
    testbed.behave(device={"offered": True, "interval": 1, "approved_after": 1})
    on_another_device(testbed).sign_in()
    printed = capfd.readouterr().err
    assert testbed.issuer in printed and "enter the code" in printed


def test_a_code_that_cannot_be_shown_ends_the_flow(testbed: Testbed, capfd: pytest.CaptureFixture[str]) -> None:
    testbed.behave(device={"offered": True, "interval": 1})
    assert code_of(on_another_device(testbed, headless=True)) == "needs_user"
    assert code_of(on_another_device(testbed, show_code=lambda _: False)) == "declined"

    def broken(_: DeviceCode) -> None:
        raise OSError("no display")

    with pytest.raises(AuthorizationError) as caught:
        on_another_device(testbed, show_code=broken).sign_in()
    assert isinstance(caught.value.__cause__, OSError)
    assert capfd.readouterr().err == ""


def test_a_person_who_says_no_or_never_comes(testbed: Testbed) -> None:
    testbed.behave(device={"offered": True, "interval": 1})

    def refuse(code: DeviceCode) -> None:
        testbed.tell(f"decide_device?user_code={code.user_code}&decision=deny")

    assert code_of(on_another_device(testbed, show_code=refuse)) == "access_denied"
    waiting = threading.Event()
    oauth = on_another_device(testbed, show_code=lambda _: waiting.set())
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(code_of, oauth)
        waiting.wait()
        start = time.monotonic()
        oauth.cancel()
        assert waiter.result() == "cancelled"
        assert time.monotonic() - start < 0.5


@pytest.mark.parametrize("revocation", ["works", "fails", "unwanted"])
def test_tokens_are_given_back(testbed: Testbed, person: Person, revocation: str) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person, revoke_on_sign_out=revocation != "unwanted")
    oauth.sign_in()
    if revocation == "fails":
        testbed.behave(faults=[{"at": "revocation", "fault": {"answer": {"status": 503}}}])
    oauth.sign_out()
    summary = oauth.status()
    assert summary is not None and not summary.issuers[0].has_tokens
    assert testbed.counts()["revocations"] == (2 if revocation == "works" else 0)
    hints = [entry["token_type_hint"] for entry in testbed.asked("revocation")]
    assert hints == ([] if revocation == "unwanted" else ["refresh_token", "access_token"])


def test_the_request_is_pushed_where_the_server_wants_it(testbed: Testbed, person: Person) -> None:
    testbed.behave(pushed={"offered": True, "required": True})
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person)
    call_tool(testbed, oauth, "whoami")
    assert "request_uri=" in person.pages[0].url
