"""Which store does a program use, and where does it lie?"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .._errors import Error

if TYPE_CHECKING:
    from ._file import FileStore
    from ._keyring import KeyringStore


class StoreError(Error):
    """The store could not be read or written. Says what failed and where, never what is kept."""


def default_store() -> FileStore | KeyringStore:
    """The platform's keyring, or, where none can be reached, files below ``home()``.

    The keyring is reached through the package ``keyring`` (``pip install 'mcp-oauth-core[keyring]'``). It is not reached
    from a session without a desktop, so that one user may come to have some credentials here and some there; a program that
    minds names its store.
    """
    from ._file import FileStore
    from ._keyring import KeyringStore

    try:
        return KeyringStore()
    except StoreError:
        return FileStore()


def home() -> Path:
    """The folder of this library: ``MCP_OAUTH_HOME``, or ``mcp-oauth`` in the platform's folder for a program's state
    (``XDG_STATE_HOME``, or else ``~/.local/state``, on Linux). The command ``mcp-oauth`` keeps its files there too, and in
    the same form."""
    if chosen := os.environ.get("MCP_OAUTH_HOME"):
        return Path(chosen)
    try:
        return _state() / "mcp-oauth"
    except RuntimeError:
        raise StoreError("this user has no home folder: set MCP_OAUTH_HOME") from None


def _state() -> Path:
    if sys.platform == "win32" and (roaming := os.environ.get("APPDATA")):
        return Path(roaming)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    state = os.environ.get("XDG_STATE_HOME", "")
    return Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
