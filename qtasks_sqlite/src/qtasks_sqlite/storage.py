"""The records of tasks, in the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from qtasks.models import (
    Cancel,
    Cancelled,
    Counts,
    Delivery,
    GiveBack,
    Items,
    Message,
    Outcome,
    Query,
    Record,
    Report,
    Settled,
    Token,
)
from qtasks.protocols import Broker, GlobalConfig, Setup
from qtasks.status import FINAL, TaskStatus
from qtasks_sqlite import _admin_statements as admin
from qtasks_sqlite import _cancelling, _dead, _errors, _finding, _permits, _removal, _streams
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._expiry import Sweeper
from qtasks_sqlite._link import Link
from qtasks_sqlite._rows import Named, Role, Row, ids_text, record, requeued
from qtasks_sqlite._url import Location, locate
from qtasks_sqlite._waiters import Waiter
from qtasks_sqlite._work import News, Step
from qtasks_sqlite._works import Publish, Return, Settle
from qtasks_sqlite.config import AsyncSQLiteGlobalConfig


class AsyncSQLiteStorage:
    """Records in a SQLite file.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute/path.db`; by default `qtasks.db` in the
            working directory. Nothing is opened before the start.
        global_config: The facts beside the records; by default in the same file.
        name: Name of the app, where it must be a particular one.
        synchronous: `full`, `normal` or `off`: how far commits are forced onto the disk.

    Raises:
        ConfigError: The URL or the value is not one of these.
    """

    def __init__(
        self,
        url: str | Location | None = None,
        *,
        global_config: GlobalConfig | None = None,
        name: str | None = None,
        synchronous: str | None = None,
    ) -> None:
        self.location = locate(url, synchronous)
        self._name = name
        own = AsyncSQLiteGlobalConfig(self.location, name=name)
        self._config: GlobalConfig = own if global_config is None else global_config
        self._link = Link(self.location, "storage")
        self._sweeper = Sweeper(self._link)

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        return self._name

    @property
    def global_config(self) -> GlobalConfig:
        """The shared facts beside the records."""
        return self._config

    async def start(self, setup: Setup) -> None:
        """Open the file, or share what is open already."""
        await self._link.start(setup)

    async def stop(self) -> None:
        """Close the file, unless another component uses it."""
        await self._sweeper.stop()
        await self._link.stop()

    def joins(self, broker: Broker) -> bool:
        """Whether `broker` is a SQLite broker of the same file and app, so that it writes these records."""
        places = [getattr(part, "location", None) for part in (broker, broker.storage)]
        same_app = self.name is None or broker.name is None or self.name == broker.name
        return same_app and all(isinstance(p, Location) and p.path == self.location.path for p in places)

    async def add(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Write the records of tasks that another broker queues; say who keeps which away by its key."""
        if not messages:
            return {}
        link = self._link
        work = Publish(link.app, Role.RECORD, messages, link.clock.now(), link.level)
        return await link.database.write(work)

    async def begin(self, deliveries: Sequence[Delivery], worker_id: str) -> Sequence[bool]:
        """Make the tokens known: from now on an outcome with a lower one is stale.

        False for a delivery that is older than the one known, whose attempt has an outcome already,
        or whose record is gone.
        """
        link = self._link
        self._sweeper.start()
        values = {"app": link.app, "now": link.clock.now(), "worker": worker_id}

        def run(connection: sqlite3.Connection) -> list[bool]:
            return _begin(connection, deliveries, values)

        return await link.database.write(Step(run, link.level))

    async def finish(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Record the outcomes, each fenced by its token, and wake who waits."""
        if not outcomes:
            return []
        link = self._link
        return await link.database.write(Settle(link.app, outcomes, link.clock.now(), link.level))

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Record that these deliveries are waiting again."""
        if returned:
            link = self._link
            await link.database.write(Return(link.app, returned, link.clock.now(), link.level))

    async def get(self, ids: Sequence[str]) -> Sequence[Record | None]:
        """Return the records in the order of `ids`; None where there is none."""
        now = self._link.clock.now()
        rows = await self._link.database.read(sql.GET, (self._link.app, ids_text(ids), now))
        found = {row[0]: record(row, now) for row in rows}
        return [found.get(task_id) for task_id in ids]

    async def wait(self, task_id: str, until: AbstractSet[TaskStatus]) -> Record | None:
        """Return the record as soon as its status is in `until`; None where there is none (any more)."""
        link = self._link
        waiters, waiter = link.database.waiters, Waiter(link.setup, task_id, until)
        with link.life.telling(lambda: waiter.refuse(_errors.closed(self.location.path))):
            return await waiters.wait(waiter)

    async def requeue(self, ids: Sequence[str]) -> Sequence[Message | None]:
        """Open a new epoch for final tasks; what this file queues is ready in the same step."""
        app, now = self._link.app, self._link.clock.now()
        values = {"app": app, "ids": ids_text(ids), "now": now}

        def run(connection: sqlite3.Connection) -> list[Row]:
            _streams.forget(connection, app, ids, now)
            return connection.execute(sql.REQUEUE, values).fetchall()

        rows = await self._link.database.write(Step(run, self._link.level, News.READY))
        messages = {row[0]: requeued(row) for row in rows}
        return [messages.pop(task_id, None) for task_id in ids]

    async def cancel(self, wishes: Sequence[Cancel]) -> Sequence[Cancelled]:
        """End what waits; note the wish of what is in hand, whose worker is told."""
        app, now = self._link.app, self._link.clock.now()

        def run(connection: sqlite3.Connection) -> list[Cancelled]:
            return _cancelling.cancel(connection, app, wishes, now)

        return await self._link.database.write(Step(run, self._link.level, _cancelling.news_of))

    async def purge(self, queue: str, reason: str, remove_at: float | None, limit: int) -> Sequence[str]:
        """End up to `limit` waiting tasks of a queue as `cancel` and return their ids."""
        app, now = self._link.app, self._link.clock.now()

        def run(connection: sqlite3.Connection) -> list[str]:
            return _cancelling.purge(connection, app, now, queue, reason, remove_at, limit)

        return await self._link.database.write(Step(run, self._link.level, News.FINAL))

    async def report(self, reports: Sequence[Report]) -> None:
        """Keep what running bodies say of themselves, and wake who listens."""
        app = self._link.app

        def run(connection: sqlite3.Connection) -> bool:
            return _streams.keep(connection, app, reports)

        await self._link.database.write(Step(run, self._link.light_level, News.SAID))

    async def listen(self, task_id: str, delivery: int, number: int) -> Items:
        """Return items as soon as there are some beyond `number` of `delivery`, or of a later delivery."""
        return await _streams.Listener(self._link, task_id).next(delivery, number)

    async def find(self, query: Query) -> Sequence[Record]:
        """Return the records that the query names, the youngest first."""
        if query.statuses is not None and not query.statuses:
            return []
        now = self._link.clock.now()
        values = _finding.values(query, self._link.app, now)
        rows = await self._link.database.read(_finding.statement(query), values)
        return [record(row, now) for row in rows]

    async def delete(self, ids: Sequence[str]) -> int:
        """Remove these records where they are final, and return how many."""
        values = {"app": self._link.app, "ids": ids_text(ids), "now": self._link.clock.now()}

        def run(connection: sqlite3.Connection) -> int:
            return connection.execute(admin.DELETE, values).rowcount

        return await self._link.database.write(Step(run, self._link.level, News.FINAL))

    async def counts(self) -> Counts:
        """Count the records by status."""
        values = {"app": self._link.app, "now": self._link.clock.now()}
        rows = await self._link.database.read(sql.COUNTS, values)
        numbers = dict.fromkeys(TaskStatus, 0)
        again = 0
        for status, number in rows:
            if status == "again":
                again = number
            else:
                numbers[TaskStatus.NEW if status == "ready" else TaskStatus(status)] += number
        numbers[TaskStatus.NEW] -= again
        numbers[TaskStatus.RETRY] += again
        return Counts({status: number for status, number in numbers.items() if number})

    async def dead(self) -> Mapping[str, int]:
        """Count the dead letters by queue."""
        return await _dead.by_queue(self._link)

    async def trim_dead(self, keep: int) -> int:
        """Remove dead letters, those that ended first, until `keep` are left; return how many went."""
        return await _dead.trim(self._link, keep)

    async def delete_finished(self) -> int:
        """Remove the records of final tasks and return how many. Others stay."""
        return await _removal.remove(self._link, admin.DELETE_FINISHED)

    async def flush(self) -> None:
        """Remove every record of this app, with its place in the queue and all that belongs to it."""
        await _removal.remove(self._link, admin.FLUSH_RECORDS)
        await _permits.flush(self._link)


def _begin(connection: sqlite3.Connection, deliveries: Sequence[Delivery], values: Named) -> list[bool]:
    ids = ids_text([delivery.id for delivery in deliveries])
    rows = connection.execute(sql.BEFORE_BEGIN, (values["app"], ids)).fetchall()
    known = {row[0]: row[1:] for row in rows}
    return [_begin_one(connection, one, known.get(one.id), values) for one in deliveries]


def _begin_one(connection: sqlite3.Connection, delivery: Delivery, known: Row | None, values: Named) -> bool:
    if known is None:
        return False
    status, attempts, *token = known
    if status in FINAL or delivery.token.attempt <= attempts or delivery.token < Token(*token):
        return False
    if status == TaskStatus.PROCESS and delivery.token == Token(*token):
        return True  # known already
    values = {**values, **delivery.token._asdict(), "id": delivery.id}
    connection.execute(sql.LOSE, values)
    connection.execute(sql.BEGIN, values | {"losses": delivery.losses, "turns": delivery.turns})
    return True
