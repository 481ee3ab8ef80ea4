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
                    _lock(file, wait=True)
                except OSError:
                    os.close(file)
                    raise
            try:
                yield
            finally:
                os.close(file)

    def try_hold(self, name: str) -> int | None:
        """Holds a name, if nobody does: an open file that whoever holds the name has to close. Closed when the process ends."""
        with self._told("could not be locked"):
            file = self._open(f".hold-{name}")
            if _lock(file, wait=False):
                return file
            os.close(file)
            return None

    def forget_hold(self, name: str) -> None:
        """Forgets a name that nobody will hold any more."""
        # Left behind it would be an empty file, and no failure.
        with contextlib.suppress(OSError):
            os.unlink(self.path / f".hold-{name}")

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

    def _lock(file: int, *, wait: bool) -> bool:
        while True:
            try:
                # Beyond the end, where nobody reads or writes.
                os.lseek(file, 1 << 30, os.SEEK_SET)
                msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                # `LK_LOCK` gives up after ten seconds.
                if not wait:
                    return False

else:
    import fcntl

    def _lock(file: int, *, wait: bool) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
