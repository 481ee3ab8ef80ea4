"""Does ``OAuth`` authorize the requests of both HTTP clients, from threads and tasks?"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from conftest import LIST_TOOLS, Person, Testbed, callback_of, visit

from mcp_oauth_core import (
    Advice,
    AuthorizationError,
    Closed,
    FileStore,
    MemoryStore,
    NeedsUser,
    NoPendingSignIn,
    OAuth,
    Preregistered,
    ProvidedClient,
    SignIn,
    Stage,
)
from mcp_oauth_core._run import Run
from mcp_oauth_core.machine import Next

REDIRECT = "https://app.example.com/callback"


@pytest.mark.parametrize("http", [httpx, httpx2], ids=lambda http: http.__name__)
def test_a_request_is_repeated_after_the_sign_in(testbed: Testbed, oauth: OAuth, person: Person, http: Any) -> None:
    with http.Client(auth=oauth) as client:
        for _ in range(2):
            assert client.post(testbed.url, **LIST_TOOLS).status_code == 200
    assert len(person.pages) == 1
    assert person.pages[0].issuer == testbed.issuer
    assert testbed.counts()["challenges"] == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("http", [httpx, httpx2], ids=lambda http: http.__name__)
def test_the_same_from_a_task(testbed: Testbed, oauth: OAuth, http: Any, backend: str) -> None:
    async def main() -> None:
        async with http.AsyncClient(auth=oauth) as client:
            assert (await client.post(testbed.url, **LIST_TOOLS)).status_code == 200
        await oauth.asign_out()
        await oauth.asign_in()
        summary = await oauth.astatus()
        assert summary is not None and summary.issuers[0].has_tokens

    anyio.run(main, backend=backend)


def test_a_sign_in_ahead_of_the_first_request(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    assert oauth.status() is None
    oauth.sign_in()
    oauth.sign_in()
    summary = oauth.status()
    assert summary is not None
    assert summary.issuers[0].issuer == testbed.issuer
    assert summary.issuers[0].has_refresh_token
    assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
    assert testbed.counts()["challenges"] == 0
    assert len(person.pages) == 1


def test_other_servers_see_no_token_and_start_no_sign_in(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    oauth.sign_in()
    other = Testbed()
    try:
        assert httpx2.post(other.url, auth=oauth, **LIST_TOOLS).status_code == 401
        assert other.ask("log")[0]["authorization"] is None
    finally:
        other.close()
    assert len(person.pages) == 1


def test_nobody_is_asked_to_sign_in_just_to_leave(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    testbed.behave(faults=[{"at": "mcp", "fault": {"answer": {"status": 401}}}])
    assert httpx2.delete(testbed.url, auth=oauth).status_code == 401
    assert person.pages == []


def test_a_redirect_to_another_origin_takes_nobody_along(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    oauth.sign_in()
    other = Testbed()
    try:
        testbed.behave(faults=[{"at": "mcp", "fault": {"answer": {"status": 307, "headers": {"Location": other.url}}}}])
        with httpx2.Client(auth=oauth, follow_redirects=True) as client:
            assert client.post(testbed.url, **LIST_TOOLS).status_code == 401
        assert other.ask("log")[0]["authorization"] is None
        testbed.behave(faults=[])
    finally:
        other.close()
    assert len(person.pages) == 1


def test_tokens_outlive_the_process_that_got_them(testbed: Testbed, person: Person, tmp_path: Path) -> None:
    OAuth(testbed.url, store=FileStore(tmp_path), open_url=person).sign_in()
    again = OAuth(testbed.url, store=FileStore(tmp_path), open_url=person)
    assert httpx2.post(testbed.url, auth=again, **LIST_TOOLS).status_code == 200
    assert len(person.pages) == 1
    again.sign_out()
    assert OAuth(testbed.url, store=FileStore(tmp_path)).status() is not None  # The registration.
    again.sign_out(forget_client=True)
    summary = OAuth(testbed.url, store=FileStore(tmp_path)).status()
    assert summary is None or summary.issuers == []


def test_accounts_are_apart(testbed: Testbed, person: Person) -> None:
    store = MemoryStore()
    for account in ("work", "home"):
        OAuth(testbed.url, account=account, store=store, open_url=person).sign_in()
    assert len(person.pages) == 2


def test_a_hundred_requests_at_once_lead_to_one_sign_in(testbed: Testbed, oauth: OAuth, person: Person) -> None:
    async def main() -> None:
        async with httpx2.AsyncClient(auth=oauth, timeout=30) as client, anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(post, client)

    async def post(client: httpx2.AsyncClient) -> None:
        assert (await client.post(testbed.url, **LIST_TOOLS)).status_code == 200

    def threads() -> None:
        with httpx2.Client(auth=oauth, timeout=30) as client, ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: client.post(testbed.url, **LIST_TOOLS).status_code, range(50)))
        assert answers == [200] * 50

    other = threading.Thread(target=threads)
    other.start()
    anyio.run(main)
    other.join()
    counts = testbed.counts()
    assert (len(person.pages), counts["code_exchanges"]) == (1, 1)
    testbed.tell("expire_access_tokens")
    anyio.run(main)
    assert testbed.counts()["refreshes"] == 1
    assert testbed.counts()["reuse_detections"] == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_task_leaves_the_flow_to_the_others(testbed: Testbed, backend: str) -> None:
    shown: list[SignIn] = []
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=shown.append)

    async def main() -> None:
        async with httpx2.AsyncClient(auth=oauth) as client:
            for cancelled in (oauth.asign_in, lambda: client.post(testbed.url, **LIST_TOOLS)):
                with anyio.move_on_after(1) as scope:
                    await cancelled()
                assert scope.cancelled_caught
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(oauth.asign_in)
                await anyio.sleep(0.2)
                await anyio.to_thread.run_sync(visit, shown[0].url)
            assert (await client.post(testbed.url, **LIST_TOOLS)).status_code == 200

    anyio.run(main, backend=backend)
    assert len(shown) == 1


def test_cancel_ends_the_flow_for_all_who_wait(testbed: Testbed) -> None:
    waiting = threading.Event()
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=lambda _: waiting.set())
    with ThreadPoolExecutor(2) as pool:
        waiters = [pool.submit(oauth.sign_in) for _ in range(2)]
        waiting.wait()
        oauth.cancel()
        codes = [code_of(waiter.result) for waiter in waiters]
    assert codes == ["cancelled", "cancelled"]
    oauth.cancel()  # Nothing is under way any more.


def test_cancel_does_not_wait_for_a_server(testbed: Testbed, oauth: OAuth) -> None:
    slow = {"at": "resource_metadata", "fault": {"slow": {"milliseconds": 5000}}}
    testbed.behave(faults=[slow])
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(oauth.sign_in)
        while not waiter.running():
            time.sleep(0.01)
        time.sleep(0.5)
        start = time.monotonic()
        oauth.cancel()
        assert code_of(waiter.result) == "cancelled"
        assert time.monotonic() - start < 2
    testbed.behave(faults=[])
    oauth.sign_in()


def test_a_sign_in_that_nobody_finishes_is_given_up(testbed: Testbed) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=lambda _: None, sign_in_timeout_ms=100)
    assert code_of(oauth.sign_in) == "expired"


def test_signing_out_ends_a_sign_in_that_waits(testbed: Testbed) -> None:
    waiting = threading.Event()
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=lambda _: waiting.set())
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(oauth.sign_in)
        waiting.wait()
        oauth.sign_out()
        waiter.exception(timeout=5)
    summary = oauth.status()
    assert summary is None or not summary.issuers[0].has_tokens


def test_signing_out_in_the_last_moment_is_not_forgotten(
    testbed: Testbed, oauth: OAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_rest = Run.until_rest

    def and_then_sign_out(run: Run, state: Next) -> Next:
        rest = until_rest(run, state)
        monkeypatch.undo()
        assert oauth._driver.sign_out(False)[0]
        return rest

    monkeypatch.setattr(Run, "until_rest", and_then_sign_out)
    oauth.sign_in()
    summary = oauth.status()
    assert summary is not None and not summary.issuers[0].has_tokens


def test_what_goes_wrong_says_what_and_what_to_do(testbed: Testbed, person: Person) -> None:
    testbed.behave(authorization={"error": {"error": "access_denied", "error_description": "not you"}})
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person)
    with pytest.raises(AuthorizationError) as caught:
        httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS)
    error = caught.value
    assert (error.code, error.stage, error.advice) == ("access_denied", Stage.AUTHORIZATION, Advice.ASK_USER)
    assert error.retry_after is None
    assert "not you" in str(error)
    assert "access_denied" in repr(error)


def test_a_passing_fault_says_when_to_try_again(testbed: Testbed, oauth: OAuth) -> None:
    answer = {"status": 503, "headers": {"Retry-After": "7"}}
    testbed.behave(faults=[{"at": "registration", "fault": {"answer": answer}, "times": 1}])
    with pytest.raises(AuthorizationError) as caught:
        oauth.sign_in()
    assert (caught.value.advice, caught.value.retry_after) == (Advice.RETRY_AFTER, 7.0)
    oauth.sign_in()


def test_a_page_that_cannot_be_shown_ends_the_flow(testbed: Testbed) -> None:
    assert code_of(OAuth(testbed.url, store=MemoryStore(), open_url=lambda _: False).sign_in) == "declined"

    def broken(_: SignIn) -> None:
        raise OSError("no display")

    with pytest.raises(AuthorizationError) as caught:
        OAuth(testbed.url, store=MemoryStore(), open_url=broken).sign_in()
    assert isinstance(caught.value.__cause__, OSError)


def test_headless_a_person_is_named_a_page_and_the_sign_in_goes_on_elsewhere(testbed: Testbed, tmp_path: Path) -> None:
    oauth = OAuth(testbed.url, store=FileStore(tmp_path), headless=True, redirect_uri=REDIRECT)
    with pytest.raises(NeedsUser) as caught:
        httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS)
    assert caught.value.advice is Advice.ASK_USER
    callback = callback_of(caught.value.url)
    assert callback.startswith(REDIRECT)
    finish = f"""
