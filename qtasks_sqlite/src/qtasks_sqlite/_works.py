"""The frequent kinds of work, merged where several callers ask at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Self

from qtasks.models import GiveBack, Message, Outcome, Settled
from qtasks.status import TaskStatus
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._rows import Named, Role, Row, finish_row, give_back_row, ids_text, message_row, retry_row
from qtasks_sqlite._url import Level
from qtasks_sqlite._work import News, Work

Hold = Callable[[sqlite3.Connection], tuple[int, float]]
"""Prolongs a lease; gives the id of the holder and the moment."""


class Settle(Work[list[Settled]]):
    """Record outcomes, each fenced by its token."""

    order = 0

    def __init__(self, app: str, outcomes: Sequence[Outcome], now: float, level: Level) -> None:
        super().__init__(level)
        self._app = app
        self._outcomes = outcomes
        self.final = [finish_row(o, app, now) for o in outcomes if o.status is not TaskStatus.RETRY]
        self.retry = [retry_row(o, app, now) for o in outcomes if o.status is TaskStatus.RETRY]

    @property
    def is_single(self) -> bool:
        """Whether it is one outcome."""
        return len(self._outcomes) == 1

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it alone."""
        self.run_together(connection, [self])

    @classmethod
    def run_together(cls, connection: sqlite3.Connection, works: Sequence[Self]) -> None:
        """Record all; look closer only where the fence has refused something."""
        final = [row for work in works for row in work.final]
        retry = [row for work in works for row in work.retry]
        changed = 0
        if final:
            changed += connection.executemany(sql.FINISH, final).rowcount
        if retry:
            changed += connection.executemany(sql.RETRY, retry).rowcount
        all_recorded = changed == len(final) + len(retry)
        for work in works:
            work.answer(None if all_recorded else connection)

    def answer(self, connection: sqlite3.Connection | None) -> None:
        """Say what became of each; without a connection, all are recorded."""
        news = (News.FINAL if self.final else News.NONE) | (News.READY if self.retry else News.NONE)
        if connection is None:
            self.done([Settled.RECORDED] * len(self._outcomes), news)
            return
        ids = ids_text([outcome.id for outcome in self._outcomes])
        recorded = dict(connection.execute(sql.SETTLED, (self._app, ids)).fetchall())
        self.done(
            [
                Settled.RECORDED if recorded.get(o.id) == o.token.delivery else Settled.STALE
                for o in self._outcomes
            ],
            news,
        )


class Return(Work[None]):
    """Give deliveries back."""

    order = 0

    def __init__(self, app: str, returned: Sequence[GiveBack], now: float, level: Level) -> None:
        super().__init__(level)
        self._rows = [give_back_row(one, app, now) for one in returned]

    def run(self, connection: sqlite3.Connection) -> None:
        """Give all of them back whose token still has the last word."""
        connection.executemany(sql.GIVE_BACK, self._rows)
        self.done(None, News.READY)


class Publish(Work[None]):
    """Take messages in."""

    order = 2

    def __init__(self, app: str, role: Role, messages: Sequence[Message], now: float, level: Level) -> None:
        super().__init__(level)
        self.rows = [message_row(message, app, role, now) for message in messages]
        self.told = News.NONE if role is Role.RECORD else News.READY
        self.now = now

    @property
    def is_single(self) -> bool:
        """Whether it is one message."""
        return len(self.rows) == 1

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it alone."""
        self.run_together(connection, [self])

    @classmethod
    def run_together(cls, connection: sqlite3.Connection, works: Sequence[Self]) -> None:
        """Insert all; where an id is there already, see whether that record has had its time."""
        rows = [row for work in works for row in work.rows]
        if connection.executemany(sql.INSERT, rows).rowcount < len(rows):
            over = [(row[12], row[0], work.now) for work in works for row in work.rows]
            if connection.executemany(sql.FORGET, over).rowcount:
                connection.executemany(sql.INSERT, rows)
        for work in works:
            work.done(None, work.told)


class Claim(Work[list[Row]]):
    """Lease ready tasks to a holder, whose lease is prolonged first where `hold` is given."""

    order = 3

    def __init__(self, queues: int, values: Named, hold: Hold | None, level: Level) -> None:
        super().__init__(level)
        self._statement = sql.claim(queues)
        self._values = values
        self._hold = hold
        self.held_at: float | None = None
        """When the lease was prolonged, on the clock of leases."""

    @property
    def is_single(self) -> bool:
        """Whether the lease needs no prolonging now."""
        return self._hold is None

    def run(self, connection: sqlite3.Connection) -> None:
        """Prolong, then claim. The order of the rows is not defined."""
        if self._hold is not None:
            self._values["holder"], self.held_at = self._hold(connection)
        self.done(connection.execute(self._statement, self._values).fetchall())

    @property
    def holder(self) -> int:
        """The id of the holder."""
        return int(self._values["holder"])
