"""The raw limit of SQLite: the statements, schema and bodies of QTasks by plain sqlite3, in one thread.

Bodies and rows are made beforehand: what is measured is what the file costs, and nothing else.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from children import HERE, answer, placed
from noop import app, noop

from qtasks.clock import SYSTEM_CLOCK
from qtasks.models import Message, Outcome, Token
from qtasks.producer import message_of
from qtasks.status import TaskStatus
from qtasks.worker.identity import this_worker
from qtasks_sqlite import _schema
from qtasks_sqlite import _statements as sql
from qtasks_sqlite._rows import Role, Row, finish_row, ids_text, message_row

BATCH = 100
WARM_UP = 20
DAY = 86_400.0
IN_MODIFY, IN_ATTRIB = 0x2, 0x4
NOW = time.time()


class Raw:
    """A file with the schema of QTasks, and its statements with all values ready."""

    def __init__(self, path: str, *, holder: bool = False) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        _schema.prepare(self.connection, path)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self._level = ""
        self.claim_values: dict[str, Any] = {}
        if holder:
            self._hold()

    def _hold(self) -> None:
        worker = this_worker(("default",), BATCH, NOW)
        boot = SYSTEM_CLOCK.boot()
        row = (app.name, worker.id, "", boot, boot + DAY, "{}")
        (number,) = self.connection.execute(sql.HOLD, row).fetchone()
        self.claim_values = {
            "app": app.name,
            "worker": worker.id,
            "holder": number,
            "now": NOW,
            "limit": BATCH,
            "queue0": "default",
        }

    def level(self, level: str) -> None:
        """Choose how far the next commits are forced."""
        if level != self._level:
            self.connection.execute(f"PRAGMA synchronous = {level}")
            self._level = level

    def insert(self, rows: Sequence[Row]) -> None:
        """Publish, one transaction for all."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        self.connection.executemany(sql.INSERT, rows)
        execute("COMMIT")

    def claim(self) -> list[Row]:
        """Lease up to a batch."""
        return self.connection.execute(sql.claim(1), self.claim_values).fetchall()

    def id_column(self) -> int:
        """Return where the id is in a claimed row."""
        cursor = self.connection.execute(sql.claim(1), {**self.claim_values, "limit": 0})
        cursor.fetchall()
        return [column[0] for column in cursor.description].index("id")


def messages(count: int) -> list[Message]:
    """Return the messages that QTasks would publish."""

    async def make() -> list[Message]:
        async with app:
            runtime = await app.connect()
            return [message_of(noop.bind(number), runtime) for number in range(count)]

    return asyncio.run(make())


def insert_rows(sent: Sequence[Message]) -> list[Row]:
    """Return the rows that they are inserted as."""
    return [message_row(message, app.name, Role.BOTH, NOW) for message in sent]


def finish_rows(sent: Sequence[Message]) -> dict[str, Row]:
    """Return the rows of their outcomes, by id."""
    encode, first = noop.definition.signature.encode_result, Token(1, 1, 1)
    return {
        message.id: finish_row(
            Outcome(
                message.id,
                first,
                TaskStatus.SUCCESS,
                NOW,
                NOW,
                result=encode(number),
                remove_at=NOW + DAY,
            ),
            app.name,
            NOW,
        )
        for number, message in enumerate(sent)
    }


def publish(path: str, count: int, batch: int) -> dict[str, float]:
    """Publish at FULL, one by one or in batches."""
    raw = Raw(path)
    raw.level("FULL")
    rows = insert_rows(messages(WARM_UP + count))
    insert: Callable[[Sequence[Row]], Any] = raw.insert
    if batch == 1:
        execute = raw.connection.execute
        insert = lambda one: execute(sql.INSERT, one[0])  # noqa: E731 - a statement is a transaction
    insert(rows[:1])
    rows = rows[WARM_UP:]
    began = time.perf_counter()
    for first in range(0, count, batch):
        insert(rows[first : first + batch])
    return {"rate": count / (time.perf_counter() - began)}


def process(path: str, count: int) -> dict[str, float]:
    """Settle a batch and claim the next one in one transaction at FULL, until nothing is left."""
    sent = messages(count)
    raw = Raw(path, holder=True)
    raw.level("OFF")
    for first in range(0, count, 1000):
        raw.insert(insert_rows(sent[first : first + 1000]))
    raw.level("FULL")
    outcomes, column = finish_rows(sent), raw.id_column()
    execute, executemany = raw.connection.execute, raw.connection.executemany
    began, done = time.perf_counter(), 0
    rows = raw.claim()
    while rows:
        done += len(rows)
        execute("BEGIN IMMEDIATE")
        executemany(sql.FINISH, [outcomes[row[column]] for row in rows])
        rows = raw.claim()
        execute("COMMIT")
    seconds = time.perf_counter() - began
    (finished,) = execute("SELECT count(*) FROM task WHERE status = 'success'").fetchone()
    assert done == finished == count
    return {"rate": count / seconds}


class Ear:
    """Waits for one kind of news of a file, by inotify(7), in the calling thread."""

    def __init__(self, path: str, mask: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.inotify_init1(os.O_CLOEXEC)
        if self._file < 0 or libc.inotify_add_watch(self._file, os.fsencode(path), mask) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def wait(self) -> None:
        """Return when there is news."""
        os.read(self._file, 4096)


def chain(path: str, count: int, worker_cores: Sequence[int]) -> dict[str, list[float]]:
    """Do what a task does on an idle queue: the same commits and wake-ups, between two processes."""
    sent = messages(WARM_UP + count)
    rows, raw, bell = insert_rows(sent), Raw(path), f"{path}-bell"
    file = os.open(bell, os.O_RDWR | os.O_CREAT, 0o600)
    ear = Ear(bell, IN_ATTRIB)
    raw.level("FULL")
    command = [sys.executable, __file__, "chain_worker", f'{{"path": "{path}", "count": {len(rows)}}}']
    taken = []
    with placed(worker_cores):
        worker = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE)
    with worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        for message, row in zip(sent, rows, strict=True):
            began = time.perf_counter()
            raw.connection.execute(sql.INSERT, row)
            os.pwrite(file, b"\n", 0)
            ear.wait()
            found = raw.connection.execute(sql.GET, (app.name, ids_text([message.id]), NOW)).fetchall()
            taken.append((time.perf_counter() - began) * 1e3)
            assert "success" in found[0]
    return {"ms": taken[WARM_UP:]}


def chain_worker(path: str, count: int) -> None:
    """Claim, settle and ring, once for each task."""
    raw, bell = Raw(path, holder=True), f"{path}-bell"
    file = os.open(bell, os.O_RDWR)
    ear, encode = Ear(bell, IN_MODIFY), noop.definition.signature.encode_result
    column = raw.id_column()
    print(flush=True)
    for number in range(count):
        ear.wait()
        raw.level("NORMAL")
        (row,) = raw.claim()
        outcome = Outcome(
            row[column],
            Token(1, 1, 1),
            TaskStatus.SUCCESS,
            NOW,
            NOW,
            result=encode(number),
            remove_at=NOW + DAY,
        )
        raw.level("FULL")
        raw.connection.execute(sql.FINISH, finish_row(outcome, app.name, NOW))
        os.utime(file)


if __name__ == "__main__":
    answer({function.__name__: function for function in (publish, process, chain, chain_worker)})
