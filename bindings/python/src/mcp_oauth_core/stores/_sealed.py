"""How does a store keep records that it cannot read?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ._place import StoreError
from ._record import Record

if TYPE_CHECKING:
    from . import Store


class Sealer(Protocol):
    """Authenticated encryption of records. ``AESGCMSealer`` is one; another may ask a key service.

    Name and generation are associated data: not secret, and what was sealed under another name or generation does not open.
    Called from the threads that a store is called from.
    """

    def seal(self, name: str, generation: int, plain: bytes) -> bytes:
        """The record in its sealed form."""
        ...

    def open(self, name: str, generation: int, sealed: bytes) -> bytes:
        """The record again. Raises if it was not sealed like this."""
        ...


class SealedStore:
    """Another store, which learns no more of the records than their names, generations and ends, and can change none without
    being found out. It can still lose a record, or bring back an older one as a whole.

    A record that does not open is a ``StoreError``, and so are those that were kept before they were sealed.
    """

    def __init__(self, inner: Store, sealer: Sealer) -> None:
        self._inner = inner
        self._sealer = sealer

    def load(self, key: str) -> Record | None:
        held = self._inner.load(key)
        if held is None:
            return None
        try:
            return Record(held.generation, self._sealer.open(key, held.generation, held.body))
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(f"the record {key} could not be opened: {type(error).__name__}") from None

    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None) -> bool:
        try:
            sealed = self._sealer.seal(key, generation, body)
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(f"the record {key} could not be sealed: {type(error).__name__}") from None
        return self._inner.save(key, sealed, expected=expected, generation=generation, expires_at_ms=expires_at_ms)

    def delete(self, key: str, *, expected: int) -> bool:
        return self._inner.delete(key, expected=expected)

    def close(self) -> None:
        """Closes the other store, where that is of any use."""
        close: Callable[[], None] | None = getattr(self._inner, "close", None)
        if close is not None:
            close()

    def __repr__(self) -> str:
        return f"SealedStore({self._inner!r})"
