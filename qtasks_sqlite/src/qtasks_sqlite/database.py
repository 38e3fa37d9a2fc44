"""The engine: all that one process does with one file in one loop."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import aiosqlite

from qtasks.clock import Clock
from qtasks_sqlite._bell import Bell
from qtasks_sqlite._clock import boot_shift, clock_id
from qtasks_sqlite._errors import translated
from qtasks_sqlite._hearing import Hearing
from qtasks_sqlite._rows import Row
from qtasks_sqlite._session import Desk, open_reader, open_session
from qtasks_sqlite._threads import GUARD, make_daemon, stop_thread
from qtasks_sqlite._waiters import Waiters
from qtasks_sqlite._work import Work
from qtasks_sqlite._writer import Writer

T = TypeVar("T")

_CHUNK: Final = 64

_engines: Final[dict[tuple[int, asyncio.AbstractEventLoop, str], Database]] = {}


class Database:
    """One writing and one reading connection, the bell, and who waits for it.

    Components share it: the first one opens it, the last one closes it. It also closes by itself
    with its loop, since `asyncio.run` cancels the task that owns the connections.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.loop = asyncio.get_running_loop()
        self.thread = threading.current_thread()
        self.closed = threading.Event()
        self.clock_id = clock_id()
        """Names the boot on whose clock leases are measured."""
        self._boot_shift = boot_shift()
        self._bell = Bell(path)
        self.waiters = Waiters(self)
        self.hearing = Hearing(self._bell, self._version, self.waiters.look)
        self._desk = Desk(self._bell.ring)
        self._connections: list[aiosqlite.Connection] = []
        self._users = 0
        self._opening: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None

    @classmethod
    async def enter(cls, path: str) -> Database:
        """Return the engine of this file in the running loop, opened at first use.

        Raises:
            BackendUnavailable: Locked for too long.
            BackendRefused: It cannot be opened or written.
            BackendMismatch: It is no file of ours, or one of a newer version.
        """
        key = (os.getpid(), asyncio.get_running_loop(), path)
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = cls(path)
        await engine.join()
        return engine

    async def join(self) -> None:
        """Count one more user, once it is open."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open(), name="qtasks-sqlite-open")
        self._users += 1
        try:
            await asyncio.shield(self._opening)
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        """Count one user less; the last one closes it."""
        self._users -= 1
        if self._users:
            return
        self._forget()
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait({self._opening})
        if self._life is not None:
            self._writer.close()
            await asyncio.wait({self._life})
            if not self._life.cancelled():
                self._life.result()

    def boot(self, clock: Clock) -> float:
        """Return the time on the clock of leases, which all processes of the machine share."""
        return clock.boot() - self._boot_shift

    async def write(self, work: Work[T]) -> T:
        """Have work committed, together with whatever else is asked now.

        Raises:
            BackendError: It was not committed.
        """
        return await self._writer.do(work)

    async def read(self, statement: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """Return the rows of a query.

        Raises:
            BackendError: It could not be read.
        """
        self._desk.files.check()
        with translated(self.path):
            return [tuple(row) for row in await self._reader.execute_fetchall(statement, parameters)]

    def cancel(self) -> None:
        """Close soon, whoever uses it."""
        if self._life is not None:
            self._life.cancel()

    def stop_threads(self) -> None:
        """End the threads of the connections, from any thread."""
        for connection in self._connections:
            stop_thread(connection)

    async def _open(self) -> None:
        try:
            with translated(self.path):
                connection = await self._connect(partial(open_session, self.path, self._desk))
                self._reader = await self._connect(partial(open_reader, self.path))
            self.hearing.open()
        except BaseException:
            await self._close_connections()
            self._bell.close()
            raise
        self._writer = Writer(self.path, connection, self._desk, self.hearing.heard_here)
        GUARD.add(self)
        self._life = asyncio.create_task(self._live(), name="qtasks-sqlite-writer")

    async def _connect(self, connect: Callable[[], sqlite3.Connection]) -> aiosqlite.Connection:
        failures: list[Exception] = []

        def connector() -> sqlite3.Connection:
            try:
                return connect()
            except Exception as exc:  # noqa: BLE001 - raised below
                # A connection that was never opened cannot be closed, and its thread would end at
                # some later time, perhaps after the loop. So it gets something to close.
                failures.append(exc)
                return sqlite3.connect(":memory:")

        connection = aiosqlite.Connection(connector, _CHUNK)
        make_daemon(connection)
        await connection
        self._connections.insert(0, connection)
        if failures:
            raise failures[0]
        return connection

    async def _version(self) -> int:
        ((version,),) = await self.read("PRAGMA data_version")
        return int(version)

    async def _live(self) -> None:
        try:
            await self._writer.run()
        finally:
            self._forget()
            self._writer.close()
            self.waiters.close()
            self.hearing.close()
            await self._close_connections()
            self._bell.close()  # the thread of the writer has rung it to the last
            self._writer.refuse()
            GUARD.remove(self)
            self.closed.set()

    def _forget(self) -> None:
        key = (os.getpid(), self.loop, self.path)
        if _engines.get(key) is self:
            del _engines[key]

    async def _close_connections(self) -> None:
        for connection in self._connections:
            with suppress(Exception):  # closed already, from outside
                await connection.close()
