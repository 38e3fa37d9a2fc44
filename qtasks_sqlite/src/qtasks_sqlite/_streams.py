# ruff: noqa: S608 - nothing from outside is put into a statement: the parts are constants
"""What bodies say of themselves while they run, and who listens."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from qtasks.models import Items, Report
from qtasks_sqlite import _statements as tasks
from qtasks_sqlite._rows import ids_text, record
from qtasks_sqlite._work import News

if TYPE_CHECKING:
    from qtasks_sqlite._link import Link

KEPT: Final = 90.0
"""Seconds after the end of a task for which its items are kept."""

_TASKS_AT_ONCE: Final = 500
_ITEMS_AT_ONCE: Final = 5_000
"""A transaction removes items of so many tasks, and ends with the task that brings them to so many."""

# Only a delivery whose outcome would count has something to say: the one in hand, or one whose lease has
# ended and that nobody has fetched since.
_IN_HAND: Final = f"""
SELECT seq FROM task
WHERE id = ? AND app = ? AND delivery = ? AND remove_at IS NULL AND role <> 1 AND settled IS NOT delivery
  AND {tasks.MAY_BE_IN_HAND}
"""
_SAY: Final = """
INSERT INTO said (task, progress, note) VALUES (?, ?, ?)
ON CONFLICT (task) DO UPDATE
SET progress = coalesce(excluded.progress, progress), note = coalesce(excluded.note, note)
"""
_STREAM: Final = """
INSERT INTO said (task, items) VALUES (?, ?) ON CONFLICT (task) DO UPDATE SET items = excluded.items
"""
_DROP_EARLIER: Final = "DELETE FROM item WHERE task = ? AND delivery < ?"
_ITEM: Final = "INSERT OR IGNORE INTO item (task, delivery, number, value) VALUES (?, ?, ?, ?)"

# A new epoch has nothing of what was said before.
_REQUEUED: Final = """
SELECT said.task FROM said JOIN task ON task.seq = said.task
WHERE app = :app AND id IN (SELECT value FROM json_each(:ids)) AND remove_at > :now
"""
_FORGET: Final = ("DELETE FROM item WHERE task = ?", "DELETE FROM said WHERE task = ?")

# CROSS says where to begin: there are few streams, and many tasks that have ended.
_OVER: Final = """
SELECT said.task FROM said INDEXED BY said_items CROSS JOIN task ON task.seq = said.task
WHERE said.items IS NOT NULL AND app = ? AND remove_at IS NOT NULL AND finished_at <= ? LIMIT ?
"""
_CLEAR_ITEMS: Final = "DELETE FROM item WHERE task = ?"
_CLEARED: Final = "UPDATE said SET items = NULL WHERE task = ?"

# Whether there is anything to tell a listener: the end, or items that he has not seen.
_NEWS: Final = """
SELECT seq, remove_at IS NOT NULL OR EXISTS (
    SELECT 1 FROM item
    WHERE item.task = task.seq AND (item.delivery, item.number) >= (:delivery, :number))
FROM task WHERE id = :id AND app = :app AND (remove_at IS NULL OR remove_at > :now)
"""
_ITEMS: Final = """
SELECT delivery, number, value FROM item
WHERE task = ? AND (delivery, number) >= (?, ?) ORDER BY delivery, number
"""


def keep(connection: sqlite3.Connection, app: str, reports: Sequence[Report]) -> bool:
    """Keep what the reports say whose deliveries have the last word; True where there are items."""
    has_items = False
    for report in reports:
        found = connection.execute(_IN_HAND, (report.id, app, report.token.delivery)).fetchone()
        if found is None:
            continue
        (task,) = found
        if report.progress is not None or report.note is not None:
            connection.execute(_SAY, (task, report.progress, report.note))
        if report.items:
            _add(connection, task, report)
            has_items = True
    return has_items


def _add(connection: sqlite3.Connection, task: int, report: Report) -> None:
    delivery = report.token.delivery
    connection.execute(_STREAM, (task, delivery))
    connection.execute(_DROP_EARLIER, (task, delivery))
    rows = [(task, delivery, number, item) for number, item in enumerate(report.items, report.first)]
    connection.executemany(_ITEM, rows)


def forget(connection: sqlite3.Connection, app: str, ids: Sequence[str], now: float) -> None:
    """Forget what final tasks have said that are about to be requeued."""
    found = connection.execute(_REQUEUED, {"app": app, "ids": ids_text(ids), "now": now}).fetchall()
    for statement in _FORGET:
        connection.executemany(statement, found)


def clear(connection: sqlite3.Connection, app: str, now: float) -> bool:
    """Remove items of tasks that ended long enough ago for every listener to have heard of it.

    Returns:
        Whether there may be more of them.
    """
    found = connection.execute(_OVER, (app, now - KEPT, _TASKS_AT_ONCE)).fetchall()
    removed = 0
    for task in found:
        removed += connection.execute(_CLEAR_ITEMS, task).rowcount
        connection.execute(_CLEARED, task)
        if removed >= _ITEMS_AT_ONCE:
            return True
    return len(found) == _TASKS_AT_ONCE


class Listener:
    """Somebody who waits for items."""

    def __init__(self, link: Link, task_id: str) -> None:
        self._database = link.database
        self._setup = link.setup
        self._life = link.life
        self._id = task_id

    async def next(self, delivery: int, number: int) -> Items:
        """Return what was not seen yet as soon as there is some, or the task has ended."""
        hearing, news, kinds = self._database.hearing, asyncio.Event(), News.SAID | News.FINAL
        app, interval = self._setup.name, self._setup.config.result_time_interval
        values = {"id": self._id, "app": app, "delivery": delivery, "number": number}
        with self._life.telling(news.set):
            while True:
                self._life.check()
                news.clear()
                since = hearing.mark(kinds)
                state = await self._database.read(_NEWS, values | {"now": self._setup.clock.now()})
                if not state:
                    return Items(None, delivery, number)
                ((task, is_news),) = state
                if is_news:
                    return await self._read(task, delivery, number)
                await hearing.rest(kinds, news, interval, since)

    async def _read(self, task: int, delivery: int, number: int) -> Items:
        """Read the record first: if it has ended then, the items that are read next are all of them."""
        now = self._setup.clock.now()
        rows = await self._database.read(tasks.GET, (self._setup.name, ids_text([self._id]), now))
        items = await self._database.read(_ITEMS, (task, delivery, number))
        found = record(rows[0], now) if rows else None
        if not items:
            return Items(found, delivery, number)
        newest, first, _ = items[0]
        # What comes after a gap, where a report is missing, comes when the gap is filled.
        values = tuple(
            value for at, (of, each, value) in enumerate(items, first) if (of, each) == (newest, at)
        )
        return Items(found, newest, first, values)
