"""Why is there no token?"""

from __future__ import annotations

from .machine import Advice, Failure, Fault, Stage


class Error(Exception):
    """Whatever this library raises on its own. Safe to print and log in each of its forms."""


class ConfigError(Error, ValueError):
    """Settings that cannot work, found before anything is sent."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        #: The setting at fault.
        self.field = field
        #: What is wrong with it.
        self.problem = problem


class AuthorizationError(Error):
    """A flow ended without a token. The cause, where this program has one of its own (an exception of its store, say), is
    chained as ``__cause__``."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        #: All that is known about it.
        self.failure = failure

    @property
    def code(self) -> str:
        """The stable name of what happened."""
        return self.failure.code

    @property
    def stage(self) -> Stage:
        """Where in the flow it happened."""
        return self.failure.stage

    @property
    def fault(self) -> Fault:
        """Whose fault it is."""
        return self.failure.fault

    @property
    def advice(self) -> Advice:
        """What to do about it."""
        return self.failure.advice

    @property
    def retry_after(self) -> float | None:
        """How many seconds to wait first, where the advice is to try again."""
        millis = self.failure.retry_after_ms
        return None if millis is None else millis / 1000

    def again(self) -> AuthorizationError:
        """The same for another caller: an exception that two raise collects the tracebacks of both."""
        error = type(self)(self.failure)
        error.__cause__ = self.__cause__
        return error

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, stage={self.stage.name}, advice={self.advice.name})"


class NeedsUser(AuthorizationError):
    """A person must sign in, and this program is headless.

    Send them to :attr:`url`; what they come back with goes to ``finish``, in this process or another one with the same store.
    """

    def __init__(self, failure: Failure, url: str) -> None:
        super().__init__(failure)
        #: The page to send the person to. It carries the ``state`` of the sign-in and does not belong into a log.
        self.url = url

    def again(self) -> NeedsUser:
        error = NeedsUser(self.failure, self.url)
        error.__cause__ = self.__cause__
        return error


class NoPendingSignIn(Error, LookupError):
    """A callback that belongs to no sign-in in the store: finished already, given up, begun elsewhere, or forged."""

    def __init__(self) -> None:
        super().__init__(
            "no pending sign-in belongs to this callback: it was finished, has expired, or began elsewhere"
        )


class TooManySignIns(Error):
    """As many sign-ins wait in a ``Pending`` as may."""

    def __init__(self) -> None:
        super().__init__("as many sign-ins wait as may")


class Closed(Error, RuntimeError):
    """The ``OAuth`` object has been closed."""

    def __init__(self) -> None:
        super().__init__("this OAuth object has been closed")
