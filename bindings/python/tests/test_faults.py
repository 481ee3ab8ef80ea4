"""Does the suite of the contract find what is wrong with a store?"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_core import FileStore, MemoryStore
from mcp_oauth_core.stores import Record, Store
from mcp_oauth_core.stores.contract import SharedStoreContract, StoreContract


class IgnoresGenerations(MemoryStore):
    def save(self, key: str, body: bytes, *, expected: int | None, **rest: Any) -> bool:
        held = self.load(key)
        return super().save(key, body, expected=None if held is None else held.generation, **rest)


class MakesWhatIsExpected(MemoryStore):
    def save(self, key: str, body: bytes, *, expected: int | None, **rest: Any) -> bool:
        return super().save(key, body, expected=expected if self.load(key) else None, **rest)


class DeletesAnyGeneration(MemoryStore):
    def delete(self, key: str, *, expected: int) -> bool:
        held = self.load(key)
        return held is not None and super().delete(key, expected=held.generation)


class DeletesNothingGladly(MemoryStore):
    def delete(self, key: str, *, expected: int) -> bool:
        return self.load(key) is None or super().delete(key, expected=expected)


class CountsInFloats(MemoryStore):
    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, **rest: Any) -> bool:
        floating = None if expected is None else int(float(expected))
        return super().save(key, body, expected=floating, generation=int(float(generation)), **rest)


class KeepsText(MemoryStore):
    def save(self, key: str, body: bytes, **rest: Any) -> bool:
        return super().save(key, body.decode(errors="replace").encode(), **rest)


class EndsAtAZero(MemoryStore):
    def save(self, key: str, body: bytes, **rest: Any) -> bool:
        return super().save(key, body.partition(b"\0")[0], **rest)


class ForgetsEmptyRecords(MemoryStore):
    def load(self, key: str) -> Record | None:
        held = super().load(key)
        return held if held is not None and held.body else None


class KeepsSmallRecords(MemoryStore):
    def save(self, key: str, body: bytes, **rest: Any) -> bool:
        return super().save(key, body[:65536], **rest)


class KnowsOneFolder(MemoryStore):
    def save(self, key: str, body: bytes, **rest: Any) -> bool:
        return super().save(key.partition("/")[2], body, **rest)

    def load(self, key: str) -> Record | None:
        return super().load(key.partition("/")[2])

    def delete(self, key: str, *, expected: int) -> bool:
        return super().delete(key.partition("/")[2], expected=expected)


class DropsEarly(MemoryStore):
    def save(self, key: str, body: bytes, *, expires_at_ms: int | None, **rest: Any) -> bool:
        early = None if expires_at_ms is None else expires_at_ms - 10_000_000
        return super().save(key, body, expires_at_ms=early, **rest)


class LooksBeforeItLeaps(MemoryStore):
    def save(self, key: str, body: bytes, *, expected: int | None, **rest: Any) -> bool:
        held = self.load(key)
        now = None if held is None else held.generation
        if now != expected:
            return False
        time.sleep(0.01)
        held = self.load(key)
        return super().save(key, body, expected=None if held is None else held.generation, **rest)


class ShowsRecords(MemoryStore):
    def __repr__(self) -> str:
        return f"ShowsRecords({[record.body for record in self._records.values()]})"


@pytest.mark.parametrize(
    ("store", "test"),
    [
        (IgnoresGenerations, "only_the_expected_generation_is_replaced"),
        (MakesWhatIsExpected, "nothing_is_there_at_first"),
        (DeletesAnyGeneration, "only_the_expected_generation_is_replaced"),
        (DeletesNothingGladly, "nothing_is_there_at_first"),
        (CountsInFloats, "generations_are_compared_to_the_last_digit"),
        (KeepsText, "bytes_of_any_kind_come_back"),
        (EndsAtAZero, "bytes_of_any_kind_come_back"),
        (ForgetsEmptyRecords, "bytes_of_any_kind_come_back"),
        (KeepsSmallRecords, "bytes_of_any_kind_come_back"),
        (KnowsOneFolder, "keys_do_not_touch_each_other"),
        (DropsEarly, "nothing_goes_before_it_has_expired"),
        (LooksBeforeItLeaps, "of_writers_that_race_one_wins"),
        (ShowsRecords, "no_record_is_shown"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, store: type[MemoryStore], test: str) -> None:
    class Faulty(StoreContract):
        @staticmethod
        def open(folder: Path) -> Store:
            return store()

    with pytest.raises(AssertionError):
        getattr(Faulty(), f"test_{test}")(tmp_path)


class Forgetful(SharedStoreContract):
    """Keeps nothing for the next one who opens it, and takes a database that is gone for one without records."""

    @staticmethod
    def open(folder: Path) -> Store:
        return MemoryStore()

    @staticmethod
    def open_broken(folder: Path) -> Store:
        return MemoryStore()


class Unlocked(FileStore):
    """Reads and writes with nobody kept from it meanwhile, once another process is there to do the same."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._meeting = folder.parent

    def save(self, key: str, body: bytes, *, expected: int | None, **rest: Any) -> bool:
        (self._meeting / f"here-{os.getpid()}").touch()
        patience = time.monotonic() + 20
        while len(list(self._meeting.glob("here-*"))) < 2 and time.monotonic() < patience:
            time.sleep(0.001)
        held = self.load(key)
        if (None if held is None else held.generation) != expected:
            return False
        time.sleep(0.005)
        held = self.load(key)
        return super().save(key, body, expected=None if held is None else held.generation, **rest)


class Racing(Forgetful):
    @staticmethod
    def open(folder: Path) -> Store:
        return Unlocked(folder / "store")


@pytest.mark.parametrize(
    ("faulty", "test"),
    [
        (Forgetful, "records_outlast_the_store"),
        (Forgetful, "what_was_acknowledged_outlasts_a_process_that_is_killed"),
        (Forgetful, "a_broken_store_raises"),
        (Racing, "no_counting_of_processes_that_race_is_lost"),
    ],
)
def test_a_fault_between_processes_is_found(tmp_path: Path, faulty: type[SharedStoreContract], test: str) -> None:
    with pytest.raises(AssertionError):
        getattr(faulty(), f"test_{test}")(tmp_path)
