"""Can anything of one account, server or sign-in be taken for another's?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Testbed, call_tool, callback_of

from mcp_oauth_core import AuthorizationError, MemoryStore, NoPendingSignIn, OAuth, Store, StoreError, machine
from mcp_oauth_core.stores import AESGCMSealer, Record, SealedStore

REDIRECT = "https://app.example.com/callback"


class Back:
    """A web back end for users of a server."""

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self.store = MemoryStore()

    def tenant(self, account: str, *, store: Store | None = None, url: str = "", **settings: Any) -> OAuth:
        store = self.store if store is None else store
        url = url or self.testbed.url
        return OAuth(url, account=account, store=store, headless=True, redirect_uri=REDIRECT, **settings)

    def whoami(self, oauth: OAuth) -> str:
        return json.loads(call_tool(self.testbed, oauth, "whoami"))["subject"]

    def held(self, key: str) -> Record:
        record = self.store.load(key)
        assert record is not None
        return record

    def plant(self, key: str, record: Record) -> None:
        """Puts a record where another belongs."""
        before = self.store.load(key)
        expected = None if before is None else before.generation
        assert self.store.save(key, record.body, expected=expected, generation=record.generation, expires_at_ms=None)


@pytest.fixture
def back(testbed: Testbed) -> Back:
    return Back(testbed)


def begun(oauth: OAuth) -> str:
    page = oauth.begin()
    assert page is not None
    return page


def sign_in(oauth: OAuth, person: str) -> None:
    oauth.finish(callback_of(begun(oauth), person))


def flow_key(page: str) -> str:
    key = machine.flow_key_of_callback(page.partition("?")[2])
    assert key is not None
    return key


def codes(oauth: OAuth) -> Iterator[str]:
    """What becomes of everything that needs the stored grant."""
    for attempt in (oauth.sign_in, oauth.begin, oauth.store_changed):
        with pytest.raises(AuthorizationError) as caught:
            attempt()
        yield caught.value.code


def test_each_account_speaks_for_itself_on_every_replica(back: Back) -> None:
    accounts = ["alice", "bob", "carol"]
    one, other = ([back.tenant(account) for account in accounts] for _ in range(2))
    pages = [begun(oauth) for oauth in one]
    for position, account in reversed(list(enumerate(accounts))):
        other[position].finish(callback_of(pages[position], account))
    for _ in range(2):
        assert [back.whoami(oauth) for oauth in one] == accounts
        assert [back.whoami(oauth) for oauth in other] == accounts
        back.testbed.tell("expire_access_tokens")
    counts = back.testbed.counts()
    assert (counts["registrations"], counts["code_exchanges"]) == (3, 3)
    assert (counts["refreshes"], counts["reuse_detections"]) == (3, 0)


def test_a_callback_ends_no_sign_in_but_its_own(back: Back) -> None:
    alice = back.tenant("alice")
    page = begun(alice)
    callback = callback_of(page, "alice")
    before = back.held(flow_key(page))
    for stranger in (back.tenant("bob"), back.tenant(""), back.tenant("alice", url=f"{back.testbed.url}/other")):
        with pytest.raises(NoPendingSignIn):
            stranger.finish(callback)
    assert back.held(flow_key(page)) == before
    assert back.testbed.asked("token") == []
    alice.finish(callback)
    assert back.whoami(alice) == "alice"


def test_a_grant_is_good_for_its_own_account_and_server_alone(back: Back) -> None:
    alice = back.tenant("alice")
    sign_in(alice, "alice")
    grant = back.held(alice.grant_key)
    for thief in (back.tenant("bob"), back.tenant(""), back.tenant("alice", url=f"{back.testbed.url}/other")):
        back.plant(thief.grant_key, grant)
        seen = len(back.testbed.ask("log"))
        assert set(codes(thief)) == {"bad_record"}
        assert back.held(thief.grant_key) == grant
        assert len(back.testbed.ask("log")) == seen
    assert back.whoami(alice) == "alice"


def test_a_pending_sign_in_is_found_under_its_own_state_alone(back: Back) -> None:
    alice, bob = back.tenant("alice"), back.tenant("bob")
    sign_in(alice, "alice")
    mine = begun(bob)
    exchanges = len(back.testbed.asked("token"))
    # Another account's, another of the same account, and a grant.
    for key in (flow_key(begun(back.tenant("carol"))), flow_key(mine), alice.grant_key):
        planted, page = back.held(key), begun(bob)
        back.plant(flow_key(page), planted)
        with pytest.raises(NoPendingSignIn):
            bob.finish(callback_of(page, "bob"))
        assert back.held(flow_key(page)) == planted
    # And one of which the store of this replica knows nothing.
    theirs = begun(back.tenant("bob", store=MemoryStore()))
    with pytest.raises(NoPendingSignIn):
        bob.finish(callback_of(theirs, "bob"))
    assert len(back.testbed.asked("token")) == exchanges
    bob.finish(callback_of(mine, "bob"))
    assert back.whoami(bob) == "bob"


def test_news_of_another_account_changes_nothing_here(back: Back) -> None:
    alice, bob = back.tenant("alice"), back.tenant("bob")
    sign_in(alice, "alice")
    sign_in(bob, "bob")
    bobs = back.held(bob.grant_key)
    token = bob._driver.request_headers("POST", back.testbed.url)
    back.plant(bob.grant_key, back.held(alice.grant_key))
    with pytest.raises(AuthorizationError) as caught:
        bob.store_changed()
    assert caught.value.code == "bad_record"
    assert bob._driver.request_headers("POST", back.testbed.url) == token
    back.plant(bob.grant_key, bobs)
    assert [back.whoami(oauth) for oauth in (bob, alice)] == ["bob", "alice"]


def test_what_is_sealed_opens_under_its_own_name_and_key_alone(back: Back) -> None:
    ours, theirs = (SealedStore(back.store, AESGCMSealer([key * 32])) for key in (b"1", b"2"))
    alice, bob = (back.tenant(account, store=ours) for account in ("alice", "bob"))
    sign_in(alice, "alice")
    record = back.held(alice.grant_key)
    back.plant(bob.grant_key, record)
    seen = len(back.testbed.ask("log"))
    for stranger in (bob, back.tenant("alice", store=theirs)):
        for attempt in (stranger.sign_in, stranger.begin):
            with pytest.raises(AuthorizationError) as caught:
                attempt()
            assert caught.value.code == "store_failed"
    assert back.held(alice.grant_key) == record
    assert len(back.testbed.ask("log")) == seen
    # Nor does a replica with another key take a callback.
    carol = back.tenant("carol", store=ours)
    callback = callback_of(begun(carol), "carol")
    with pytest.raises(StoreError):
        back.tenant("carol", store=theirs).finish(callback)
    carol.finish(callback)
    assert [back.whoami(oauth) for oauth in (carol, alice)] == ["carol", "alice"]


def test_servers_behind_one_authorization_server_share_nothing(back: Back) -> None:
    testbed, neighbour = back.testbed, Testbed()
    try:
        # Of both resources, which only one of these servers knows.
        ignored = {"resource": "ignored"}
        testbed.behave(authorization=ignored, refresh=ignored, token=ignored | {"lifetime": 1})
        neighbour.behave(resource_metadata={"authorization_servers": [testbed.issuer]})
        here, there = (back.tenant("alice", url=url, refresh_skew_ms=0) for url in (testbed.url, neighbour.url))
        callback = callback_of(begun(here))
        with pytest.raises(NoPendingSignIn):
            there.finish(callback)
        here.finish(callback)
        sign_in(there, "alice")
        time.sleep(1.05)
        testbed.behave(token={"lifetime": 3600})
        held: list[str] = []
        for oauth, url in ((here, testbed.url), (there, neighbour.url)):
            oauth.sign_in()
            headers = oauth._driver.request_headers("POST", url)
            assert isinstance(headers, machine.RequestHeaders.READY)
            held.append(headers.authorization)
        assert held[0] != held[1]
        assert not here._driver.request_headers("POST", neighbour.url).is_READY()
        assert not there._driver.request_headers("POST", testbed.url).is_READY()
        # Each client asks for one resource, then and for ever.
        first, again = (
            sorted((entry["client_id"], entry["resource"]) for entry in testbed.asked(endpoint))
            for endpoint in ("token", "refresh")
        )
        assert len(first) == 2 and first == again
        assert neighbour.ask("breaches") == []
    finally:
        neighbour.close()
