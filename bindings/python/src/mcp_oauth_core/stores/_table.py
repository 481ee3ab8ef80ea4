"""How does a table of records compare and swap?"""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from typing import Any

from ._place import StoreError
from ._record import ABANDONED_MS, Record

# What every language of this library makes, so that all may share a database. `{blob}` is what the database calls bytes.
CREATE_TABLE = (
    "CREATE TABLE IF NOT EXISTS mcp_oauth_records"
    " (name text PRIMARY KEY, generation bigint NOT NULL, record {blob} NOT NULL, expires_at bigint)"
)
CREATE_INDEX = "CREATE INDEX IF NOT EXISTS mcp_oauth_records_expires_at ON mcp_oauth_records (expires_at)"

_LOAD = "SELECT generation, record FROM mcp_oauth_records WHERE name = ?"
_INSERT = (
    "INSERT INTO mcp_oauth_records (name, generation, record, expires_at) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (name) DO NOTHING"
)
_UPDATE = "UPDATE mcp_oauth_records SET generation = ?, record = ?, expires_at = ? WHERE name = ? AND generation = ?"
_DELETE = "DELETE FROM mcp_oauth_records WHERE name = ? AND generation = ?"
# The end is asked for twice, since a record that is found may be renewed before it is removed.
_SWEEP = (
    "DELETE FROM mcp_oauth_records WHERE expires_at <= ? AND name IN"
    " (SELECT name FROM mcp_oauth_records WHERE expires_at <= ? ORDER BY expires_at LIMIT 100{skip_locked})"
)


class Table(ABC):
    """The table ``mcp_oauth_records`` of a database under the contract of ``Store``. Each access is one statement, and so
    atomic and durable on its own."""

    #: What keeps two that sweep from waiting for each other.
    _skip_locked = ""

    @abstractmethod
    def _row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row that a statement finds; each value stands for a ``?``. Raises ``StoreError``."""

    @abstractmethod
    def _changed(self, statement: str, *values: Any) -> int:
        """How many rows a statement has changed, durably. Raises ``StoreError``."""

    def load(self, key: str) -> Record | None:
        row = self._row(_LOAD, key)
        return None if row is None else Record(row[0], bytes(row[1]))

    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None) -> bool:
        if expected is None:
            changed = self._changed(_INSERT, key, generation, body, expires_at_ms)
        else:
            changed = self._changed(_UPDATE, generation, body, expires_at_ms, key, expected)
        if changed and expires_at_ms is not None:
            # The record is written: what is left behind now goes at another time.
            with contextlib.suppress(StoreError):
                self._sweep_abandoned()
        return changed == 1

    def delete(self, key: str, *, expected: int) -> bool:
        return self._changed(_DELETE, key, expected) == 1

    def _sweep_abandoned(self) -> None:
        before = time.time_ns() // 1_000_000 - ABANDONED_MS
        self._changed(_SWEEP.format(skip_locked=self._skip_locked), before, before)
