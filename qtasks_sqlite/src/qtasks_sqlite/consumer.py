"""One worker's hold on the queues of a file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Final

from qtasks.errors import ConfigError
from qtasks.models import Delivery, WorkerInfo
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._holder import holder_row, take_over
from qtasks_sqlite._link import Link
from qtasks_sqlite._rows import Row, delivery
from qtasks_sqlite._work import News, Step
from qtasks_sqlite._works import Claim

LOOK_INTERVAL: Final = 0.01
"""Seconds after which a busy consumer looks again for what is due and what was lost."""

LONGEST_SLEEP: Final = 1.0
"""Seconds after which an idle one looks by itself. Timers do not see clocks that are set."""

MOST_QUEUES: Final = 500
"""SQLite joins no more SELECTs: sqlite.org/limits.html."""

_EXPIRY_INTERVAL: Final = 3.0
_EXPIRY_BATCH: Final = 500
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
        self._rank = {queue: rank for rank, queue in enumerate(dict.fromkeys(queues))}
        if len(self._rank) > MOST_QUEUES:
            raise ConfigError(f"a worker takes from at most {MOST_QUEUES} queues, not {len(self._rank)}")
        self._names = {f"queue{rank}": queue for queue, rank in self._rank.items()}
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
        app, now = self._setup.name, self._setup.clock.now()
        row = self._hold()

        def run(connection: sqlite3.Connection) -> int:
            (holder,) = connection.execute(sql.HOLD, row).fetchone()
            if take_over_gone:
                take_over(connection, app, now)
            return int(holder)

        self._holder = await self._database.write(Step(run, self._link.light_level))

    async def fetch(self, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries as soon as one is ready; empty only after `close`."""
        while not self._is_closed:
            self._news.clear()
            if self._setup.clock.boot() >= self._look_at:
                await self._look()
            rows = await self._claim(limit)
            if rows:
                self._look_at = min(self._look_at, self._setup.clock.boot() + LOOK_INTERVAL)
                return [delivery(row) for row in rows]
            if not self._is_closed and not await self._look():
                await self._sleep()
        return []

    async def close(self) -> None:
        """End a waiting `fetch`. What was handed over stays leased; nothing else was taken."""
        self._is_closed = True
        self._news.set()

    def _hold(self) -> Row:
        boot = self._setup.clock.boot()
        self._held_at = boot
        lease = self._setup.config.lease
        return holder_row(self._setup.name, self._worker, self._database.clock_id, boot, lease)

    async def _claim(self, limit: int) -> list[Row]:
        boot, lease = self._setup.clock.boot(), self._setup.config.lease
        fresh = self._held_at is not None and boot - self._held_at < lease / _RENEWALS
        values = {
            "app": self._setup.name,
            "worker": self._worker.id,
            "holder": self._holder,
            "now": self._setup.clock.now(),
            "limit": limit,
            **self._names,
        }
        claim = Claim(len(self._names), values, None if fresh else self._hold(), self._link.light_level)
        rows = await self._database.write(claim)
        self._holder = claim.holder
        rank = self._rank
        return sorted(rows, key=lambda row: (-row[0], rank[row[5]], row[1], row[2]))

    async def _look(self) -> bool:
        """Put right what the time demands; True where something has become ready by it."""
        app, now, boot = self._setup.name, self._setup.clock.now(), self._setup.clock.boot()
        values = {"app": app, "boot": boot, "clock": self._database.clock_id, "holder": self._holder}
        ((due, until, is_holder),) = await self._database.read(sql.MOMENTS, values)
        if not is_holder:
            self._held_at = None
        moved = 0
        if due is not None and due <= now:
            moved += await self._promote(now)
        if until is not None and until <= boot:
            moved += await self._recover(now, values)
        if boot >= self._expire_at:
            await self._expire(now, boot)
        until_due = LONGEST_SLEEP if due is None else due - now
        until_end = LONGEST_SLEEP if until is None else until - boot
        self._look_at = boot + min(LONGEST_SLEEP, self._expire_at - boot, until_due, until_end)
        return moved > 0 or not is_holder

    async def _promote(self, now: float) -> int:
        values = {"app": self._setup.name, "now": now, "limit": _PROMOTION_BATCH}

        def run(connection: sqlite3.Connection) -> int:
            return connection.execute(sql.PROMOTE, values).rowcount

        return await self._database.write(Step(run, self._link.light_level, News.READY))

    async def _recover(self, now: float, values: dict[str, object]) -> int:
        app = self._setup.name

        def run(connection: sqlite3.Connection) -> int:
            connection.execute(sql.RELEASE, values)
            return connection.execute(sql.RECOVER, {"app": app, "now": now}).rowcount

        return await self._database.write(Step(run, self._link.level, News.READY))

    async def _expire(self, now: float, boot: float) -> None:
        def run(connection: sqlite3.Connection) -> int:
            return connection.execute(sql.EXPIRE, (self._setup.name, now, _EXPIRY_BATCH)).rowcount

        removed = await self._database.write(Step(run, self._link.light_level, News.FINAL))
        self._expire_at = boot + (LOOK_INTERVAL if removed == _EXPIRY_BATCH else _EXPIRY_INTERVAL)

    async def _sleep(self) -> None:
        hearing, wake = self._database.hearing, self._news.set
        if not hearing.is_on(News.READY):
            hearing.listen(News.READY)
            return  # and look once more: what came before was not heard
        hearing.sleep(wake)
        try:
            async with asyncio.timeout(max(self._look_at - self._setup.clock.boot(), 0.0)):
                await self._news.wait()
        except TimeoutError:
            hearing.check()
        finally:
            hearing.awake(wake)
