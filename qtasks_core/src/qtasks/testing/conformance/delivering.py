"""Tasks come to one worker each, at once, from the queues that it asked for (contract 2)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable

from qtasks.models import GiveBackReason
from qtasks.status import TaskStatus
from qtasks.testing.conformance._elsewhere import process_elsewhere, vary
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, Process, World


class Delivering(Suite):
    """What `fetch` and `close` promise."""

    async def test_fetched_task_is_in_process(self, world: World) -> None:
        """The record says who has the task, and under which token."""
        process = await world.process()
        message = world.message()
        await process.publish(message)
        worker = await process.worker()

        delivery = await worker.fetch_one()

        record = await process.record(message.id)
        assert (record.status, record.worker) == (TaskStatus.PROCESS, worker.info.id)
        assert record.token == delivery.token

    async def test_each_task_goes_to_one_worker(self, world: World) -> None:
        """Two workers of two processes that fetch together never get the same task; a thousand tasks."""
        here, there = await world.process(), await world.process()
        messages = world.messages(1_000)
        await here.publish(*messages)
        fetched: Counter[str] = Counter()

        workers = await here.worker(), await there.worker()
        await asyncio.gather(*(_drain(worker, fetched, 1_000) for worker in workers))

        assert fetched == Counter(message.id for message in messages)

    async def test_fetch_gives_at_most_its_limit(self, world: World) -> None:
        """A worker never gets more than it has room for."""
        process = await world.process()
        await process.publish(*world.messages(10))
        worker = await process.worker()

        sizes = [len(await worker.fetch(limit)) for limit in (3, 1, 2)]

        assert all(0 < size <= limit for size, limit in zip(sizes, (3, 1, 2), strict=True))

    async def test_idle_worker_hears_of_a_task(self, world: World) -> None:
        """A worker that waits in `fetch` gets a task of another process within half a second."""
        here, there = await world.process(), await world.process()
        worker = await there.worker()
        for _ in range(3):
            message = world.message()
            waiting = asyncio.ensure_future(worker.fetch_one(within=world.moment))
            await world.still_waits(waiting)
            await here.publish(message)

            delivery = await waiting

            assert delivery.id == message.id
            await there.finish(delivery)

    async def test_wake_up_is_never_lost(self, world: World) -> None:
        """However publish and fetch meet, a waiting worker gets the task; two hundred meetings."""
        here, there = await world.process(), await world.process()
        worker = await there.worker()
        for meeting in range(200):
            publishing = _after(meeting % 5, here.publish(world.message()))
            delivery, _ = await asyncio.gather(worker.fetch_one(), publishing)
            await there.finish(delivery)

    async def test_worker_beside_an_idle_one_hears_of_tasks(self, world: World) -> None:
        """Of two workers of one process each gets its tasks at once, whoever else waits; 100 tasks."""
        process = await world.process()
        worker, idle = await process.worker(), await process.worker("nothing")
        resting = asyncio.ensure_future(idle.consumer.fetch(1))
        async with process_elsewhere(world) as (there, elsewhere):
            for number in range(100):
                waiting = asyncio.ensure_future(worker.fetch_one(within=world.moment))
                publishing = elsewhere.begin(there.publish(world.message()))
                await vary(number)

                await process.finish(await waiting)
                await publishing
        await idle.consumer.close()
        assert list(await world.soon(resting)) == []

    async def test_worker_takes_from_its_queues_only(self, world: World) -> None:
        """Tasks of a queue that the worker did not name stay for others."""
        process = await world.process()
        mine, other = world.message(queue="mine"), world.message(queue="other", priority=9)
        await process.publish(other, mine)

        assert [d.id for d in await (await process.worker("mine")).ready_now()] == [mine.id]
        assert [d.id for d in await (await process.worker("other")).ready_now()] == [other.id]

    async def test_close_ends_a_waiting_fetch(self, world: World) -> None:
        """A closed consumer returns from `fetch` with nothing, and fetches nothing more."""
        process = await world.process()
        worker = await process.worker()
        waiting = asyncio.ensure_future(worker.consumer.fetch(1))
        await world.still_waits(waiting)

        await worker.consumer.close()

        assert list(await world.soon(waiting)) == []
        await process.publish(world.message())
        assert list(await world.soon(worker.consumer.fetch(1))) == []

    async def test_close_leaves_the_rest_for_others(self, world: World) -> None:
        """What a consumer had not handed over when it closed can be fetched by others at once."""
        process = await world.process()
        await process.publish(*world.messages(20))
        closing, other = await process.worker(), await process.worker()
        taken = await closing.fetch(1)

        await closing.consumer.close()

        rest = await other.ready_now()
        assert len(taken) + len(rest) == 20
        assert {(d.token.delivery, d.losses) for d in rest} <= {(1, 0), (2, 0)}

    async def test_close_gives_nothing_back_that_was_handed_over(self, world: World) -> None:
        """What was handed over stays leased after `close`, and its outcome counts."""
        process = await world.process()
        await process.publish(world.message())
        closing, other = await process.worker(), await process.worker()
        delivery = await closing.fetch_one()

        await closing.consumer.close()
        await world.pass_time(world.lease * 0.6)
        closing.renew(delivery)
        await world.pass_time(world.lease * 0.6)

        assert await other.ready_now() == []
        await process.finish(delivery)

    async def test_fetching_goes_on_between_other_calls(self, world: World) -> None:
        """A waiting `fetch` stops nobody from publishing, settling, giving back and looking."""
        process = await world.process()
        await process.publish(world.message(), world.message())
        worker, idle = await process.worker(), await process.worker("nothing")
        waiting = asyncio.ensure_future(idle.fetch_one())
        first, second = await worker.fetch_number(2)

        await world.soon(process.finish(first))
        await world.soon(process.give_back(second, GiveBackReason.STOPPED))
        await world.soon(process.publish(world.message(queue="nothing")))

        assert (await waiting).queue == "nothing"


async def _after(turns: int, work: Awaitable[object]) -> None:
    """Let the loop go round so many times before the work."""
    for _ in range(turns):
        await asyncio.sleep(0)
    await work


async def _drain(worker: Hand, fetched: Counter[str], number: int) -> None:
    """Fetch and settle until all workers together have fetched as many."""
    process: Process = worker.process
    while fetched.total() < number:
        waiting = asyncio.ensure_future(worker.consumer.fetch(17))
        while not waiting.done() and fetched.total() < number:
            await asyncio.wait({waiting}, timeout=0.02)
        if not waiting.done():
            await worker.consumer.close()
        batch = await process.dispatch.begin(await waiting, worker.info.id)
        fetched.update(delivery.id for delivery in batch)
        await process.settle(*(process.outcome(delivery) for delivery in batch))
