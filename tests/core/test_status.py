"""The states of a task and the moves between them."""

from __future__ import annotations

from typing import Any

import pytest

from qtasks.asyncio import QueueTasks
from qtasks.memory._hub import Hub
from qtasks.status import FINAL, MOVES, WAITING, TaskStatus, is_legal

from .conftest import Working


def test_final_is_final() -> None:
    """Only a requeue leads out of an end, and each state that is no end leads to one."""
    assert set(MOVES) == set(TaskStatus)
    assert FINAL | WAITING | {TaskStatus.PROCESS} == set(TaskStatus)
    for status in FINAL:
        assert MOVES[status] == {TaskStatus.NEW}
    for status in set(TaskStatus) - FINAL:
        assert MOVES[status] & (FINAL | {TaskStatus.NEW, TaskStatus.PROCESS})
    assert not is_legal(TaskStatus.SUCCESS, TaskStatus.ERROR)


async def test_tasks_make_legal_moves_only(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    """Success, retry, delay, an unknown name and a requeue: each step is in the table."""
    moves: set[tuple[TaskStatus, TaskStatus]] = set()
    moved = Hub._moved

    def note(hub: Hub, item: Any, before: TaskStatus) -> None:
        if before is not item.status:  # a record also changes without moving
            moves.add((before, item.status))
        moved(hub, item, before)

    monkeypatch.setattr(Hub, "_moved", note)
    app = QueueTasks("moves", "memory://", plugins=False)
    app.config.max_deliveries, app.config.unknown_grace = 1, 0.0

    @app.task(retry=1, backoff=0.01)
    async def fail() -> None:
        raise ValueError("no")

    @app.task
    async def good() -> None: ...

    async with working(app):
        unknown = await app.add_task("no.such.task")
        await fail.add_task(timeout=30)
        late = await good.options(delay=0.01).add_task()
        await late.wait(timeout=30)
        await app.requeue(late.id)
        await late.wait(timeout=30)
        await unknown.wait(timeout=30)

    assert {(TaskStatus.PROCESS, TaskStatus.RETRY), (TaskStatus.SUCCESS, TaskStatus.NEW)} <= moves
    assert {(TaskStatus.PROCESS, TaskStatus.DELAYED), (TaskStatus.PROCESS, TaskStatus.DEAD)} <= moves
    assert [move for move in moves if not is_legal(*move)] == []
