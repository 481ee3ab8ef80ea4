"""How are credentials kept in the platform's keyring?"""

from __future__ import annotations

import base64
import binascii
import os
import sys
from pathlib import Path
from typing import Protocol, cast

from ._directory import Directory
from ._place import StoreError, home
from ._swap import Swapping

_SERVICE = "mcp-oauth"
_LIST = "keyring-entries"

# An entry that holds no record but tells in how many parts it is kept, and under which number: `parts 3 17`.
_PARTS = "parts "

# What the text of a record begins with that is none by itself, since keyrings keep text.
_BINARY = "base64 "

# `CRED_MAX_CREDENTIAL_BLOB_SIZE`, in UTF-16: less than two tokens of the usual kind.
_LONGEST_ENTRY = 5 * 512 // 2 if sys.platform == "win32" else sys.maxsize


class KeyringStore(Swapping):
    """One keyring entry for each record: Keychain on macOS, Credential Manager on Windows, Secret Service elsewhere, through
    the package ``keyring``.

    Beside it lies a folder with a lock, since keyrings cannot compare and swap, and with the names of the entries, since not
    every keyring can list them. There is nothing secret in it.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        """The keyring of this platform, with its lock and list in ``folder``, or in ``keyring`` below ``home()``.

        Raises ``StoreError`` when no keyring can be reached, which is usual on a machine without a desktop.
        """
        keyring = _reachable_keyring()
        directory = Directory(home() / "keyring" if folder is None else Path(folder))
        super().__init__(directory, _Entries(directory, keyring))


class Keyring(Protocol):
    """A backend of the package ``keyring``."""

    def get_password(self, service: str, username: str) -> str | None: ...
    def set_password(self, service: str, username: str, password: str) -> None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def _reachable_keyring() -> Keyring:
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        raise StoreError("no keyring can be reached: the package keyring is not installed") from None
    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise StoreError("no keyring can be reached: there is none on this machine")
    return cast(Keyring, backend)


class _Entries:
    def __init__(self, directory: Directory, keyring: Keyring) -> None:
        self._directory = directory
        self._keyring = keyring

    def get(self, name: str) -> bytes | None:
        head = self._read(name)
        if head is None or not head.startswith(_PARTS):
            return None if head is None else _bytes(head, name)
        parts = [self._read(part) for part in _part_names(name, head)]
        if None in parts:
            raise StoreError("the keyring has lost a part of a record")
        return _bytes("".join(cast("list[str]", parts)), name)

    def put(self, name: str, sealed: bytes) -> None:
        # Listed first: an entry that nobody knows of could never be removed.
        names = self.names()
        if name not in names:
            self._list([*names, name])
        old = self._read(name)
        text = _text(sealed)
        if len(text) <= _LONGEST_ENTRY:
            self._write(name, text)
        else:
            chunks = [text[start : start + _LONGEST_ENTRY] for start in range(0, len(text), _LONGEST_ENTRY)]
            # A number of its own, so that the old parts stay whole until the head names the new ones.
            head = f"{_PARTS}{len(chunks)} {_number(old) + 1}"
            for part, chunk in zip(_part_names(name, head), chunks, strict=True):
                self._write(part, chunk)
            self._write(name, head)
        self._erase_parts(name, old)

    def remove(self, name: str) -> None:
        old = self._read(name)
        self._erase(name)
        self._erase_parts(name, old)
        self._list([known for known in self.names() if known != name])

    def names(self) -> list[str]:
        return (self._directory.read(_LIST) or b"").decode(errors="replace").split()

    def _list(self, names: list[str]) -> None:
        self._directory.write(_LIST, "\n".join(names).encode())

    def _read(self, name: str) -> str | None:
        try:
            return self._keyring.get_password(_SERVICE, name)
        except Exception as error:
            raise _failed(error) from None

    def _write(self, name: str, text: str) -> None:
        try:
            self._keyring.set_password(_SERVICE, name, text)
        except Exception as error:
            raise _failed(error) from None

    def _erase(self, name: str) -> None:
        try:
            self._keyring.delete_password(_SERVICE, name)
        except Exception as error:
            if self._read(name) is not None:
                raise _failed(error) from None

    def _erase_parts(self, name: str, head: str | None) -> None:
        if head is not None and head.startswith(_PARTS):
            for part in _part_names(name, head):
                self._erase(part)


def _text(sealed: bytes) -> str:
    try:
        return sealed.decode()
    except UnicodeDecodeError:
        return _BINARY + base64.b64encode(sealed).decode()


def _bytes(text: str, name: str) -> bytes:
    if not text.startswith(_BINARY):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_BINARY), validate=True)
    except binascii.Error:
        raise StoreError(f"the record {name} is damaged") from None


def _number(head: str | None) -> int:
    return int(head.split()[2]) if head is not None and head.startswith(_PARTS) else 0


def _part_names(name: str, head: str) -> list[str]:
    return [f"{name}.{_number(head)}.{part}" for part in range(int(head.split()[1]))]


def _failed(error: Exception) -> StoreError:
    # Not its text: what a backend says may quote what it was given.
    return StoreError(f"the keyring failed: {type(error).__name__}")
