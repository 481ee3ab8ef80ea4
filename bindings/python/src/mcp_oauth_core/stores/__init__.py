"""Where are credentials kept?

``default_store`` is right for a program of a person: the platform's keyring, or files where there is none. ``SQLiteStore`` suits
several processes on one machine, ``PostgresStore`` and ``RedisStore`` many machines. Anything with the methods of ``Store``
will do as well; ``mcp_oauth_core.stores.contract`` tests whether it keeps the contract.
"""

from __future__ import annotations

from typing import Protocol

from ._aes_gcm import AESGCMSealer
from ._file import FileStore
from ._keyring import KeyringStore
from ._memory import MemoryStore
from ._place import StoreError, default_store, home
from ._postgres import PostgresStore
from ._record import Record
from ._redis import RedisStore
from ._sealed import SealedStore, Sealer
from ._sqlite import SQLiteStore

__all__ = [
    "AESGCMSealer",
    "FileStore",
    "KeyringStore",
    "MemoryStore",
    "PostgresStore",
    "Record",
    "RedisStore",
    "SQLiteStore",
    "SealedStore",
    "Sealer",
    "Store",
    "StoreError",
    "default_store",
    "home",
]


class Store(Protocol):
    """A credential store. Every record is secret: it belongs into a keychain, an encrypted column or a file that only its
    owner can read.

    A write happens completely or not at all, is durable when the method returns, and happens only if the store holds exactly
    the generation that is expected (compare and swap); otherwise the method returns False and nothing has changed. What
    cannot be read or written raises, and says nothing of what is kept. Several processes may use one store at once.

    Called from threads of its own, one call at a time for each ``OAuth``: it may block, and several may use one store.
    """

    def load(self, key: str) -> Record | None:
        """What is held of this key, as it was saved; None if there is no record."""
        ...

    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None) -> bool:
        """Writes the record of this key, any bytes up to a megabyte, which then has the generation ``generation``, if the
        store holds the generation ``expected`` (None: no record). The store may drop the record after ``expires_at_ms``
        (milliseconds since the epoch)."""
        ...

    def delete(self, key: str, *, expected: int) -> bool:
        """Removes the record of this key if the store holds the generation ``expected``. No record is a conflict."""
        ...
