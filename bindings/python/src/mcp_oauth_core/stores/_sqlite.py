"""How are credentials kept in an SQLite database?"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._place import StoreError
from ._table import CREATE_INDEX, CREATE_TABLE, Table

if TYPE_CHECKING:
    import sqlite3

# Writers wait for each other, in this process and others.
_PATIENCE_SECONDS = 60.0

_SETTINGS = (
    # Beyond the default: what is acknowledged outlasts a loss of power in each journal mode, and on macOS.
    "PRAGMA synchronous = EXTRA",
    "PRAGMA fullfsync = ON",
    # Zeros over what is removed, since it was a credential.
    "PRAGMA secure_delete = ON",
)


class SQLiteStore(Table):
    """A table in an SQLite database, for any number of processes on one machine. Not encrypted: see ``SealedStore``.

    Each access opens the database anew, so that a store may be made before a process forks, and needs no closing.
    """

    def __init__(self, path: str | os.PathLike[str], *, create_table: bool = True) -> None:
        """The store in the database file ``path``. Unless told not to, makes the file, which then only its owner can read,
        and the table ``mcp_oauth_records`` in it, where they are missing.

        Raises ``StoreError`` if that fails.
        """
        self._path = Path(path).absolute()
        if create_table:
            self._create()

    def _row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        with self._connection() as connection:
            return connection.execute(statement, values).fetchone()

    def _changed(self, statement: str, *values: Any) -> int:
        with self._connection() as connection:
            return connection.execute(statement, values).rowcount

    def _create(self) -> None:
        try:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise StoreError(f"the database {self._path} could not be made: {error.strerror or error}") from None
        with self._connection() as connection:
            # Other processes that begin now wait, and find the table.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(CREATE_TABLE.format(blob="blob"))
            connection.execute(CREATE_INDEX)
            connection.execute("COMMIT")

    @contextlib.contextmanager
    def _connection(self) -> Generator[sqlite3.Connection, None, None]:
        import sqlite3

        try:
            # Never makes the file: a database that has gone away is no database without records.
            place = f"{self._path.as_uri()}?mode=rw"
            connection = sqlite3.connect(place, uri=True, timeout=_PATIENCE_SECONDS, isolation_level=None)
            with contextlib.closing(connection):
                for setting in _SETTINGS:
                    connection.execute(setting)
                yield connection
        except sqlite3.Error as error:
            # SQLite names tables and columns, not values.
            raise StoreError(f"the database {self._path} failed: {error}") from None

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})"
