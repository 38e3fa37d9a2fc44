"""Values and texts that may be anything, as an error, a log or a terminal can show them."""

from __future__ import annotations

from typing import Final

_LONGEST_VALUE: Final = 100
"""Characters of a value that an error shows."""
_LONGEST_LINE: Final = 2_000
"""Characters of a text of strangers that a line of the log shows."""


def short_repr(value: object) -> str:
    """Return what an error shows of a value, which may be large or unable to say what it is."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - objects of users, and whole numbers without an end
        return f"this {type(value).__name__}"
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def escaped(text: str) -> str:
    """Return the text with what would begin a line, or steer a terminal, written as its number."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    """Return text of strangers for a line of the log: escaped, and cut where it is long.

    What a producer elsewhere calls a task, and the reason that somebody gives, may hold anything.
    """
    return escaped(text[:_LONGEST_LINE])