import sys
from mcp_oauth_core import FileStore, OAuth
OAuth({testbed.url!r}, store=FileStore({str(tmp_path)!r}), redirect_uri={REDIRECT!r}).finish(sys.stdin.read())
"""
    subprocess.run([sys.executable, "-c", finish], input=callback, text=True, check=True)
    assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200
    with pytest.raises(NoPendingSignIn):
        oauth.finish(callback)


def test_begin_and_finish_in_a_web_back_end(testbed: Testbed) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), redirect_uri=REDIRECT)
    url = oauth.begin()
    assert url is not None
    callback = callback_of(url)
    with pytest.raises(NoPendingSignIn):
        oauth.finish(callback.replace("state=", "state=x"))
    # Behind a proxy only the query is sure.
    oauth.finish(callback[callback.index("?") :])
    assert oauth.begin() is None
    assert httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code == 200


def test_begin_and_finish_from_tasks(testbed: Testbed) -> None:
    async def main() -> None:
        oauth = OAuth(testbed.url, store=MemoryStore(), redirect_uri=REDIRECT)
        url = await oauth.abegin()
        assert url is not None
        await oauth.afinish(await anyio.to_thread.run_sync(callback_of, url))
        async with httpx2.AsyncClient(auth=oauth) as client:
            assert (await client.post(testbed.url, **LIST_TOOLS)).status_code == 200

    anyio.run(main)


def test_two_sign_ins_begun_at_once_can_both_be_finished(testbed: Testbed) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), redirect_uri=REDIRECT)
    pages = [oauth.begin(), oauth.begin()]
    for page in pages:
        assert page is not None
        oauth.finish(callback_of(page))


def test_a_callback_that_says_no_is_told(testbed: Testbed) -> None:
    testbed.behave(authorization={"error": {"error": "access_denied"}})
    oauth = OAuth(testbed.url, store=MemoryStore(), redirect_uri=REDIRECT)
    url = oauth.begin()
    assert url is not None
    callback = callback_of(url)
    assert code_of(lambda: oauth.finish(callback)) == "access_denied"
    with pytest.raises(NoPendingSignIn):
        oauth.finish(callback)


def test_a_client_registered_beforehand_is_used(testbed: Testbed, person: Person) -> None:
    testbed.behave(
        registration={"clients": [{"client_id": "notes-app", "redirect_uris": ["http://127.0.0.1/callback"]}]},
        authorization={"loopback_port": "any"},
    )
    client = Preregistered(issuer=testbed.issuer, client_id="notes-app")
    OAuth(testbed.url, store=MemoryStore(), open_url=person, preregistered=client).sign_in()
    asked: list[tuple[str, str]] = []

    def source(issuer: str, redirect_uri: str) -> ProvidedClient | None:
        asked.append((issuer, redirect_uri))
        return ProvidedClient("notes-app")

    OAuth(
        testbed.url,
        store=MemoryStore(),
        open_url=person,
        client_source=source,
        ask_for_client=True,
        dynamic_registration=False,
    ).sign_in()
    assert [issuer for issuer, _ in asked] == [testbed.issuer]
    assert testbed.counts()["registrations"] == 0


def test_a_closed_object_says_so(testbed: Testbed, oauth: OAuth) -> None:
    waiting = threading.Event()
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=lambda _: waiting.set())
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(oauth.sign_in)
        waiting.wait()
        oauth.close()
        assert code_of(waiter.result) == "cancelled"
    oauth.close()
    for call in (
        oauth.sign_in,
        oauth.sign_out,
        oauth.begin,
        lambda: oauth.finish("?state=1"),
        lambda: request(testbed, oauth),
    ):
        with pytest.raises(Closed):
            call()


def test_decisions_are_logged_with_their_clauses(oauth: OAuth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "mcp_oauth_core")
    oauth.sign_in()
    decisions = [record.__dict__["decision"] for record in caplog.records if record.name == "mcp_oauth_core"]
    assert "tokens_issued" in decisions
    assert "[RFC 6749 §5.1]" in caplog.text


def request(testbed: Testbed, oauth: OAuth) -> httpx2.Response:
    return httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(AuthorizationError) as caught:
        call()
    return caught.value.code
