"""Does a mistake of the program give an ordinary error, and leave nothing hanging?"""

from __future__ import annotations

import ast
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conftest import LIST_TOOLS, Person, Testbed, callback_of

from mcp_oauth_core import (
    AuthorizationError,
    ConfigError,
    MemoryStore,
    NoPendingSignIn,
    OAuth,
    ProvidedClient,
    machine,
)
from mcp_oauth_core.stores import Record

URL = "https://mcp.example.com/mcp"
NOW = 1_800_000_000_000


@pytest.mark.parametrize("url", [None, 7, b"https://mcp.example.com/mcp"])
def test_a_server_url_that_is_no_text(url: Any) -> None:
    with pytest.raises(TypeError):
        OAuth(url, store=MemoryStore())


@pytest.mark.parametrize("url", ["", "mcp.example.com", "ftp://mcp.example.com", "http://mcp.example.com/mcp"])
def test_a_server_url_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OAuth(url, store=MemoryStore())
    assert caught.value.field == "server_url"
    assert isinstance(caught.value, ValueError)


def test_settings_that_are_none() -> None:
    with pytest.raises(TypeError):
        OAuth(URL, store=MemoryStore(), client_nam="Notes")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        OAuth(URL, store=MemoryStore(), client_name=None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError) as caught:
        OAuth(URL, store=MemoryStore(), scopes=["two words"])
    assert caught.value.field == "scopes"


class Broken(MemoryStore):
    """Fails whenever it is asked to do what it was told to fail at."""

    def __init__(self, *broken: str) -> None:
        super().__init__()
        self.broken = broken

    def __getattribute__(self, name: str) -> Any:
        if name in ("load", "save", "delete") and name in super().__getattribute__("broken"):
            raise KeyError("the database has gone")
        return super().__getattribute__(name)


@pytest.mark.parametrize("method", ["load", "save", "delete"])
def test_an_exception_in_the_users_store(testbed: Testbed, person: Person, method: str) -> None:
    store = Broken(method)
    oauth = OAuth(testbed.url, store=store, open_url=person)
    with pytest.raises(AuthorizationError) as caught:
        oauth.sign_in()
    assert caught.value.code == "store_failed"
    assert isinstance(caught.value.__cause__, KeyError)
    store.broken = ()
    oauth.sign_in()


@pytest.mark.parametrize("answer", [b"text", 7, Record(1, "text")])  # type: ignore[arg-type]
def test_a_store_that_answers_what_is_no_record(testbed: Testbed, answer: Any) -> None:
    class Odd(MemoryStore):
        def load(self, key: str) -> Record | None:
            return answer

    with pytest.raises(AuthorizationError) as caught:
        OAuth(testbed.url, store=Odd()).sign_in()
    assert caught.value.code == "store_failed"
    assert isinstance(caught.value.__cause__, AttributeError | TypeError)


def test_a_store_that_lost_its_mind_is_no_reason_to_overwrite(testbed: Testbed, person: Person) -> None:
    class Garbage(MemoryStore):
        def load(self, key: str) -> Record | None:
            return Record(1, b"garbage")

    with pytest.raises(AuthorizationError) as caught:
        OAuth(testbed.url, store=Garbage(), open_url=person).sign_in()
    assert caught.value.code == "bad_record"


def test_a_client_that_is_none(testbed: Testbed, person: Person) -> None:
    for answer in (None, ProvidedClient(""), "notes"):
        oauth = OAuth(
            testbed.url,
            store=MemoryStore(),
            open_url=person,
            client_source=lambda issuer, uri, answer=answer: answer,  # type: ignore[misc]
            ask_for_client=True,
            dynamic_registration=False,
        )
        with pytest.raises(AuthorizationError):
            oauth.sign_in()
    assert person.pages == []


def test_a_callback_given_twice(testbed: Testbed) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), redirect_uri="https://app.example.com/callback")
    url = oauth.begin()
    assert url is not None
    callback = callback_of(url)
    oauth.finish(callback)
    with pytest.raises(NoPendingSignIn):
        oauth.finish(callback)
    assert testbed.counts()["code_exchanges"] == 1


@pytest.mark.parametrize("callback", ["", "?", "https://app.example.com/callback", "?state=unknown&code=1", "\x00"])
def test_a_callback_that_is_none(callback: str) -> None:
    with pytest.raises(NoPendingSignIn):
        OAuth(URL, store=MemoryStore()).finish(callback)


def test_a_callback_that_is_no_text() -> None:
    with pytest.raises((TypeError, AttributeError)):
        OAuth(URL, store=MemoryStore()).finish(None)  # type: ignore[arg-type]


def test_a_listener_whose_port_is_taken(testbed: Testbed, person: Person) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}/callback"
        with pytest.raises(AuthorizationError) as caught:
            OAuth(testbed.url, store=MemoryStore(), open_url=person, redirect_uri=uri).sign_in()
    assert caught.value.code == "declined"
    assert isinstance(caught.value.__cause__, OSError)


