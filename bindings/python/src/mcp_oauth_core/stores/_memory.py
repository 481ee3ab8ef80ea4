"""How are credentials kept for the life of a process only?"""

from __future__ import annotations

import heapq
import threading
import time

from ._record import ABANDONED_MS, Record

# What one write sweeps up at most, so that none takes long.
_SWEPT_AT_ONCE = 100


class MemoryStore:
    """Keeps everything in memory and forgets it with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        # When which generation may go, the first one first.
        self._ends: list[tuple[int, str, int]] = []

    def load(self, key: str) -> Record | None:
        with self._lock:
            return self._records.get(key)

    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None) -> bool:
        with self._lock:
            if self._generation(key) != expected:
                return False
            self._records[key] = Record(generation, bytes(body))
            if expires_at_ms is not None:
                heapq.heappush(self._ends, (expires_at_ms, key, generation))
            self._sweep_abandoned()
            return True

    def delete(self, key: str, *, expected: int) -> bool:
        with self._lock:
            if self._generation(key) != expected:
                return False
            del self._records[key]
            return True

    def _generation(self, key: str) -> int | None:
        held = self._records.get(key)
        return None if held is None else held.generation

    def _sweep_abandoned(self) -> None:
        before = time.time_ns() // 1_000_000 - ABANDONED_MS
        for _ in range(_SWEPT_AT_ONCE):
            if not self._ends or self._ends[0][0] > before:
                return
            _, key, generation = heapq.heappop(self._ends)
            if self._generation(key) == generation:
                del self._records[key]

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._records)} records)"
