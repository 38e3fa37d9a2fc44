"""`result_ttl`: how long a record stays, as the call says, else its task, else the settings."""

from __future__ import annotations

from typing import Any

import pytest
from core.conftest import Working
from features.conftest import begun

from qtasks.asyncio import QueueTasks, Task
from qtasks.errors import ResultGone, TaskNotFound


@pytest.mark.parametrize("place", ["call", "task", "settings"])
@pytest.mark.parametrize("end", ["success", "error", "cancel"])
async def test_none_at_all(app: QueueTasks, working: Working, place: str, end: str) -> None:
    """With 0 the record goes with the end, whatever that is, and the errors say so."""
    if place == "settings":
        app.config.result_ttl = 0

    @app.task(result_ttl=0 if place == "task" else None)
    async def body() -> None:
        if end == "error":
            raise ValueError

    @app.task
    async def last() -> None: ...

    options: dict[str, Any] = {"result_ttl": 0} if place == "call" else {}
    if end == "cancel":
        options["delay"] = 60
    task = await body.options(**options).add_task()
    if end == "cancel":
        assert await task.cancel() == "ended"
    async with working(app):
        await gone(app, task)
        after = await last.options(result_ttl=None if place != "settings" else 60).add_task()
        assert (await after.wait(30)).status == "success"

    with pytest.raises(TaskNotFound):
        await app.get(task.id)
    with pytest.raises(ResultGone):
        await task.wait(30)
    with pytest.raises(ResultGone):
        await task.refresh()
    assert (await app.counts()).total == 1


async def test_a_call_has_its_own(app: QueueTasks, working: Working) -> None:
    """Its record stays although those of its task go at once; also where it is a later step of a chain."""

    @app.task(result_ttl=0)
    async def add(a: int, b: int) -> int:
        return a + b

    async with working(app):
        task = await add.options(result_ttl=60).add_task(1, 2)
        assert await task.result(30) == 3
        chain = app.chain(add.options(result_ttl=60).bind(1, 2), add.options(result_ttl=60).step(3))
        assert await (await chain.add_task()).result(30) == 6


async def test_a_cancelled_run_keeps_what_its_call_says(app: QueueTasks, working: Working) -> None:
    """Also of a task that was interrupted, and of one that never ran."""
    app.config.result_ttl = 0

    @app.task(echo=True)
    async def body(self: Any) -> None:
        await self.ctx.sleep(60)

    waiting = await body.options(result_ttl=60, delay=60).add_task()
    await waiting.cancel("enough")
    assert (await waiting.wait(30)).status == "cancel"
    async with working(app):
        task = await body.options(result_ttl=60).add_task()
        await begun(task)
        await task.cancel("enough")
        assert (await task.wait(30)).status == "cancel"


async def gone(app: QueueTasks, task: Task[Any]) -> None:
    """Wait until the record of a task is not there any more."""
    while await app.read(task.id) is not None:
        try:
            await task.wait(30)
        except ResultGone:
            return
