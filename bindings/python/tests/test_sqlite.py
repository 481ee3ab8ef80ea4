"""What does an SQLite store hold to besides the contract?"""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_core.stores import Record, SQLiteStore, StoreError


def ask(path: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query).fetchall()


def save(store: SQLiteStore, key: str, body: bytes = b"x", expires_at_ms: int | None = None) -> bool:
    return store.save(key, body, expected=None, generation=1, expires_at_ms=expires_at_ms)


def test_the_table_is_what_the_other_languages_make(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    assert save(SQLiteStore(path), "grant/a", b"\0\xff", 1_900_000_000_000)
    assert ask(path, "SELECT name, generation, record, expires_at FROM mcp_oauth_records") == [
        ("grant/a", 1, b"\0\xff", 1_900_000_000_000)
    ]
    columns = ask(path, "SELECT name, type, \"notnull\", pk FROM pragma_table_info('mcp_oauth_records')")
    assert [(name, kind.lower(), filled, primary) for name, kind, filled, primary in columns] == [
        ("name", "text", 0, 1),
        ("generation", "bigint", 1, 0),
        ("record", "blob", 1, 0),
        ("expires_at", "bigint", 0, 0),
    ]
    (index,) = ask(path, "SELECT name FROM pragma_index_list('mcp_oauth_records') WHERE origin = 'c'")
    assert ask(path, f"SELECT name FROM pragma_index_info('{index[0]}')") == [("expires_at",)]


def test_a_database_that_it_makes_is_closed_to_others(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "records.db")
    assert stat.S_IMODE((tmp_path / "records.db").stat().st_mode) == 0o600


def test_many_that_start_at_once_make_one_table(tmp_path: Path) -> None:
    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(lambda number: save(SQLiteStore(tmp_path / "a ?#%.db"), f"grant/{number}"), range(12)))
    assert [file.name for file in tmp_path.iterdir()] == ["a ?#%.db"]


def test_nothing_is_made_where_that_is_not_wanted(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "records.db", create_table=False)
    with pytest.raises(StoreError) as caught:
        store.load("grant/a")
    assert str(tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_somebody_else_in_another_mode_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    ask(path, "PRAGMA journal_mode = WAL")
    ask(path, "CREATE TABLE other (text)")
    assert save(SQLiteStore(path), "grant/a")
    assert SQLiteStore(path).load("grant/a") == Record(1, b"x")
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.parametrize("place", ["no database", "a folder", "nowhere"])
def test_what_is_no_database(tmp_path: Path, place: str) -> None:
    path = tmp_path / "records.db"
    if place == "no database":
        path.write_text("text " * 1000)
    if place == "a folder":
        path.mkdir()
    if place == "nowhere":
        path = path / "records.db"
    with pytest.raises(StoreError) as caught:
        SQLiteStore(path)
    assert str(path) in str(caught.value)


def test_a_sweep_is_bounded_and_takes_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    store = SQLiteStore(path)
    rows = "SELECT 'grant/' || value, 1, x'', value FROM (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < 150) SELECT value FROM n)"
    ask(path, f"INSERT INTO mcp_oauth_records {rows}")
    now = time.time_ns() // 1_000_000
    for number, left in enumerate((51, 2, 3)):
        save(store, f"flow/{number}", expires_at_ms=now + 60_000)
        assert ask(path, "SELECT count(*) FROM mcp_oauth_records") == [(left,)]


def test_what_is_removed_is_overwritten(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "records.db")
    save(store, "grant/a", b"SECRET" * 100)
    assert b"SECRET" in (tmp_path / "records.db").read_bytes()
    assert store.delete("grant/a", expected=1)
    assert b"SECRET" not in (tmp_path / "records.db").read_bytes()
