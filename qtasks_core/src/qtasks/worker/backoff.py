"""Waiting longer after each failure in a row, up to a cap."""

from __future__ import annotations

import asyncio
import random

FIRST = 0.05
CAP = 5.0


class Backoff:
    """Doubles from 50 ms to 5 s, with jitter so that many workers do not come back as one."""

    __slots__ = ("_delay",)

    def __init__(self) -> None:
        self._delay = FIRST

    def reset(self) -> None:
        """Begin anew: something went well."""
        self._delay = FIRST

    def next(self) -> float:
        """Return how long to wait now, in seconds."""
        delay, self._delay = self._delay, min(CAP, self._delay * 2)
        return delay * random.uniform(0.75, 1.25)

    async def sleep(self) -> None:
        """Wait that long."""
        await asyncio.sleep(self.next())
