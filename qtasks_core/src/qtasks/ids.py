"""Task ids: UUID version 7 (RFC 9562, section 5.7).

They begin with the time in milliseconds, so neighbours in time are neighbours in an index. The
random bits come from the operating system: a forked process never repeats its parent's ids.
"""

from __future__ import annotations

import os
import time
import uuid

from qtasks.errors import TaskArgumentError


def new_id() -> str:
    """Return a fresh id in the canonical form of 36 characters."""
    rand = int.from_bytes(os.urandom(10), "big")
    high = (time.time_ns() // 1_000_000 << 16) | 0x7000 | (rand >> 68)
    low = 0x8000_0000_0000_0000 | (rand & 0x3FFF_FFFF_FFFF_FFFF)
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def as_id(value: str | uuid.UUID) -> str:
    """Return the canonical form of an id that a user gives.

    Raises:
        TaskArgumentError: It is no UUID.
    """
    if isinstance(value, uuid.UUID):
        return str(value)
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError) as exc:
        raise TaskArgumentError(f"a task id is a UUID, not {value!r}") from exc
