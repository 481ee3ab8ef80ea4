"""How are credentials kept in a PostgreSQL database?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ._place import StoreError
from ._table import CREATE_INDEX, CREATE_TABLE, Table

if TYPE_CHECKING:
    from psycopg import Connection, Cursor
    from psycopg_pool import ConnectionPool

T = TypeVar("T")

# A database that is under strain answers late, and one that is down should not keep a user waiting.
_PATIENCE_SECONDS = 10.0

# Where transactions are stricter than PostgreSQL's default, the loser of a race is told to try again.
_ATTEMPTS = 20


class PostgresStore(Table):
    """A table in a PostgreSQL database, for any number of machines. Needs ``psycopg`` and ``psycopg_pool`` (the extra
    ``postgres``). Not encrypted: see ``SealedStore``.

    As durable as the database, whose settings are so by default (``fsync``, ``synchronous_commit``). The first access fails
    where ``synchronous_commit`` is off.
    """

    _skip_locked = " FOR UPDATE SKIP LOCKED"

    def __init__(self, database: str | ConnectionPool[Any], *, create_table: bool = True) -> None:
        """The store in ``database``: a connection string or URL, for which a pool is opened at the first access (after a
        process has forked, not before), or a pool of your own. Unless told not to, the first access makes the table
        ``mcp_oauth_records`` where it is missing.

        Raises ``StoreError`` if psycopg is not installed.
        """
        try:
            import psycopg
            from psycopg_pool import ConnectionPool
        except ImportError:
            raise StoreError(
                "PostgreSQL cannot be reached: psycopg, its library libpq or psycopg_pool is not installed"
            ) from None
        self._psycopg = psycopg
        self._own_pool = isinstance(database, str)
        self._pool: ConnectionPool[Any] = (
            ConnectionPool(
                database,
                min_size=0,
                max_size=8,
                open=False,
                check=ConnectionPool.check_connection,
                timeout=_PATIENCE_SECONDS,
                kwargs={"autocommit": True},
            )
            if isinstance(database, str)
            else database
        )
        self._create_table = create_table
        # By the first access.
        self._prepared = False

    def close(self) -> None:
        """Closes the pool, if it is not your own."""
        if self._own_pool:
            self._pool.close()

    def _row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        return self._access(lambda cursor: _execute(cursor, statement, values).fetchone())

    def _changed(self, statement: str, *values: Any) -> int:
        return self._access(lambda cursor: _execute(cursor, statement, values).rowcount)

    def _access(self, work: Callable[[Cursor[tuple[Any, ...]]], T]) -> T:
        if not self._prepared:
            self._attempt(lambda connection: self._with_cursor(connection, _refuse_to_forget))
            if self._create_table:
                self._attempt(self._create)
            self._prepared = True
        return self._attempt(lambda connection: self._with_cursor(connection, work))

    def _create(self, connection: Connection[Any]) -> None:
        def create(cursor: Cursor[tuple[Any, ...]]) -> None:
            # Asked for first, since a role that may not make tables may use this one. The index is made last.
            found = cursor.execute("SELECT to_regclass('mcp_oauth_records_expires_at')").fetchone()
            if found is None or found[0] is None:
                _execute(cursor, CREATE_TABLE.format(blob="bytea"), ())
                _execute(cursor, CREATE_INDEX, ())

        with connection.transaction():
            self._with_cursor(connection, create)

    def _with_cursor(self, connection: Connection[Any], work: Callable[[Cursor[tuple[Any, ...]]], T]) -> T:
        from psycopg.rows import tuple_row

        # Whatever kind of cursors and rows the pool was set up for.
        with self._psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
            return work(cursor)

    def _attempt(self, work: Callable[[Connection[Any]], T]) -> T:
        errors = self._psycopg.errors
        # The last three: `CREATE … IF NOT EXISTS` at the same time as another, which has made it by the next attempt.
        lost_race = (
            errors.SerializationFailure,
            errors.DeadlockDetected,
            errors.UniqueViolation,
            errors.DuplicateTable,
            errors.DuplicateObject,
        )
        for _ in range(_ATTEMPTS):
            try:
                if self._own_pool:
                    self._pool.open()
                with self._pool.connection() as connection:
                    return work(connection)
            except lost_race:
                continue
            except StoreError:
                raise
            except Exception as error:
                raise _failed(error) from None
        raise StoreError("the database did not come to an end of races for a record")

    def __repr__(self) -> str:
        return "PostgresStore()"


def _execute(cursor: Cursor[tuple[Any, ...]], statement: str, values: tuple[Any, ...]) -> Cursor[tuple[Any, ...]]:
    return cursor.execute(statement.replace("?", "%s").encode(), values, binary=True)


def _refuse_to_forget(cursor: Cursor[tuple[Any, ...]]) -> None:
    if cursor.execute("SHOW synchronous_commit").fetchone() == ("off",):
        raise StoreError("the database acknowledges what a loss of power can undo: set synchronous_commit to on")


def _failed(error: Exception) -> StoreError:
    # Not its text: that of a constraint or a trigger may quote a row.
    state: str | None = getattr(error, "sqlstate", None)
    return StoreError(f"the database failed: {type(error).__name__}{f' ({state})' if state else ''}")
