"""How does the user get to the authorization server?"""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SignIn:
    """What the user is about to be asked, and where."""

    #: The page to open. It carries the ``state`` of the sign-in and does not belong into a log.
    url: str = field(repr=False)
    #: The authorization server whose page the user will see.
    issuer: str
    #: All scopes asked for.
    scopes: frozenset[str]
    #: Those of them that no earlier grant covered: what the user should be told before the page opens.
    new_scopes: frozenset[str]
    #: Where the user comes back.
    redirect_uri: str
    #: When the sign-in is given up, in milliseconds since the epoch.
    expires_at_ms: int


OpenUrl = Callable[[SignIn], object]
"""Shows the page of a sign-in to the user; returns False, or raises, where that cannot be done. Called from a thread of its
own, and need not wait for the user."""


def open_browser(sign_in: SignIn) -> bool:
    """Opens the page in the user's own browser: the one that ``BROWSER`` names, or else the platform's."""
    return webbrowser.open(sign_in.url)


@dataclass(frozen=True)
class DeviceCode:
    """What the user enters, and where, to sign in on another device (RFC 8628 §3.3)."""

    #: What they enter. Whoever has it may finish the sign-in as somebody else: it does not belong into a log.
    user_code: str = field(repr=False)
    #: Where they enter it.
    verification_uri: str
    #: The same with the code in it, if the server has one: for a link or a QR code, with the code beside it to compare.
    verification_uri_complete: str | None = field(repr=False)
    #: The authorization server whose page it is.
    issuer: str
    #: All scopes asked for.
    scopes: frozenset[str]
    #: When the code is worth nothing any more, in milliseconds since the epoch.
    expires_at_ms: int


ShowCode = Callable[[DeviceCode], object]
"""Shows a code to the user; returns False, or raises, where that cannot be done. Called from a thread of its own, once for each
code, and must not wait for the user."""


def print_code(code: DeviceCode) -> None:
    """Prints the code and the address on stderr."""
    print(f"To sign in, open {code.verification_uri} and enter the code {code.user_code}", file=sys.stderr, flush=True)
