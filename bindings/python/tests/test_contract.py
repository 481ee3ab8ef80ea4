"""Does every store that needs no server keep the contract?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from keys import Keys, keyring_store
from readme import snippets

from mcp_oauth_core.stores import (
    AESGCMSealer,
    FileStore,
    MemoryStore,
    SealedStore,
    SQLiteStore,
    Store,
    _keyring,
)
from mcp_oauth_core.stores.contract import SharedStoreContract, StoreContract

KEY = bytes(range(32))


class TestMemory(StoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return MemoryStore()


class TestFiles(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return FileStore(folder / "store")

    @staticmethod
    def open_broken(folder: Path) -> Store:
        store = FileStore(folder / "store")
        shutil.rmtree(folder)
        return store


class TestKeyring(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return keyring_store(folder / "store", Keys(folder / "keys"))

    @staticmethod
    def open_broken(folder: Path) -> Store:
        keys = Keys(folder / "keys")
        keys.broken = True
        return keyring_store(folder / "store", keys)


class TestKeyringInParts(TestKeyring):
    @pytest.fixture(autouse=True)
    def short_entries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_keyring, "_LONGEST_ENTRY", 10_000)

    @staticmethod
    def open(folder: Path) -> Store:
        # In the processes of the contract there is no fixture.
        _keyring._LONGEST_ENTRY = 10_000
        return TestKeyring.open(folder)


class TestSQLite(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return SQLiteStore(folder / "records.db")

    @staticmethod
    def open_broken(folder: Path) -> Store:
        store = SQLiteStore(folder / "records.db")
        shutil.rmtree(folder)
        return store


class TestTheOneThatTheReadmeShows(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        (snippet,) = [text for text in snippets("2") if "sqlite3" in text]
        scope: dict[str, Any] = {"__name__": "readme"}
        exec(snippet.replace("credentials.db", str(folder / "records.db")), scope)
        return scope["OwnStore"](str(folder / "records.db"))

    @staticmethod
    def open_broken(folder: Path) -> Store:
        store = TestTheOneThatTheReadmeShows.open(folder)
        shutil.rmtree(folder)
        return store


class TestSealed(SharedStoreContract):
    @staticmethod
    def open(folder: Path) -> Store:
        return SealedStore(TestSQLite.open(folder), AESGCMSealer([KEY]))

    @staticmethod
    def open_broken(folder: Path) -> Store:
        return SealedStore(TestSQLite.open_broken(folder), AESGCMSealer([KEY]))
