# ruff: noqa: ANN001, ARG001, UP045 - what they are for is their signatures
"""Tasks whose annotations are text, one of which cannot be resolved at run time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID

if TYPE_CHECKING:
    from serialization.types_only import Hidden


def mixed(a, b: int, *c: datetime, d: UUID | None = None, **e: Decimal) -> list[UUID]:  # type: ignore[no-untyped-def]
    """Every kind of parameter."""
    return [d] if d else []


def partly(a: Hidden, b: Optional[datetime], c: list[Hidden], d: UUID) -> Hidden:
    """Only `b` and `d` can be resolved."""
    return a


class Holder:
    """Methods are tasks too."""

    def method(self, when: datetime) -> None:
        """Bound."""

    def __call__(self, when: datetime) -> None:
        """Called as an object."""


def echoed(self: Any, when: datetime) -> None:
    """The worker gives the first argument."""
