"""Tasks in the hands of their callers, waiting and chains of version 1."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from core.conftest import Working
from migration.conftest import BlockingWork

from qtasks import QueueTasks as BlockingTasks
from qtasks import TaskStatusEnum
from qtasks.asyncio import QueueTasks
from qtasks.errors import ResultTimeout, TaskFailed, UsageError
from qtasks.results import AsyncResult, SyncResult
from qtasks.status import TaskStatus


async def test_the_fields_of_a_task_have_their_names(app: QueueTasks, working: Working) -> None:
    """Times are in UTC, and know it; in version 1 they were naive."""

    @app.task(name="test")
    async def body(number: int, *, word: str) -> tuple[int, str]:
        return number, word

    before = datetime.now(UTC)
    async with working(app):
        task = await body.add_task(1, word="a", timeout=30)

    assert (task.status, task.task_name, task.priority) == (TaskStatusEnum.SUCCESS, "test", 0)
    assert (type(task.uuid), task.args, task.kwargs) == (UUID, [1], {"word": "a"})
    assert (task.returning, task.traceback) == ((1, "a"), None)
    assert before <= task.created_at <= task.updated_at <= datetime.now(UTC)


async def test_the_statuses_are_those_of_version_1(app: QueueTasks) -> None:
    """Members of `TaskStatusEnum` are text, also without `.value`; three more exist."""
    assert (await app.add_task("test")).status == TaskStatusEnum.NEW.value == "new"
    names = {"new", "process", "success", "error", "cancel"}
    assert set(map(str, TaskStatusEnum)) - names == {"delayed", "retry", "dead"}


async def test_a_failure_is_told_by_its_traceback(app: QueueTasks, working: Working) -> None:
    """`task.traceback`, as in version 1; asking for the value raises."""

    @app.task
    async def failing() -> None:
        raise KeyError("test")

    async with working(app):
        task = await failing.add_task(timeout=30)
        with pytest.raises(TaskFailed):
            await task.result(30)
    assert (task.status, "KeyError" in str(task.traceback)) == (TaskStatus.ERROR, True)


async def test_a_wait_that_runs_out_raises(app: QueueTasks) -> None:
    """Version 1 returned None; the error carries the task, which goes on."""
    with pytest.raises(ResultTimeout) as caught:
        await app.add_task("nobody", timeout=0.01)
    assert caught.value.task is not None
    assert caught.value.task.status is TaskStatus.NEW
    assert isinstance(caught.value, TimeoutError)


def test_a_blocking_wait_that_runs_out_raises(blocking: BlockingTasks) -> None:
    """The same, at its time: version 1 went on for up to one poll."""
    with pytest.raises(ResultTimeout):
        blocking.add_task("nobody", timeout=0.01)


async def test_arguments_may_be_more_than_json(app: QueueTasks, working: Working) -> None:
    """In version 1 a datetime, a UUID, a set or bytes were a TypeError, and a tuple came as a list."""
    sent = [datetime.now(UTC), UUID(int=3), {1}, b"x", (1, 2)]

    @app.task
    async def same(*values: Any) -> list[Any]:
        return list(values)

    async with working(app):
        assert (await same.add_task(*sent, timeout=30)).returning == sent


async def test_async_result_waits_for_a_task_by_its_id(app: QueueTasks, working: Working) -> None:
    """With the app or without, by UUID or text; `log` says where the log is now."""

    @app.task
    async def seven() -> int:
        return 7

    async with working(app):
        task = await seven.add_task()
        assert (await AsyncResult(uuid=task.uuid, app=app).result(timeout=50)).returning == 7
        assert (await AsyncResult(str(task.uuid), log=None).result(timeout=50)).returning == 7
    with pytest.raises(UsageError, match=r"log= .*app\.log"):
        AsyncResult(task.uuid, app=app, log=app.log)  # type: ignore[arg-type]


def test_sync_result_waits_for_a_task_by_its_id(blocking: BlockingTasks, at_work: BlockingWork) -> None:
    """The same in the blocking face."""

    @blocking.task
    def seven() -> int:
        return 7

    with at_work(blocking):
        task = seven.add_task()
        assert SyncResult(uuid=task.uuid, app=blocking).result(timeout=50).returning == 7
        assert SyncResult(str(task.uuid)).result(timeout=50).returning == 7
    with pytest.raises(UsageError, match=r"log= .*app\.log"):
        SyncResult(task.uuid, app=blocking, log=blocking.log)  # type: ignore[arg-type]


async def test_a_chain_hands_on_values_and_ends_with_a_failure(app: QueueTasks, working: Working) -> None:
    """`app.chain(*calls).get(timeout)`: in version 1 the next step ran without its argument."""

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    @app.task
    async def failing(value: int) -> int:
        raise ValueError(value)

    async with working(app):
        done = await app.chain(add.bind(2, 2), add.step(4), add.step(8)).get(timeout=30)
        assert [task.returning for task in done] == [4, 8, 16]
        done = await app.chain(add.bind(2, 2), failing.step(), add.step(8)).get(timeout=30)
        assert [task.status for task in done] == ["success", "error"]


def test_a_chain_blocks(blocking: BlockingTasks, at_work: BlockingWork) -> None:
    """In version 1 `SyncChain.get` was a coroutine."""

    @blocking.task
    def add(a: int, b: int) -> int:
        return a + b

    with at_work(blocking):
        done = blocking.chain(add.bind(2, 2), add.step(4)).get(timeout=30)
    assert [task.returning for task in done] == [4, 8]
