"""Word to a worker that what it holds is to be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from qtasks.models import Delivery, Signal, Token, WorkerInfo
from qtasks_sqlite import _admin_statements as sql
from qtasks_sqlite._link import Link
from qtasks_sqlite._work import News


class Signals:
    """What one worker is told; each wish once, unless nobody took the answer."""

    def __init__(self, link: Link, worker: WorkerInfo) -> None:
        self._database = link.database
        self._values = {"app": link.app, "worker": worker.id}
        self._told: set[tuple[str, int]] = set()
        self._news = asyncio.Event()
        self._is_closed = False

    async def next(self) -> Sequence[Signal]:
        """Return wishes that were not told yet as soon as there are some; empty only after `close`."""
        hearing = self._database.hearing
        while not self._is_closed:
            self._news.clear()
            since = hearing.mark(News.SIGNAL)
            if fresh := await self._look():
                return fresh
            if not self._is_closed:
                await hearing.rest(News.SIGNAL, self._news, hearing.ear.safety, since)
        return []

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """Take as told what was handed over with its wish."""
        self._told.update((one.id, one.token.delivery) for one in deliveries if one.cancel is not None)

    def close(self) -> None:
        """Tell nothing more."""
        self._is_closed = True
        self._news.set()

    async def _look(self) -> list[Signal]:
        rows = await self._database.read(sql.SIGNALS, self._values)
        if self._is_closed:
            return []
        there = {(row[0], row[3]) for row in rows}
        fresh = [
            Signal(task_id, Token(epoch, attempt, number), reason)
            for task_id, epoch, attempt, number, reason in rows
            if (task_id, number) not in self._told
        ]
        self._told = there
        return fresh
