"""`drain` runs everything that is queued, as a worker does, and tells how it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from testing.bodies import add_up

from qtasks.asyncio import AsyncTask, QueueTasks
from qtasks.errors import ResultTimeout, TaskCancelError, TaskDead, TaskError, TaskFailed, UsageError
from qtasks.plugins import ExecuteAfter, ExecuteBefore, Plugin, hookimpl
from qtasks.producer import Call
from qtasks.testing import AsyncPlace, in_memory


@pytest.fixture
async def place() -> AsyncIterator[AsyncPlace]:
    """An app in memory."""
    async with in_memory(QueueTasks("tests", broker_url="memory://", plugins=False)) as place:
        yield place


async def test_the_order_is_that_of_a_worker(place: AsyncPlace) -> None:
    """By priority, then by age, and what a body sends comes last."""
    order: list[str] = []

    @place.app.task
    async def note(text: str, more: str | None = None) -> None:
        order.append(text)
        if more is not None:
            await note.add_task(more)

    await note.add_task("a", "later")
    await note.add_task("b")
    await note.options(priority=9).add_task("urgent")
    tasks = await place.drain()

    assert order == ["urgent", "a", "b", "later"] == [task.args[0] for task in tasks]


async def test_every_queue_is_drained(place: AsyncPlace) -> None:
    """Also those that the settings do not name, and those that only come up in a body."""

    @place.app.task
    async def first() -> str:
        await second.options(queue="new").add_task()
        return "first"

    @place.app.task(queue="slow")
    async def second() -> str:
        return "second"

    await first.options(queue="odd").add_task()

    assert [task.returning for task in await place.drain()] == ["first", "second"]


async def test_paused_queues_are_left(place: AsyncPlace) -> None:
    """As a worker leaves them."""

    @place.app.task
    async def nothing() -> None: ...

    await nothing.add_task()
    await nothing.options(delay=60).add_task()
    await place.app.queues.pause("default")
    assert await place.drain(delayed=True) == []

    await place.app.queues.resume("default")
    assert len(await place.drain(delayed=True)) == 2


async def test_plain_functions_fail_with_their_own_exception(place: AsyncPlace) -> None:
    """The very object, from the thread where it was raised, and a note says by whom."""
    error = ValueError("on purpose")

    @place.app.task
    def fail() -> None:
        raise error

    task = await fail.add_task()
    with pytest.raises(ValueError, match="on purpose") as caught:
        await place.drain()

    assert caught.value is error
    assert error.__notes__ == [f"raised by the task fail ({task.id}), attempt 1"]
    assert Path(caught.traceback[-1].path).name == "test_drain.py"


async def test_a_process_fails_in_words(place: AsyncPlace) -> None:
    """Its exception is in another process."""
    place.app.task(executor="process")(add_up)
    await place.app.add_task("add_up", 1, 2)
    await place.app.add_task("add_up", 1, None)

    with pytest.raises(TaskFailed, match="unsupported operand") as caught:
        await place.drain()

    assert "bodies.py" in str(caught.value)
    assert [record.status for record in place.broker.ended] == ["success", "error"]


async def test_an_exit_does_not_end_the_test(place: AsyncPlace) -> None:
    """It is a failure of the task like others."""

    @place.app.task
    async def leave() -> None:
        raise SystemExit(3)

    await leave.add_task()
    with pytest.raises(TaskFailed, match="SystemExit"):
        await place.drain()


async def test_a_cancelled_task_is_no_failure(place: AsyncPlace) -> None:
    """A body that cancels itself means it."""

    @place.app.task
    async def cancel() -> None:
        raise TaskCancelError("not today")

    await cancel.add_task()
    (task,) = await place.drain()

    assert (task.status, task.reason) == ("cancel", "not today")


async def test_a_retry_is_not_raised_before_its_end(place: AsyncPlace) -> None:
    """Without `delayed` it is left, with it the last exception is raised."""
    tries: list[int] = []

    @place.app.task(retry=2, backoff=60)
    async def fail() -> None:
        tries.append(len(tries))
        raise ValueError(f"try {len(tries)}")

    task = await fail.add_task()
    assert await place.drain() == []
    assert (await task.refresh()).status == "retry"
    with pytest.raises(ValueError, match="try 3"):
        await place.drain(delayed=True)


async def test_what_is_delayed_runs_at_its_moment(place: AsyncPlace) -> None:
    """Each sees the clock at its own moment, in their order, and years take no time."""
    begin, moments = place.clock.now(), list[int]()

    @place.app.task
    async def look() -> None:
        moments.append(round(place.app.clock.now() - begin))

    await look.options(delay=86_400 * 365).add_task()
    await look.options(delay=60, queue="other").add_task()
    await look.add_task()
    await place.drain(delayed=True)

    assert moments == [0, 60, 86_400 * 365]


async def test_records_that_expire_meanwhile_are_returned(place: AsyncPlace) -> None:
    """What has ended is known, although its record is gone at the end."""

    @place.app.task(result_ttl=10)
    async def number(n: int) -> int:
        return n

    await number.add_task(1)
    await number.options(delay=3600).add_task(2)

    assert [task.returning for task in await place.drain(delayed=True)] == [1, 2]


async def test_limits_take_no_time(place: AsyncPlace) -> None:
    """A rate is a delay, and a concurrency of one is never used up by one task after the other."""

    @place.app.task(rate_limit="6/h")
    async def spaced() -> None: ...

    @place.app.task(concurrency=1)
    async def single() -> None: ...

    for _ in range(20):
        await single.add_task()
    assert len(await place.drain()) == 20
    begin = place.clock.now()
    for _ in range(4):
        await spaced.add_task()
    assert len(await place.drain(delayed=True)) == 4
    assert place.clock.now() - begin >= 1_800


async def test_a_chain_runs_to_its_end(place: AsyncPlace) -> None:
    """Each step is sent by the one before."""

    @place.app.task
    async def add(a: int, b: int) -> int:
        return a + b

    second = place.app.tasks["add"]
    await place.app.chain(add.bind(1, 2), Call("add", (10,), {}, definition=second)).add_task()

    assert [task.returning for task in await place.drain()] == [3, 13]
    place.assert_enqueued(add, count=2)


async def test_an_unknown_name_is_told(place: AsyncPlace) -> None:
    """With the name that was meant; with `delayed` it is given up like anywhere."""

    @place.app.task
    async def mail() -> None: ...

    await place.app.add_task("mial")
    with pytest.raises(TaskError, match="did you mean 'mail'"):
        await place.drain()
    with pytest.raises(TaskDead, match="no worker knew the task"):
        await place.drain(delayed=True)


async def test_a_plugin_that_fails_is_told() -> None:
    """The task goes back to its queue, which nobody would see."""

    class Broken(Plugin):
        @hookimpl
        async def worker_execute_before(self, event: ExecuteBefore) -> None:  # noqa: ARG002
            raise ValueError("on purpose")

    app = QueueTasks("tests", broker_url="memory://", plugins=False)
    app.add_plugin(Broken())

    @app.task
    async def nothing() -> None: ...

    async with in_memory(app) as place:
        await nothing.add_task()
        with pytest.raises(TaskError, match="something around its body failed"):
            await place.drain()


async def test_plugins_are_told_before_it_returns() -> None:
    """What a plugin does after a task is done."""
    told: list[str] = []

    class Listener(Plugin):
        @hookimpl
        async def worker_execute_after(self, event: ExecuteAfter) -> None:
            told.append(event.outcome.status)

    app = QueueTasks("tests", broker_url="memory://", plugins=False)
    app.add_plugin(Listener())

    @app.task
    async def nothing() -> None: ...

    async with in_memory(app) as place:
        await nothing.add_task()
        await place.drain()

    assert told == ["success"]


async def test_a_deadline_ends_it(place: AsyncPlace) -> None:
    """The text says what is left; the next drain begins anew."""
    begun = asyncio.Event()

    @place.app.task
    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    await wait.add_task()
    place.app.config.grace = 0.01
    with pytest.raises(ResultTimeout, match=r"not drained within 0.2 s; left are: wait \(process\)"):
        await place.drain(timeout=0.2)
    assert begun.is_set()


async def test_a_running_worker_is_refused(place: AsyncPlace) -> None:
    """Two would take the tasks from one another."""
    async with place.worker():
        with pytest.raises(UsageError, match="a worker runs"):
            await place.drain()


async def test_the_context_is_there(place: AsyncPlace) -> None:
    """Echo, progress and the task itself, as with any worker."""

    @place.app.task(echo=True)
    async def tell(self: AsyncTask[..., object], n: int) -> str:
        self.ctx.progress(0.5, "half")
        return f"{self.ctx.task_name} {n} {self.ctx.attempt}"

    await tell.add_task(3)
    (task,) = await place.drain()

    assert (task.returning, task.progress, task.note) == ("tell 3 1", 0.5, "half")
