"""How are credentials kept in Redis or Valkey?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ._place import StoreError
from ._record import ABANDONED_MS, Record

if TYPE_CHECKING:
    from redis import Redis

_PREFIX = "mcp-oauth:"

_PATIENCE_SECONDS = 10.0

# The generation that is expected, or nothing where no record is; then the new generation, record and end, or no end.
_SAVE = """
if (redis.call('HGET', KEYS[1], 'generation') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'record', ARGV[3])
if ARGV[4] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], ARGV[4]) end
return 1
"""

_DELETE = """
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""


class RedisStore:
    """A hash for each record in Redis or Valkey, for any number of machines. Needs the package ``redis`` (the extra
    ``redis``). Not encrypted: see ``SealedStore``.

    Durable only with ``appendonly yes`` and ``appendfsync always``, without eviction (``maxmemory-policy noeviction``), and
    as long as there is no failover to a replica, which may lag behind.
    """

    def __init__(self, server: str | Redis) -> None:
        """The store at ``server``: a URL (``redis://``, ``rediss://``, ``unix://``), or a client of your own, which must not
        repeat commands (``retry=None``): if the answer to a write is lost, its repetition looks like a conflict.

        Connects at the first access. Raises ``StoreError`` if the package redis is not installed, and ``ValueError`` for a
        URL or a client that will not do.
        """
        try:
            from redis import Redis
            from redis.client import NEVER_DECODE
        except ImportError:
            raise StoreError("Redis cannot be reached: the package redis is not installed") from None
        self._own_client = isinstance(server, str)
        self._client: Redis = (
            cast("Any", Redis).from_url(
                server, retry=None, socket_timeout=_PATIENCE_SECONDS, socket_connect_timeout=_PATIENCE_SECONDS
            )
            if isinstance(server, str)
            else server
        )
        if _repeats(self._client):
            raise ValueError("this Redis client repeats commands: make it with retry=None")
        self._undecoded = {NEVER_DECODE: True}
        self._save = self._client.register_script(_SAVE)
        self._delete = self._client.register_script(_DELETE)

    def close(self) -> None:
        """Closes the connections, if the client is not your own."""
        if self._own_client:
            self._client.close()

    def load(self, key: str) -> Record | None:
        command = ("HMGET", _PREFIX + key, "generation", "record")
        try:
            found = cast("Any", self._client).execute_command(*command, **self._undecoded)
        except Exception as error:
            raise _failed(error) from None
        generation, record = cast("list[bytes | None]", found)
        if generation is None and record is None:
            return None
        if generation is None or record is None or not generation.isdigit():
            raise StoreError(f"the record {key} is damaged")
        return Record(int(generation), record)

    def save(self, key: str, body: bytes, *, expected: int | None, generation: int, expires_at_ms: int | None) -> bool:
        end = "" if expires_at_ms is None else expires_at_ms + ABANDONED_MS
        return self._run(self._save, key, "" if expected is None else expected, generation, body, end)

    def delete(self, key: str, *, expected: int) -> bool:
        return self._run(self._delete, key, expected)

    def _run(self, script: Any, key: str, *values: str | int | bytes) -> bool:
        try:
            return script(keys=[_PREFIX + key], args=values) == 1
        except Exception as error:
            raise _failed(error) from None

    def __repr__(self) -> str:
        return "RedisStore()"


def _repeats(client: Redis) -> bool:
    settings = cast("dict[str, Any]", cast("Any", client).get_connection_kwargs())
    retry = settings.get("retry")
    return bool(settings.get("retry_on_timeout") or settings.get("retry_on_error") or (retry and retry.get_retries()))


def _failed(error: Exception) -> StoreError:
    # Not its text: that of a script's error may quote what it was called with.
    return StoreError(f"Redis failed: {type(error).__name__}")
