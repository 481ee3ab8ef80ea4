"""Which sign-in does a callback belong to?"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar
from urllib.parse import parse_qs, urlsplit

from ._errors import NoPendingSignIn, TooManySignIns
from ._run import now_ms
from .machine import FlowSummary, NoRoom, PendingSignIns, RecordError, describe_flow, flow_key_of_callback
from .stores import Store

T = TypeVar("T")

# How long a sign-in waits for its user where nothing else is set.
_PATIENCE_MS = 600_000


class Pending(Generic[T]):
    """The sign-ins that wait for a callback in this process, each found by the ``state`` of its page, once: for a listener
    that serves several, a handler of deep links, a gateway. What it answers to a callback that it does not know, to one that
    came before and to one that comes too late is the same: nothing. May be used from any thread."""

    def __init__(self, capacity: int) -> None:
        """For at most ``capacity`` sign-ins at once."""
        self._lock = threading.Lock()
        self._states = PendingSignIns(capacity)
        self._values: dict[int, T] = {}
        self._last = 0

    def add(self, page: str, value: T, *, expires_at_ms: int | None = None) -> None:
        """Remembers the sign-in of a page (``SignIn.url``, ``NeedsUser.url``, or what ``begin`` returned), and with it a value
        of yours: the ``OAuth`` that is to finish it, for instance. ``expires_at_ms`` is when the sign-in is given up, in
        milliseconds since the epoch; by default ten minutes from now.

        Raises ``TooManySignIns`` when none of those that wait has expired.
        """
        with self._lock:
            now = self._expire()
            end = now + _PATIENCE_MS if expires_at_ms is None else expires_at_ms
            try:
                before = self._states.insert(_state_of(page), end, self._last + 1, now)
            except NoRoom as full:
                raise TooManySignIns from full
            if before is not None:
                del self._values[before]
            self._last += 1
            self._values[self._last] = value

    def take(self, callback: str) -> T | None:
        """Takes the sign-in that a callback belongs to, by the whole URL or by what stands in it from the ``?`` on; the same
        callback finds nothing afterwards. Proves nothing but that its state is known: ``finish`` checks the whole callback."""
        with self._lock:
            return self._remove(self._states.take(_query_of(callback), self._expire()))

    def forget(self, page: str) -> T | None:
        """Forgets a sign-in that has ended otherwise."""
        with self._lock:
            return self._remove(self._states.forget(_state_of(page)))

    def __len__(self) -> int:
        with self._lock:
            self._expire()
            return self._states.count()

    def _remove(self, number: int | None) -> T | None:
        return None if number is None else self._values.pop(number)

    def _expire(self) -> int:
        """Drops what has expired by now. Needs the lock."""
        now = now_ms()
        while (number := self._states.take_expired(now)) is not None:
            del self._values[number]
        return now

    def __repr__(self) -> str:
        return f"Pending({len(self)} sign-ins)"


def find_sign_in(store: Store, callback: str) -> FlowSummary:
    """Whose sign-in a callback claims to belong to, by what is stored: which account at which server it was begun for, and so
    which ``OAuth`` is to finish it, in whatever process. ``callback`` is what ``finish`` takes. It proves nothing yet, and that
    it came from this account's user least of all: compare the account with a session of your own.

    Raises ``NoPendingSignIn`` where nobody waits for it.
    """
    body = pending_record(store, callback)
    try:
        return describe_flow(body)
    except RecordError as error:
        raise NoPendingSignIn from error


def pending_record(store: Store, callback: str) -> bytes:
    """The record of the sign-in that a callback claims to belong to."""
    key = flow_key_of_callback(_query_of(callback))
    held = None if key is None else store.load(key)
    if held is None:
        raise NoPendingSignIn
    return held.body


def _query_of(callback: str) -> str:
    return callback.partition("?")[2].partition("#")[0]


def _state_of(page: str) -> str:
    return parse_qs(urlsplit(page).query).get("state", [""])[0]
