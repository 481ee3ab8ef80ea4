"""How is each action of the machine carried out, until it rests?"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from ._assertion import AssertionPurpose, AssertionRequest, AssertionSource
from ._errors import AuthorizationError, NeedsUser
from ._http import Network, Unreachable
from ._listener import Listener, Place, reserve
from ._sign_in import DeviceCode, OpenUrl, ShowCode, SignIn
from ._signer import Signer, asked_by
from .machine import (
    AuthMethod,
    Cause,
    Config,
    Failure,
    Machine,
    Misuse,
    Next,
    Refusal,
    Step,
    flow_key_of_callback,
)
from .stores import Store

_log = logging.getLogger("mcp_oauth_core")

# A machine that slept for the night wakes up late: the clock is looked at this often.
_NAP_SECONDS = 20.0

# The least time between two looks, should the clock be set back: at a person, and at another process.
_TICK_SECONDS = 1.0
_WAIT_SECONDS = 0.01


@dataclass(frozen=True)
class ProvidedClient:
    """A client that is registered with an authorization server already."""

    client_id: str
    client_secret: str | None = None
    auth_method: AuthMethod | None = None

    def __repr__(self) -> str:
        return f"ProvidedClient({self.client_id!r})"


ClientSource = Callable[[str, str], ProvidedClient | None]
"""Has a client for an issuer, registered with a redirect URI; or none. Called from a thread of its own."""


@dataclass(frozen=True)
class Host:
    """All that a machine needs and cannot have by itself."""

    config: Config
    account: str
    store: Store
    network: Network
    open_url: OpenUrl
    #: None where no person is at hand.
    show_code: ShowCode | None
    client_source: ClientSource | None
    signer: Signer | None
    assertion_source: AssertionSource | None
    #: The port of the redirect URI belongs to the registration: another one will not do.
    keeps_port: bool

    def machine(self) -> Machine:
        """A machine that has not read its grant yet."""
        return Machine(self.config, self.account)


def now_ms() -> int:
    """The time as the machine takes it."""
    return time.time_ns() // 1_000_000


def is_rest(state: Next) -> bool:
    """Whether there is nothing to carry out."""
    return isinstance(state, Next.IDLE | Next.AUTHORIZED | Next.SIGNED_OUT | Next.FAILED)


def tell(machine: Machine, step: Step) -> Step:
    """Logs what an event led to: decisions and clauses, nothing secret."""
    if _log.isEnabledFor(logging.DEBUG):
        for entry in machine.take_trace():
            _log.debug(
                "%s [%s]", entry.text, entry.clause, extra={"decision": entry.name, "deviation": entry.deviation}
            )
    return step


class Run:
    """One flow of one machine. ``interrupt`` and ``abandon`` may come from any thread."""

    def __init__(self, host: Host, machine: Machine, *, headless: bool) -> None:
        self.machine = machine
        self._host = host
        self._headless = headless
        self._listener: Listener | None = None
        self._arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._abandoned = False
        # The code that the user has been shown.
        self._shown: str | None = None
        # What went wrong on our side, behind the failure of the flow.
        self._trouble: BaseException | None = None

    def interrupt(self) -> None:
        """Something was told to the machine meanwhile: look at what it wants now."""
        self._arrived.put(None)

    def abandon(self) -> None:
        """Somebody else goes on with the machine, if anybody."""
        self._abandoned = True
        self.interrupt()

    def until_rest(self, state: Next) -> Next:
        """Carries out actions until the machine rests; says where. Raises what the flow failed with."""
        try:
            while not (is_rest(state) or self._abandoned):
                if self._listener is not None and not self.machine.awaits_redirect():
                    # RFC 8252 §8.3: not a moment longer than it is needed.
                    self._close_listener()
                state = self._carry_out(state)
        finally:
            self._close_listener()
        if isinstance(state, Next.FAILED):
            raise AuthorizationError(state.failure) from self._trouble
        return state

    def waits_in_vain(self, page: Next.OPEN_URL) -> bool:
        """Whether another process has taken the callback of a sign-in that was left pending, whatever came of it."""
        # What cannot be read now is found when it is needed.
        with suppress(Exception):
            key = flow_key_of_callback(page.url.partition("?")[2])
            return key is not None and self._host.store.load(key) is None
        return False

    def revisit(self) -> Next:
        """Looks whether a sign-in that was left pending has ended otherwise: on the clock, or in the store, where another process
        may have signed in. Says what the machine wants now."""
        machine = self.machine
        state = tell(machine, machine.tick(now_ms())).next
        if isinstance(state, Next.OPEN_URL):
            with suppress(Exception):
                held = self._host.store.load(self._host.config.grant_key(self._host.account))
                if held is not None:
                    state = tell(machine, machine.store_changed(held.body, now_ms())).next
        return state

    def _carry_out(self, action: Next) -> Next:
        if isinstance(action, Next.OPEN_URL):
            return self._visit(action)
        if isinstance(action, Next.WAIT):
            return self._wait(action.id)
        if isinstance(action, Next.SHOW_CODE):
            return self._show_code(action)
        if isinstance(action, Next.HTTP):
            step = self._send(action)
        elif isinstance(action, Next.LOAD | Next.SAVE | Next.DELETE):
            step = self._keep(action)
        elif isinstance(action, Next.SIGN):
            step = self._sign(action)
        elif isinstance(action, Next.FETCH_ASSERTION):
            step = self._fetch_assertion(action)
        elif isinstance(action, Next.BIND_REDIRECT):
            step = self._bind(action)
        else:
            assert isinstance(action, Next.ASK_FOR_CLIENT)  # At all others the machine rests.
            step = self._ask_for_client(action)
        return tell(self.machine, step).next

    def _send(self, request: Next.HTTP) -> Step:
        try:
            reply = self._host.network.send(request)
        except Unreachable as unreachable:
            return self.machine.unreachable(request.id, unreachable.cause, now_ms())
        except Exception as error:
            # Whether it was sent cannot be known.
            self._trouble = error
            return self.machine.unreachable(request.id, Cause.INTERRUPTED, now_ms())
        return self.machine.reply(request.id, reply.status, reply.headers, reply.body, now_ms())

    def _keep(self, action: Next.LOAD | Next.SAVE | Next.DELETE) -> Step:
        machine, store = self.machine, self._host.store
        try:
            if isinstance(action, Next.LOAD):
                held = store.load(action.key)
                if held is None:
                    return machine.nothing_stored(action.id, now_ms())
                return machine.loaded(action.id, held.body, now_ms())
            if isinstance(action, Next.SAVE):
                done = store.save(
                    action.key,
                    action.record,
                    expected=action.expected,
                    generation=action.generation,
                    expires_at_ms=action.expires_at_ms,
                )
            else:
                done = store.delete(action.key, expected=action.expected)
        except Exception as error:
            self._trouble = error
            return machine.store_failed(action.id, now_ms())
        return machine.stored(action.id, now_ms()) if done else machine.store_conflict(action.id, now_ms())

    def _bind(self, action: Next.BIND_REDIRECT) -> Step:
        try:
            uri = reserve(action.preferred) if self._headless else self._listen(action.preferred)
            return self.machine.redirect_bound(action.id, uri, now_ms())
        except (OSError, Misuse) as error:
            return self._decline(action.id, error)

    def _listen(self, preferred: str) -> str:
        place = Place.read(preferred)
        if place is None:
            raise OSError("the redirect URI is not one that this machine can listen on: use begin() and finish()")
        try:
            self._listener = Listener(place, self._arrived.put)
        except OSError:
            if self._host.keeps_port or not place.port:
                raise
            self._listener = Listener(Place(place.host, 0, place.path_and_query), self._arrived.put)
        return self._listener.uri

    def _ask_for_client(self, action: Next.ASK_FOR_CLIENT) -> Step:
        source = self._host.client_source
        try:
            client = None if source is None else source(action.issuer, action.redirect_uri)
            if client is None:
                return self.machine.declined(action.id, Refusal.UNABLE, now_ms())
            return self.machine.client_provided(
                action.id, client.client_id, client.client_secret, client.auth_method, now_ms()
            )
        except Exception as error:
            return self._decline(action.id, error)

    def _sign(self, action: Next.SIGN) -> Step:
        if self._host.signer is None:
            return self.machine.declined(action.id, Refusal.UNABLE, now_ms())
        try:
            signature = self._host.signer.sign(asked_by(action))
            return self.machine.signed(action.id, signature, now_ms())
        except Exception as error:
            return self._decline(action.id, error)

    def _fetch_assertion(self, action: Next.FETCH_ASSERTION) -> Step:
        source = self._host.assertion_source
        purpose = cast(AssertionPurpose, action.purpose)
        request = AssertionRequest(purpose, action.issuer, action.audience, action.renew)
        try:
            assertion = None if source is None else source(request)
            if assertion is None:
                return self.machine.declined(action.id, Refusal.UNABLE, now_ms())
            return self.machine.assertion_provided(action.id, assertion.token, assertion.kind, now_ms())
        except Exception as error:
            return self._decline(action.id, error)

    def _show_code(self, action: Next.SHOW_CODE) -> Next:
        if action.user_code != self._shown:
            show = self._host.show_code
            if show is None:
                return tell(self.machine, self.machine.declined(action.id, Refusal.NEEDS_USER, now_ms())).next
            code = DeviceCode(
                user_code=action.user_code,
                verification_uri=action.verification_uri,
                verification_uri_complete=action.verification_uri_complete,
                issuer=action.issuer,
                scopes=frozenset(action.scopes.split()),
                expires_at_ms=action.expires_at_ms,
            )
            try:
                shown = show(code)
            except BaseException as error:
                return tell(self.machine, self._decline(action.id, error)).next
            if shown is False:
                return tell(self.machine, self.machine.declined(action.id, Refusal.UNABLE, now_ms())).next
            self._shown = action.user_code
        return self._wait(action.id)

    def _decline(self, id: int, trouble: BaseException) -> Step:
        self._trouble = trouble
        return self.machine.declined(id, Refusal.UNABLE, now_ms())

    def _visit(self, action: Next.OPEN_URL) -> Next:
        if self._headless:
            raise NeedsUser(self._failure_without_user(action.id), action.url)
        sign_in = SignIn(
            url=action.url,
            issuer=action.issuer,
            scopes=frozenset(action.scopes.split()),
            new_scopes=frozenset(action.new_scopes.split()),
            redirect_uri=action.redirect_uri,
            expires_at_ms=self.machine.deadline() or 0,
        )
        try:
            shown = self._host.open_url(sign_in)
        except BaseException as error:
            return tell(self.machine, self._decline(action.id, error)).next
        if shown is False:
            return tell(self.machine, self.machine.declined(action.id, Refusal.UNABLE, now_ms())).next
        return self._await_callback(action.id)

    def _await_callback(self, id: int) -> Next:
        machine = self.machine
        state: Next = machine.next()
        while isinstance(state, Next.OPEN_URL) and state.id == id and not self._abandoned:
            try:
                query = self._arrived.get(timeout=self._patience(_TICK_SECONDS))
            except queue.Empty:
                state = tell(machine, machine.tick(now_ms())).next
                continue
            # One that is ignored is none of this sign-in: another may follow.
            state = machine.next() if query is None else tell(machine, machine.callback(query, now_ms())).next
        return state

    def _wait(self, id: int) -> Next:
        """Lets another process refresh the tokens, or a person enter a code."""
        machine = self.machine
        state: Next = machine.next()
        while isinstance(state, Next.WAIT | Next.SHOW_CODE) and state.id == id and not self._abandoned:
            try:
                self._arrived.get(timeout=self._patience(_WAIT_SECONDS))
                state = machine.next()
            except queue.Empty:
                state = tell(machine, machine.tick(now_ms())).next
        return state

    def _patience(self, least: float) -> float:
        deadline = self.machine.deadline()
        left = _NAP_SECONDS if deadline is None else (deadline - now_ms()) / 1000
        return min(max(left, least), _NAP_SECONDS)

    def _failure_without_user(self, id: int) -> Failure:
        """What the flow would fail with if it ended here. It does not: the record of the pending sign-in stays, and whoever
        has the callback goes on from there."""
        twin = Machine.resume(self._host.config, self._host.account, self.machine.snapshot())
        state = twin.declined(id, Refusal.NEEDS_USER, now_ms()).next
        while isinstance(state, Next.DELETE):
            state = twin.stored(state.id, now_ms()).next
        assert isinstance(state, Next.FAILED)
        return state.failure

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
