"""How are credentials kept for the life of a process only?"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import AbstractContextManager


class MemoryStore:
    """Keeps everything in memory and forgets it with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, tuple[int, bytes]] = {}
        self._held: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def load(self, key: str) -> bytes | None:
        with self._lock:
            found = self._records.get(key)
        return None if found is None else found[1]

    def save(
        self, key: str, record: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None
    ) -> bool:
        return self._swap(key, expected, (generation, record))

    def delete(self, key: str, *, expected: int) -> bool:
        return self._swap(key, expected, None)

    def hold(self, key: str) -> AbstractContextManager[object]:
        with self._lock:
            return self._held[key]

    def _swap(self, key: str, expected: int | None, new: tuple[int, bytes] | None) -> bool:
        with self._lock:
            found = self._records.get(key)
            if (None if found is None else found[0]) != expected:
                return False
            if new is None:
                del self._records[key]
                self._held.pop(key, None)
            else:
                self._records[key] = new
            return True

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._records)} records)"
