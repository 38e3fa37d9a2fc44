"""Files of an earlier version of the schema go on working, with all that is in them."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.models import Cancelled, Report, Token, UniqueKey
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import _schema
from qtasks_sqlite._schema import APPLICATION_ID, MIGRATIONS, prepare, version_of

NOW = 1_000.0

INSERT = """
INSERT INTO task (app, queue, priority, role, status, holder, turn, place, due, finished_at, remove_at,
                  delivery, settled, attempts, updated_at, created_at, id, name, worker, result, body)
VALUES ('kit', 'default', 0, 2, :status, :holder, :turn, :turn, :due, :finished_at, :remove_at,
        :delivery, :settled, :attempts, :now, :now, :id, 'add', :worker, :result, :body)
"""
COLUMNS = ("holder", "turn", "due", "finished_at", "remove_at", "settled", "worker", "result")


def _row(task_id: str, status: str, **values: Any) -> dict[str, Any]:
    ordinary = {"delivery": 0, "attempts": 0, "now": NOW, "body": b"x" * 5_000}
    return {**dict.fromkeys(COLUMNS), **ordinary, "id": task_id, "status": status, **values}


def _make_version_1(path: Path) -> None:
    """Write what version 1 wrote: a task that is ready, one delayed, one held by a lost worker, one ended."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO holder VALUES (1, 'kit', 'lost', 'another boot', 0, 1, '{}')")
        connection.execute("INSERT INTO setting VALUES ('kit', 'group', 'key', '[1]')")
        held = {"holder": 1, "turn": None, "delivery": 1, "worker": "lost"}
        ended = {"finished_at": NOW, "remove_at": 1e12, "delivery": 1, "settled": 1, "attempts": 1}
        connection.executemany(
            INSERT,
            [
                _row("ready", "new", turn=NOW),
                _row("delayed", "delayed", due=NOW + 1),
                _row("held", "process", **held),
                _row("ended", "success", **ended, result=b"42"),
            ],
        )
        connection.execute("UPDATE task SET place = 999 WHERE id = 'held'")


async def test_tasks_of_version_1_go_on(world: World, path: Path) -> None:
    """What waited is run, what was held by a lost worker comes again, and what has ended is kept."""
    _make_version_1(path)

    process = await world.process()

    assert (await process.record("ended")).result == b"42"
    assert (await process.record("held")).status is TaskStatus.PROCESS
    assert await process.storage.global_config.get("key", "group") == [1]
    worker = await process.worker()
    fetched = {delivery.id: delivery for delivery in await worker.fetch_number(3)}
    assert set(fetched) == {"ready", "delayed", "held"}
    assert (fetched["held"].token, fetched["held"].losses) == (Token(1, 1, 2), 1)
    assert {delivery.body for delivery in fetched.values()} == {b"x" * 5_000}
    for delivery in fetched.values():
        await process.finish(delivery)
    assert (await process.storage.counts())[TaskStatus.SUCCESS] == 4


async def test_tasks_of_version_1_take_part_in_what_is_new(world: World, path: Path) -> None:
    """They can be cancelled, say something of themselves, be found, requeued and stand beside unique ones."""
    _make_version_1(path)
    process = await world.process()
    worker = await process.worker()
    waiting, *held = sorted(await worker.fetch_number(3), key=lambda delivery: delivery.id != "ready")

    assert await process.cancel("ended", "ready") == [Cancelled.FINAL, Cancelled.ASKED]
    assert (await worker.signal()).id == waiting.id
    await process.storage.report([Report(waiting.id, waiting.token, 0.5, "half", (b"item",))])
    record = await process.record(waiting.id)
    assert (record.progress, record.note, record.cancel) == (0.5, "half", "asked")
    assert (await process.storage.listen(waiting.id, 0, 0)).items == (b"item",)
    key = UniqueKey("key", frozenset({TaskStatus.NEW}))
    first, second = world.messages(2, unique=key)
    assert await process.publish(first) == {}
    assert await process.publish(second) == {second.id: first.id}
    for delivery in held:
        await process.finish(delivery)
    assert list(await process.dispatch.requeue(["ended"])) == [True]
    assert [delivery.id for delivery in await worker.ready_now()] == [first.id, "ended"]


def _tables(path: Path) -> dict[str, Any]:
    """Return what there is, and the columns of each table and index."""
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        return {
            name: (
                kind,
                connection.execute(f"PRAGMA table_info({name})").fetchall(),
                connection.execute(f"PRAGMA index_info({name})").fetchall(),
            )
            for kind, name in names
        }


async def test_old_file_becomes_what_a_new_one_is(world: World, path: Path, tmp_path: Path) -> None:
    """After the migration a file has the tables, columns and indexes of one that was made today."""
    _make_version_1(path)
    await world.process()
    new = tmp_path / "new.db"
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        prepare(connection, str(new))

    assert _tables(path) == _tables(new)


def test_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration is done whole or not at all: the file stays what it was, and the next try succeeds."""
    _make_version_1(path)
    before = _tables(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(_schema, "MIGRATIONS", (MIGRATIONS[0], (*MIGRATIONS[1], "CREATE TABLE task (id)")))
            with pytest.raises(sqlite3.OperationalError, match="already exists"):
                prepare(connection, str(path))
        assert (version_of(connection, str(path)), _tables(path)) == (1, before)

        prepare(connection, str(path))

        assert version_of(connection, str(path)) == len(MIGRATIONS)
        assert connection.execute("SELECT count(*) FROM task").fetchone() == (4,)


def test_many_may_migrate_at_once(path: Path) -> None:
    """Of several processes that start on an old file one does it, and the others find it done."""
    _make_version_1(path)

    def start(_number: int) -> int:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as connection:
            prepare(connection, str(path))
            return version_of(connection, str(path))

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(start, range(8))) == {len(MIGRATIONS)}


async def test_schema_is_read_in_one_page(world: World, path: Path) -> None:
    """Every connection reads the text of the schema when it opens: it fits into the first page."""
    await world.process()
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (length,) = connection.execute("SELECT sum(length(sql) + 40) FROM sqlite_master").fetchone()

    assert length < size
