"""In which form does a record rest that only the holder of a key can read?

``0x01``, the key's id (the first 4 bytes of its SHA-256), a nonce of 12 bytes, then what AES-256-GCM makes of the record: its
ciphertext and a tag of 16 bytes. The name, a zero byte and the generation in decimals are associated data.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from ._place import StoreError

_VERSION = b"\x01"
_KEY = 32
_ID = slice(1, 5)
_NONCE = slice(5, 17)
_CIPHERTEXT = slice(17, None)


class AESGCMSealer:
    """Seals with AES-256-GCM. Needs the package ``cryptography`` (the extra ``sealed``).

    Nonces are random: a key is good for far less than 2^32 records (NIST SP 800-38D §8.3), each refresh making one. To rotate
    keys, first give the new one to every process behind the old one, then before it; drop the old one when no record is left
    that it sealed.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        """With keys of 32 random bytes each: the first one seals, all of them open.

        Raises ``ValueError`` for keys that will not do, and ``StoreError`` if the package cryptography is not installed.
        """
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise StoreError("records cannot be sealed: the package cryptography is not installed") from None
        if not keys or any(len(key) != _KEY for key in keys):
            raise ValueError(f"at least one key is needed, and each of them has {_KEY} bytes")
        self._ciphers = {hashlib.sha256(key).digest()[:4]: AESGCM(key) for key in keys}
        if len(self._ciphers) != len(keys):
            raise ValueError("two keys have the same id: use each key once, and another instead of one")
        self._first = next(iter(self._ciphers))

    def seal(self, name: str, generation: int, plain: bytes) -> bytes:
        nonce = os.urandom(12)
        sealed = self._ciphers[self._first].encrypt(nonce, plain, _associated(name, generation))
        return _VERSION + self._first + nonce + sealed

    def open(self, name: str, generation: int, sealed: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        if not sealed.startswith(_VERSION):
            raise StoreError(f"the record {name} is not sealed, or by a newer version")
        cipher = self._ciphers.get(sealed[_ID])
        if cipher is None:
            raise StoreError(f"the record {name} was sealed with a key that is not at hand")
        try:
            return cipher.decrypt(sealed[_NONCE], sealed[_CIPHERTEXT], _associated(name, generation))
        except (InvalidTag, ValueError):
            raise StoreError(f"the record {name} was changed, or sealed as another or an older one") from None

    def __repr__(self) -> str:
        return f"AESGCMSealer({len(self._ciphers)} keys)"


def _associated(name: str, generation: int) -> bytes:
    return f"{name}\0{generation}".encode()
