"""What happens where there is nothing to do, or nothing that can be done?"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx2
import pytest
from conftest import LIST_TOOLS, Testbed, call_tool, callback_of
from test_sharing import brought

from mcp_oauth_core import AuthorizationError, MemoryStore, NeedsUser, OAuth

REDIRECT = "https://app.example.com/callback"


def headless(testbed: Testbed, store: MemoryStore | None = None, **settings: Any) -> OAuth:
    store = MemoryStore() if store is None else store
    return OAuth(testbed.url, store=store, headless=True, redirect_uri=REDIRECT, **settings)


def asked(testbed: Testbed) -> int:
    """How many requests there were but those of the MCP client."""
    return len(testbed.ask("log")) - len(testbed.asked("mcp"))


def page_of(testbed: Testbed, oauth: OAuth, tool: str = "whoami") -> str:
    """The page that a person must see, and at once."""
    start = time.monotonic()
    with pytest.raises(NeedsUser) as caught:
        call_tool(testbed, oauth, tool)
    assert time.monotonic() - start < 10
    return caught.value.url


def whoami(testbed: Testbed, oauth: OAuth) -> str:
    return json.loads(call_tool(testbed, oauth, "whoami"))["subject"]


def test_a_server_that_wants_no_token_costs_no_request(testbed: Testbed) -> None:
    testbed.behave(challenge={"guards": "tool_calls"})
    store = MemoryStore()
    oauth = headless(testbed, store)
    for _ in range(3):
        assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
    assert [entry["endpoint"] for entry in testbed.ask("log")] == ["mcp"] * 3
    assert store._records == {}


def test_metadata_that_is_nowhere_is_not_looked_for_again_at_once(testbed: Testbed) -> None:
    nowhere = {"served_at": []}
    testbed.behave(challenge={"resource_metadata": None}, resource_metadata=nowhere, server_metadata=nowhere)
    oauth = headless(testbed)

    def code() -> str:
        with pytest.raises(AuthorizationError) as caught:
            call_tool(testbed, oauth, "whoami")
        return caught.value.code

    assert code() == "no_metadata"
    first = asked(testbed)
    assert first > 0
    assert [code() for _ in range(3)] == ["no_metadata"] * 3
    assert asked(testbed) == first
    # Somebody wants it all the same.
    with pytest.raises(AuthorizationError):
        oauth.sign_in()
    assert asked(testbed) > first


def test_a_page_is_told_each_time_without_a_request(testbed: Testbed) -> None:
    testbed.behave(authorization={"consent": "page"})
    oauth = headless(testbed)
    page = page_of(testbed, oauth)
    first = asked(testbed)
    for _ in range(3):
        assert page_of(testbed, oauth) == page
        with pytest.raises(NeedsUser) as caught:
            oauth.sign_in()
        assert caught.value.url == page
    assert asked(testbed) == first
    testbed.behave(authorization={"consent": "auto"})
    oauth.finish(callback_of(page, "alice"))
    assert whoami(testbed, oauth) == "alice"


def test_whoever_waits_for_a_person_finds_what_another_process_has_finished(testbed: Testbed) -> None:
    store = MemoryStore()
    here, told, there = (headless(testbed, store) for _ in range(3))
    page = page_of(testbed, here)
    page_of(testbed, told)
    there.finish(callback_of(page, "alice"))
    told.store_changed()
    assert told._driver.request_headers("POST", testbed.url).is_READY()
    assert [whoami(testbed, oauth) for oauth in (here, told)] == ["alice", "alice"]
    assert testbed.counts()["code_exchanges"] == 1


def test_a_page_where_the_person_said_no_is_followed_by_another(testbed: Testbed) -> None:
    store = MemoryStore()
    here, there = (headless(testbed, store) for _ in range(2))
    page = page_of(testbed, here)
    testbed.behave(authorization={"error": {"error": "access_denied"}})
    with pytest.raises(AuthorizationError) as caught:
        there.finish(callback_of(page))
    assert caught.value.code == "access_denied"
    testbed.behave(authorization={"error": None})
    following = page_of(testbed, here)
    assert following != page
    there.finish(callback_of(following, "alice"))
    assert whoami(testbed, here) == "alice"


def test_a_page_that_nobody_came_to_is_followed_by_another(testbed: Testbed) -> None:
    oauth = headless(testbed, sign_in_timeout_ms=300)
    page = page_of(testbed, oauth)
    time.sleep(0.35)
    following = page_of(testbed, oauth)
    assert following != page
    oauth.finish(callback_of(following, "alice"))
    assert whoami(testbed, oauth) == "alice"


def test_a_step_up_that_nobody_answers_does_not_keep_tokens_from_being_refreshed(testbed: Testbed) -> None:
    testbed.behave(token={"lifetime": 2})
    oauth = headless(testbed, refresh_skew_ms=0)
    oauth.finish(callback_of(page_of(testbed, oauth), "alice"))
    page = page_of(testbed, oauth, "write_note")
    time.sleep(2.05)
    testbed.behave(token={"lifetime": 3600})
    assert whoami(testbed, oauth) == "alice"
    assert testbed.counts()["refreshes"] == 1
    # And the person may still come.
    oauth.finish(callback_of(page, "alice"))
    call_tool(testbed, oauth, "write_note")


def test_what_does_not_wait_for_a_person_ends_the_waiting(testbed: Testbed) -> None:
    oauth = headless(testbed)
    page_of(testbed, oauth)
    oauth.provide_tokens(brought(issuer=testbed.issuer, token_endpoint=f"{testbed.issuer}/token"))
    assert oauth._driver.request_headers("POST", testbed.url).is_READY()
    oauth.sign_out()
    pages: list[str] = []
    for _ in range(2):
        with pytest.raises(NeedsUser) as caught:
            oauth.sign_in()
        pages.append(caught.value.url)
        oauth.sign_out()
    assert pages[0] != pages[1]


def test_all_who_ask_at_once_are_told_the_same_page(testbed: Testbed) -> None:
    oauth = headless(testbed)
    pages: list[str] = []

    def ask() -> None:
        with pytest.raises(NeedsUser) as caught:
            oauth.sign_in()
        pages.append(caught.value.url)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(pages) == 8 and len(set(pages)) == 1
    assert testbed.counts()["registrations"] == 1
