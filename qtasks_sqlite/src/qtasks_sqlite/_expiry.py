"""Removing records whose time is over."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Final

from qtasks.errors import BackendError
from qtasks.protocols import Setup
from qtasks_sqlite import _admin_statements as admin
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._link import Link
from qtasks_sqlite._streams import clear
from qtasks_sqlite._url import Level
from qtasks_sqlite._work import News, Step

if TYPE_CHECKING:
    from qtasks_sqlite.database import Database

EXPIRY_INTERVAL: Final = 3.0
"""Seconds between two removals."""

EXPIRY_BATCH: Final = 500
"""So many records go in one transaction."""

_PAUSE: Final = 0.01
"""Seconds after a full batch: others want to write as well."""


async def expire(database: Database, setup: Setup, level: Level) -> bool:
    """Remove a batch of the records whose time is over; True where there may be more of them.

    Wishes that tasks be cancelled that have ended, and items of those that ended some time ago, go as well.
    """

    def run(connection: sqlite3.Connection) -> tuple[int, bool]:
        now = setup.clock.now()
        connection.execute(admin.OVERTAKEN, (setup.name,))
        has_more = clear(connection, setup.name, now)
        removed = connection.execute(sql.EXPIRE, (setup.name, now, EXPIRY_BATCH)).rowcount
        return removed, has_more or removed == EXPIRY_BATCH

    _, has_more = await database.write(Step(run, level, _news_of))
    return has_more


def _news_of(result: tuple[int, bool]) -> News:
    removed, _ = result
    return News.FINAL if removed else News.NONE


class Sweeper:
    """Removes them now and then for a storage whose tasks another broker queues.

    Where both are of one file, the consumers of the broker do it.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on until `stop`, or until the end of the running loop."""
        task = self._task
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            self._task = asyncio.create_task(self._run(), name="qtasks-sqlite-expiry")

    async def stop(self) -> None:
        """Remove no more."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        database, setup, level = self._link.database, self._link.setup, self._link.light_level
        while not database.closed.is_set():
            try:
                has_more = await expire(database, setup, level)
            except BackendError:
                has_more = False  # what is wrong, those say who write outcomes
            await asyncio.sleep(_PAUSE if has_more else EXPIRY_INTERVAL)
