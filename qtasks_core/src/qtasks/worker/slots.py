"""How many bodies may run, and how many outcomes may wait to be recorded."""

from __future__ import annotations

import asyncio


class Slots:
    """Counts what a worker holds.

    A slot is free at the end of the body. While more outcomes than slots wait to be recorded, or to be
    told to plugins, nothing is fetched, so a worker holds at most twice its slots, and runs at most its
    slots.
    """

    __slots__ = ("_changed", "running", "total", "unsettled")

    def __init__(self, total: int) -> None:
        self.total = total
        self.running = 0
        self.unsettled = 0
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """How many deliveries may be fetched now."""
        return self.total - self.running if self.unsettled <= self.total else 0

    def take(self, count: int) -> None:
        """Give slots to `count` deliveries."""
        self.running += count

    def body_ended(self) -> None:
        """A body ended and its outcome waits to be recorded."""
        self.running -= 1
        self.unsettled += 1
        self._changed.set()

    def dropped(self) -> None:
        """A delivery left its slot without an outcome."""
        self.running -= 1
        self._changed.set()

    def settled(self, count: int) -> None:
        """So many outcomes are recorded."""
        self.unsettled -= count
        self._changed.set()

    def wake(self) -> None:
        """Let whoever waits look again."""
        self._changed.set()

    async def change(self) -> None:
        """Wait until a number has changed since the last call."""
        await self._changed.wait()
        self._changed.clear()
