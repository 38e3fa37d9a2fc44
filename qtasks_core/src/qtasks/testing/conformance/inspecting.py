"""Unfetched work is visible: what each queue holds, and what is next in it (contract 8)."""

from __future__ import annotations

import pytest

from qtasks.models import GiveBackReason
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World, about


class Inspecting(Suite):
    """What `queues` and `peek` promise."""

    async def test_queues_tell_what_they_hold(self, world: World) -> None:
        """Each queue tells what is ready in it, what waits for its moment, and what workers have."""
        here, there = await world.process(), await world.process()
        later = world.clock.now() + 3_600
        await here.publish(*world.messages(5, queue="b"), *world.messages(2, queue="a", due=later))
        retried, _held = await (await here.worker("b")).fetch_number(2)
        await here.finish(retried, TaskStatus.RETRY, due=later)

        infos = await there.broker.queues()

        numbers = [(info.name, info.ready, info.delayed, info.running) for info in infos]
        assert numbers == [("a", 0, 2, 0), ("b", 3, 1, 1)]

    async def test_queue_that_holds_nothing_is_not_told(self, world: World) -> None:
        """A queue is told of while it holds something: not before its first task, not after its last."""
        process = await world.process()
        assert list(await process.broker.queues()) == []
        worker = await process.worker()
        await process.publish(*world.messages(3))
        first, second, third = await worker.fetch_number(3)
        assert [(info.name, info.running) for info in await process.broker.queues()] == [("default", 3)]

        await process.finish(first)
        await process.finish(second, TaskStatus.DEAD)
        await process.cancel(third.id)
        await process.finish(third, TaskStatus.CANCEL)

        assert list(await process.broker.queues()) == []

    async def test_cancelled_and_purged_tasks_are_not_told(self, world: World) -> None:
        """What was cancelled or purged is in no queue any more; apart from its storage, after a fetch."""
        process, messages = await world.process(), world.messages(3)
        await process.publish(*messages)
        await process.cancel(messages[0].id)
        if not self.separate_storage:
            assert [info.ready for info in await process.broker.queues()] == [2]

        await process.purge()

        if self.separate_storage:  # there `discard` is a hint, and an entry may stay until it is refused
            assert await (await process.worker()).ready_now() == []
        assert list(await process.broker.queues()) == []

    async def test_oldest_tells_how_long_the_queue_waits(self, world: World) -> None:
        """`oldest` is since when the ready task waits that has waited longest, of whatever priority."""
        process = await world.process()
        begun = world.clock.now()
        await process.publish(world.message(priority=0))
        published = world.clock.now()
        await world.pass_time(world.lease)
        await process.publish(world.message(priority=9), world.message(due=world.clock.now() + 3_600))

        (info,) = await process.broker.queues()

        assert info.oldest is not None
        assert begun - 0.002 <= info.oldest <= published + 0.002
        await (await process.worker()).fetch_number(2)
        (info,) = await process.broker.queues()
        assert (info.ready, info.delayed, info.running, info.oldest) == (0, 1, 2, None)

    async def test_what_has_become_due_is_ready(self, world: World) -> None:
        """A task whose moment has come counts as ready since that moment, also while nobody fetches."""
        process = await world.process()
        message = world.message(due=world.clock.now() + world.lease)
        await process.publish(message)

        await world.pass_time(world.lease * 1.1 + world.slack)

        (info,) = await process.broker.queues()
        assert (info.ready, info.delayed, info.oldest) == (1, 0, about(message.due or 0.0))

    async def test_what_a_lost_worker_had_is_ready(self, world: World) -> None:
        """A task whose lease has ended is in nobody's hands: it counts as ready, whoever fetches."""
        process = await world.process()
        await process.publish(world.message())
        await (await process.worker()).fetch_one()

        await world.pass_time(world.lease * 1.1 + world.slack)

        (info,) = await process.broker.queues()
        assert (info.ready, info.running) == (1, 0)

    async def test_kept_task_is_shown_once(self, world: World) -> None:
        """A task whose worker has renewed late, and then gave it back, is counted and shown once."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker("other")
        delivery = await late.fetch_one()
        for _ in range(3):
            await world.pass_time(world.lease * 1.1 + world.slack)
            await other.ready_now()  # whoever looks for ended leases has looked
            late.renew(delivery)

        await process.give_back(delivery, GiveBackReason.STOPPED)

        infos = [(info.name, info.ready, info.running) for info in await process.broker.queues()]
        assert infos == [("default", 1, 0)]
        shown = [delivery.id] if process.broker.limits.peeks else []
        assert list(await process.broker.peek("default", 10)) == shown

    async def test_queues_of_another_app_are_not_told(self, world: World) -> None:
        """An app sees its own queues only, and peeks into them only."""
        shop, mail = await world.process("shop"), await world.process("mail")
        await shop.publish(world.message())

        assert list(await mail.broker.queues()) == []
        assert list(await mail.broker.peek("default", 10)) == []

    async def test_peek_shows_what_is_next(self, world: World) -> None:
        """The ids come in the order in which the tasks would be fetched, up to the limit."""
        process = await _peeking(world)
        messages = [world.message(priority=(i * 7) % 10) for i in range(30)]
        await process.publish(*messages)
        wanted = [m.id for m in sorted(messages, key=lambda message: -message.priority)]

        assert list(await process.broker.peek("default", 12)) == wanted[:12]
        assert list(await process.broker.peek("default", 100)) == wanted

    async def test_peek_takes_nothing(self, world: World) -> None:
        """What was looked at is fetched as before, in the same order, as a first delivery."""
        process = await _peeking(world)
        await process.publish(*world.messages(5))

        shown = list(await process.broker.peek("default", 3))

        fetched = await (await process.worker()).fetch_number(5)
        assert [delivery.id for delivery in fetched[:3]] == shown
        assert {(d.token.delivery, d.losses, d.turns) for d in fetched} == {(1, 0, 0)}

    async def test_peek_shows_ready_tasks_of_its_queue_only(self, world: World) -> None:
        """What is delayed, in the hands of a worker or in another queue is not shown."""
        process = await _peeking(world)
        await process.publish(world.message())
        await (await process.worker()).fetch_one()
        ready, due = world.message(), world.message(due=world.clock.now() + world.lease)
        later, other = world.message(due=world.clock.now() + 3_600), world.message(queue="other", priority=9)
        await process.publish(ready, due, later, other)
        assert list(await process.broker.peek("default", 10)) == [ready.id]
        assert list(await process.broker.peek("nothing", 10)) == []

        await world.pass_time(world.lease * 1.1 + world.slack)

        assert ready.id in await process.broker.peek("default", 10)
        assert later.id not in await process.broker.peek("default", 10)
        assert due.id in await process.broker.peek("default", 10)


async def _peeking(world: World) -> Process:
    process = await world.process()
    if not process.broker.limits.peeks:
        pytest.skip("the backend does not show what is next: `limits.peeks` is false")
    return process
