"""How does a program get its requests authorized?"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import anyio.to_thread
import httpx2

from ._assertion import AssertionSource
from ._driver import Driver, Event, settled, settled_async
from ._http import DirectNetwork
from ._listener import Place
from ._run import ClientSource, Host
from ._settings import SettingsOptions, checked
from ._sign_in import OpenUrl, ShowCode, open_browser, print_code
from ._signer import Signer, SignRequest, asked_by
from .machine import GrantSummary, Next, Outcome, ProvidedTokens, RequestHeaders
from .stores import Store, default_store

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

if TYPE_CHECKING:
    import httpx

    class _Auth(httpx.Auth, httpx2.Auth):  # pyright: ignore[reportIncompatibleMethodOverride]
        pass

else:
    try:
        import httpx
    except ImportError:
        _Auth = httpx2.Auth
    else:

        class _Auth(httpx.Auth, httpx2.Auth):
            """What both clients take for an authentication object."""


T = TypeVar("T")


@dataclass(frozen=True)
class _Waiting:
    """A flow that has to end before anything else is done."""

    ended: Future[Next]


Steps: TypeAlias = Generator[_Waiting, Next, T]
SigningSteps: TypeAlias = Generator[_Waiting | SignRequest, Any, T]


# How often one request is repeated after a refusal. The machine gives up earlier by itself; this is for a server and a
# machine that disagree for ever.
_MAX_REPEATS = 8


class OAuth(_Auth):
    """One account at one MCP server: an authentication object for ``httpx`` and ``httpx2``, sync and async, and so for the
    ``mcp`` SDK, wherever it takes one.

    Each request to the server carries the current token. Where the server answers 401 or 403, the user signs in, tokens are
    refreshed or more scopes are asked for, and the request is repeated. Requests to other servers are left alone.

    One flow runs at a time, in a thread of its own; requests that need it wait for it, from any thread or task. A flow goes on
    when those who wait are cancelled; ``cancel`` ends it. Decisions are logged, with their clauses and without secrets, by the
    logger ``mcp_oauth_core`` at level DEBUG.
    """

    def __init__(
        self,
        server_url: str,
        *,
        account: str = "",
        store: Store | None = None,
        headless: bool = False,
        open_url: OpenUrl = open_browser,
        client_source: ClientSource | None = None,
        show_code: ShowCode | None = None,
        signer: Signer | None = None,
        assertion_source: AssertionSource | None = None,
        **settings: Unpack[SettingsOptions],
    ) -> None:
        """Nothing is read or sent yet.

        ``server_url`` is the MCP server's URL, as the user gave it. ``account`` tells apart several accounts at one server.
        ``store`` is where credentials are kept (``stores.default_store()``). With ``headless`` a flow that needs a person
        raises ``NeedsUser``; otherwise ``open_url`` shows the page, and the redirect is received on this machine.
        ``client_source`` has clients for servers that register none themselves, if ``ask_for_client`` is set.
        ``show_code`` shows the code of a sign-in on another device; without one it is printed on stderr, or, with ``headless``,
        the sign-in declined. ``signer`` holds the private halves of ``client_key`` and ``dpop_keys``. ``assertion_source`` gets
        what says who the workload is, or the user, for the grants that begin with it.
        ``settings`` are those of ``machine.Settings``.

        Raises ``ConfigError`` for settings that cannot work.
        """
        config = checked(server_url, settings)
        place = Place.read(settings.get("redirect_uri", ""))
        host = Host(
            config=config,
            account=account,
            store=default_store() if store is None else store,
            network=DirectNetwork(),
            open_url=open_url,
            show_code=print_code if show_code is None and not headless else show_code,
            client_source=client_source,
            signer=signer,
            assertion_source=assertion_source,
            keeps_port=place is not None and place.port != 0,
        )
        self._driver = Driver(host, headless=headless)
        self._origin = _origin(httpx2.URL(server_url))
        self._server_url = server_url

    def sign_in(self) -> None:
        """Makes sure that there is a token: uses the stored one, refreshes it, or signs in."""
        self._wait(self._sign_in())

    async def asign_in(self) -> None:
        """``sign_in``, awaited."""
        await self._await(self._sign_in())

    def begin(self) -> str | None:
        """Begins a sign-in that ``finish`` finishes, perhaps in another process with the same store and settings: the page to
        send the person to, or None if there is a token already. The redirect URI is the configured one."""
        return settled(self._driver.begin())

    async def abegin(self) -> str | None:
        """``begin``, awaited."""
        return await settled_async(self._driver.begin())

    def finish(self, callback: str) -> None:
        """Finishes a sign-in that ``begin`` began, or that a ``NeedsUser`` named. ``callback`` is the URL at which the person
        came back, whole, or what stands in it from the ``?`` on where this program cannot know the rest (behind a proxy, say).

        Raises ``NoPendingSignIn`` where none belongs to it, and ``AuthorizationError`` where it ends without a token.
        """
        settled(self._driver.finish(callback))

    async def afinish(self, callback: str) -> None:
        """``finish``, awaited."""
        await settled_async(self._driver.finish(callback))

    def sign_out(self, *, forget_client: bool = False) -> None:
        """Forgets the tokens, and with ``forget_client`` the registrations too."""
        self._wait(self._sign_out(forget_client))

    async def asign_out(self, *, forget_client: bool = False) -> None:
        """``sign_out``, awaited."""
        await self._await(self._sign_out(forget_client))

    def provide_tokens(self, tokens: ProvidedTokens) -> None:
        """Takes tokens that you got elsewhere: they are stored, used, refreshed and stepped up like those of a sign-in here.
        Ends a flow under way. Raises ``machine.Misuse``, which names the member, where they cannot be used."""
        settled(self._driver.provide(tokens))

    async def aprovide_tokens(self, tokens: ProvidedTokens) -> None:
        """``provide_tokens``, awaited."""
        await settled_async(self._driver.provide(tokens))

    @property
    def grant_key(self) -> str:
        """The key under which the store keeps the credentials: the one to watch for changes."""
        return self._driver.grant_key

    def store_changed(self) -> None:
        """Tells that another process has changed what the store keeps under ``grant_key``, or may have: it is read, and what
        others have signed in to, refreshed or signed out of holds here too. Whoever waits for their refresh waits no longer,
        and a sign-in that their tokens make unnecessary ends. Nothing is lost where nobody calls it: the next access to the
        store finds out."""
        settled(self._driver.store_changed())

    async def astore_changed(self) -> None:
        """``store_changed``, awaited."""
        await settled_async(self._driver.store_changed())

    def status(self) -> GrantSummary | None:
        """What is stored for this account at this server, without its secrets; None if nothing is."""
        return settled(self._driver.status())

    async def astatus(self) -> GrantSummary | None:
        """``status``, awaited."""
        return await settled_async(self._driver.status())

    def cancel(self) -> None:
        """Ends the flow under way: whoever waits for it gets an ``AuthorizationError``. Credentials that are being written or
        exchanged are finished all the same, which is quick and loses nothing."""
        self._driver.cancel()

    def close(self) -> None:
        """Cancels, closes the redirect listener, and makes everything from now on raise ``Closed``. What is stored stays."""
        self._driver.close()

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Called by ``httpx.Client`` and ``httpx2.Client``."""
        request.read()  # It may have to be sent again.
        steps = self._authorize(request)
        answer: Any = None
        with suppress(StopIteration):
            while True:
                step = steps.send(answer)
                if isinstance(step, _Waiting):
                    answer = settled(step.ended)
                elif isinstance(step, SignRequest):
                    answer = self._driver.prove(step)
                else:
                    answer = yield step

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Called by ``httpx.AsyncClient`` and ``httpx2.AsyncClient``."""
        await request.aread()  # It may have to be sent again.
        steps = self._authorize(request)
        answer: Any = None
        with suppress(StopIteration):
            while True:
                step = steps.send(answer)
                if isinstance(step, _Waiting):
                    with _off_the_clock():
                        answer = await settled_async(step.ended)
                elif isinstance(step, SignRequest):
                    # Off the loop: it may ask a server, and nobody has to wait for it.
                    answer = await anyio.to_thread.run_sync(self._driver.prove, step, abandon_on_cancel=True)
                else:
                    answer = yield step

    def _authorize(self, request: Any) -> Generator[Any, Any, None]:
        """Yields the request whenever it is to be sent, the proof to be signed for it, and flows to wait for."""
        if _origin(request.url) != self._origin:
            yield request
            return
        for _ in range(_MAX_REPEATS):
            url = str(request.url)
            generation = yield from self._put_token(request, url)
            response = yield request
            if _origin(response.request.url) != self._origin:
                return
            self._take_nonce(response)
            if response.status_code not in (401, 403):
                return
            if "dpop" in request.headers and _was_redirected(request, response):
                # RFC 9449 §4.3: a proof is good for one request to the URL that it names.
                request.url = response.request.url
                continue
            if request.method == "DELETE":
                return  # The end of a session: nobody is asked to sign in just to leave.
            if not (yield from self._recover(response, generation)):
                return
            if not _is_usable(self._driver.request_headers(request.method, url)):
                return  # What was obtained is not for this URL.

    def _put_token(self, request: Any, url: str) -> SigningSteps[int | None]:
        """Puts the token on a request, refreshed if that is due, with a proof of its own if it is bound to a key; tells its
        generation."""
        headers = self._driver.request_headers(request.method, url)
        if not _is_usable(headers):
            if isinstance(headers, RequestHeaders.REFRESH_DUE):
                self._driver.turn_away()
            if (reading := self._driver.read_grant()) is not None:
                yield _Waiting(reading)
                headers = self._driver.request_headers(request.method, url)
            if isinstance(headers, RequestHeaders.REFRESH_DUE):
                yield from self._told(lambda machine, now: machine.refresh(now))
                headers = self._driver.request_headers(request.method, url)
        request.headers.pop("dpop", None)
        if isinstance(headers, RequestHeaders.SIGN):
            request.headers["dpop"] = yield asked_by(headers)
        elif not isinstance(headers, RequestHeaders.READY):
            return None
        request.headers["authorization"] = headers.authorization
        return headers.generation

    def _take_nonce(self, response: Any) -> None:
        """RFC 9449 §8.2: a server gives a new one whenever it likes."""
        for name, value in response.headers.raw:
            if name.lower() == b"dpop-nonce":
                self._driver.take_nonce(value)

    def _recover(self, response: Any, generation: int | None) -> Steps[bool]:
        """Whether the request is worth repeating."""
        status = response.status_code
        lines = [value for name, value in response.headers.raw if name.lower() == b"www-authenticate"]
        outcome, state = yield from self._told(lambda machine, now: machine.challenge(status, lines, generation, now))
        return outcome is Outcome.SUPERSEDED or isinstance(state, Next.AUTHORIZED)

    def _sign_in(self) -> Steps[None]:
        yield from self._told(lambda machine, now: machine.connect(now))

    def _sign_out(self, forget_client: bool) -> Steps[None]:
        told = False
        while not told:
            told, ended = self._driver.sign_out(forget_client)
            if ended is not None:
                yield _Waiting(ended)

    def _told(self, event: Event) -> Steps[tuple[Outcome, Next | None]]:
        """Tells the machine an event once the flow under way, if there is one, has served this need too: what became of the
        event, and where the flow came to rest that it led to."""
        while True:
            outcome, ended = self._driver.tell(event)
            state: Next | None = None
            if ended is not None:
                # If it fails, so does this: a second try would ask the user the same again.
                state = yield _Waiting(ended)
            if outcome is not None:
                return outcome, state

    def _wait(self, steps: Steps[T]) -> T:
        try:
            waiting = next(steps)
            while True:
                waiting = steps.send(settled(waiting.ended))
        except StopIteration as end:
            return end.value

    async def _await(self, steps: Steps[T]) -> T:
        try:
            waiting = next(steps)
            while True:
                waiting = steps.send(await settled_async(waiting.ended))
        except StopIteration as end:
            return end.value

    def __repr__(self) -> str:
        return f"OAuth({self._server_url!r})"


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _is_usable(headers: RequestHeaders) -> bool:
    return isinstance(headers, RequestHeaders.READY | RequestHeaders.SIGN)


def _was_redirected(request: Any, response: Any) -> bool:
    """Whether the client has followed a redirect on its own, and asked the same there."""
    return response.request is not request and response.request.method == request.method


def _off_the_clock() -> AbstractContextManager[object]:
    """The ``mcp`` SDK stops the clock of a request while its own provider waits for a person; so should it for this one."""
    clock = sys.modules.get("mcp.shared._request_clock")
    waiting: Callable[[], AbstractContextManager[object]] | None = getattr(clock, "waiting_on_a_person", None)
    return nullcontext() if waiting is None else waiting()
