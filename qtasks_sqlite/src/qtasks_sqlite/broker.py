"""Queues with priorities, delays and leases, in the file."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from qtasks.backends import Limits
from qtasks.models import GiveBack, Message, Outcome, QueueInfo, Settled, WorkerInfo
from qtasks.protocols import Setup, Storage
from qtasks_sqlite import _admin_statements as admin
from qtasks_sqlite import _cancelling, _permits, _removal
from qtasks_sqlite._bell import BY_INOTIFY, BY_POLLING
from qtasks_sqlite._link import Link
from qtasks_sqlite._rows import Named, Role
from qtasks_sqlite._url import Location, locate
from qtasks_sqlite._work import News, Step
from qtasks_sqlite._works import Publish, Return, Settle
from qtasks_sqlite.consumer import SQLiteConsumer
from qtasks_sqlite.keeper import SQLiteKeeper
from qtasks_sqlite.storage import AsyncSQLiteStorage

LIMITS: Final = Limits(
    durable=True,
    shared=True,
    wake_up=BY_INOTIFY if sys.platform.startswith("linux") else BY_POLLING,
)


class AsyncSQLiteBroker:
    """Queues in a SQLite file: no server, any number of processes on one machine.

    Args:
        url: `sqlite:///relative.db` or `sqlite:////absolute/path.db`; by default `qtasks.db` in the
            working directory. Nothing is opened before the start.
        storage: Where the records are; by default in the same file.
        name: Name of the app, where it must be a particular one.
        synchronous: How far the commits of publish and settle are forced: `full` survives a power
            failure, `normal` the end of the process, `off` as well unless the system crashes.

    Raises:
        ConfigError: The URL or the value is not one of these.
    """

    def __init__(
        self,
        url: str | Location | None = None,
        *,
        storage: Storage | None = None,
        name: str | None = None,
        synchronous: str | None = None,
    ) -> None:
        self.location = locate(url, synchronous)
        self._name = name
        self._storage: Storage = AsyncSQLiteStorage(self.location, name=name) if storage is None else storage
        self._link = Link(self.location, "broker")
        self._role = Role.BOTH
        self._consumers: list[SQLiteConsumer] = []

    @property
    def name(self) -> str | None:
        """The app's name if it was given explicitly."""
        return self._name

    @property
    def storage(self) -> Storage:
        """Where the records are."""
        return self._storage

    @property
    def limits(self) -> Limits:
        """The numbers of this backend; started, it knows how it is woken on this system."""
        if not self._link.is_started:
            return LIMITS
        return replace(LIMITS, wake_up=self._link.database.hearing.ear.wake_up)

    async def start(self, setup: Setup) -> None:
        """Open the file, or share what is open already."""
        self._role = Role.BOTH if self._storage.joins(self) else Role.ENTRY
        await self._link.start(setup)

    async def stop(self) -> None:
        """Close the consumers, and the file unless another component uses it."""
        for consumer in self._consumers:
            await consumer.close()
        self._consumers.clear()
        await self._link.stop()

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Put messages into their queues, all or none; one whose id is known changes nothing.

        Returns:
            For each id that another task keeps away by its unique key: the id of that task.

        Raises:
            BackendUnavailable: Nothing is promised; the same call is safe to repeat.
            BackendRefused: Nothing was accepted.
        """
        if not messages:
            return {}
        link = self._link
        work = Publish(link.app, self._role, messages, link.clock.now(), link.level)
        return await link.database.write(work)

    async def open_consumer(
        self, worker: WorkerInfo, queues: Sequence[str], *, take_over: bool = False
    ) -> SQLiteConsumer:
        """Register the worker as a holder of leases and return its consumer."""
        consumer = SQLiteConsumer(self._link, worker, queues)
        await consumer.register(take_over_gone=take_over)
        self._consumers = [*(other for other in self._consumers if not other.is_closed), consumer]
        return consumer

    def keeper(self, worker: WorkerInfo) -> SQLiteKeeper:
        """Return the renewer of this worker's leases."""
        return SQLiteKeeper(self._link, worker)

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Take the deliveries out of the queue, or put them back where the outcome is `retry`."""
        if not outcomes:
            return []
        link = self._link
        return await link.database.write(Settle(link.app, outcomes, link.clock.now(), link.level))

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Return deliveries to their queue without an outcome; stale ones are ignored."""
        if returned:
            link = self._link
            await link.database.write(Return(link.app, returned, link.clock.now(), link.level))

    async def discard(self, ids: Sequence[str], reason: str) -> None:
        """Drop the entries of tasks that were cancelled; tell the holders of those that are in hand."""
        app = self._link.app

        def run(connection: sqlite3.Connection) -> bool:
            return _cancelling.discard(connection, app, ids, reason)

        await self._link.database.write(Step(run, self._link.level, News.SIGNAL))

    async def queues(self) -> Sequence[QueueInfo]:
        """Return the queues that hold something, by name."""
        return [QueueInfo(*row) for row in await self._link.database.read(admin.QUEUES, self._moment())]

    async def peek(self, queue: str, limit: int) -> Sequence[str]:
        """Return the ids of the next ready tasks of a queue in the order in which they would be fetched."""
        values = {**self._moment(), "queue": queue, "limit": max(limit, 0)}
        return [task_id for (task_id,) in await self._link.database.read(admin.PEEK, values)]

    async def flush(self) -> None:
        """Remove every task of this app from the queues, with the records where the storage joins."""
        await _removal.remove(self._link, admin.FLUSH_QUEUE)
        await _permits.flush(self._link)

    def _moment(self) -> Named:
        link = self._link
        return {
            "app": link.app,
            "now": link.clock.now(),
            "boot": link.boot(),
            "clock": link.database.clock_id,
        }
