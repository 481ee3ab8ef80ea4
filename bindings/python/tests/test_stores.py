"""Does every store compare and swap, and close what it keeps to others?"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import pytest

from mcp_oauth_core import FileStore, KeyringStore, MemoryStore, StoreError, default_store, stores
from mcp_oauth_core.stores import Holding, Store, _keyring

KEY = "grant/one"


class Keys(keyring.backend.KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise RuntimeError("locked; was asked for SECRET")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def keys() -> Iterator[Keys]:
    before, backend = keyring.get_keyring(), Keys()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture(params=["memory", "file", "keyring", "keyring in parts"])
def store(request: pytest.FixtureRequest, tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        return FileStore(tmp_path / "store")
    if request.param == "keyring in parts":
        monkeypatch.setattr(_keyring, "_LONGEST_ENTRY", 10)
    return KeyringStore(tmp_path / "store")


def test_it_keeps_what_it_is_given_and_swaps_only_what_is_expected(store: Store) -> None:
    def save(record: bytes, expected: int | None, generation: int) -> bool:
        return store.save(KEY, record, expected=expected, generation=generation, expires_at_ms=None)

    assert store.load(KEY) is None
    assert not store.delete(KEY, expected=1)
    assert not save(b"{}", 3, 4)
    assert save(b'{"first":"\xc3\xa9"}', None, 1)
    assert not save(b"{}", None, 1)
    assert not save(b"{}", 2, 3)
    assert store.load(KEY) == b'{"first":"\xc3\xa9"}'
    assert save(b'{"second":"line\\n break\n and more"}', 1, 2)
    assert store.load(KEY) == b'{"second":"line\\n break\n and more"}'
    assert store.load("grant/two") is None
    assert not store.delete(KEY, expected=1)
    assert store.delete(KEY, expected=2)
    assert store.load(KEY) is None


def test_of_many_who_write_at_once_one_wins(store: Store) -> None:
    def write(number: int) -> bool:
        return store.save(KEY, b"%d" % number, expected=None, generation=1, expires_at_ms=None)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(24))) == 1


def test_who_holds_a_key_keeps_others_from_it(store: Store) -> None:
    assert isinstance(store, Holding)
    order: list[str] = []
    with store.hold(KEY):
        other = threading.Thread(target=lambda: hold_and_tell(store, order))
        other.start()
        time.sleep(0.1)
        order.append("first")
        with store.hold("grant/two"):
            pass
    other.join()
    assert order == ["first", "second"]


def hold_and_tell(store: Holding, order: list[str]) -> None:
    with store.hold(KEY):
        order.append("second")


def test_abandoned_sign_ins_are_swept_up(tmp_path: Path, keys: Keys) -> None:
    store = FileStore(tmp_path)
    now = time.time_ns() // 1_000_000
    for name, expires_at_ms in [("old", now - 3_700_000), ("late", now - 60_000), ("new", now + 60_000)]:
        store.save(f"flow/{name}", b"{}", expected=None, generation=1, expires_at_ms=expires_at_ms)
    assert store.load("flow/old") is None
    assert store.load("flow/late") == store.load("flow/new") == b"{}"


def test_files_are_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o755)
    store = FileStore(folder)
    store.save(KEY, b"{}", expected=None, generation=1, expires_at_ms=None)
    with store.hold(KEY):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(folder)}
    assert set(modes.values()) == {0o600}
    assert set(modes) == {".lock", ".hold-grant-one", "grant-one"}


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


def test_processes_take_turns(tmp_path: Path) -> None:
    FileStore(tmp_path).save(KEY, b"0", expected=None, generation=0, expires_at_ms=None)
    add = f"""
from mcp_oauth_core import FileStore
store = FileStore({str(tmp_path)!r})
for _ in range(25):
    while True:
        count = int(store.load({KEY!r}))
        if store.save({KEY!r}, b"%d" % (count + 1), expected=count, generation=count + 1, expires_at_ms=None):
            break
"""
    processes = [subprocess.Popen([sys.executable, "-c", add]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert FileStore(tmp_path).load(KEY) == b"75"


def test_a_process_that_dies_holds_nothing(tmp_path: Path) -> None:
    die = f"""
import os
from mcp_oauth_core import FileStore
FileStore({str(tmp_path)!r}).hold({KEY!r}).__enter__()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", die], check=True)
    with contextlib.ExitStack() as held:
        start = time.monotonic()
        held.enter_context(FileStore(tmp_path).hold(KEY))
        assert time.monotonic() - start < 5


def test_a_keyring_that_fails_is_not_quoted(tmp_path: Path, keys: Keys) -> None:
    store = KeyringStore(tmp_path)
    keys.broken = True
    with pytest.raises(StoreError) as caught:
        store.load(KEY)
    assert "RuntimeError" in str(caught.value)
    assert "SECRET" not in f"{caught.value!r}"


def test_parts_of_a_record_that_are_replaced_leave_nothing_behind(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_keyring, "_LONGEST_ENTRY", 10)
    store = KeyringStore(tmp_path)
    for generation in range(3):
        expected = generation - 1 if generation else None
        assert store.save(KEY, b"x" * 100, expected=expected, generation=generation, expires_at_ms=None)
    assert len(keys.entries) == 1 + len(range(0, len(b"mcp-oauth-record 1 2 -\n" + b"x" * 100), 10))
    assert store.delete(KEY, expected=2)
    assert keys.entries == {}


def test_the_default_is_the_keyring_and_else_files(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_OAUTH_HOME", str(tmp_path))
    assert isinstance(default_store(), KeyringStore)
    keyring.set_keyring(keyring.backends.fail.Keyring())
    assert isinstance(default_store(), FileStore)
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert isinstance(default_store(), FileStore)
    assert sorted(os.listdir(tmp_path)) == ["credentials", "keyring"]


def test_it_lies_where_a_programs_state_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCP_OAUTH_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert stores.home() == Path("/home/somebody/.local/state/mcp-oauth")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert stores.home() == Path("/state/mcp-oauth")
