"""Waits are pushed, and never for nothing (contracts 9 and 10)."""

from __future__ import annotations

import asyncio

from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World, about


class Waiting(Suite):
    """What `wait` promises."""

    async def test_finished_task_is_answered_at_once(self, world: World) -> None:
        """Who waits for a task that has ended gets its record without waiting."""
        process = await world.process()
        delivery = await process.finished(result=b"42")

        record = await world.soon(process.storage.wait(delivery.id, FINAL))

        assert record is not None
        assert (record.status, record.result) == (TaskStatus.SUCCESS, b"42")

    async def test_unknown_task_is_answered_at_once(self, world: World) -> None:
        """Who waits for a task that was never there gets None, and does not wait for ever."""
        process = await world.process()

        assert await world.soon(process.storage.wait(world.message().id, FINAL)) is None

    async def test_waiter_sees_the_whole_change(self, world: World) -> None:
        """Who waits for the next attempt of a task is told its moment and its error with it."""
        process = await world.process()
        message = world.message()
        await process.publish(message)
        delivery = await (await process.worker()).fetch_one()
        waiting = asyncio.ensure_future(process.storage.wait(message.id, {TaskStatus.RETRY}))
        await world.still_waits(waiting)
        due = world.clock.now() + 60

        await process.finish(delivery, TaskStatus.RETRY, due=due, error=b"{}")

        record = await world.soon(waiting)
        assert record is not None
        assert (record.status, record.error) == (TaskStatus.RETRY, b"{}")
        assert record.due == about(due)

    async def test_waiter_in_another_process_is_woken(self, world: World) -> None:
        """A waiter hears of the end within half a second, whichever process recorded it."""
        here, there = await world.process(), await world.process()
        worker = await here.worker()
        for process in (here, there, there):
            await here.publish(world.message())
            delivery = await worker.fetch_one()
            waiting = asyncio.ensure_future(process.storage.wait(delivery.id, FINAL))
            await world.still_waits(waiting)

            await here.finish(delivery, result=b"42")

            async with asyncio.timeout(world.moment):
                record = await waiting
            assert record is not None
            assert record.result == b"42"

    async def test_wake_up_of_a_waiter_is_never_lost(self, world: World) -> None:
        """However the wait and the end of the task meet, the waiter is answered; two hundred meetings."""
        here, there = await world.process(), await world.process()
        worker = await here.worker()
        await here.publish(*world.messages(200))
        for delivery in await worker.fetch_number(200):
            waiting = there.storage.wait(delivery.id, FINAL)
            record, _ = await world.soon(asyncio.gather(waiting, here.finish(delivery)))

            assert record is not None

    async def test_every_waiter_is_woken(self, world: World) -> None:
        """A hundred waiters of one task, and one of each of a hundred others, are all answered."""
        here, there = await world.process(), await world.process()
        await here.publish(*world.messages(101))
        first, *others = await (await here.worker()).fetch_number(101)
        ids = [first.id] * 100 + [delivery.id for delivery in others]
        waiting = [asyncio.ensure_future(there.storage.wait(task_id, FINAL)) for task_id in ids]
        await world.still_waits(waiting[0])

        await here.settle(*(here.outcome(delivery) for delivery in (first, *others)))

        records = await world.soon(asyncio.gather(*waiting))
        assert [record.id for record in records if record] == ids

    async def test_state_and_result_appear_together(self, world: World) -> None:
        """Whoever sees that a task has ended sees its result, by looking and by waiting."""
        here, there = await world.process(), await world.process()
        await here.publish(*world.messages(30))
        deliveries = await (await here.worker()).fetch_number(30)
        ids = [delivery.id for delivery in deliveries]
        waiting = [asyncio.ensure_future(there.storage.wait(task_id, FINAL)) for task_id in ids]
        looking = asyncio.ensure_future(_results_without_end(there, ids))

        for delivery in deliveries:
            await here.finish(delivery, result=delivery.id.encode())

        assert await world.soon(looking) == set()
        records = await world.soon(asyncio.gather(*waiting))
        assert [record.result for record in records if record] == [task_id.encode() for task_id in ids]

    async def test_wait_for_the_beginning(self, world: World) -> None:
        """A waiter may name any status: it hears that a worker has taken the task."""
        process = await world.process()
        message = world.message()
        await process.publish(message)
        waiting = asyncio.ensure_future(process.storage.wait(message.id, {TaskStatus.PROCESS, *FINAL}))
        await world.still_waits(waiting)

        await (await process.worker()).fetch_one()

        record = await world.soon(waiting)
        assert record is not None
        assert record.status is TaskStatus.PROCESS

    async def test_retry_ends_no_wait_for_the_end(self, world: World) -> None:
        """Who waits for the end goes on waiting through retries, and hears of the end."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        delivery = await worker.fetch_one()
        waiting = asyncio.ensure_future(process.storage.wait(delivery.id, FINAL))
        await world.still_waits(waiting)
        await process.finish(delivery, TaskStatus.RETRY)
        delivery = await worker.fetch_one()
        await world.still_waits(waiting)

        await process.finish(delivery, TaskStatus.ERROR, error=b"why")

        record = await world.soon(waiting)
        assert record is not None
        assert (record.status, record.error) == (TaskStatus.ERROR, b"why")

    async def test_removed_record_ends_the_wait(self, world: World) -> None:
        """Who waits for a task whose record is removed gets None."""
        here, there = await world.process(), await world.process()
        finished, message = await here.finished(), world.message()
        await here.publish(message)
        after_end = asyncio.ensure_future(there.storage.wait(finished.id, {TaskStatus.ERROR}))
        before_end = asyncio.ensure_future(there.storage.wait(message.id, FINAL))
        await world.still_waits(after_end)
        await world.still_waits(before_end)

        await here.storage.delete_finished()
        assert await world.soon(after_end) is None
        await here.storage.flush()
        assert await world.soon(before_end) is None

    async def test_expired_record_ends_the_wait(self, world: World) -> None:
        """Who waits for a task whose record expires meanwhile gets None."""
        process = await world.process()
        process.setup.config.result_time_interval = 1.0  # nobody has to tell of it
        delivery = await process.finished(remove_at=world.clock.now() + 0.2)

        assert await world.soon(process.storage.wait(delivery.id, {TaskStatus.ERROR})) is None


async def _results_without_end(process: Process, ids: list[str]) -> set[str]:
    """Look until all have ended, and return those that had ended before their result was there."""
    wrong: set[str] = set()
    records = await process.storage.get(ids)
    while not all(record is not None and record.status in FINAL for record in records):
        await asyncio.sleep(0)
        records = await process.storage.get(ids)
        ended = [record for record in records if record is not None and record.status in FINAL]
        wrong.update(record.id for record in ended if record.result != record.id.encode())
    return wrong
