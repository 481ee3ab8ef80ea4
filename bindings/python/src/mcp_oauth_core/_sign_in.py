"""How does the user get to the authorization server?"""

from __future__ import annotations

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