def test_a_redirect_uri_that_nobody_here_can_listen_on(testbed: Testbed, person: Person) -> None:
    oauth = OAuth(testbed.url, store=MemoryStore(), open_url=person, redirect_uri="https://app.example.com/callback")
    with pytest.raises(AuthorizationError) as caught:
        oauth.sign_in()
    assert "begin()" in str(caught.value.__cause__)


def test_one_object_from_many_threads_of_any_age(testbed: Testbed, oauth: OAuth) -> None:
    answers: list[int] = []

    def use() -> None:
        answers.append(httpx2.post(testbed.url, auth=oauth, **LIST_TOOLS).status_code)

    for _ in range(3):
        threads = [threading.Thread(target=use) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 15


def test_a_body_that_cannot_be_read_twice_is_kept(testbed: Testbed, oauth: OAuth) -> None:
    import json

    body = json.dumps(LIST_TOOLS["json"]).encode()
    headers = {**LIST_TOOLS["headers"], "content-type": "application/json"}
    with httpx2.Client(auth=oauth) as client:
        answer = client.post(testbed.url, content=iter([body[:10], body[10:]]), headers=headers)
    assert answer.status_code == 200


class TestMachine:
    """The low-level interface."""

    def config(self) -> machine.Config:
        return machine.Config(machine.Settings(server_url=URL))

    def test_arguments_that_are_none(self) -> None:
        with pytest.raises(TypeError):
            machine.Machine(None, "")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            machine.Machine(self.config(), None)  # type: ignore[arg-type]
        waiting = machine.Machine(self.config(), "")
        for call in (
            lambda: waiting.reply(None, 200, b"", b"", NOW),  # type: ignore[arg-type]
            lambda: waiting.reply(1, 200, "text", b"", NOW),  # type: ignore[arg-type]
            lambda: waiting.reply(1, 200, b"", None, NOW),  # type: ignore[arg-type]
            lambda: waiting.challenge(401, None, None, NOW),  # type: ignore[arg-type]
            lambda: waiting.callback(None, NOW),  # type: ignore[arg-type]
            lambda: waiting.loaded(1, None, NOW),  # type: ignore[arg-type]
        ):
            with pytest.raises(TypeError):
                call()
        for number in (-1, 2**64):
            with pytest.raises(ValueError):
                waiting.tick(number)
        with pytest.raises(ValueError):
            waiting.challenge(70_000, [], None, NOW)

    def test_text_that_is_no_unicode(self) -> None:
        waiting = machine.Machine(self.config(), "")
        with pytest.raises(UnicodeError):
            waiting.callback("\udcff", NOW)
        assert waiting.reply.__name__ == "reply"

    def test_an_answer_of_the_wrong_kind(self) -> None:
        waiting = machine.Machine(self.config(), "")
        before = waiting.snapshot()
        with pytest.raises(machine.Misuse.WrongAnswer):
            waiting.redirect_bound(1, "http://127.0.0.1/callback", NOW)
        with pytest.raises(machine.Misuse.UnknownAction):
            waiting.stored(2, NOW)
        with pytest.raises(machine.Misuse):
            waiting.stored(0, NOW)
        assert waiting.snapshot() == before

    def test_type_checkers_are_told_of_every_exception(self) -> None:
        stub = ast.parse(Path(machine.__file__).with_name("__init__.pyi").read_text())
        told = {kind.name: kind.body for kind in stub.body if isinstance(kind, ast.ClassDef)}
        for name, variants in told.items():
            raised = {variant.__name__ for variant in getattr(machine, name).__subclasses__()}
            assert {variant.name for variant in variants if isinstance(variant, ast.ClassDef)} == raised
        exceptions = {
            name for name, kind in vars(machine).items() if isinstance(kind, type) and issubclass(kind, Exception)
        }
        assert exceptions - {"InternalError"} == set(told)

    def test_an_answer_given_twice(self) -> None:
        waiting = machine.Machine(self.config(), "")
        assert waiting.nothing_stored(1, NOW).outcome is machine.Outcome.ADVANCED
        assert waiting.nothing_stored(1, NOW).outcome is machine.Outcome.STALE

    def test_a_snapshot_that_is_none(self) -> None:
        for bytes_, error in [
            (b"", machine.RecordError.Malformed),
            (b"{", machine.RecordError.Malformed),
            (b'{"format":"mcp-oauth-flow","version":99,"generation":1,"body":{}}', machine.RecordError.TooNew),
        ]:
            with pytest.raises(error):  # type: ignore[arg-type]
                machine.Machine.resume(self.config(), "", bytes_)
        snapshot = machine.Machine(self.config(), "").snapshot()
        with pytest.raises(machine.RecordError.Foreign):  # type: ignore[arg-type]
            machine.Machine.resume(self.config(), "somebody else", snapshot)

    def test_one_machine_from_many_threads(self) -> None:
        shared = machine.Machine(self.config(), "")
        faults: list[BaseException] = []

        def hammer() -> None:
            try:
                for _ in range(300):
                    shared.connect(NOW)
                    shared.next()
                    shared.cancel(NOW)
                    shared.snapshot()
                    shared.request_headers("POST", URL, NOW)
            except BaseException as error:
                faults.append(error)

        threads = [threading.Thread(target=hammer) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
