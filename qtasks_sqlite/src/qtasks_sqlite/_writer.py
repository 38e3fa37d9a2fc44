"""The task that owns the writing connection, and groups what many callers ask at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite

from qtasks_sqlite import _errors
from qtasks_sqlite._session import Desk
from qtasks_sqlite._work import News, Work

T = TypeVar("T")


class Writer:
    """Runs work in transactions: whatever came while one was under way forms the next.

    Callers wait for a future, so that their cancellation never reaches a transaction.
    """

    def __init__(
        self, path: str, connection: aiosqlite.Connection, desk: Desk, on_commit: Callable[[News], None]
    ) -> None:
        self._path = path
        self._connection = connection
        self._desk = desk
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()

    async def do(self, work: Work[T]) -> T:
        """Return the result of the work once it is committed.

        Raises:
            BackendError: It was not committed.
        """
        if self._desk.is_closing:
            raise _errors.closed(self._path)
        work.future = future = self._loop.create_future()
        self._desk.waiting.append(work)
        self._wake.set()
        result: T = await future
        return result

    def close(self) -> None:
        """Let `run` end when all that waits is done."""
        self._desk.close()
        self._wake.set()

    async def run(self) -> None:
        """Write until closed."""
        desk = self._desk
        while desk.waiting or not desk.is_closing:
            await self._wake.wait()
            self._wake.clear()
            if desk.waiting:
                await self._connection.commit()
                self._answer()

    def refuse(self) -> None:
        """Leave nobody waiting who will get no answer: the connection is closed."""
        self._desk.close()
        self._answer()
        while self._desk.waiting:
            future = self._desk.waiting.popleft().future
            if future is not None and not future.done():
                future.set_exception(_errors.closed(self._path))

    def _answer(self) -> None:
        news = News.NONE
        finished = self._desk.finished
        while finished:
            work = finished.popleft()
            news |= work.news
            self._tell(work)
        if news:
            self._on_commit(news)

    def _tell(self, work: Work[Any]) -> None:
        future = work.future
        if future is None or future.done():
            return
        if work.error is None:
            future.set_result(work.result)
        else:
            error = _errors.translate(work.error, self._path)
            error.__cause__ = work.error if error is not work.error else None
            future.set_exception(error)
