"""What a worker holds: the deliveries between fetch and the recorded outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from qtasks.models import Delivery, Token


class HasToken(Protocol):
    """An outcome or a give-back."""

    @property
    def id(self) -> str:
        """The id of the task."""
        ...

    @property
    def token(self) -> Token:
        """The token of the delivery."""
        ...


class Held:
    """The deliveries in hand, by task id. Written by the loop, read by the heartbeat thread."""

    __slots__ = ("_deliveries",)

    def __init__(self) -> None:
        self._deliveries: dict[str, Delivery] = {}

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Take a fetched batch in hand."""
        self._deliveries.update((delivery.id, delivery) for delivery in deliveries)

    def drop(self, ended: Iterable[HasToken]) -> None:
        """Let go of these, unless a younger delivery of the same task came meanwhile."""
        deliveries = self._deliveries
        for one in ended:
            delivery = deliveries.get(one.id)
            if delivery is not None and delivery.token == one.token:
                del deliveries[one.id]

    def get(self, task_id: str) -> Delivery | None:
        """Return the delivery in hand, or None."""
        return self._deliveries.get(task_id)

    def tokens(self) -> Sequence[tuple[str, Token]]:
        """Return what is held now; safe from another thread."""
        # list() of a dict view is one step of the interpreter for keys and values of builtin types.
        return [(delivery.id, delivery.token) for delivery in list(self._deliveries.values())]

    def __len__(self) -> int:
        return len(self._deliveries)
