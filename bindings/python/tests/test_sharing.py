"""What if several processes share a store, or a program brings what it has?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import anyio
import httpx2
import pytest
from canned import ISSUER, Canned
from conftest import LIST_TOOLS, Person, Testbed, callback_of

from mcp_oauth_core import (
    AuthorizationError,
    MemoryStore,
    NeedsUser,
    NoPendingSignIn,
    OAuth,
    Pending,
    ProvidedTokens,
    SignIn,
    TooManySignIns,
    _run,
    find_sign_in,
    machine,
)

REDIRECT = "https://app.example.com/callback"


class Barrier:
    """A network that lets a refresh through when it is told to."""

    def __init__(self, oauth: OAuth) -> None:
        self._network = oauth._driver._host.network
        self.reached = threading.Event()
        self.open = threading.Event()
        object.__setattr__(oauth._driver._host, "network", self)

    def send(self, request: Any) -> Any:
        if request.purpose == "refresh":
            self.reached.set()
            assert self.open.wait(20)
        return self._network.send(request)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def phase(oauth: OAuth) -> str:
    return oauth._driver._machine.phase()


def token(oauth: OAuth, testbed: Testbed) -> str:
    headers = oauth._driver.request_headers("POST", testbed.url)
    assert isinstance(headers, machine.RequestHeaders.READY)
    return headers.authorization


class Refreshing:
    """Two on one store: one is about to refresh the token that both hold, the other waits for it."""

    def __init__(self, testbed: Testbed, person: Person, pool: ThreadPoolExecutor) -> None:
        store = MemoryStore()
        self.one, self.two = (OAuth(testbed.url, store=store, open_url=person) for _ in range(2))
        self._testbed = testbed
        self.one.sign_in()
        self.two.sign_in()
        testbed.tell("expire_access_tokens")
        self.barrier = Barrier(self.one)
        self.done: Future[int] = pool.submit(self.post, self.one)
        assert self.barrier.reached.wait(20)
        self.waited: Future[int] = pool.submit(self.post, self.two)
        until(lambda: phase(self.two) == "AwaitingRefresh")

    def post(self, oauth: OAuth) -> int:
        return httpx2.post(self._testbed.url, auth=oauth, timeout=30, **LIST_TOOLS).status_code


def test_one_refreshes_and_the_other_waits(testbed: Testbed, person: Person, pool: ThreadPoolExecutor) -> None:
    both = Refreshing(testbed, person, pool)
    both.barrier.open.set()
    assert both.done.result() == both.waited.result() == 200
    assert token(both.one, testbed) == token(both.two, testbed)
    counts = testbed.counts()
    assert (counts["refreshes"], counts["reuse_detections"], counts["code_exchanges"]) == (1, 0, 1)


def test_whoever_is_told_of_the_refresh_waits_no_longer(
    testbed: Testbed, person: Person, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_run, "_WAIT_SECONDS", 20.0)
    both = Refreshing(testbed, person, pool)
    both.barrier.open.set()
    assert both.done.result() == 200
    start = time.monotonic()
    both.two.store_changed()
    assert both.waited.result() == 200
    assert time.monotonic() - start < 10
    assert testbed.counts()["refreshes"] == 1


def test_waiting_for_a_refresh_can_be_given_up(testbed: Testbed, person: Person, pool: ThreadPoolExecutor) -> None:
    both = Refreshing(testbed, person, pool)
    both.two.cancel()
    with pytest.raises(AuthorizationError, match="cancelled"):
        both.waited.result()
    both.barrier.open.set()
    assert both.done.result() == 200


def test_a_sign_in_elsewhere_ends_the_one_here(testbed: Testbed, person: Person, pool: ThreadPoolExecutor) -> None:
    store, shown = MemoryStore(), threading.Event()
    here = OAuth(testbed.url, store=store, open_url=lambda _: shown.set())
    there = OAuth(testbed.url, store=store, open_url=person)
    waiting = pool.submit(here.sign_in)
    assert shown.wait(20)
    here.store_changed()  # Nothing that would serve.
    there.sign_in()
    anyio.run(here.astore_changed)
    waiting.result()
    assert token(here, testbed) == token(there, testbed)
    # Signed out there, signed out here.
    there.sign_out(forget_client=True)
    assert there.status() is None
    here.store_changed()
    assert here._driver.request_headers("POST", testbed.url).is_ABSENT()


def brought(**changes: Any) -> ProvidedTokens:
    tokens: dict[str, Any] = {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/oauth/token",
        "client_id": "brought-client",
        "access_token": "brought-SECRET-at",
        "refresh_token": "brought-SECRET-rt",
        "scope": "notes:read",
    }
    return ProvidedTokens(**(tokens | changes))


def test_tokens_that_are_brought_are_used_and_refreshed() -> None:
    servers = Canned(token="refreshed")
    oauth = servers.oauth()
    oauth.provide_tokens(brought(expires_at_ms=_run.now_ms() + 3_600_000))
    url = "https://mcp.example.com/mcp"
    headers = oauth._driver.request_headers("POST", url)
    assert isinstance(headers, machine.RequestHeaders.READY)
    assert headers.authorization == "Bearer brought-SECRET-at"
    anyio.run(oauth.aprovide_tokens, brought(expires_at_ms=_run.now_ms()))
    assert oauth._driver.request_headers("POST", url).is_REFRESH_DUE()
    oauth.sign_in()
    headers = oauth._driver.request_headers("POST", url)
    assert isinstance(headers, machine.RequestHeaders.READY)
    assert headers.authorization == "Bearer refreshed"
    with pytest.raises(machine.Misuse, match="issuer"):
        oauth.provide_tokens(brought(issuer="http://as.example.com"))
    assert "SECRET" not in f"{brought()} {brought()!r}"


def test_tokens_that_are_brought_end_a_sign_in(testbed: Testbed, pool: ThreadPoolExecutor) -> None:
    shown = threading.Event()
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=lambda _: shown.set())
    waiting = pool.submit(oauth.sign_in)
    assert shown.wait(20)
    oauth.provide_tokens(brought(issuer=testbed.issuer, token_endpoint=f"{testbed.issuer}/token"))
    with pytest.raises(AuthorizationError, match="cancelled"):
        waiting.result()
    assert token(oauth, testbed) == "Bearer brought-SECRET-at"


def test_a_callback_finds_its_sign_in_once() -> None:
    pending: Pending[str] = Pending(2)
    one, two, three = (f"https://as.example.com/authorize?client_id=c&state={state}" for state in "123")
    pending.add(one, "first")
    pending.add(two, "before")
    pending.add(two, "second")
    with pytest.raises(TooManySignIns):
        pending.add(three, "third")
    for unknown in ("", "\udcff", f"{REDIRECT}?code=1", f"{REDIRECT}?state=other", REDIRECT):
        assert pending.take(unknown.encode(errors="replace").decode()) is None
    assert pending.take(f"{REDIRECT}?code=1&state=2#end") == "second"
    assert pending.take(f"{REDIRECT}?code=1&state=2") is None
    assert pending.forget(one) == "first"
    assert pending.forget(one) is None
    pending.add(three, "late", expires_at_ms=_run.now_ms())
    assert len(pending) == 0
    assert pending._values == {}


def test_a_callback_is_routed_to_who_finishes_it(testbed: Testbed) -> None:
    store = MemoryStore()
    pending: Pending[OAuth] = Pending(8)
    pages: dict[str, str] = {}
    for account in ("alice", "bob"):
        oauth = OAuth(testbed.url, account=account, store=store, redirect_uri=REDIRECT, headless=True)
        page = oauth.begin()
        assert page is not None
        pages[account] = page
        pending.add(page, oauth)
    for account, page in pages.items():
        callback = callback_of(page)
        found = find_sign_in(store, callback)
        assert (found.account, found.server_url) == (account, testbed.url)
        assert found.expires_at_ms > _run.now_ms()
        oauth = pending.take(callback)
        assert oauth is not None
        oauth.finish(callback)
        summary = oauth.status()
        assert summary is not None and summary.account == account
        for unknown in (callback, REDIRECT, f"{REDIRECT}?state=x"):
            with pytest.raises(NoPendingSignIn):
                find_sign_in(store, unknown)
    assert len(pending) == 0


def test_a_sign_in_says_until_when_it_waits(testbed: Testbed, person: Person) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person)
    oauth.sign_in()
    (page,) = person.pages
    assert isinstance(page, SignIn)
    assert 0 < page.expires_at_ms - _run.now_ms() <= 600_000
    with pytest.raises(NeedsUser):
        OAuth(testbed.url, store=MemoryStore(), headless=True).sign_in()
