"""How are credentials kept in files?"""

from __future__ import annotations

import os
from pathlib import Path

from ._directory import Directory
from ._place import home
from ._swap import Swapping


class FileStore(Swapping):
    """One file of mode 0600 for each record, in a folder of mode 0700 that belongs to the store alone. Not encrypted: whoever
    can read the files of this user can read the credentials."""

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        """The store in ``folder``, or in ``credentials`` below ``home()``. Made if need be, and closed to others if it was
        open to them."""
        directory = Directory(home() / "credentials" if folder is None else Path(folder))
        super().__init__(directory, _Files(directory))


class _Files:
    def __init__(self, directory: Directory) -> None:
        self.get = directory.read
        self.put = directory.write
        self.remove = directory.remove
        self.names = directory.names
