"""How does a store that can only read and write compare and swap, across threads and processes?"""

from __future__ import annotations

import time
from typing import Protocol

from ._directory import Directory
from ._envelope import Envelope
from ._record import ABANDONED_MS, Record


class Shelf(Protocol):
    """Where sealed records lie. Called with the folder locked."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, sealed: bytes) -> None: ...
    def remove(self, name: str) -> None: ...
    def names(self) -> list[str]: ...


class Swapping:
    """A shelf under the contract of ``Store``: each access holds the folder's lock from its read to its write."""

    def __init__(self, directory: Directory, shelf: Shelf) -> None:
        self._directory = directory
        self._shelf = shelf

    def load(self, key: str) -> Record | None:
        with self._directory.lock():
            envelope = self._open(_file_name(key))
        return None if envelope is None else Record(envelope.generation, envelope.record)

    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None) -> bool:
        name = _file_name(key)
        with self._directory.lock():
            if self._generation(name) != expected:
                return False
            self._shelf.put(name, Envelope(generation, expires_at_ms, body).seal())
            if name.startswith("flow-"):
                self._sweep_abandoned()
            return True

    def delete(self, key: str, *, expected: int) -> bool:
        name = _file_name(key)
        with self._directory.lock():
            if self._generation(name) != expected:
                return False
            self._shelf.remove(name)
            return True

    def _open(self, name: str) -> Envelope | None:
        sealed = self._shelf.get(name)
        return None if sealed is None else Envelope.open(sealed, name)

    def _generation(self, name: str) -> int | None:
        envelope = self._open(name)
        return None if envelope is None else envelope.generation

    def _sweep_abandoned(self) -> None:
        before = time.time_ns() // 1_000_000 - ABANDONED_MS
        for name in self._shelf.names():
            if not name.startswith("flow-") or (envelope := self._open(name)) is None:
                continue
            if envelope.expires_at_ms is not None and envelope.expires_at_ms <= before:
                self._shelf.remove(name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._directory.path)!r})"


def _file_name(key: str) -> str:
    return key.replace("/", "-")
