"""Which outcome counts (contracts 3 and 4)."""

from __future__ import annotations

from qtasks.models import GiveBackReason, Outcome, Settled, Token
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Fencing(Suite):
    """What tokens are for."""

    async def test_tokens_of_a_task_grow(self, world: World) -> None:
        """Every delivery of a task has a greater token, one number higher, whyever it is delivered again."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        tokens = [(lost := await worker.fetch_one()).token]
        await world.pass_time(world.lease * 1.1 + world.slack)
        tokens.append((again := await worker.fetch_one()).token)
        await process.give_back(again, GiveBackReason.STOPPED)
        tokens.append((last := await worker.fetch_one()).token)
        await process.finish(last, TaskStatus.RETRY)
        tokens.append((await worker.fetch_one()).token)

        assert lost.id == last.id
        assert tokens == [Token(1, 1, 1), Token(1, 1, 2), Token(1, 1, 3), Token(1, 2, 4)]

    async def test_late_outcome_counts_before_redelivery(self, world: World) -> None:
        """While nobody else has the task, the outcome of a late worker is recorded and ends it."""
        process = await world.process()
        await process.publish(world.message(), world.message(queue="other"))
        worker = await process.worker()
        delivery = await worker.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        await (await process.worker("other")).fetch_one()  # whoever looks for ended leases has looked

        await process.finish(delivery, result=b"late")

        assert await worker.ready_now() == []
        record = await process.record(delivery.id)
        assert (record.status, record.result) == (TaskStatus.SUCCESS, b"late")

    async def test_late_outcome_is_stale_after_redelivery(self, world: World) -> None:
        """Once the task has been delivered again, the earlier outcome is refused and changes nothing."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker()
        old = await late.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        new = await other.fetch_one()
        before = await process.record(old.id)

        assert list(await process.settle(process.outcome(old, result=b"old"))) == [Settled.STALE]

        assert await process.record(old.id) == before
        await process.finish(new, result=b"new")
        assert (await process.record(old.id)).result == b"new"

    async def test_stale_give_back_is_ignored(self, world: World) -> None:
        """Once the task has been delivered again, a give-back of the earlier delivery changes nothing."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker()
        old = await late.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        new = await other.fetch_one()

        await process.give_back(old, GiveBackReason.FAULT)

        assert await other.ready_now() == []
        await process.finish(new)
        assert (await process.record(old.id)).losses == new.losses

    async def test_repeated_outcome_is_recorded_once(self, world: World) -> None:
        """An outcome that is sent again after a lost answer says `recorded`, and counts once."""
        process = await world.process()
        await process.publish(world.message())
        delivery = await (await process.worker()).fetch_one()
        outcome = process.outcome(delivery, result=b"1")
        await process.settle(outcome)
        before = await process.record(delivery.id)

        (again,) = await process.settle(outcome)

        assert again is Settled.RECORDED
        assert await process.record(delivery.id) == before
        assert before.attempts == 1

    async def test_repeated_retry_is_recorded_once(self, world: World) -> None:
        """A retry that is sent again after a lost answer uses up one attempt, not two."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        delivery = await worker.fetch_one()
        retry = process.outcome(delivery, TaskStatus.RETRY, due=world.clock.now() + world.lease)

        answers = [*await process.settle(retry), *await process.settle(retry)]

        assert answers == [Settled.RECORDED, Settled.RECORDED]
        assert (await process.record(delivery.id)).attempts == 1
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert (await worker.fetch_one()).token.attempt == 2

    async def test_final_is_final(self, world: World) -> None:
        """No outcome, however young its token, and no give-back changes a task that has ended."""
        process = await world.process()
        for status in sorted(FINAL):
            delivery = await process.finished(status=status, result=b"first")
            before = await process.record(delivery.id)
            younger = Token(1, 1, delivery.token.delivery + 1)
            for other in (TaskStatus.SUCCESS, TaskStatus.ERROR, TaskStatus.RETRY):
                outcome = Outcome(delivery.id, younger, other, world.clock.now(), result=b"second")
                assert list(await process.settle(outcome)) == [Settled.STALE]
            await process.give_back(delivery, GiveBackReason.FAULT)

            assert await process.record(delivery.id) == before
        assert await (await process.worker()).ready_now() == []

    async def test_outcome_of_an_unknown_task_is_stale(self, world: World) -> None:
        """An outcome for a task that nobody knows, or no more, is refused without an error."""
        process = await world.process()
        unknown = Outcome(world.message().id, Token(1, 1, 1), TaskStatus.SUCCESS, world.clock.now())
        delivery = await process.finished()
        await process.storage.delete_finished()

        assert list(await process.settle(unknown)) == [Settled.STALE]
        assert list(await process.settle(process.outcome(delivery))) == [Settled.STALE]

    async def test_batch_of_outcomes_is_answered_one_by_one(self, world: World) -> None:
        """A stale outcome refuses itself alone: the others of its batch are recorded, in order."""
        process = await world.process()
        await process.publish(*world.messages(3))
        first, second, third = await (await process.worker()).fetch_number(3)
        await process.finish(second)

        outcomes = [process.outcome(d, TaskStatus.ERROR) for d in (first, second, third)]
        stale = Outcome(second.id, Token(1, 1, 0), TaskStatus.ERROR, world.clock.now())
        answers = await process.settle(outcomes[0], stale, outcomes[2])

        assert list(answers) == [Settled.RECORDED, Settled.STALE, Settled.RECORDED]
        statuses = [(await process.record(d.id)).status for d in (first, second, third)]
        assert statuses == [TaskStatus.ERROR, TaskStatus.SUCCESS, TaskStatus.ERROR]
