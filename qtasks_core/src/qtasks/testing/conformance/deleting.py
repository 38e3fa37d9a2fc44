"""Records can be removed one by one where their task has ended (contracts 8 and 11)."""

from __future__ import annotations

import asyncio

from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Deleting(Suite):
    """What `delete` promises."""

    async def test_delete_removes_what_has_ended(self, world: World) -> None:
        """Records of ended tasks are removed, however they ended, and their number is told."""
        here, there = await world.process(), await world.process()
        ended = [await here.finished(status=status) for status in sorted(FINAL)]
        kept, ids = await here.finished(), [delivery.id for delivery in ended]

        assert await there.storage.delete([*ids, ids[0]]) == len(ids)

        assert set(await here.storage.get(ids)) == {None}
        assert (await here.storage.counts()).total == 1
        assert (await here.record(kept.id)).status is TaskStatus.SUCCESS

    async def test_delete_leaves_what_has_not_ended(self, world: World) -> None:
        """What waits and what runs stays and goes on; what nobody knows is no error."""
        process = await world.process()
        worker = await process.worker()
        await process.publish(world.message())
        running = await worker.fetch_one()
        ready, delayed = world.message(), world.message(due=world.clock.now() + 3_600)
        await process.publish(ready, delayed)

        removed = await process.storage.delete([running.id, ready.id, delayed.id, world.message().id])

        assert removed == 0
        assert [delivery.id for delivery in await worker.ready_now()] == [ready.id]
        assert (await process.record(delayed.id)).status is TaskStatus.DELAYED
        await process.finish(running)

    async def test_deleted_record_ends_the_wait(self, world: World) -> None:
        """Who waits for a task whose record is deleted in another process gets None."""
        here, there = await world.process(), await world.process()
        delivery = await here.finished()
        waiting = asyncio.ensure_future(there.storage.wait(delivery.id, {TaskStatus.ERROR}))
        await world.still_waits(waiting)

        await here.storage.delete([delivery.id])

        assert await world.at_once(waiting) is None

    async def test_deleted_id_is_unknown(self, world: World) -> None:
        """A task that is sent again with the id of a deleted one is a new task, and runs."""
        process, message = await world.process(), world.message()
        worker = await process.worker()
        await process.publish(message)
        await process.finish(await worker.fetch_one(), result=b"before")
        await process.storage.delete([message.id])

        await process.publish(message)

        delivery = await worker.fetch_one()
        assert delivery.id == message.id
        assert (await process.record(message.id)).result is None

    async def test_delete_touches_its_own_app_only(self, world: World) -> None:
        """A record of the same id in another app stays."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        for process in (shop, mail):
            await process.publish(message)
            await process.finish(await (await process.worker()).fetch_one())

        assert await shop.storage.delete([message.id]) == 1

        assert (await mail.record(message.id)).status is TaskStatus.SUCCESS
