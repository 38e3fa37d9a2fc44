"""A worker takes from the queues that it has chosen, tier after tier (contracts 6 and 8)."""

from __future__ import annotations

import asyncio
import time

from qtasks.models import Message
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, Process, World


class Choosing(Suite):
    """What `Consumer.choose` promises."""

    async def test_earlier_tier_comes_first(self, world: World) -> None:
        """What is ready in an earlier tier comes before all of a later one, whatever the priorities."""
        process, worker = await _with_worker(world, "high", "low")
        low, high = _each(world, "low", 9, 9), _each(world, "high", 0, 0)
        await process.publish(*low, *high)

        worker.consumer.choose([["high"], ["low"]])

        fetched = await worker.fetch_number(4, limit=1)
        assert [delivery.id for delivery in fetched] == _ids([*high, *low])

    async def test_batch_goes_through_the_tiers(self, world: World) -> None:
        """A fetch with room for more takes from the later tiers what the earlier ones have not."""
        process, worker = await _with_worker(world, "one", "two", "three")
        three, one = _each(world, "three", 9), _each(world, "one", 1, 1)
        await process.publish(*three, *one)

        worker.consumer.choose([["one"], ["two"], ["three"]])

        fetched = await worker.fetch_number(3, limit=10)
        assert [delivery.id for delivery in fetched] == _ids([*one, *three])

    async def test_priority_counts_within_a_tier(self, world: World) -> None:
        """In one tier the higher priority comes first, and where it is equal, the queue named first."""
        process, worker = await _with_worker(world, "a", "b", "last")
        last, a, urgent, b = (*_each(world, "last", 9), *_each(world, "a", 1, 5), *_each(world, "b", 1))
        await process.publish(last, a, urgent, b)

        worker.consumer.choose([["b", "a"], ["last"]])

        fetched = await worker.fetch_number(4, limit=1)
        assert [delivery.id for delivery in fetched] == _ids([urgent, b, a, last])

    async def test_nothing_chosen_is_nothing_taken(self, world: World) -> None:
        """Without any tier a worker gets nothing, however much there is, and others get it."""
        process, worker = await _with_worker(world, "default")
        worker.consumer.choose([])
        await process.publish(message := world.message())
        waiting = asyncio.ensure_future(worker.consumer.fetch(1))

        await world.still_waits(waiting)

        assert [d.id for d in await (await process.worker()).ready_now()] == [message.id]
        await worker.consumer.close()
        assert list(await world.soon(waiting)) == []

    async def test_choice_reaches_a_waiting_fetch(self, world: World) -> None:
        """A fetch that waits gets within half a second what is ready in a queue that is chosen meanwhile."""
        process, worker = await _with_worker(world, "one", "two")
        worker.consumer.choose([["one"]])
        (message,) = _each(world, "two", 0)
        await process.publish(message)
        waiting = asyncio.ensure_future(worker.fetch_one())
        await world.still_waits(waiting)

        worker.consumer.choose([["one", "two"]])

        assert (await world.at_once(waiting)).id == message.id

    async def test_pause_reaches_a_waiting_fetch(self, world: World) -> None:
        """A fetch that waits takes nothing of a queue that is left out meanwhile, and is not ended by it."""
        here, worker = await _with_worker(world, "one", "two")
        there = await world.process()
        waiting = asyncio.ensure_future(worker.fetch_one())
        await world.still_waits(waiting)

        worker.consumer.choose([["two"]])

        (paused,), (open_one,) = _each(world, "one", 9), _each(world, "two", 0)
        await there.publish(paused)
        await world.still_waits(waiting)
        await here.publish(open_one)
        assert (await world.at_once(waiting)).id == open_one.id

    async def test_resumed_queue_is_served_at_once(self, world: World) -> None:
        """What came while nothing was chosen is fetched within half a second of the next choice."""
        process, worker = await _with_worker(world, "default")
        worker.consumer.choose([])
        waiting = asyncio.ensure_future(worker.fetch_one())
        await process.publish(message := world.message())
        await world.still_waits(waiting)

        worker.consumer.choose([["default"]])

        assert (await world.at_once(waiting)).id == message.id
        await process.publish(after := world.message())
        assert (await worker.fetch_one()).id == after.id

    async def test_idle_worker_hears_of_every_tier(self, world: World) -> None:
        """A worker that waits gets a task of any tier within half a second."""
        process, worker = await _with_worker(world, "one", "two", "three")
        worker.consumer.choose([["one"], ["two", "three"]])
        for queue in ("three", "one", "two"):
            waiting = asyncio.ensure_future(worker.fetch_one())
            await world.still_waits(waiting)

            await process.publish(world.message(queue=queue))

            assert (await world.at_once(waiting)).queue == queue

    async def test_paused_queue_loses_nothing(self, world: World) -> None:
        """What becomes due and what is lost while a queue is left out comes when it is chosen again."""
        process, lost = await _with_worker(world, "paused")
        _, worker = await _with_worker(world, "paused", "open")
        held, delayed = (
            _each(world, "paused", 0)[0],
            world.message(queue="paused", due=world.clock.now() + world.lease * 0.5),
        )
        await process.publish(held, delayed)
        await lost.fetch_one()
        worker.consumer.choose([["open"]])
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert await worker.ready_now() == []

        worker.consumer.choose([["paused", "open"]])

        fetched = await worker.fetch_number(2)
        assert sorted(delivery.id for delivery in fetched) == sorted(_ids([held, delayed]))

    async def test_choice_is_that_of_one_worker(self, world: World) -> None:
        """Other workers of the same process go on with what they have chosen."""
        process, worker = await _with_worker(world, "default")
        other = await process.worker("default")
        worker.consumer.choose([])

        await process.publish(message := world.message())

        assert (await other.fetch_one()).id == message.id

    async def test_choice_in_the_moment_of_an_answer_loses_nothing(self, world: World) -> None:
        """However a choice meets the answer of a fetch, the task comes, at once or later; 200 meetings."""
        process, worker = await _with_worker(world, "one", "two")
        for meeting in range(200):
            waiting = asyncio.ensure_future(worker.fetch_one())
            await process.publish(message := world.message(queue="one"))
            await _meet(meeting)
            worker.consumer.choose([["two"]])
            await _meet(meeting // 12)
            worker.consumer.choose([["one", "two"]])

            delivery = await waiting
            assert delivery.id == message.id
            await process.finish(delivery)

        assert (await process.storage.counts()).by_status == {TaskStatus.SUCCESS: 200}

    async def test_choice_leaves_what_is_in_hand(self, world: World) -> None:
        """What was fetched before from a queue that is left out now stays leased, and its outcome counts."""
        process, worker = await _with_worker(world, "default")
        await process.publish(world.message())
        delivery = await worker.fetch_one()

        worker.consumer.choose([])

        await world.pass_time(world.lease * 0.6)
        assert list(worker.renew(delivery)) == []
        await world.pass_time(world.lease * 0.6)
        assert await (await process.worker()).ready_now() == []
        await process.finish(delivery)


async def _with_worker(world: World, *queues: str) -> tuple[Process, Hand]:
    process = await world.process()
    return process, await process.worker(*queues)


async def _meet(meeting: int) -> None:
    for _ in range(meeting % 12):
        await asyncio.sleep(0)
    if meeting % 3 == 0:
        time.sleep(0.0003)  # noqa: ASYNC251  # a body that blocks the loop lets others get ahead


def _each(world: World, queue: str, *priorities: int) -> list[Message]:
    return [world.message(queue=queue, priority=priority) for priority in priorities]


def _ids(messages: list[Message]) -> list[str]:
    return [message.id for message in messages]
