"""The one way out of an end: an explicit requeue (contract 4)."""

from __future__ import annotations

from qtasks.models import Settled, Token
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Requeueing(Suite):
    """What `requeue` promises."""

    async def test_requeued_task_comes_again(self, world: World) -> None:
        """A task that has ended, however it did, comes again in a new epoch with the same body."""
        process = await world.process()
        worker = await process.worker()
        for status in sorted(FINAL):
            message = world.message(body=b"body", priority=3)
            await process.publish(message)
            await process.finish(await worker.fetch_one(), status)

            assert list(await process.dispatch.requeue([message.id])) == [True]

            again = await worker.fetch_one()
            assert (again.id, again.body, again.priority) == (message.id, b"body", 3)
            await process.finish(again, result=b"again")
            assert (await process.record(message.id)).result == b"again"

    async def test_requeue_opens_an_epoch(self, world: World) -> None:
        """The record starts anew: epoch one higher, counters at zero, no outcome, history kept."""
        process = await world.process()
        delivery = await self._tried_lost_and_ended(world)

        await process.dispatch.requeue([delivery])

        record = await process.record(delivery)
        assert (record.status, record.token.epoch, record.token.attempt) == (TaskStatus.NEW, 2, 1)
        assert (record.attempts, record.losses, record.turns) == (0, 0, 0)
        assert (record.result, record.error, record.reason, record.finished_at) == (None,) * 4
        assert [event.end for event in record.history] == ["retry", "lost", "requeued"]

    async def test_deliveries_are_counted_through_all_epochs(self, world: World) -> None:
        """The token after a requeue is greater than each before it."""
        process = await world.process()
        task_id = await self._tried_lost_and_ended(world)

        await process.dispatch.requeue([task_id])

        assert tuple((await (await process.worker()).fetch_one()).token) == (2, 1, 4)

    async def test_outcome_of_an_earlier_epoch_is_stale(self, world: World) -> None:
        """What ran before the requeue, and the outcome that ended it, change nothing afterwards."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        lost = await worker.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        ended = await worker.fetch_one()
        await process.finish(ended)
        await process.dispatch.requeue([ended.id])
        before = await process.record(ended.id)

        answers = await process.settle(process.outcome(lost), process.outcome(ended, TaskStatus.ERROR))

        assert answers[0] is Settled.STALE
        assert await process.record(ended.id) == before

    async def test_only_what_has_ended_is_requeued(self, world: World) -> None:
        """Waiting, running and unknown tasks are left as they are."""
        process = await world.process()
        running, waiting, unknown = world.messages(3)
        await process.publish(running)
        await process.publish(waiting)
        worker = await process.worker()
        await worker.fetch_one()

        answers = await process.dispatch.requeue([running.id, unknown.id, waiting.id])

        assert list(answers) == [False, False, False]
        assert [delivery.id for delivery in await worker.ready_now()] == [waiting.id]
        assert (await process.record(running.id)).status is TaskStatus.PROCESS

    async def test_requeued_record_does_not_expire(self, world: World) -> None:
        """The moment of removal that the ended epoch had is forgotten."""
        process = await world.process()
        delivery = await process.finished(remove_at=world.clock.now() + world.lease)
        await process.dispatch.requeue([delivery.id])

        await world.pass_time(world.lease * 1.1 + world.slack)

        assert (await process.record(delivery.id)).status is TaskStatus.NEW
        assert [d.id for d in await (await process.worker()).ready_now()] == [delivery.id]

    async def test_requeued_task_has_no_moment_of_expiry(self, world: World) -> None:
        """A task that was not started in time gets all the time it needs when somebody requeues it."""
        process = await world.process()
        message = world.message(expires_at=world.clock.now() + world.lease * 0.5)
        await process.publish(message)
        await world.pass_time(world.lease * 0.6)
        worker = await process.worker()
        await process.finish(await worker.fetch_one(), TaskStatus.DEAD, started_at=None, reason="expired")

        await process.dispatch.requeue([message.id])

        assert (await worker.fetch_one()).expires_at is None
        assert (await process.record(message.id)).expires_at is None

    async def test_requeue_may_come_before_the_acknowledgement(self, world: World) -> None:
        """A task comes again that is requeued when its end is recorded, and the queue is told only then."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        ended = await worker.fetch_one()
        await process.storage.finish([process.outcome(ended)])

        await process.dispatch.requeue([ended.id])
        await process.broker.settle([process.outcome(ended)])

        again = await worker.fetch_one()
        assert (again.id, again.token) == (ended.id, Token(2, 1, 2))
        await process.finish(again, result=b"again")
        assert (await process.record(ended.id)).result == b"again"

    async def _tried_lost_and_ended(self, world: World) -> str:
        """Bring a task to its end by way of a retry and a loss, and return its id."""
        process = await world.process()
        message = world.message()
        await process.publish(message)
        worker = await process.worker()
        await process.finish(await worker.fetch_one(), TaskStatus.RETRY)
        await worker.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        ended = await worker.fetch_one()
        await process.finish(ended, TaskStatus.ERROR, error=b"e", reason="r", result=b"x")
        return message.id
