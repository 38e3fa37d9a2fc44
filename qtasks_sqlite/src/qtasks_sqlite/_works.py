"""The frequent kinds of work, merged where several callers ask at once."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Sequence
from typing import Self

from qtasks.models import GiveBack, Message, Outcome, Settled, UniqueKey
from qtasks.status import FINAL, TaskStatus
from qtasks_sqlite import _admin_statements as admin
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._choice import Choice
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
        rows = connection.execute(sql.SETTLED, (self._app, ids)).fetchall()
        recorded = {task_id: last for task_id, *last in rows}
        self.done(
            [
                Settled.RECORDED if recorded.get(o.id) == [o.token.epoch, o.token.delivery] else Settled.STALE
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


class Publish(Work[dict[str, str]]):
    """Take messages in; the result says which ones other tasks keep away by their unique keys."""

    order = 2

    def __init__(self, app: str, role: Role, messages: Sequence[Message], now: float, level: Level) -> None:
        super().__init__(level)
        self.rows = [message_row(message, app, role, now) for message in messages]
        self.told = News.NONE if role is Role.RECORD else News.READY
        self.now = now
        self._messages = messages
        self.is_unique = role is not Role.ENTRY and any(message.unique for message in messages)
        """Whether keys have to be looked at."""

    @property
    def is_single(self) -> bool:
        """Whether it is one message without a key."""
        return len(self.rows) == 1 and not self.is_unique

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it alone."""
        self.run_together(connection, [self])

    @classmethod
    def run_together(cls, connection: sqlite3.Connection, works: Sequence[Self]) -> None:
        """Insert all at once; with keys one by one, so that each sees those before it."""
        if any(work.is_unique for work in works):
            for work in works:
                work.insert_each(connection)
            return
        rows = [row for work in works for row in work.rows]
        _insert(connection, rows, works[0].now)
        for work in works:
            work.done({}, work.told)

    def insert_each(self, connection: sqlite3.Connection) -> None:
        """Insert one message after the other, where their keys allow it."""
        kept_away = {}
        for row, message in zip(self.rows, self._messages, strict=True):
            unique = message.unique if self.is_unique else None
            if unique is None:
                _insert(connection, [row], self.now)
            elif (other := self._other(connection, row, message, unique)) is not None:
                kept_away[message.id] = other
            else:
                _insert(connection, [(*row, unique.key)], self.now, sql.INSERT_UNIQUE)
        self.done(kept_away, self.told if len(kept_away) < len(self.rows) else News.NONE)

    def _other(
        self, connection: sqlite3.Connection, row: Row, message: Message, unique: UniqueKey
    ) -> str | None:
        """Return who keeps the message away; nobody does where its id is known already."""
        values = {
            "app": row[0],
            "id": message.id,
            "now": self.now,
            "key": unique.key,
            "states": ids_text(sorted(unique.states)),
            "since": -math.inf if unique.since is None else unique.since,
        }
        if connection.execute(admin.IS_KNOWN, values).fetchone() is not None:
            return None
        statement = admin.OTHER if unique.states & FINAL else admin.OTHER_ALIVE
        found = connection.execute(statement, values).fetchone()
        return None if found is None else str(found[0])


def _insert(
    connection: sqlite3.Connection, rows: Sequence[Row], now: float, statement: str = sql.INSERT
) -> None:
    """Insert all; where an id is there already, see whether that record has had its time."""
    if connection.executemany(statement, rows).rowcount < len(rows):
        over = [(row[12], row[0], now) for row in rows]
        if connection.executemany(sql.FORGET, over).rowcount:
            connection.executemany(statement, rows)


class Claim(Work[list[Row]]):
    """Lease ready tasks to a holder, whose lease is prolonged first where `hold` is given.

    Args:
        choice: The queues.
        values: The values of the statement.
        hold: Prolongs the lease.
        level: How far it is forced.
    """

    order = 3

    def __init__(self, choice: Choice, values: Named, hold: Hold | None, level: Level) -> None:
        super().__init__(level)
        self.choice = choice
        """May be changed until the claim is run."""
        self.ran = choice
        """The one that it was run with."""
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
        self.ran = ran = self.choice
        self.done(connection.execute(ran.statement, {**ran.names, **self._values}).fetchall())

    @property
    def holder(self) -> int:
        """The id of the holder."""
        return int(self._values["holder"])
