"""In which form does a record rest, so that its generation and its end are known without reading into it?

One header line, then the record's own bytes:
``mcp-oauth-record 1 <generation> <expiry in milliseconds since the epoch, or ->``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ._place import StoreError

_MAGIC = "mcp-oauth-record"
_VERSION = "1"


@dataclass(frozen=True)
class Envelope:
    """A record at rest."""

    generation: int
    expires_at_ms: int | None
    record: bytes = field(repr=False)

    def seal(self) -> bytes:
        """The bytes to keep."""
        expiry = "-" if self.expires_at_ms is None else str(self.expires_at_ms)
        return f"{_MAGIC} {_VERSION} {self.generation} {expiry}\n".encode() + self.record

    @classmethod
    def open(cls, sealed: bytes, name: str) -> Envelope:
        """Reads what ``seal`` wrote."""
        header, end, record = sealed.partition(b"\n")
        words = header.split(b" ")
        if not end or words[0] != _MAGIC.encode():
            raise StoreError(f"the record {name} is damaged")
        if words[1:2] != [_VERSION.encode()]:
            raise StoreError(f"the record {name} was written by a newer version")
        try:
            generation, expiry = words[2], words[3]
            return cls(int(generation), None if expiry == b"-" else int(expiry), record)
        except (IndexError, ValueError):
            raise StoreError(f"the record {name} is damaged") from None
