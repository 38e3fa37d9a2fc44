"""Who waits for a task to reach some status, and how they learn of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final

from qtasks.errors import BackendError, BackendUnavailable
from qtasks.models import Record
from qtasks.protocols import Setup
from qtasks.status import FINAL, TaskStatus
from qtasks_sqlite import _errors
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._rows import Row, ids_text, record, status_at
from qtasks_sqlite._work import News

if TYPE_CHECKING:
    from qtasks_sqlite.database import Database

_EAGER_INTERVAL: Final = 0.05
"""Seconds between two looks for statuses that nobody rings for."""

_FEW: Final = 16
"""So many records are read whole; of more, first only the status."""


class Waiter:
    """Somebody who waits."""

    def __init__(self, setup: Setup, task_id: str, until: AbstractSet[TaskStatus]) -> None:
        interval = setup.config.result_time_interval
        self.app = setup.name
        self.clock = setup.clock
        self.task_id = task_id
        self.until = until
        self.interval = interval if until <= FINAL else min(interval, _EAGER_INTERVAL)
        self.answer: asyncio.Future[Record | None] = asyncio.get_running_loop().create_future()

    def refuse(self, exc: BackendError) -> None:
        """Let it wait no more."""
        if not self.answer.done():
            self.answer.set_exception(exc)


class Waiters:
    """All who wait in one engine: each ring is one read for all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[str, dict[str, list[Waiter]]] = {}
        """By app and task."""
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    async def wait(self, waiter: Waiter) -> Record | None:
        """Return the record as soon as its status is right; None where there is none (any more)."""
        if self._is_closed:
            raise _errors.closed(self._database.path)
        tasks = self._waiting.setdefault(waiter.app, {})
        tasks.setdefault(waiter.task_id, []).append(waiter)
        try:
            if not self._database.hearing.is_on(News.FINAL):
                self._database.hearing.listen(News.FINAL)
            self._news.set()
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name="qtasks-sqlite-waiters")
            return await waiter.answer
        finally:
            self._leave(waiter)

    def look(self) -> bool:
        """Read again soon; False where nobody waits."""
        self._news.set()
        return bool(self._waiting)

    def close(self) -> None:
        """Leave nobody waiting."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
        self._fail(_errors.closed(self._database.path))

    def _leave(self, waiter: Waiter) -> None:
        tasks = self._waiting[waiter.app]
        tasks[waiter.task_id].remove(waiter)
        if not tasks[waiter.task_id]:
            del tasks[waiter.task_id]
        if not tasks:
            del self._waiting[waiter.app]

    async def _run(self) -> None:
        try:
            while self._waiting:
                self._news.clear()
                await self._read_all()
                await self._sleep()
        except Exception as exc:  # noqa: BLE001 - whatever it is, nobody must wait for ever
            self._fail(_unexpected(self._database.path, exc))
        finally:
            self._task = None

    async def _sleep(self) -> None:
        lists = (waiters for tasks in self._waiting.values() for waiters in tasks.values())
        interval = min((waiter.interval for waiters in lists for waiter in waiters), default=0.0)
        try:
            async with asyncio.timeout(interval):
                await self._news.wait()
        except TimeoutError:
            self._database.hearing.check()

    async def _read_all(self) -> None:
        try:
            for app, tasks in tuple(self._waiting.items()):
                # Who comes later is not answered by what was read before.
                await self._read(app, {task_id: tuple(waiters) for task_id, waiters in tasks.items()})
        except BackendError as exc:
            self._fail(exc)

    async def _read(self, app: str, tasks: dict[str, tuple[Waiter, ...]]) -> None:
        now = next(iter(tasks.values()))[0].clock.now()
        ids = list(tasks)
        if len(ids) > _FEW:
            ids = await self._changed(app, tasks, now)
        rows: Sequence[Row] = await self._database.read(sql.GET, (app, ids_text(ids), now)) if ids else ()
        found = {row[0]: row for row in rows}
        for task_id in ids:
            row = found.get(task_id)
            try:
                answer = None if row is None else record(row, now)
            except BackendError as exc:  # one that cannot be read does not harm the others
                for waiter in tasks[task_id]:
                    waiter.refuse(exc)
            else:
                self._answer(tasks[task_id], answer)

    async def _changed(self, app: str, tasks: dict[str, tuple[Waiter, ...]], now: float) -> list[str]:
        """Return the ids whose waiters can be answered."""
        ids = list(tasks)
        rows = await self._database.read(sql.STATUSES, (app, ids_text(ids), now))
        found = {task_id: (status, due) for task_id, status, due in rows}
        return [i for i in ids if i not in found or _has_come(*found[i], now, tasks[i])]

    @staticmethod
    def _answer(waiters: Sequence[Waiter], answer: Record | None) -> None:
        for waiter in waiters:
            if not waiter.answer.done() and (answer is None or answer.status in waiter.until):
                waiter.answer.set_result(answer)

    def _fail(self, exc: BackendError) -> None:
        for tasks in self._waiting.values():
            for waiters in tasks.values():
                for waiter in waiters:
                    waiter.refuse(exc)


def _has_come(status: str, due: float | None, now: float, waiters: Sequence[Waiter]) -> bool:
    try:
        known = status_at(status, due, now)
    except BackendError:
        return True  # reading the whole record says what is wrong
    return any(known in waiter.until for waiter in waiters)


def _unexpected(path: str, exc: Exception) -> BackendError:
    error = BackendUnavailable(
        f"waiting for tasks of {path} was cut short by an unexpected error ({exc!r}): wait again, and report"
        f" it if it comes again"
    )
    error.__cause__ = exc
    return error
