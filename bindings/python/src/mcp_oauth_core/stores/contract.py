"""Does a store keep the contract of ``Store``? Tests for pytest, which every store here passes, for one of your own::

    class TestOwnStore(SharedStoreContract):
        @staticmethod
        def open(folder: Path) -> Store:
            return OwnStore(folder / "records")

        @staticmethod
        def open_broken(folder: Path) -> Store:
            return OwnStore(folder / "missing" / "records")

``StoreContract`` is for a store whose records are gone with its process.

The names of the records are new each time, and some records stay behind: give them a database that may be thrown away.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import secrets
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._record import Record

if TYPE_CHECKING:
    from . import Store

__all__ = ["SharedStoreContract", "StoreContract"]

_MINUTE_MS = 60_000
_SECRET = "marked-secret"

_UNUSUAL = [
    b"",
    b"\0",
    b"\n",
    b" a\r\nb\r\n ",
    bytes(range(256)),
    b"\xff" * 5000,
    b"mcp-oauth-record 1 1 -\nx",
    b"parts 2 1",
    b"base64 eA==",
    b"'; DROP TABLE mcp_oauth_records; --",
]

# Told apart only where numbers have more than 53 bits.
_GREAT = [2**53 + 1, 2**63 - 2, 2**63 - 1]


class StoreContract:
    """What can be told of any store."""

    @staticmethod
    def open(folder: Path) -> Store:
        """The store under test: the same one for the same ``folder``, which a store that keeps nothing in files ignores. Where
        it has a method ``close``, that is called in the end."""
        raise NotImplementedError

    def test_nothing_is_there_at_first(self, tmp_path: Path) -> None:
        with _opened(self.open, tmp_path) as store:
            key = _key()
            _holds(store, key, None)
            _is(_save(store, key, 1, 2), False, "saving over a record that is not there")
            _is(store.delete(key, expected=1), False, "removing a record that is not there")
            _holds(store, key, None)

    def test_only_the_expected_generation_is_replaced(self, tmp_path: Path) -> None:
        with _opened(self.open, tmp_path) as store:
            key = _key()
            _is(_save(store, key, None, 1, b"one\ntwo"), True, "saving the first record")
            for expected in (None, 0, 2, 7):
                _is(_save(store, key, expected, 8), False, f"saving over generation {expected} instead of 1")
                _holds(store, key, Record(1, b"one\ntwo"))
            # Generations need not be neighbours.
            _is(_save(store, key, 1, 5, b"new"), True, "saving over the generation that is held")
            _holds(store, key, Record(5, b"new"))
            for expected in (0, 1, 6):
                _is(store.delete(key, expected=expected), False, f"removing generation {expected} instead of 5")
                _holds(store, key, Record(5, b"new"))
            _is(store.delete(key, expected=5), True, "removing the generation that is held")
            _holds(store, key, None)
            _is(store.delete(key, expected=5), False, "removing it again")
            _is(_save(store, key, None, 1, b"again"), True, "saving what was removed")
            _holds(store, key, Record(1, b"again"))

    def test_generations_are_compared_to_the_last_digit(self, tmp_path: Path) -> None:
        with _opened(self.open, tmp_path) as store:
            key, held = _key(), None
            for generation in _GREAT:
                _is(_save(store, key, held, generation), True, f"saving generation {generation}")
                _is(_save(store, key, generation - 1, 1), False, f"saving over {generation - 1}")
                _is(store.delete(key, expected=generation - 1), False, f"removing {generation - 1}")
                _holds(store, key, Record(generation, b"x"))
                held = generation

    def test_bytes_of_any_kind_come_back(self, tmp_path: Path) -> None:
        with _opened(self.open, tmp_path) as store:
            key, held = _key(), None
            for generation, body in enumerate([*_UNUSUAL, secrets.token_bytes(1 << 20), b"", b"x"], start=1):
                _is(_save(store, key, held, generation, body), True, "saving over a record")
                _holds(store, key, Record(generation, body))
                alone = _key("flow/")
                _is(_save(store, alone, None, 1, body), True, "saving a record")
                _holds(store, alone, Record(1, body))
                held = generation

    def test_keys_do_not_touch_each_other(self, tmp_path: Path) -> None:
        with _opened(self.open, tmp_path) as store:
            key = _key()
            kin = [key[:-1] + "_", key[:-1] + "-", key[:-1], key + "x", key.replace("grant/", "flow/")]
            keys = [key, *kin]
            for each in keys:
                _is(_save(store, each, None, 1, each.encode()), True, "saving under another key")
            for at, each in enumerate(keys):
                for other in keys[at:]:
                    _holds(store, other, Record(1, other.encode()))
                _is(store.delete(each, expected=1), True, "removing one of several")

    def test_nothing_goes_before_it_has_expired(self, tmp_path: Path) -> None:
        now = time.time_ns() // 1_000_000
        with _opened(self.open, tmp_path) as store:
            never, later, renewed, unended, old = _key(), _key("flow/"), _key("flow/"), _key("flow/"), _key("flow/")
            past = now - 120 * _MINUTE_MS
            _save(store, never, None, 1)
            for key, end in [(later, now + _MINUTE_MS), (renewed, now + _MINUTE_MS), (unended, now + _MINUTE_MS)]:
                _save(store, key, None, 1, expires_at_ms=end)
            # The last writing says when a record ends.
            _save(store, renewed, 1, 2, expires_at_ms=now + 120 * _MINUTE_MS)
            _save(store, unended, 1, 2)
            _save(store, old, None, 1, expires_at_ms=past)
            _save(store, _key("flow/"), None, 1, expires_at_ms=now + _MINUTE_MS)
            for key, generation in [(never, 1), (later, 1), (renewed, 2), (unended, 2)]:
                _holds(store, key, Record(generation, b"x"))
            if store.load(old) not in (None, Record(1, b"x")):
                raise AssertionError("a record that has expired is neither there nor gone")

    def test_of_writers_that_race_one_wins(self, tmp_path: Path) -> None:
        writers, rounds = 8, 6
        with _opened(self.open, tmp_path) as store, ThreadPoolExecutor(writers) as pool:
            key, held = _key(), None
            for generation in range(1, rounds + 1):
                start = threading.Barrier(writers)

                def save(
                    writer: int, generation: int = generation, held: int | None = held, start: threading.Barrier = start
                ) -> bool:
                    start.wait()
                    return _save(store, key, held, generation, b"writer %d" % writer)

                won = list(pool.map(save, range(writers)))
                _is(won.count(True), 1, "how many of those who write at once have written")
                _holds(store, key, Record(generation, b"writer %d" % won.index(True)))
                held = generation
            removed = [pool.submit(store.delete, key, expected=rounds) for _ in range(writers)]
            _is([each.result() for each in removed].count(True), 1, "how many of those who remove at once have removed")

    def test_no_record_is_shown(self, tmp_path: Path) -> None:
        with _opened(self.open, tmp_path) as store:
            key = _key()
            _save(store, key, None, 1, _SECRET.encode())
            shown = f"{store} {store!r} {store.load(key)!r}"
            _is(_SECRET in shown, False, "showing a record")


class SharedStoreContract(StoreContract):
    """What can be told besides of a store that outlasts its process, and that several processes share."""

    @staticmethod
    def open_broken(folder: Path) -> Store:
        """A store that cannot reach what its records are kept in."""
        raise NotImplementedError

    def test_records_outlast_the_store(self, tmp_path: Path) -> None:
        key, removed = _key(), _key("flow/")
        with _opened(self.open, tmp_path) as store:
            _save(store, key, None, 1, b"kept")
            _save(store, removed, None, 1)
            store.delete(removed, expected=1)
        with _opened(self.open, tmp_path) as store, _opened(self.open, tmp_path) as other:
            _holds(store, key, Record(1, b"kept"))
            _holds(store, removed, None)
            _is(_save(store, key, None, 1), False, "saving anew what is there")
            # Nothing is remembered that another has changed.
            _is(_save(other, key, 1, 2, b"new"), True, "saving through another store")
            _holds(store, key, Record(2, b"new"))
            _is(store.delete(key, expected=1), False, "removing what another has replaced")

    def test_no_counting_of_processes_that_race_is_lost(self, tmp_path: Path) -> None:
        processes, times, key = 3, 20, _key()
        running = [_process(_count, self.open, tmp_path, key, times) for _ in range(processes)]
        for process in running:
            process.join()
        _is([process.exitcode for process in running], [0] * processes, "how the processes ended")
        with _opened(self.open, tmp_path) as store:
            _holds(store, key, Record(processes * times, b"%d" % (processes * times)))

    def test_what_was_acknowledged_outlasts_a_process_that_is_killed(self, tmp_path: Path) -> None:
        key = _key()
        for _ in range(3):
            told, telling = multiprocessing.get_context("spawn").Pipe(duplex=False)
            process = _process(_write, self.open, tmp_path, key, telling)
            telling.close()
            acknowledged = 0
            with contextlib.suppress(EOFError):
                for _ in range(8):
                    acknowledged = told.recv()
                process.kill()
                while True:
                    acknowledged = told.recv()
            process.join()
            with _opened(self.open, tmp_path) as store:
                held = store.load(key)
                if held is None or held.generation < acknowledged or not acknowledged:
                    raise AssertionError(f"generation {acknowledged} was acknowledged, and {held} is held")
                _holds(store, key, Record(held.generation, _lines(held.generation)))

    def test_a_broken_store_raises(self, tmp_path: Path) -> None:
        body = _SECRET.encode()
        with _opened(self.open_broken, tmp_path) as store:
            accesses: dict[str, Callable[[], object]] = {
                "loading": lambda: store.load(_key()),
                "saving": lambda: _save(store, _key(), None, 1, body),
                "saving over a record": lambda: _save(store, _key("flow/"), 1, 2, body, expires_at_ms=1),
                "removing": lambda: store.delete(_key(), expected=1),
            }
            for what, access in accesses.items():
                try:
                    answer = access()
                except Exception as error:
                    told = f"{error} {error!r} {error.__cause__!r}"
                    _is(_SECRET in told, False, f"telling a record when {what} fails")
                else:
                    raise AssertionError(f"{what} in a broken store answers {answer}")


@contextlib.contextmanager
def _opened(open: Callable[[Path], Store], folder: Path) -> Generator[Store, None, None]:
    store = open(folder)
    try:
        yield store
    finally:
        close = getattr(store, "close", None)
        if close is not None:
            close()


def _key(folder: str = "grant/") -> str:
    """A key as the machine makes them, that nobody has used."""
    return folder + secrets.token_urlsafe(32)


def _save(
    store: Store,
    key: str,
    expected: int | None,
    generation: int,
    body: bytes = b"x",
    expires_at_ms: int | None = None,
) -> bool:
    return store.save(key, body, expected=expected, generation=generation, expires_at_ms=expires_at_ms)


# Not `assert`, which an optimising interpreter leaves out.
def _is(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise AssertionError(f"{what}: {found}, not {wanted}")


def _holds(store: Store, key: str, wanted: Record | None) -> None:
    held = store.load(key)
    _is(held, wanted, f"what is held of {key}")
    if held is not None:
        _is(type(held.body), bytes, "the type of a record's body")


def _process(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    # Spawned: not every library that reaches a database outlasts a fork.
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    return process


def _count(open: Callable[[Path], Store], folder: Path, key: str, times: int) -> None:
    """Adds one to the number in a record, over and over."""
    with _opened(open, folder) as store:
        while times:
            held = store.load(key) or Record(0, b"0")
            body = b"%d" % (int(held.body) + 1)
            times -= _save(store, key, held.generation or None, held.generation + 1, body)


def _write(open: Callable[[Path], Store], folder: Path, key: str, telling: Any) -> None:
    """Writes one generation after another, and tells each that is acknowledged."""
    with _opened(open, folder) as store:
        held = store.load(key)
        expected = None if held is None else held.generation
        while True:
            generation = (expected or 0) + 1
            _is(_save(store, key, expected, generation, _lines(generation)), True, "saving alone")
            telling.send(generation)
            expected = generation


def _lines(generation: int) -> bytes:
    """A record of several pages, and of another length each time."""
    return b"generation %d\n" % generation * (1000 + generation % 7 * 500)
