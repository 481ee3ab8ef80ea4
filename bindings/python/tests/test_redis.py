"""Does a real Redis server keep what it should, for whoever connects in whatever way?"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from link import linked

from mcp_oauth_core.stores import Record, RedisStore, Store, StoreError
from mcp_oauth_core.stores.contract import SharedStoreContract

HOUR_MS = 3_600_000


def url() -> str:
    return os.environ["MCP_OAUTH_TEST_REDIS"]


class TestRedis(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return RedisStore(url())

    @staticmethod
    def open_broken(folder: Path) -> Store:
        return RedisStore("redis://127.0.0.1:1")


class Decoding(RedisStore):
    """Over a client of one's own that takes everything for text."""

    def __init__(self) -> None:
        self.client = redis.Redis.from_url(url(), decode_responses=True, retry=None)
        super().__init__(self.client)

    def close(self) -> None:
        super().close()
        assert self.client.ping()
        self.client.close()


class TestAClientOfOnesOwn(TestRedis):
    @staticmethod
    def open(folder: Path) -> Store:
        return Decoding()


@pytest.fixture
def client() -> Any:
    with redis.Redis.from_url(url()) as client:
        yield client


@pytest.fixture
def store() -> Any:
    store = RedisStore(url())
    yield store
    store.close()


@pytest.fixture
def key() -> str:
    return f"flow/{secrets.token_hex(16)}"


def test_the_hash_is_what_the_other_languages_make(client: Any, store: RedisStore, key: str) -> None:
    now = time.time_ns() // 1_000_000
    name = f"mcp-oauth:{key}"
    assert store.save(key, b"\0\xff", expected=None, generation=7, expires_at_ms=now + HOUR_MS)
    assert client.hgetall(name) == {b"generation": b"7", b"record": b"\0\xff"}
    assert client.pexpiretime(name) == now + 2 * HOUR_MS
    assert store.save(key, b"x", expected=7, generation=8, expires_at_ms=None)
    assert client.pexpiretime(name) == -1


def test_what_has_long_expired_is_gone_at_once(client: Any, store: RedisStore, key: str) -> None:
    now = time.time_ns() // 1_000_000
    for end, kept in [(now - HOUR_MS // 2, Record(1, b"x")), (now - 2 * HOUR_MS, None)]:
        each = key + str(end)
        assert store.save(each, b"x", expected=None, generation=1, expires_at_ms=end)
        assert store.load(each) == kept


def test_what_is_none_of_ours_is_left_alone(client: Any, store: RedisStore, key: str) -> None:
    name = f"mcp-oauth:{key}"
    for foreign in ({"record": "SECRET"}, {"generation": "1"}, {"generation": "SECRET", "record": ""}):
        client.delete(name)
        client.hset(name, mapping=foreign)
        with pytest.raises(StoreError) as caught:
            store.load(key)
        assert "SECRET" not in str(caught.value)
    client.delete(name)
    client.set(name, "text")
    for access in (
        lambda: store.load(key),
        lambda: store.save(key, b"x", expected=None, generation=1, expires_at_ms=None),
        lambda: store.delete(key, expected=1),
    ):
        with pytest.raises(StoreError):
            access()
    assert client.get(name) == b"text"


def test_scripts_that_the_server_has_forgotten_are_told_again(client: Any, store: RedisStore, key: str) -> None:
    assert store.save(key, b"x", expected=None, generation=1, expires_at_ms=None)
    client.script_flush()
    assert store.delete(key, expected=1)


def test_connections_that_the_server_has_closed_are_not_used(client: Any, store: RedisStore, key: str) -> None:
    assert store.save(key, b"x", expected=None, generation=1, expires_at_ms=None)
    client.client_kill_filter(_type="normal", skipme=True)
    assert store.save(key, b"x", expected=1, generation=2, expires_at_ms=None)


def test_a_write_whose_answer_is_lost_is_no_conflict(key: str) -> None:
    with linked(url()) as link:
        store = RedisStore(link.url)
        assert store.save(key, b"x", expected=None, generation=1, expires_at_ms=None)
        link.loses = b"EVALSHA"
        with pytest.raises(StoreError):
            store.save(key, b"y", expected=1, generation=2, expires_at_ms=None)
        assert store.load(key) == Record(2, b"y")
        store.close()


@pytest.mark.parametrize("repeating", [{}, {"retry": None, "retry_on_error": [redis.TimeoutError]}])
def test_a_client_that_repeats_writes_is_refused(repeating: Any) -> None:
    with pytest.raises(ValueError, match="retry=None"):
        RedisStore(redis.Redis(**repeating))


def test_a_password_is_not_told() -> None:
    with pytest.raises(StoreError) as caught:
        RedisStore(url().replace("@", "SECRET@")).load("grant/a")
    assert str(caught.value) == "Redis failed: AuthenticationError"
