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

from mcp_oauth_core import (
    AuthorizationError,
    MemoryStore,
    NeedsUser,
    OAuth,
    Preregistered,
    ProvidedClient,
    SignIn,
    machine,
)
from mcp_oauth_core._http import Reply
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
    )
    config = machine.Config(settings)
    assert settings.preregistered is not None
    oauth = OAuth(SERVER, store=MemoryStore(), preregistered=settings.preregistered)
    provided = ProvidedClient("c", f"{MARK}-client")
    for value in (settings, settings.preregistered, config, oauth, provided, oauth._driver):
        assert MARK not in shown(value), value


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
    for value in (sign_in, store, reply, Envelope(1, None, MARK.encode())):
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
