"""How is a folder kept that only its owner can read, in which a write is whole or not at all?"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path

from ._place import StoreError

_LOCK = ".lock"
# A fixed name: the lock is held, and what a crash left behind is overwritten.
_DRAFT = ".draft"


class Directory:
    """A private folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.Lock()
        with self._told("could not be made"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sys.platform != "win32" and path.stat().st_mode & 0o077:
                path.chmod(0o700)

    @contextlib.contextmanager
    def lock(self) -> Generator[None, None, None]:
        """Waits until nobody else works in the folder, in this process or another."""
        with self._threads:
            with self._told("could not be locked"):
                file = self._open(_LOCK)
                try:
                    _lock(file)
                except OSError:
                    os.close(file)
                    raise
            try:
                yield
            finally:
                os.close(file)

    def read(self, name: str) -> bytes | None:
        """The content of a file, if there is one."""
        with self._told("could not be read"):
            try:
                return (self.path / name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, sealed: bytes) -> None:
        """Replaces a file as a whole; on disk when this returns. Needs the lock."""
        with self._told("could not be written"):
            file = self._open(_DRAFT, os.O_TRUNC)
            with os.fdopen(file, "wb") as draft:
                draft.write(sealed)
                draft.flush()
                os.fsync(draft.fileno())
            os.replace(self.path / _DRAFT, self.path / name)
            self._sync()

    def remove(self, name: str) -> None:
        """Removes a file. Needs the lock."""
        with self._told("could not be written"):
            os.unlink(self.path / name)
            self._sync()

    def names(self) -> list[str]:
        """The names of the files, without those that are for the folder's own use."""
        with self._told("could not be listed"):
            return [name for name in os.listdir(self.path) if not name.startswith(".")]

    def _open(self, name: str, flags: int = 0) -> int:
        return os.open(self.path / name, os.O_WRONLY | os.O_CREAT | flags, 0o600)

    def _sync(self) -> None:
        """A rename is durable once the folder is."""
        if sys.platform == "win32":
            return
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _told(self, what: str) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"the folder {self.path} {what}: {error.strerror or error}") from error


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        while True:
            try:
                # Beyond the end, where nobody reads or writes. `LK_LOCK` gives up after ten seconds.
                os.lseek(file, 1 << 30, os.SEEK_SET)
                msvcrt.locking(file, msvcrt.LK_LOCK, 1)
                return
            except OSError:
                continue

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
