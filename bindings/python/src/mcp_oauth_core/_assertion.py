"""Who says who the workload is, or the user?"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from .machine import AssertionKind

AssertionPurpose: TypeAlias = Literal["workload", "identity"]
"""Whom an assertion must speak of: the workload that this program is (SEP-1933), or the user (SEP-990)."""


@dataclass(frozen=True)
class AssertionRequest:
    """Which assertion is wanted."""

    #: Whom it must speak of.
    purpose: AssertionPurpose
    #: Who gets it: the authorization server, or the identity provider.
    issuer: str
    #: The ``aud`` that it must name.
    audience: str
    #: The last one was refused or has expired: only a newer one helps.
    renew: bool


@dataclass(frozen=True)
class Assertion:
    """What somebody else has issued about the workload or the user."""

    #: The assertion itself. Secret.
    token: str = field(repr=False)
    #: What it is.
    kind: AssertionKind = AssertionKind.JWT


AssertionSource = Callable[[AssertionRequest], Assertion | None]
"""Gets an assertion, anew each time; or has none, or raises. Called from a thread of its own: it may ask a server."""


class AssertionFile:
    """An assertion in a file that somebody else keeps fresh, as Kubernetes does with a projected service account token: read
    each time that one is wanted."""

    def __init__(self, path: str | os.PathLike[str], kind: AssertionKind = AssertionKind.JWT) -> None:
        self._path = Path(path)
        self._kind = kind

    def __call__(self, request: AssertionRequest) -> Assertion:
        return Assertion(self._path.read_text(encoding="ascii").strip(), self._kind)

    def __repr__(self) -> str:
        return f"AssertionFile({str(self._path)!r})"
