"""The writing connection: whole transactions, each in one call of its thread."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

from qtasks.errors import BackendRefused
from qtasks_sqlite import _errors, _place, _schema
from qtasks_sqlite._files import Files
from qtasks_sqlite._url import Level
from qtasks_sqlite._work import News, Work

PATIENCE: Final = 30.0
"""Seconds that a call waits for a lock that another process holds."""

LAST_PATIENCE: Final = 2.0
"""Seconds after the beginning of a stop for which what was asked before still waits for it."""

_SLICE: Final = 0.02
"""Seconds of waiting inside SQLite at a time. It sleeps longer and longer between two tries: short slices
find a free lock sooner, and let a closing connection give up."""

_READER_PATIENCE: Final = 10.0
"""The same for reading, which hardly ever waits."""

_LOG_SIZE: Final = 64 * 1024 * 1024
"""Bytes to which the write-ahead log is cut after it had to grow."""


class Desk:
    """Where works lie until the thread of the connection takes them, all that are there at once."""

    files: Files
    """Those that the connection has opened."""

    def __init__(self, ring: Callable[[News], None]) -> None:
        self.waiting: deque[Work[Any]] = deque()
        self.finished: deque[Work[Any]] = deque()
        self.ring = ring
        """Called in the thread after each commit."""
        self._closed_at: float | None = None

    @property
    def is_closing(self) -> bool:
        """Whether it takes no more work."""
        return self._closed_at is not None

    def close(self) -> None:
        """Take no more work."""
        if self._closed_at is None:
            self._closed_at = time.monotonic()

    def patience_ends(self, began: float) -> float:
        """Return until when a call that began then waits for a lock."""
        closed_at = self._closed_at
        end = began + PATIENCE
        return end if closed_at is None else min(end, closed_at + LAST_PATIENCE)

    def take(self) -> list[Work[Any]]:
        """Take all that wait, in the order in which they are run."""
        taken = []
        while self.waiting:
            taken.append(self.waiting.popleft())
        return sorted(taken, key=lambda work: work.order)


class Session(sqlite3.Connection):
    """A connection that writes what lies on its desk.

    A transaction must not wait for the loop between its statements: a task that blocks the loop
    would hold the lock of the whole file meanwhile. The driver runs one method in the thread of the
    connection at a time; here that is `commit`, which runs whole transactions from begin to commit.
    """

    desk: Desk
    _level: Level | None = None

    def commit(self) -> None:
        """Run what lies on the desk in one transaction; each work gets its result or its error."""
        works = self.desk.take()
        if not works:
            return
        try:
            self._transact(works)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it belongs to the callers
            self._part(works, exc)
        self.desk.finished.extend(works)

    def _part(self, works: Sequence[Work[Any]], exc: Exception) -> None:
        """Where one of several may be to blame, try each alone."""
        if len(works) == 1 or not _errors.is_about_values(exc):
            for work in works:
                work.error = exc
            return
        for work in works:
            try:
                self._transact([work])
            except Exception as own:  # noqa: BLE001 - whatever it is, it belongs to this work's caller
                work.error = own

    def _transact(self, works: Sequence[Work[Any]]) -> None:
        self.desk.files.check()
        self._set_level(max(work.level for work in works))
        if len(works) == 1 and works[0].is_single:
            self.wait_for_lock(lambda: works[0].run(self))
        else:
            self.wait_for_lock(lambda: self.execute("BEGIN IMMEDIATE"))
            self._run_all(works)
        news = News.NONE
        for work in works:
            news |= work.news
        if news:
            self.desk.ring(news)

    def _run_all(self, works: Sequence[Work[Any]]) -> None:
        try:
            for kind, group in groupby(works, key=_kind):
                kind.run_together(self, list(group))
            self.execute("COMMIT")
        except BaseException:
            for work in works:
                work.undone()
            if self.in_transaction:
                self.execute("ROLLBACK")
            raise

    def wait_for_lock(self, attempt: Callable[[], object]) -> None:
        """Call until nobody else holds the lock, as long as patience lasts."""
        began = time.monotonic()
        while True:
            try:
                attempt()
            except sqlite3.OperationalError as exc:
                if not _errors.is_busy(exc) or time.monotonic() > self.desk.patience_ends(began):
                    raise
            else:
                return

    def _set_level(self, level: Level) -> None:
        if level is not self._level:
            self.execute(f"PRAGMA synchronous = {level.value}")
            self._level = level


def _kind(work: Work[Any]) -> type[Work[Any]]:
    return type(work)


def open_session(path: str, desk: Desk) -> Session:
    """Open the writing connection, and make the file what it has to be."""
    _place.check_place(path)
    session = sqlite3.connect(path, timeout=_SLICE, isolation_level=None, factory=Session)
    try:
        session.desk = desk
        session.wait_for_lock(lambda: _schema.prepare(session, path))
        session.wait_for_lock(lambda: _keep_log(session, path))
        session.execute(f"PRAGMA journal_size_limit = {_LOG_SIZE}")
        desk.files = Files(path)
    except BaseException:
        session.close()
        raise
    return session


def _keep_log(session: Session, path: str) -> None:
    ((mode,),) = session.execute("PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise BackendRefused(f"{path}: no write-ahead log can be kept there; move the file to a local disk")
    session.execute("SELECT count(*) FROM sqlite_master")  # to read makes it, where there is none


def open_reader(path: str) -> sqlite3.Connection:
    """Open a connection that only reads."""
    connection = sqlite3.connect(path, timeout=_READER_PATIENCE, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection
