"""Who can read a sealed record, and what opens as what?"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path

import pytest

from mcp_oauth_core.stores import AESGCMSealer, MemoryStore, PostgresStore, Record, RedisStore, SealedStore, StoreError

FROZEN = json.loads((Path(__file__).parents[3] / "tests" / "records" / "sealed-1.json").read_text())
OLD, NEW = b"o" * 32, b"n" * 32


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_records_are_sealed_as_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = AESGCMSealer([unpadded(FROZEN["key"])])
    name, generation, plain = FROZEN["name"], FROZEN["generation"], FROZEN["plain"].encode()
    assert sealer.open(name, generation, unpadded(FROZEN["sealed"])) == plain
    monkeypatch.setattr(os, "urandom", lambda size: bytes(range(size)))
    assert sealer.seal(name, generation, plain) == unpadded(FROZEN["sealed"])


def test_only_what_was_sealed_opens_and_only_as_what_it_was_sealed() -> None:
    sealer = AESGCMSealer([OLD])
    sealed = sealer.seal("grant/a", 1, b"SECRET")
    assert sealer.open("grant/a", 1, sealed) == b"SECRET"
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    short = [sealed[:length] for length in range(len(sealed))]
    others = [("grant/b", 1, sealed), ("grant/a", 2, sealed), ("grant/a\0", 1, sealed)]
    for name, generation, other in [*others, *(("grant/a", 1, each) for each in [*changed, *short, sealed + b"x"])]:
        with pytest.raises(StoreError) as caught:
            sealer.open(name, generation, other)
        assert "grant/" in str(caught.value) and "SECRET" not in str(caught.value)


def test_no_two_are_alike() -> None:
    sealer = AESGCMSealer([OLD])
    assert len({sealer.seal("grant/a", 1, b"x") for _ in range(100)}) == 100


def test_the_first_key_seals_and_all_open() -> None:
    old, both, new = AESGCMSealer([OLD]), AESGCMSealer([NEW, OLD]), AESGCMSealer([NEW])
    assert both.open("grant/a", 1, old.seal("grant/a", 1, b"x")) == b"x"
    assert new.open("grant/a", 1, both.seal("grant/a", 1, b"x")) == b"x"
    with pytest.raises(StoreError, match="not at hand"):
        new.open("grant/a", 1, old.seal("grant/a", 1, b"x"))


@pytest.mark.parametrize("keys", [[], [b"k" * 31], [b"k" * 33], [OLD, OLD]])
def test_keys_that_will_not_do(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="key"):
        AESGCMSealer(keys)


def test_the_store_below_learns_nothing() -> None:
    below = MemoryStore()
    store = SealedStore(below, AESGCMSealer([OLD]))
    assert store.save("grant/a", b"SECRET", expected=None, generation=1, expires_at_ms=None)
    kept = below.load("grant/a")
    assert kept is not None and kept.generation == 1 and b"SECRET" not in kept.body
    assert store.load("grant/a") == Record(1, b"SECRET")
    # What is moved is neither opened nor taken for no record.
    below.save("grant/b", kept.body, expected=None, generation=1, expires_at_ms=None)
    below.save("grant/a", kept.body, expected=1, generation=2, expires_at_ms=None)
    below.save("grant/c", b"plain", expected=None, generation=1, expires_at_ms=None)
    for key in ("grant/a", "grant/b", "grant/c"):
        with pytest.raises(StoreError):
            store.load(key)
    assert "nnn" not in repr(SealedStore(below, AESGCMSealer([NEW])))


def test_a_sealer_that_fails_is_not_quoted() -> None:
    class Failing:
        def seal(self, name: str, generation: int, plain: bytes) -> bytes:
            raise RuntimeError(f"cannot seal {plain!r}")

        def open(self, name: str, generation: int, sealed: bytes) -> bytes:
            raise RuntimeError(f"cannot open {sealed!r}")

    below = MemoryStore()
    store = SealedStore(below, Failing())
    with pytest.raises(StoreError) as caught:
        store.save("grant/a", b"SECRET", expected=None, generation=1, expires_at_ms=None)
    assert str(caught.value) == "the record grant/a could not be sealed: RuntimeError"
    below.save("grant/a", b"SECRET", expected=None, generation=1, expires_at_ms=None)
    with pytest.raises(StoreError) as caught:
        store.load("grant/a")
    assert str(caught.value) == "the record grant/a could not be opened: RuntimeError"


def test_what_is_not_installed_is_needed_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("cryptography.hazmat.primitives.ciphers.aead", "psycopg", "redis"):
        monkeypatch.setitem(sys.modules, package, None)
    for make in (lambda: AESGCMSealer([OLD]), lambda: PostgresStore(""), lambda: RedisStore("redis://127.0.0.1")):
        with pytest.raises(StoreError, match="is not installed"):
            make()
