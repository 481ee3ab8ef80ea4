"""Who may drive the machine, and who waits?

One flow runs at a time, in a thread of its own; whoever needs one meanwhile waits for it, from a thread or a task. A flow once
begun goes on when those who wait for it are cancelled, so that no answer of a server is ever lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from ._errors import AuthorizationError, Closed, NeedsUser, NoPendingSignIn
from ._pending import pending_record
from ._run import Host, Run, is_rest, now_ms, tell
from ._signer import SigningError, SignRequest
from .machine import (
    GrantSummary,
    Machine,
    Next,
    Outcome,
    ProvidedTokens,
    RecordError,
    RequestHeaders,
    Step,
    describe_grant,
    dpop_proof,
)

T = TypeVar("T")
Event = Callable[[Machine, int], Step]


class Driver:
    """A machine, and the flow that it is in."""

    def __init__(self, host: Host, *, headless: bool) -> None:
        self._host = host
        self._headless = headless
        self._lock = threading.Lock()
        self._machine = host.machine()
        self.grant_key = host.config.grant_key(host.account)
        self._run: Run | None = None
        self._ended: Future[Next] | None = None
        self._closed = False

    def request_headers(self, method: str, url: str) -> RequestHeaders:
        """What a request should carry."""
        if self._closed:
            raise Closed
        return self._machine.request_headers(method, url, now_ms())

    def take_nonce(self, value: bytes) -> None:
        """A nonce that the MCP server wants in the proofs to come."""
        self._machine.take_nonce(value)

    def prove(self, request: SignRequest) -> str:
        """The proof for one request, signed."""
        signer = self._host.signer
        if signer is None:
            raise SigningError("the token is bound to a key, and there is no signer")
        try:
            return dpop_proof(request.algorithm, request.input.decode(), signer.sign(request))
        except Exception as error:
            raise SigningError("the proof that a request needs could not be signed") from error

    def tell(self, event: Event) -> tuple[Outcome | None, Future[Next] | None]:
        """Tells the machine an event, and begins the flow that it leads to: what became of the event, and when the flow ends.
        While another flow is under way nothing is told, and it is that flow's end to wait for."""
        with self._lock:
            if self._closed:
                raise Closed
            if self._ended is not None:
                return None, self._ended
            if isinstance(state := self._machine.next(), Next.OPEN_URL):
                # Left pending; perhaps it has ended since.
                return None, self._begin(self._machine, state)
            step = tell(self._machine, event(self._machine, now_ms()))
            if step.outcome is Outcome.ADVANCED and isinstance(step.next, Next.FAILED):
                # At once: what failed before would fail again.
                raise AuthorizationError(step.next.failure)
            if is_rest(step.next):
                return step.outcome, None
            return step.outcome, self._begin(self._machine, step.next)

    def read_grant(self) -> Future[Next] | None:
        """When whatever is outstanding is done, if anything is: before the first request, the reading of the grant."""
        with self._lock:
            if self._closed:
                raise Closed
            if self._ended is not None:
                return self._ended
            state = self._machine.next()
            return None if is_rest(state) else self._begin(self._machine, state)

    def turn_away(self) -> None:
        """Gives up waiting for a sign-in that was left pending: what is to be done now cannot wait for a person. Whoever gets
        its callback finds it in the store."""
        with self._lock:
            if self._ended is None and isinstance(self._machine.next(), Next.OPEN_URL):
                self._machine = self._host.machine()

    def sign_out(self, forget_client: bool) -> tuple[bool, Future[Next] | None]:
        """Acts at once, in whatever phase the machine is: whether it was told, and what to wait for. Not while a sign-in in
        two parts is under way."""
        with self._lock:
            if self._closed:
                raise Closed
            if self._ended is not None and self._run is None:
                return False, self._ended
            step = tell(self._machine, self._machine.sign_out(forget_client, now_ms()))
            if self._run is not None:
                self._run.interrupt()
                return True, self._ended
            return True, None if is_rest(step.next) else self._begin(self._machine, step.next)

    def cancel(self) -> None:
        """Ends the flow under way, as far as that loses nothing."""
        with self._lock:
            if (run := self._run) is None:
                return
            step = tell(run.machine, run.machine.cancel(now_ms()))
            if not isinstance(step.next, Next.FAILED):
                run.interrupt()
            elif self._ended is not None:
                # The thread may be waiting for a server, and nobody has to wait for the thread.
                run.abandon()
                self._end(self._ended, AuthorizationError(step.next.failure))

    def close(self) -> None:
        """Ends what is under way; from now on everything raises ``Closed``."""
        self.cancel()
        self._closed = True

    def begin(self) -> Future[str | None]:
        """Signs in as far as the page that a person must see."""

        def work() -> str | None:
            machine = self._host.machine()
            step = tell(machine, machine.connect(now_ms()))
            try:
                Run(self._host, machine, headless=True).until_rest(step.next)
            except NeedsUser as needed:
                return needed.url
            self._machine = machine
            return None

        return self._alone(work)

    def finish(self, callback: str) -> Future[None]:
        """Signs in from the callback on."""

        def work() -> None:
            record = pending_record(self._host.store, callback)
            try:
                machine = Machine.resume(self._host.config, self._host.account, record)
            except RecordError as error:
                raise NoPendingSignIn from error
            step = tell(machine, _callback(machine, callback))
            if step.outcome is not Outcome.ADVANCED:
                raise NoPendingSignIn
            Run(self._host, machine, headless=True).until_rest(step.next)
            self._machine = machine

        return self._alone(work)

    def status(self) -> Future[GrantSummary | None]:
        """Reads what is stored."""

        def work() -> GrantSummary | None:
            held = self._host.store.load(self.grant_key)
            summary = None if held is None else describe_grant(held.body)
            # What was signed out of, with all that there was, is an empty record.
            return summary if summary is not None and summary.issuers else None

        return _in_thread(work)

    def provide(self, tokens: ProvidedTokens) -> Future[None]:
        """Ends the flow under way, and keeps tokens that came from elsewhere."""

        def work() -> None:
            if isinstance(self._machine.next(), Next.OPEN_URL):
                self._machine = self._host.machine()
            machine = self._machine
            run = Run(self._host, machine, headless=True)
            # What cannot be read is no reason not to write.
            with suppress(AuthorizationError):
                run.until_rest(machine.next())
            step = tell(machine, machine.tokens_provided(tokens, now_ms()))
            Run(self._host, machine, headless=True).until_rest(step.next)

        return self._alone(work, ending_others=True)

    def store_changed(self) -> Future[None]:
        """Tells the machine what the store holds now, in whatever phase it is."""

        def work() -> None:
            if self._closed:
                raise Closed
            held = self._host.store.load(self.grant_key)
            with self._lock:
                if self._closed:
                    raise Closed
                machine = self._machine if self._run is None else self._run.machine
                record = None if held is None else held.body
                step = tell(machine, machine.store_changed(record, now_ms()))
                if step.outcome is not Outcome.ADVANCED:
                    return
                if self._run is not None:
                    self._run.interrupt()
                    return
                # A sign-in that was left pending is not needed any more, say.
                ended = None if is_rest(step.next) else self._begin(machine, step.next)
            if ended is not None:
                ended.result()
            if isinstance(step.next, Next.FAILED):
                raise AuthorizationError(step.next.failure)

        return _in_thread(work)

    def _alone(self, work: Callable[[], T], *, ending_others: bool = False) -> Future[T]:
        """Works while no flow is under way, and keeps others from beginning one meanwhile."""

        def waiting() -> T:
            while True:
                if ending_others:
                    self.cancel()
                with self._lock:
                    if self._closed:
                        raise Closed
                    other = self._ended
                    if other is None:
                        ended = self._ended = Future()
                        break
                with suppress(Exception):
                    other.result()
            try:
                return work()
            finally:
                with self._lock:
                    self._end(ended, self._machine.next())

        return _in_thread(waiting)

    def _begin(self, machine: Machine, state: Next) -> Future[Next]:
        """Needs the lock."""
        run = Run(self._host, machine, headless=self._headless)
        ended: Future[Next] = Future()
        self._run, self._ended = run, ended

        def work() -> None:
            action = state
            # One that was left pending, and shall not be in the way of another when it has ended.
            left = isinstance(state, Next.OPEN_URL)
            if isinstance(state, Next.OPEN_URL) and run.waits_in_vain(state):
                with self._lock:
                    if isinstance(machine.next(), Next.OPEN_URL):
                        self._machine = self._host.machine()
                        self._end(ended, self._machine.next())
                        return
            while True:
                result: Next | BaseException
                try:
                    result = run.until_rest(run.revisit() if left else action)
                except BaseException as error:
                    result = error
                with self._lock:
                    action = machine.next()
                    # The sign-in goes on wherever its callback arrives, and this machine waits for what comes of it.
                    pending = isinstance(result, NeedsUser) and isinstance(action, Next.OPEN_URL)
                    told = isinstance(result, Next | AuthorizationError) and not (pending or is_rest(action))
                    if told and self._run is run:
                        left = False
                        continue  # It was told to sign out in the last moment.
                    if left and isinstance(result, AuthorizationError) and result.code == "expired":
                        result = action
                    self._end(ended, result)
                    return

        try:
            threading.Thread(target=work, name="mcp-oauth-flow", daemon=True).start()
        except RuntimeError as error:
            # Too many threads, or the interpreter is shutting down.
            self._end(ended, error)
        return ended

    def _end(self, ended: Future[Next], result: Next | BaseException) -> None:
        """Needs the lock."""
        if self._ended is ended:
            self._run = self._ended = None
        with suppress(InvalidStateError):
            if isinstance(result, BaseException):
                ended.set_exception(result)
            else:
                ended.set_result(result)


def _callback(machine: Machine, callback: str) -> Step:
    if callback.startswith("?"):
        return machine.callback(callback[1:].partition("#")[0], now_ms())
    return machine.callback_url(callback, now_ms())


def _in_thread(work: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="mcp-oauth", daemon=True).start()
    return future


def settled(future: Future[T]) -> T:
    """Waits, in a thread, and hands on what came."""
    try:
        return future.result()
    except AuthorizationError as error:
        again = error.again()
        raise again from again.__cause__


async def settled_async(future: Future[T]) -> T:
    """Waits, in a task of asyncio or trio, and hands on what came. Cancelling the task leaves the flow alone."""
    if not future.done():
        arrived = anyio.Event()
        loop: Any = anyio.lowlevel.current_token().native_token
        schedule = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon

        def arrive(_: Future[T]) -> None:
            # A loop that has ended has nobody waiting.
            with suppress(RuntimeError):
                schedule(arrived.set)

        future.add_done_callback(arrive)
        await arrived.wait()
    return settled(future)
