"""`ack="early"`: at most once."""

from __future__ import annotations

import asyncio

import pytest
from core.conftest import Working
from features.conftest import until

from qtasks.asyncio import QueueTasks
from qtasks.models import GiveBack, GiveBackReason
from qtasks.worker.identity import this_worker


async def test_a_lost_worker_is_the_end_of_it(app: QueueTasks, working: Working) -> None:
    """The next worker does not run it: it ends `dead`, with its arguments, and can be requeued."""

    @app.task(ack="early")
    async def charge(amount: int) -> int:
        return amount

    async with app:
        runtime = await app.connect()
        gone = this_worker(("default",), 1, app.clock.now())
        consumer = await app.broker.open_consumer(gone, ("default",))
        task = await charge.add_task(5)
        fetched = await consumer.fetch(1)
        await runtime.dispatch.begin(fetched, gone.id)
        async with working(app):  # the lease of the first worker ends: nobody renews it
            done = await task.wait(30)
            assert (done.status, done.args) == ("dead", [5])
            assert done.reason is not None
            assert "ack='early'" in done.reason
            assert await app.requeue(task.id)
            assert await task.result(30) == 5


async def test_a_worker_that_stops_does_not_give_it_back(app: QueueTasks, working: Working) -> None:
    """It has begun, so it ends `dead`; one that has not begun goes back and runs later."""
    app.config.grace = 0.05
    begun = asyncio.Event()

    @app.task(ack="early")
    async def long() -> None:
        begun.set()
        await asyncio.sleep(60)

    async with working(app):
        task = await long.add_task()
        await begun.wait()

    done = await task.refresh()
    assert done.status == "dead"
    assert "stopped" in (done.reason or "")


async def test_a_give_back_before_the_start_is_no_loss(app: QueueTasks, working: Working) -> None:
    """What a stopping worker returns unstarted runs in the next one."""

    @app.task(ack="early")
    async def quick() -> str:
        return "ran"

    async with app:
        runtime = await app.connect()
        stopping = this_worker(("default",), 1, app.clock.now())
        consumer = await app.broker.open_consumer(stopping, ("default",))
        task = await quick.add_task()
        (delivery,) = await runtime.dispatch.begin(await consumer.fetch(1), stopping.id)
        await runtime.dispatch.give_back([GiveBack(delivery.id, delivery.token, GiveBackReason.STOPPED)])
        async with working(app):
            assert await task.result(30) == "ran"


async def test_an_error_is_an_outcome(app: QueueTasks, working: Working) -> None:
    """Retries that the task asks for are made: a run that raised has ended."""
    runs = 0

    @app.task(ack="early", retry=1, backoff=0.01)
    async def flaky() -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError
        return runs

    async with working(app):
        assert await (await flaky.add_task()).result(30) == 2


async def test_too_many_bodies_that_do_not_end_end_the_worker(app: QueueTasks) -> None:
    """Their tasks have ended and their slots are free, but the process is spoilt: it says so and stops."""
    from qtasks.errors import WorkerExhausted

    app.config.max_abandoned = 2
    let_go = asyncio.Event()

    @app.task(max_time=0.05)
    async def cling() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    async with app:
        work = asyncio.create_task(app.run())
        tasks = await app.add_tasks(cling.bind() for _ in range(2))
        for task in tasks:
            assert (await task.wait(30)).status == "error"
        await until(work.done)
        let_go.set()
        with pytest.raises(WorkerExhausted, match="max_abandoned is 2"):
            await work
        assert await app.workers() == []
