"""What does a store hold of a key, and for how long?"""

from __future__ import annotations

from dataclasses import dataclass, field

# Milliseconds after its end, when nobody will ask for a record again.
ABANDONED_MS = 60 * 60 * 1000


@dataclass(frozen=True)
class Record:
    """What was saved under a key."""

    #: The generation with which it was saved.
    generation: int
    #: The bytes that were saved. Secret.
    body: bytes = field(repr=False)
