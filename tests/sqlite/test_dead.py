"""Dead letters in a file: removed in parts, found by an index that older files get."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import _removal
from qtasks_sqlite._schema import APPLICATION_ID, MIGRATIONS
from qtasks_sqlite._work import Work
from qtasks_sqlite.database import Database

Ask = Callable[..., list[tuple[Any, ...]]]


async def test_many_are_removed_in_parts(world: World, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction removes so many and no more, so that others can write in between."""
    process = await world.process()
    await process.publish(*world.messages(10))
    for delivery in await (await process.worker()).fetch_number(10):
        await process.finish(delivery, TaskStatus.DEAD)
    monkeypatch.setattr(_removal, "BATCH", 3)
    write, left = Database.write, []

    async def looking(database: Database, work: Work[Any]) -> Any:
        result = await write(database, work)
        left.extend(ask("SELECT count(*) FROM task"))
        return result

    monkeypatch.setattr(Database, "write", looking)

    assert await process.storage.trim_dead(2) == 8

    assert left == [(7,), (4,), (2,)]


async def test_queue_entries_of_dead_tasks_are_no_dead_letters(world: World, ask: Ask) -> None:
    """An entry without a record waits to be removed; it is neither counted nor trimmed."""
    process = await world.process()
    await process.publish(*world.messages(3))
    for delivery in await (await process.worker()).fetch_number(3):
        await process.finish(delivery, TaskStatus.DEAD)
    ask("UPDATE task SET role = 1")

    assert dict(await process.storage.dead()) == {}
    assert await process.storage.trim_dead(1) == 0


async def test_file_of_version_2_gets_the_index(world: World, path: Path) -> None:
    """Dead letters that an earlier version has left are counted and bounded."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*MIGRATIONS[0], *MIGRATIONS[1]):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
        connection.executemany(
            "INSERT INTO task (app, queue, priority, role, status, finished_at, remove_at, updated_at,"
            " created_at, id, name, body) VALUES ('kit', 'q', 0, 2, 'dead', ?, 9e999, 1, 1, ?, 'add', '')",
            [(number, f"task-{number}") for number in range(5)],
        )
    process = await world.process()

    assert dict(await process.storage.dead()) == {"q": 5}
    assert await process.storage.trim_dead(2) == 3
    assert [r is not None for r in await process.storage.get(["task-2", "task-3"])] == [False, True]
