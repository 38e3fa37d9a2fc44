"""Dead letters are counted by queue, and their number can be bounded (contracts 8 and 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from qtasks.models import Delivery
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World


class Burying(Suite):
    """What `dead` and `trim_dead` promise."""

    async def test_dead_letters_are_counted_by_queue(self, world: World) -> None:
        """Every process sees how many dead letters each queue has, and no queue that has none."""
        here, there = await world.process(), await world.process()
        assert dict(await there.storage.dead()) == {}
        for queue, number in (("a", 3), ("b", 1)):
            await _die(here, await _fetched(here, number, queue))
        for status in FINAL - {TaskStatus.DEAD}:
            (delivery,) = await _fetched(here, 1, "c")
            await here.finish(delivery, status)
        await here.publish(world.message(queue="c"), world.message(queue="b"))

        assert dict(await there.storage.dead()) == {"a": 3, "b": 1}

    async def test_what_is_dead_no_more_is_not_counted(self, world: World) -> None:
        """A dead letter that was requeued, that was removed or that has expired counts no more."""
        process = await world.process()
        requeued, removed, expired, left = await _fetched(process, 4)
        await _die(process, [requeued, removed, left])
        await process.finish(expired, TaskStatus.DEAD, remove_at=world.clock.now() + world.lease)
        assert dict(await process.storage.dead()) == {"default": 4}

        await process.dispatch.requeue([requeued.id])
        await process.storage.delete([removed.id])
        await world.pass_time(world.lease * 1.1 + world.slack)

        assert dict(await process.storage.dead()) == {"default": 1}
        assert await process.storage.trim_dead(1) == 0
        assert (await process.record(left.id)).status is TaskStatus.DEAD

    async def test_those_that_ended_first_are_trimmed(self, world: World) -> None:
        """Beyond the bound those go that ended first, whatever their queue and whenever they were sent."""
        here, there = await world.process(), await world.process()
        now = world.clock.now()
        letters = [
            delivery
            for queue in ("a", "b", "a")
            for delivery in await _fetched(here, 2, queue, created_at=now - 600)
        ]
        ends = (50, 10, 40, 20, 60, 30)
        for delivery, ago in zip(letters, ends, strict=True):
            await here.finish(delivery, TaskStatus.DEAD, finished_at=now - ago)

        assert await there.storage.trim_dead(2) == 4

        records = await here.storage.get([delivery.id for delivery in letters])
        left = [ago for ago, record in zip(ends, records, strict=True) if record is not None]
        assert left == [10, 20]

    async def test_trim_leaves_what_is_not_dead(self, world: World) -> None:
        """Only dead letters are removed: not what has ended otherwise, what waits and what runs."""
        process = await world.process()
        ended = await _fetched(process, 3)
        for delivery, status in zip(ended, sorted(FINAL - {TaskStatus.DEAD}), strict=True):
            await process.finish(delivery, status)
        await _die(process, await _fetched(process, 2))
        running = await _fetched(process, 1)
        waiting = world.message()
        await process.publish(waiting)

        assert await process.storage.trim_dead(1) == 1

        kept = await process.storage.get([waiting.id, *(delivery.id for delivery in [*ended, *running])])
        assert None not in kept
        await process.finish(running[0])

    async def test_trim_within_the_bound_removes_nothing(self, world: World) -> None:
        """As long as there are not more dead letters than are kept, all of them stay."""
        process = await world.process()
        assert await process.storage.trim_dead(1) == 0
        await _die(process, await _fetched(process, 3))

        assert await process.storage.trim_dead(100) == 0
        assert await process.storage.trim_dead(3) == 0

        assert dict(await process.storage.dead()) == {"default": 3}

    async def test_trimming_together_removes_no_more(self, world: World) -> None:
        """Where several processes trim at the same time, as many are left as if one had done it."""
        processes = [await world.process() for _ in range(3)]
        await _die(processes[0], await _fetched(processes[0], 12))

        removed = await asyncio.gather(*(process.storage.trim_dead(7) for process in processes))

        assert sum(removed) == 5
        assert dict(await processes[0].storage.dead()) == {"default": 7}

    async def test_trimmed_record_ends_the_wait(self, world: World) -> None:
        """Who waits for a task whose record is trimmed in another process gets None."""
        here, there = await world.process(), await world.process()
        old, young = await _fetched(here, 2)
        await here.finish(old, TaskStatus.DEAD, finished_at=world.clock.now() - 9)
        await here.finish(young, TaskStatus.DEAD)
        waiting = asyncio.ensure_future(there.storage.wait(old.id, {TaskStatus.SUCCESS}))
        await world.still_waits(waiting)

        await here.storage.trim_dead(1)

        assert await world.at_once(waiting) is None

    async def test_dead_letters_of_another_app_stay(self, world: World) -> None:
        """An app counts and trims its own dead letters only."""
        shop, mail = await world.process("shop"), await world.process("mail")
        for process in (shop, mail):
            await _die(process, await _fetched(process, 3))

        assert dict(await shop.storage.dead()) == {"default": 3}
        assert await shop.storage.trim_dead(1) == 2

        assert dict(await mail.storage.dead()) == {"default": 3}


async def _fetched(process: Process, number: int, queue: str = "default", **values: float) -> list[Delivery]:
    """Publish so many tasks to a queue that holds nothing, and fetch them."""
    await process.publish(*process.world.messages(number, queue=queue, **values))
    return await (await process.worker(queue)).fetch_number(number)


async def _die(process: Process, deliveries: Sequence[Delivery]) -> None:
    for delivery in deliveries:
        await process.finish(delivery, TaskStatus.DEAD, reason="lost")
