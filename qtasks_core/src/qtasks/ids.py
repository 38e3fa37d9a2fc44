"""Task ids: UUID version 7 (RFC 9562, section 5.7).

They begin with the time in milliseconds, so neighbours in time are neighbours in an index. The random
bits come from the operating system, drawn for many ids at once; a forked process draws its own.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import Final

from qtasks.errors import TaskArgumentError
from qtasks.printable import short_repr

_DIGITS: Final = 20
"""Hexadecimal digits of chance that one id takes."""
_DRAWN_AT_ONCE: Final = 200
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The digit that says of which family the UUID is; two bits of it are chance."""

_drawn: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drawn.clear)


def new_id() -> str:
    """Return a fresh id in the canonical form of 36 characters."""
    try:
        chance = _drawn.pop()
    except IndexError:
        chance = _draw()
    moment = f"{time.time_ns() // 1_000_000:012x}"
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-{_VARIANT[chance[3]]}{chance[4:7]}-{chance[7:19]}"


def _draw() -> str:
    """Draw for many ids, keep what the others take, and return the first."""
    digits = os.urandom(_DRAWN_AT_ONCE * _DIGITS // 2).hex()
    first, *others = (digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))
    _drawn.extend(others)
    return first


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
        raise TaskArgumentError(f"a task id is a UUID, not {short_repr(value)}") from exc
