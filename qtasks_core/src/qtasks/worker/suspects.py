"""Keep apart what may kill its worker.

Whatever a worker holds is lost with it, so the neighbours of a task that kills its worker would be counted
as lost together with it, until all of them are dead. A delivery whose next loss would be its last one is
suspect: a worker holds one of these at a time, so that the one to blame dies alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from qtasks.config import QueueConfig
from qtasks.models import Delivery, GiveBack, GiveBackReason
from qtasks.worker.held import Held

SHORTEST = 0.1
LONGEST = 60.0
SHARE = 0.1
"""A suspect that goes back waits for this part of the time that it has waited already."""


class Suspects:
    """The suspect that one worker holds, if it holds any."""

    __slots__ = ("_config", "_held", "_one")

    def __init__(self, config: QueueConfig, held: Held) -> None:
        self._config = config
        self._held = held
        self._one: Delivery | None = None

    def surplus(self, batch: Sequence[Delivery], now: float) -> list[GiveBack]:
        """Return how those of a fetched batch go back that would be a second suspect in hand."""
        most = self._config.max_deliveries
        return [
            _later(delivery, now)
            for delivery in batch
            if delivery.losses and delivery.losses == most - 1 and not self._take(delivery)
        ]

    def _take(self, delivery: Delivery) -> bool:
        one = self._one
        if one is not None and self._held.get(one.id) is one:
            return False
        self._one = delivery
        return True


def _later(delivery: Delivery, now: float) -> GiveBack:
    delay = min(LONGEST, max(SHORTEST, SHARE * (now - delivery.since)))
    return GiveBack(delivery.id, delivery.token, GiveBackReason.APART, delay)
