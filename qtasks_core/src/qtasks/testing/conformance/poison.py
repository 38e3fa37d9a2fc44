"""What a backend counts, so that the core can bury what nobody survives (contract 5)."""

from __future__ import annotations

from qtasks.models import Delivery, GiveBackReason, Settled
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, World


class Poison(Suite):
    """A backend counts and keeps; it gives up on nothing by itself."""

    async def test_losses_are_counted(self, world: World) -> None:
        """Each delivery says how many before it ended with nothing."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()

        deliveries = [await _fetch_and_lose(worker) for _ in range(4)]

        assert [delivery.losses for delivery in deliveries] == [0, 1, 2, 3]
        assert {(delivery.turns, delivery.token.attempt) for delivery in deliveries} == {(0, 1)}

    async def test_backend_gives_up_on_nothing(self, world: World) -> None:
        """A task that has lost more workers than the limit still comes, whole: the core decides."""
        process = await world.process()
        await process.publish(world.message(body=b"poison"))
        worker = await process.worker()
        for _ in range(process.setup.config.max_deliveries + 1):
            await _fetch_and_lose(worker)

        last = await worker.fetch_one()

        assert (last.losses, last.body) == (process.setup.config.max_deliveries + 1, b"poison")

    async def test_history_names_each_loss(self, world: World) -> None:
        """The record tells of every lost delivery: its token, and whose it was."""
        process = await world.process()
        await process.publish(world.message())
        first, second = await process.worker(), await process.worker()
        lost = [await _fetch_and_lose(first), await _fetch_and_lose(second)]
        await process.finish(await second.fetch_one())

        record = await process.record(lost[0].id)

        told = [(event.end, event.token, event.worker) for event in record.history]
        workers = (first.info.id, second.info.id)
        assert told == [("lost", d.token, w) for d, w in zip(lost, workers, strict=True)]
        assert record.losses == 2

    async def test_fault_is_a_loss(self, world: World) -> None:
        """A delivery that is given back because of a fault counts as a loss."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()

        await process.give_back(await worker.fetch_one(), GiveBackReason.FAULT)

        again = await worker.fetch_one()
        assert (again.losses, again.turns, again.token.attempt) == (1, 0, 1)

    async def test_unknown_name_has_its_own_count(self, world: World) -> None:
        """A delivery that is given back because nobody knows the name adds a turn, and no loss."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        for _ in range(3):
            await process.give_back(await worker.fetch_one(), GiveBackReason.UNKNOWN)

        again = await worker.fetch_one()

        assert (again.turns, again.losses, again.token.attempt) == (3, 0, 1)

    async def test_limits_count_for_nothing(self, world: World) -> None:
        """A delivery that is given back because of a limit, or to be kept apart, is neither loss nor turn."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        for reason in (GiveBackReason.LIMITED, GiveBackReason.APART) * 3:
            await process.give_back(await worker.fetch_one(), reason)

        again = await worker.fetch_one()

        assert (again.losses, again.turns, again.token.attempt) == (0, 0, 1)
        record = await process.record(again.id)
        assert (record.losses, record.turns, record.attempts) == (0, 0, 0)

    async def test_age_of_a_task_is_not_renewed(self, world: World) -> None:
        """`since` stays at the first moment of becoming ready, however often the task comes back."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        first = await _fetch_and_lose(worker)
        second = await worker.fetch_one()
        await process.give_back(second, GiveBackReason.UNKNOWN)

        third = await worker.fetch_one()

        assert first.since == second.since == third.since

    async def test_dead_task_keeps_its_body_and_reason(self, world: World) -> None:
        """A task that the core buries is out of the queue; its record keeps body and reason."""
        process = await world.process()
        await process.publish(world.message(body=b"\x00not a message"))
        worker = await process.worker()
        delivery = await worker.fetch_one()

        dead = process.outcome(delivery, TaskStatus.DEAD, reason="undecodable", started_at=None)
        assert list(await process.settle(dead)) == [Settled.RECORDED]

        record = await process.record(delivery.id)
        assert (record.status, record.reason, record.body) == (
            TaskStatus.DEAD,
            "undecodable",
            b"\x00not a message",
        )
        assert record.attempts == 0
        assert await worker.ready_now() == []

    async def test_dead_task_can_be_requeued(self, world: World) -> None:
        """A dead task that is requeued comes again with every count at zero."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        lost = await _fetch_and_lose(worker)
        await process.finish(await worker.fetch_one(), TaskStatus.DEAD, started_at=None, reason="lost")

        assert list(await process.dispatch.requeue([lost.id])) == [True]

        again = await worker.fetch_one()
        assert (again.losses, again.turns, again.token.attempt) == (0, 0, 1)


async def _fetch_and_lose(worker: Hand) -> Delivery:
    delivery = await worker.fetch_one()
    world = worker.process.world
    await world.pass_time(world.lease * 1.1 + world.slack)
    return delivery
