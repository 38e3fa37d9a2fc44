"""Calls that run one after another, sent once."""

from __future__ import annotations

import pytest
from core.conftest import Working

from qtasks.asyncio import QueueTasks
from qtasks.errors import EncodeError, ResultTimeout, TaskArgumentError, TaskFailed, UsageError
from qtasks.producer import Call


async def test_each_step_gets_the_value_of_the_one_before(app: QueueTasks, working: Working) -> None:
    """As its last argument; the chain gives all tasks in their order."""

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with working(app):
        started = await app.chain(add.bind(1, 2), add.step(10), add.step(100)).add_task()
        done = await started.wait(30)
        assert await started.result(30) == 113

    assert [task.returning for task in done] == [3, 13, 113]
    assert [task.args for task in done] == [[1, 2], [10, 3], [100, 13]]
    assert [task.id for task in done] == list(started.ids)


async def test_nobody_has_to_wait_for_it(app: QueueTasks, working: Working) -> None:
    """The steps go on when whoever sent them is gone: each is sent by the worker of the one before."""

    @app.task
    async def grow(text: str, before: str = "") -> str:
        return before + text

    started = await app.chain(grow.bind("a"), grow.step("b")).add_task()
    ids = started.ids
    del started
    async with working(app):
        assert (await (await app.get(ids[0])).wait(30)).returning == "a"
        assert (await (await app.get(ids[1])).wait(30)).returning == "ab"


async def test_a_failed_step_ends_it(app: QueueTasks, working: Working) -> None:
    """What comes after is never sent; the last of its tasks says why."""
    ran: list[str] = []

    @app.task
    async def fail() -> int:
        raise ValueError("broken")

    @app.task
    async def after(value: int) -> int:
        ran.append("after")
        return value

    async with working(app):
        done = await app.chain(fail.bind(), after.step()).get(timeout=30)
        with pytest.raises(TaskFailed, match="broken"):
            await (await app.chain(fail.bind(), after.step()).add_task()).result(30)

    assert [task.status.value for task in done] == ["error"]
    assert ran == []
    assert (await app.counts()).total == 2


async def test_a_step_keeps_its_options(app: QueueTasks, working: Working) -> None:
    """Queue, priority, delay and retries are those of its call."""
    app.config.queues = ("default", "other")
    runs = 0

    @app.task
    async def first() -> int:
        return 1

    @app.task(backoff=0.01)
    async def second(value: int) -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError
        return value + 1

    async with working(app):
        call = second.options(queue="other", priority=7, delay=0.05, retry=1).step()
        done = await app.chain(first.bind(), call).get(timeout=30)

    assert (done[1].queue, done[1].priority, done[1].attempts, done[1].returning) == ("other", 7, 2, 2)
    assert done[1].record.started_at is not None
    assert done[0].record.finished_at is not None
    assert done[1].record.started_at - done[0].record.finished_at >= 0.05


async def test_a_value_that_does_not_fit_ends_it(app: QueueTasks, working: Working) -> None:
    """In `error` of the step that returned it, which names it: the sender did not know the next."""

    @app.task
    async def first() -> int:
        return 1

    @app.task
    async def alone() -> int:
        return 2

    async with working(app):
        with pytest.raises(TaskFailed, match="alone"):
            await (await app.chain(first.bind(), Call("alone", (), {})).add_task()).result(30)


async def test_a_wait_that_runs_out_says_where_it_is(app: QueueTasks) -> None:
    """The error carries the task that was waited for."""

    @app.task
    async def first(before: None = None) -> None: ...

    with pytest.raises(ResultTimeout, match="first") as caught:
        await app.chain(first.bind(), first.bind()).get(timeout=0.05)

    assert caught.value.task is not None


async def test_what_cannot_be_a_chain_is_refused(app: QueueTasks) -> None:
    """Before anything is sent."""

    @app.task
    async def step(value: object = None, before: object = None) -> None: ...

    with pytest.raises(UsageError, match="at least one"):
        app.chain()
    with pytest.raises(UsageError, match="unique="):
        app.chain(step.bind(), step.options(unique=True).step())
    with pytest.raises(TaskArgumentError):
        await app.chain(step.step(1, 2, 3), step.bind()).add_task()
    with pytest.raises(TaskArgumentError, match="3 were given"):  # its own, and the value of the one before
        await app.chain(step.bind(), step.step(1, 2)).add_task()
    with pytest.raises(EncodeError, match="value"):
        await app.chain(step.bind(), step.bind(object())).add_task()

    assert (await app.counts()).total == 0
