"""A queue can be emptied, and every task in it has an end (contract 8)."""

from __future__ import annotations

import asyncio
from itertools import chain

import pytest

from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World


class Purging(Suite):
    """What `purge` promises."""

    async def test_purge_ends_all_that_waits(self, world: World) -> None:
        """What is ready, delayed or to be retried ends as `cancel` with the reason, and its ids are told."""
        process = await world.process()
        worker, later = await process.worker(), world.clock.now() + world.lease
        await process.publish(retried := world.message())
        await process.finish(await worker.fetch_one(), TaskStatus.RETRY, due=later)
        await process.publish(ready := world.message(), delayed := world.message(due=later))
        ids = [ready.id, delayed.id, retried.id]

        assert sorted(await process.purge(reason="purged by me")) == sorted(ids)

        for task_id, attempts in zip(ids, (0, 0, 1), strict=True):
            record = await process.record(task_id)
            assert (record.status, record.reason) == (TaskStatus.CANCEL, "purged by me")
            assert (record.attempts, record.finished_at is None) == (attempts, False)

    async def test_purged_task_is_not_delivered(self, world: World) -> None:
        """Nobody gets a purged task, at once or at its moment; what is published afterwards comes."""
        here, there = await world.process(), await world.process()
        await here.publish(world.message(), world.message(due=world.clock.now() + world.lease))
        worker = await there.worker()

        await here.purge()

        await here.publish(after := world.message())
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert [delivery.id for delivery in await worker.ready_now()] == [after.id]

    async def test_purge_leaves_what_runs(self, world: World) -> None:
        """A task in the hands of a worker is not touched, and ends as it ends."""
        process = await world.process()
        await process.publish(world.message())
        delivery = await (await process.worker()).fetch_one()

        assert await process.purge() == []

        record = await process.record(delivery.id)
        assert (record.status, record.cancel) == (TaskStatus.PROCESS, None)
        await process.finish(delivery)

    async def test_purge_takes_what_was_lost(self, world: World) -> None:
        """A task whose worker was lost waits again: a purge before its redelivery ends it."""
        if self.separate_storage:
            pytest.skip("a storage of another place hears of a loss with the next delivery")
        process = await world.process()
        await process.publish(world.message())
        lost = await (await process.worker()).fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        await (await process.worker("other")).ready_now()  # whoever looks for ended leases has looked

        assert await process.purge() == [lost.id]

        assert (await process.record(lost.id)).status is TaskStatus.CANCEL
        assert await (await process.worker()).ready_now() == []

    async def test_purge_leaves_other_queues(self, world: World) -> None:
        """A purge concerns the queue that it names, and one that holds nothing is no error."""
        process = await world.process()
        kept, purged = world.message(queue="kept"), world.message(queue="purged")
        await process.publish(kept, purged)

        assert await process.purge("nothing") == []
        assert await process.purge("purged") == [purged.id]

        assert [d.id for d in await (await process.worker("kept")).ready_now()] == [kept.id]

    async def test_purge_leaves_what_has_ended(self, world: World) -> None:
        """A record that is final keeps its outcome."""
        process = await world.process()
        delivery = await process.finished(result=b"42")
        before = await process.record(delivery.id)

        assert await process.purge() == []

        assert await process.record(delivery.id) == before

    async def test_purge_goes_up_to_its_limit(self, world: World) -> None:
        """A call ends at most so many tasks; repeated until there are none, all have ended once."""
        process = await world.process()
        messages = world.messages(25)
        await process.publish(*messages)

        ended = [await process.purge(limit=10) for _ in range(4)]

        assert [len(ids) for ids in ended] == [10, 10, 5, 0]
        assert sorted(chain(*ended)) == sorted(message.id for message in messages)
        assert (await process.storage.counts())[TaskStatus.CANCEL] == 25

    async def test_waiter_hears_of_a_purge(self, world: World) -> None:
        """Who waits for a task in another process is told within half a second that it was purged."""
        here, there = await world.process(), await world.process()
        message = world.message()
        await here.publish(message)
        waiting = asyncio.ensure_future(there.storage.wait(message.id, FINAL))
        await world.still_waits(waiting)

        await here.purge()

        record = await world.at_once(waiting)
        assert record is not None
        assert record.status is TaskStatus.CANCEL

    async def test_purged_record_expires_at_its_moment(self, world: World) -> None:
        """The records of purged tasks are removed when the call says so, not before."""
        process, message = await world.process(), world.message()
        await process.publish(message)
        await process.purge(remove_at=world.clock.now() + world.lease)
        await world.pass_time(world.lease * 0.5)
        assert (await process.record(message.id)).status is TaskStatus.CANCEL

        await world.pass_time(world.lease * 0.6 + world.slack)

        assert list(await process.storage.get([message.id])) == [None]

    async def test_purged_task_can_be_requeued(self, world: World) -> None:
        """Whoever purged the wrong queue requeues its tasks, and they run."""
        process, message = await world.process(), world.message(body=b"body")
        await process.publish(message)
        (purged,) = await process.purge()

        assert list(await process.dispatch.requeue([purged])) == [True]

        again = await (await process.worker()).fetch_one()
        assert (again.id, again.body, again.cancel) == (message.id, b"body", None)

    async def test_purge_and_fetch_agree(self, world: World) -> None:
        """However purge and fetch meet, each of two hundred tasks is purged or run, none both or neither."""
        here, there = await world.process(), await world.process()
        worker, messages = await there.worker(), world.messages(200)
        await here.publish(*messages)

        purged, taken = await asyncio.gather(_purge_slowly(here), worker.fetch(70))
        taken += await worker.ready_now()

        ids = [*purged, *(delivery.id for delivery in taken)]
        assert sorted(ids) == sorted(message.id for message in messages)
        await there.settle(*(there.outcome(delivery) for delivery in taken))
        counts = await here.storage.counts()
        assert (counts[TaskStatus.CANCEL], counts[TaskStatus.PROCESS]) == (len(purged), 0)

    async def test_purge_touches_its_own_app_only(self, world: World) -> None:
        """A queue of the same name in another app keeps its tasks."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        await shop.publish(message)
        await mail.publish(message)

        assert await mail.purge() == [message.id]

        assert [delivery.id for delivery in await (await shop.worker()).ready_now()] == [message.id]


async def _purge_slowly(process: Process) -> list[str]:
    """Purge a few at a time."""
    purged: list[str] = []
    for _ in range(5):
        purged += await process.purge(limit=20)
        await asyncio.sleep(0)
    return purged
