"""One worker's hold on the queues of a file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Final

from qtasks.models import Delivery, Signal, WorkerInfo
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._choice import Choice
from qtasks_sqlite._expiry import EXPIRY_INTERVAL, expire
from qtasks_sqlite._holder import Lease, take_over
from qtasks_sqlite._link import Link
from qtasks_sqlite._rows import Named, delivery
from qtasks_sqlite._signals import Signals
from qtasks_sqlite._work import News, Step
from qtasks_sqlite._works import Claim

LOOK_INTERVAL: Final = 0.01
"""Seconds after which a busy consumer looks again for what is due and what was lost."""

LONGEST_SLEEP: Final = 1.0
"""Seconds after which an idle one looks by itself. Timers do not see clocks that are set."""

_PROMOTION_BATCH: Final = 1000

_RENEWALS: Final = 100
"""A claim prolongs the lease, at most so often in the time of one lease."""


class SQLiteConsumer:
    """Fetches for one worker; made by `AsyncSQLiteBroker.open_consumer`."""

    def __init__(self, link: Link, worker: WorkerInfo, queues: Sequence[str]) -> None:
        self._link = link
        self._database = link.database
        self._setup = link.setup
        self._worker = worker
        self._lease = Lease(link, worker)
        self._signals = Signals(link, worker)
        self._choice = Choice([queues])
        self._claiming: Claim | None = None
        self._holder = 0
        self._held_at: float | None = None
        self._look_at = 0.0
        self._expire_at = 0.0
        self._news = asyncio.Event()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether it fetches no more."""
        return self._is_closed

    async def register(self, *, take_over_gone: bool) -> None:
        """Begin the lease; take over at once what provably dead workers left, if told so."""
        app, clock = self._setup.name, self._setup.clock

        def run(connection: sqlite3.Connection) -> tuple[int, float]:
            held = self._lease.hold(connection)
            if take_over_gone:
                take_over(connection, app, clock.now())
            return held

        self._holder, self._held_at = await self._database.write(Step(run, self._link.light_level))

    async def fetch(self, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries as soon as one is ready; empty only after `close`."""
        while not self._is_closed:
            self._news.clear()
            since = self._database.hearing.mark(News.READY)
            if self._lease.boot() >= self._look_at:
                await self._look()
            if deliveries := await self._claim(limit):
                self._look_at = min(self._look_at, self._lease.boot() + LOOK_INTERVAL)
                return deliveries
            if not self._is_closed and not await self._look():
                await self._sleep(since)
        return []

    def choose(self, tiers: Sequence[Sequence[str]]) -> None:
        """Take from these queues from now on, also in a fetch that waits.

        Raises:
            ConfigError: There are too many.
        """
        self._choice = Choice(tiers)
        if self._claiming is not None:
            self._claiming.choice = self._choice
        self._news.set()

    async def signals(self) -> Sequence[Signal]:
        """Return as soon as cancellation was asked for something in hand; empty only after `close`."""
        return await self._signals.next()

    async def close(self) -> None:
        """End a waiting `fetch`. What was handed over stays leased; nothing else was taken."""
        self._is_closed = True
        self._news.set()
        self._signals.close()

    async def _claim(self, limit: int) -> list[Delivery]:
        lease = self._lease
        fresh = self._held_at is not None and lease.boot() - self._held_at < lease.seconds / _RENEWALS
        values = {
            "app": self._setup.name,
            "worker": self._worker.id,
            "holder": self._holder,
            "now": self._setup.clock.now(),
            "limit": limit,
        }
        claim = Claim(self._choice, values, None if fresh else lease.hold, self._link.light_level)
        self._claiming = claim
        try:
            rows = await self._database.write(claim)
        finally:
            self._claiming = None
        self._holder = claim.holder
        self._held_at = claim.held_at or self._held_at
        deliveries = [delivery(row) for row in sorted(rows, key=claim.ran.place)]
        self._signals.note(deliveries)
        return deliveries

    async def _look(self) -> bool:
        """Put right what the time demands; True where something has become ready by it."""
        ((due, until, is_holder),) = await self._database.read(sql.MOMENTS, self._moment())
        now, boot = self._setup.clock.now(), self._lease.boot()
        if not is_holder:
            self._held_at = None
        moved = 0
        if due is not None and due <= now:
            moved += await self._promote()
        if until is not None and until <= boot:
            moved += await self._recover()
        if boot >= self._expire_at:
            has_more = await expire(self._database, self._setup, self._link.light_level)
            self._expire_at = boot + (LOOK_INTERVAL if has_more else EXPIRY_INTERVAL)
        until_due = LONGEST_SLEEP if due is None else due - now
        until_end = LONGEST_SLEEP if until is None else until - boot
        self._look_at = boot + min(LONGEST_SLEEP, self._expire_at - boot, until_due, until_end)
        return moved > 0 or not is_holder

    def _moment(self) -> Named:
        return {
            "app": self._setup.name,
            "now": self._setup.clock.now(),
            "boot": self._lease.boot(),
            "clock": self._lease.clock_id,
            "holder": self._holder,
        }

    async def _promote(self) -> int:
        def run(connection: sqlite3.Connection) -> int:
            values = self._moment() | {"limit": _PROMOTION_BATCH}
            return connection.execute(sql.PROMOTE, values).rowcount

        return await self._database.write(Step(run, self._link.light_level, News.READY))

    async def _recover(self) -> int:
        def run(connection: sqlite3.Connection) -> int:
            # The moment is taken with the lock in hand: what was renewed while this waited has not ended.
            values = self._moment()
            connection.execute(sql.RELEASE, values)
            return connection.execute(sql.RECOVER, values).rowcount

        return await self._database.write(Step(run, self._link.level, News.READY))

    async def _sleep(self, since: int) -> None:
        until_look = max(self._look_at - self._lease.boot(), 0.0)
        await self._database.hearing.rest(News.READY, self._news, until_look, since)
