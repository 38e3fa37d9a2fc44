"""What callers ask of the writer: pieces of work that share a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import Flag
from typing import Any, ClassVar, Generic, TypeVar

from qtasks_sqlite._url import Level

T = TypeVar("T")


class News(Flag):
    """What others may wait for."""

    NONE = 0
    READY = 1
    """Something is ready, or will be sooner than was known."""
    FINAL = 2
    """Something has ended, or has been removed."""
    SIGNAL = 4
    """Cancellation was asked for something that is in hand, or a setting has changed."""
    SAID = 8
    """A running body has yielded something."""


class Work(ABC, Generic[T]):
    """One caller's part of a transaction, run in the thread of the writing connection.

    Works of one class that meet in a transaction are run together.
    """

    order: ClassVar[int] = 0
    """Which classes come first in a transaction; claims come last."""

    def __init__(self, level: Level) -> None:
        self.level = level
        self.news = News.NONE
        self.error: BaseException | None = None
        self.future: asyncio.Future[T] | None = None
        self._result: list[T] = []

    @property
    def is_single(self) -> bool:
        """Whether one statement does it, which is a transaction by itself."""
        return False

    @property
    def result(self) -> T:
        """What the caller gets, once it has been run."""
        return self._result[0]

    def done(self, result: T, news: News = News.NONE) -> None:
        """Note the result, and what is to be told after the commit."""
        self._result = [result]
        self.news = news
        self.error = None

    def undone(self) -> None:
        """Forget the result: the transaction was rolled back."""
        self._result = []
        self.news = News.NONE

    @abstractmethod
    def run(self, connection: sqlite3.Connection) -> None:
        """Do it, and call `done`."""

    @classmethod
    def run_together(cls, connection: sqlite3.Connection, works: Sequence[Any]) -> None:
        """Do several of this class."""
        for work in works:
            work.run(connection)


class Step(Work[T]):
    """Something that happens rarely: a function that is run by itself."""

    order = 1

    def __init__(
        self,
        function: Callable[[sqlite3.Connection], T],
        level: Level,
        news: News | Callable[[T], News] = News.NONE,
    ) -> None:
        super().__init__(level)
        self._function = function
        self._told = news

    def run(self, connection: sqlite3.Connection) -> None:
        """Call the function. Where it says that it has changed nothing, nothing is told."""
        result = self._function(connection)
        if not isinstance(self._told, News):
            self.done(result, self._told(result))
            return
        changed = result is None or bool(result)
        self.done(result, self._told if changed else News.NONE)
