"""Does a real PostgreSQL server keep what it should, for whoever connects in whatever way?"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Testbed
from link import linked
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from test_readme import run

from mcp_oauth_core.stores import AESGCMSealer, PostgresStore, Record, SealedStore, Store, StoreError
from mcp_oauth_core.stores.contract import SharedStoreContract

HOUR_MS = 3_600_000
NOBODY_LISTENS = "host=127.0.0.1 port=1"


def url() -> str:
    return os.environ["MCP_OAUTH_TEST_POSTGRES"]


class TestPostgres(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return PostgresStore(url())

    @staticmethod
    def open_broken(folder: Path) -> Store:
        return PostgresStore(ConnectionPool(NOBODY_LISTENS, min_size=0, max_size=1, open=True, timeout=0.2))


class Strict(PostgresStore):
    """Over a pool of one's own with settings that the statements are not written for."""

    def __init__(self, conninfo: str) -> None:
        serializable = make_conninfo(conninfo, options="-c default_transaction_isolation=serializable")
        self.pool = ConnectionPool(serializable, min_size=0, max_size=8, open=True, kwargs={"row_factory": dict_row})
        super().__init__(self.pool)

    def close(self) -> None:
        super().close()
        assert not self.pool.closed
        self.pool.close()


class TestAPoolOfOnesOwn(TestPostgres):
    @staticmethod
    def open(folder: Path) -> Store:
        return Strict(url())


class TestSealed(TestPostgres):
    @staticmethod
    def open(folder: Path) -> Store:
        return SealedStore(PostgresStore(url()), AESGCMSealer([bytes(range(32))]))


@pytest.fixture
def schema() -> Iterator[str]:
    """A connection string for an empty schema."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(url(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        yield make_conninfo(url(), options=f"-c search_path={name}")
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


@pytest.fixture
def store(schema: str) -> Iterator[PostgresStore]:
    store = PostgresStore(schema)
    yield store
    store.close()


def ask(conninfo: str, query: Any) -> list[Any]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def save(store: Store, key: str, body: bytes = b"x", expires_at_ms: int | None = None) -> bool:
    return store.save(key, body, expected=None, generation=1, expires_at_ms=expires_at_ms)


def test_the_table_is_what_the_other_languages_make(schema: str, store: PostgresStore) -> None:
    assert save(store, "grant/a", b"\0\xff", 1_900_000_000_000)
    assert ask(schema, "SELECT name, generation, record, expires_at FROM mcp_oauth_records") == [
        ("grant/a", 1, b"\0\xff", 1_900_000_000_000)
    ]
    columns = "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
    assert ask(schema, f"{columns} WHERE table_schema = current_schema ORDER BY ordinal_position") == [
        ("name", "text", "NO"),
        ("generation", "bigint", "NO"),
        ("record", "bytea", "NO"),
        ("expires_at", "bigint", "YES"),
    ]
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema ORDER BY indexdef"
    assert [text.partition(" USING ")[2] for (text,) in ask(schema, indexes)] == ["btree (expires_at)", "btree (name)"]


def test_many_that_start_at_once_make_one_table(schema: str) -> None:
    def start(number: int) -> bool:
        store = PostgresStore(schema)
        try:
            return save(store, f"grant/{number}")
        finally:
            store.close()

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(start, range(12)))


def test_no_table_is_made_where_that_is_not_wanted(schema: str) -> None:
    store = PostgresStore(schema, create_table=False)
    with pytest.raises(StoreError) as caught:
        store.load("grant/a")
    assert "UndefinedTable" in str(caught.value)
    store.close()


def test_a_database_that_forgets_is_refused(schema: str) -> None:
    store = PostgresStore(f"{schema[:-1]} -c synchronous_commit=off'")
    for _ in range(2):
        with pytest.raises(StoreError, match="synchronous_commit"):
            save(store, "grant/a")
    store.close()


def test_a_role_that_may_not_make_tables_uses_the_one_that_is_there(schema: str, store: PostgresStore) -> None:
    assert save(store, "grant/a")
    role = f"role_{secrets.token_hex(8)}"
    name = schema.rpartition("=")[2].rstrip("'")
    ask(schema, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    try:
        ask(schema, f"GRANT USAGE ON SCHEMA {name} TO {role}")
        ask(schema, f"GRANT SELECT, INSERT, UPDATE, DELETE ON mcp_oauth_records TO {role}")
        poor = PostgresStore(make_conninfo(schema, user=role, password="x"))
        assert poor.load("grant/a") == Record(1, b"x")
        assert save(poor, "grant/b")
        poor.close()
    finally:
        ask(schema, f"DROP OWNED BY {role}")
        ask(schema, f"DROP ROLE {role}")


def test_what_has_long_expired_is_swept_up(schema: str, store: PostgresStore) -> None:
    now = time.time_ns() // 1_000_000
    ends = {"flow/old": now - 2 * HOUR_MS, "grant/old": now - 2 * HOUR_MS, "flow/late": now - HOUR_MS // 2}
    for key, end in ends.items():
        save(store, key, expires_at_ms=end)
    save(store, "grant/new")
    save(store, "flow/new", expires_at_ms=now + HOUR_MS)
    assert sorted(ask(schema, "SELECT name FROM mcp_oauth_records")) == [("flow/late",), ("flow/new",), ("grant/new",)]


def test_a_sweep_is_bounded_and_waits_for_nobody(schema: str, store: PostgresStore) -> None:
    save(store, "grant/new")
    rows = "SELECT 'flow/' || number, 1, ''::bytea, number FROM generate_series(1, 250) AS number"
    ask(schema, f"INSERT INTO mcp_oauth_records {rows}")
    with psycopg.connect(schema) as other:
        other.execute("SELECT FROM mcp_oauth_records WHERE name = 'flow/1' FOR UPDATE")
        for left in (150, 50, 1, 1):
            save(store, f"flow/{secrets.token_hex(8)}", expires_at_ms=2**62)
            assert ask(schema, "SELECT count(*) FROM mcp_oauth_records WHERE expires_at < 1000") == [(left,)]


def test_a_failure_quotes_no_record(schema: str, store: PostgresStore) -> None:
    assert save(store, "grant/a")
    ask(schema, "ALTER TABLE mcp_oauth_records ADD CHECK (length(record) < 6)")
    with pytest.raises(StoreError) as caught:
        save(store, "grant/b", b"SECRET")
    assert str(caught.value) == "the database failed: CheckViolation (23514)"
    assert store.load("grant/b") is None


def test_connections_that_the_server_has_closed_are_not_used(schema: str) -> None:
    store = PostgresStore(make_conninfo(schema, application_name="named"))
    assert save(store, "grant/a")
    close = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'named'"
    assert ask(schema, close) == [(True,)]
    assert store.load("grant/a") == Record(1, b"x")
    store.close()


def test_a_write_whose_answer_is_lost_is_no_conflict() -> None:
    key = f"grant/{secrets.token_hex(16)}"
    with linked(url()) as link:
        store = PostgresStore(link.url)
        assert store.load(key) is None
        link.loses = b"INSERT"
        with pytest.raises(StoreError):
            save(store, key)
        assert store.load(key) == Record(1, b"x")
        store.close()


@pytest.mark.usefixtures("at_home")
def test_what_the_readme_shows(testbed: Testbed, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTES_KEYS", f"{'01' * 32} {'02' * 32}")
    monkeypatch.setenv("NOTES_DATABASE", schema)
    oauth = run("PostgresStore", testbed)["oauth"]
    oauth.sign_in()
    assert oauth.status().issuers[0].has_tokens
    ((body,),) = ask(schema, "SELECT record FROM mcp_oauth_records WHERE name LIKE 'grant/%'")
    assert body.startswith(b"\x01")
    oauth.close()
