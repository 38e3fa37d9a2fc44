"""Retries are kept in the backend, and nothing else uses up their budget (contract 15)."""

from __future__ import annotations

from qtasks.models import GiveBackReason
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World, about


class Retrying(Suite):
    """What the outcome `retry` promises."""

    async def test_retry_waits_for_its_moment(self, world: World) -> None:
        """Until it is due the task is `retry` and nobody gets it; then it comes for its next attempt."""
        process = await world.process()
        await process.publish(world.message(body=b"body"))
        worker = await process.worker()
        first = await worker.fetch_one()
        due = world.clock.now() + world.lease
        await process.finish(first, TaskStatus.RETRY, due=due, error=b"why")
        await world.pass_time(world.lease * 0.5)

        assert await worker.ready_now() == []
        record = await process.record(first.id)
        assert (record.status, record.due, record.error) == (TaskStatus.RETRY, about(due), b"why")

        await world.pass_time(world.lease * 0.6 + world.slack)
        second = await worker.fetch_one()
        assert (second.id, second.body) == (first.id, b"body")
        assert (second.token.attempt, second.token.delivery) == (2, 2)

    async def test_idle_worker_gets_a_retry_on_time(self, world: World) -> None:
        """A worker that waits on an idle queue gets a task to retry soon after its moment."""
        here, there = await world.process(), await world.process()
        worker = await here.worker()
        await here.publish(world.message())
        first = await worker.fetch_one()
        due = world.clock.now() + 0.3
        await here.finish(first, TaskStatus.RETRY, due=due)

        second = await (await there.worker()).fetch_one(within=0.3 + 1.0 * world.ease + world.slack)

        assert second.id == first.id
        assert world.clock.now() >= due - 0.001

    async def test_retry_without_a_moment_is_ready_at_once(self, world: World) -> None:
        """A retry that names no moment comes again at once."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        first = await worker.fetch_one()

        await process.finish(first, TaskStatus.RETRY)

        assert (await worker.fetch_one()).token.attempt == 2

    async def test_attempts_are_counted(self, world: World) -> None:
        """Every run that had an outcome is one attempt, in the token and in the record."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        tokens = []
        for status in (TaskStatus.RETRY, TaskStatus.RETRY, TaskStatus.SUCCESS):
            delivery = await worker.fetch_one()
            tokens.append((delivery.token.attempt, delivery.token.delivery))
            await process.finish(delivery, status)

        record = await process.record(delivery.id)

        assert tokens == [(1, 1), (2, 2), (3, 3)]
        assert (record.status, record.attempts) == (TaskStatus.SUCCESS, 3)
        assert [event.end for event in record.history] == ["retry", "retry"]

    async def test_losses_begin_anew_with_each_attempt(self, world: World) -> None:
        """Losses are those of the present attempt."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        await worker.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        lost = await worker.fetch_one()

        await process.finish(lost, TaskStatus.RETRY)

        assert (lost.losses, (await worker.fetch_one()).losses) == (1, 0)

    async def test_lost_worker_uses_up_no_attempt(self, world: World) -> None:
        """A delivery that was lost leaves the budget of retries alone."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        await worker.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)

        again = await worker.fetch_one()

        await process.finish(again)
        assert again.token.attempt == 1
        assert (await process.record(again.id)).attempts == 1

    async def test_deploy_uses_up_nothing(self, world: World) -> None:
        """A delivery given back by a worker that stops counts as no attempt, no loss and no turn."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        for _ in range(process.setup.config.max_deliveries + 1):
            await process.give_back(await worker.fetch_one(), GiveBackReason.STOPPED)

        again = await worker.fetch_one()

        assert (again.token.attempt, again.losses, again.turns) == (1, 0, 0)
        record = await process.record(again.id)
        assert (record.attempts, record.losses, record.turns) == (0, 0, 0)

    async def test_outcome_without_a_run_is_no_attempt(self, world: World) -> None:
        """A task that ends before its body began has used up no attempt."""
        process = await world.process()

        delivery = await process.finished(status=TaskStatus.CANCEL, started_at=None, reason="expired")

        record = await process.record(delivery.id)
        assert (record.status, record.attempts, record.started_at) == (TaskStatus.CANCEL, 0, None)
