"""A body that a process can import."""

from __future__ import annotations


def add_up(a: int, b: int | None) -> int:
    """Return the sum, and fail without the second."""
    return a + b  # type: ignore[operator] # on purpose
