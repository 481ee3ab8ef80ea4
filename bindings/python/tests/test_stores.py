"""What besides the contract do the stores of one machine hold to?"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest
from keys import Keys, keyring_store

from mcp_oauth_core import FileStore, KeyringStore, MemoryStore, StoreError, default_store, stores
from mcp_oauth_core.stores import Record, SQLiteStore, Store, _keyring

KEY = "grant/one"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@pytest.fixture(params=["memory", "file", "keyring", "sqlite"])
def sweeping(request: pytest.FixtureRequest, tmp_path: Path, keys: Keys) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        return FileStore(tmp_path / "store")
    if request.param == "keyring":
        return keyring_store(tmp_path / "store", keys)
    return SQLiteStore(tmp_path / "records.db")


def test_abandoned_sign_ins_are_swept_up(sweeping: Store) -> None:
    now = time.time_ns() // 1_000_000
    for name, expires_at_ms in [("old", now - 3_700_000), ("late", now - 60_000), ("new", now + 60_000)]:
        sweeping.save(f"flow/{name}", b"{}", expected=None, generation=1, expires_at_ms=expires_at_ms)
    assert sweeping.load("flow/old") is None
    assert sweeping.load("flow/late") == sweeping.load("flow/new") == Record(1, b"{}")


def test_what_was_renewed_is_not_swept_up(sweeping: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns() // 1_000_000

    def save(name: str, expected: int | None, generation: int, expires_at_ms: int | None) -> None:
        saved = sweeping.save(
            f"flow/{name}", b"{}", expected=expected, generation=generation, expires_at_ms=expires_at_ms
        )
        assert saved

    for name, renewed in [("longer", now + 9_000_000), ("for ever", None), ("shorter", now)]:
        save(name, None, 1, now + 60_000)
        save(name, 1, 2, renewed)
    monkeypatch.setattr(time, "time_ns", lambda: (now + 3_700_000) * 1_000_000)
    save("another", None, 1, now + 9_000_000)
    assert sweeping.load("flow/longer") == sweeping.load("flow/for ever") == Record(2, b"{}")
    assert sweeping.load("flow/shorter") is None


def test_files_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o755)
    store = FileStore(folder)
    store.save(KEY, b"{}", expected=None, generation=1, expires_at_ms=None)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(folder)}
    assert modes == {".lock": 0o600, "grant-one": 0o600}


def test_files_look_as_those_of_the_command_do(tmp_path: Path) -> None:
    FileStore(tmp_path).save("flow/a", b"{}", expected=None, generation=7, expires_at_ms=9_000_000_000_000)
    assert (tmp_path / "flow-a").read_bytes() == b"mcp-oauth-record 1 7 9000000000000\n{}"


@pytest.mark.parametrize(
    "kept", [b"", b"{}", b"mcp-oauth-record 1\n{}", b"mcp-oauth-record 1 x -\n{}", b"mcp-oauth-record 9 1 -\n"]
)
def test_a_damaged_file_is_no_reason_to_overwrite_it(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "grant-one").write_bytes(kept)
    store = FileStore(tmp_path)
    attempts: list[Callable[[], object]] = [
        lambda: store.load(KEY),
        lambda: store.save(KEY, b"new", expected=None, generation=1, expires_at_ms=None),
        lambda: store.delete(KEY, expected=1),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError):
            attempt()
    assert (tmp_path / "grant-one").read_bytes() == kept


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as caught:
        FileStore(tmp_path / "file" / "store")
    assert str(tmp_path) in str(caught.value)


def test_a_keyring_that_fails_is_not_quoted(tmp_path: Path, keys: Keys) -> None:
    store = keyring_store(tmp_path / "list", keys)
    keys.broken = True
    with pytest.raises(StoreError) as caught:
        store.load(KEY)
    assert "RuntimeError" in str(caught.value)
    assert "SECRET" not in f"{caught.value!r}"


def test_an_entry_that_is_no_record_is_no_reason_to_overwrite_it(tmp_path: Path, keys: Keys) -> None:
    store = keyring_store(tmp_path / "list", keys)
    for entry in ("", "text", "base64 =", "base64 eA=="):
        keys.set_password("mcp-oauth", "grant-one", entry)
        with pytest.raises(StoreError):
            store.save(KEY, b"new", expected=None, generation=1, expires_at_ms=None)
        assert keys.get_password("mcp-oauth", "grant-one") == entry


def test_parts_of_a_record_that_are_replaced_leave_nothing_behind(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_keyring, "_LONGEST_ENTRY", 10)
    store = keyring_store(tmp_path / "list", keys)
    for generation in range(3):
        expected = generation - 1 if generation else None
        assert store.save(KEY, b"x" * 100, expected=expected, generation=generation, expires_at_ms=None)
    assert len(keys.entries()) == 1 + len(range(0, len(b"mcp-oauth-record 1 2 -\n" + b"x" * 100), 10))
    assert store.delete(KEY, expected=2)
    assert keys.entries() == []


def test_the_default_is_the_keyring_and_else_files(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_OAUTH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(keyring, "get_keyring", lambda: keys)
    assert isinstance(default_store(), KeyringStore)
    monkeypatch.setattr(keyring, "get_keyring", keyring.backends.fail.Keyring)
    assert isinstance(default_store(), FileStore)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert isinstance(default_store(), FileStore)
    assert sorted(os.listdir(tmp_path / "home")) == ["credentials", "keyring"]


def test_it_lies_where_a_programs_state_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCP_OAUTH_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert stores.home() == Path("/home/somebody/.local/state/mcp-oauth")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert stores.home() == Path("/state/mcp-oauth")
