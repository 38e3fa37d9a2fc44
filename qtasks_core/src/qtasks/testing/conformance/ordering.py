"""Who is next (contract 6)."""

from __future__ import annotations

from qtasks.models import Message
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Ordering(Suite):
    """By priority, then by the moment of becoming ready."""

    async def test_order_of_three_hundred_tasks(self, world: World) -> None:
        """Three hundred tasks of ten priorities, published in many calls, come in the exact order."""
        process = await world.process()
        messages = [world.message(priority=(i * 7) % 10) for i in range(300)]
        for start in range(0, 300, 30):
            await process.publish(*messages[start : start + 30])

        fetched = await (await process.worker()).fetch_number(300, limit=13)

        wanted = sorted(messages, key=lambda message: -message.priority)
        assert [delivery.id for delivery in fetched] == _ids(wanted)

    async def test_first_in_first_out(self, world: World) -> None:
        """Tasks of one priority come in the order in which they were published."""
        process = await world.process()
        messages = world.messages(20)
        for message in messages:
            await process.publish(message)

        fetched = await (await process.worker()).fetch_number(20, limit=1)

        assert [delivery.id for delivery in fetched] == _ids(messages)

    async def test_one_call_keeps_its_order(self, world: World) -> None:
        """The tasks of one batch come in the order of the batch, whatever their ids."""
        process = await world.process()
        messages = sorted(world.messages(100), key=lambda message: message.id, reverse=True)
        await process.publish(*messages)

        fetched = await (await process.worker()).fetch_number(100)

        assert [delivery.id for delivery in fetched] == _ids(messages)

    async def test_higher_priority_overtakes(self, world: World) -> None:
        """A task of higher priority comes before all that were there earlier."""
        process = await world.process()
        await process.publish(*world.messages(5, priority=1))
        urgent = world.message(priority=2)
        await process.publish(urgent)

        assert (await (await process.worker()).fetch_one()).id == urgent.id

    async def test_priority_goes_before_the_order_of_queues(self, world: World) -> None:
        """Of several queues the higher priority wins; where they are equal, the queue named first."""
        process = await world.process()
        second = world.message(queue="second", priority=1)
        first = world.message(queue="first", priority=1)
        urgent = world.message(queue="second", priority=5)
        await process.publish(second, first, urgent)

        fetched = await (await process.worker("first", "second")).fetch_number(3, limit=1)

        assert [delivery.id for delivery in fetched] == _ids([urgent, first, second])

    async def test_delayed_task_queues_up_when_it_is_due(self, world: World) -> None:
        """A delayed task stands where its due moment puts it, not where its publication does."""
        process = await world.process()
        late = world.message(due=world.clock.now() + world.lease * 0.8)
        before, after = world.messages(2)
        await process.publish(late)
        await process.publish(before)
        await world.pass_time(world.lease * 0.8 + world.slack)
        await process.publish(after)

        fetched = await (await process.worker()).fetch_number(3)

        assert [delivery.id for delivery in fetched] == _ids([before, late, after])

    async def test_retried_task_queues_up_when_it_is_due(self, world: World) -> None:
        """A task that is tried again stands behind those that were ready before its moment."""
        process = await world.process()
        worker = await process.worker()
        retried, before = world.messages(2)
        await process.publish(retried)
        await process.finish(
            await worker.fetch_one(), TaskStatus.RETRY, due=world.clock.now() + world.lease * 0.8
        )
        await process.publish(before)
        await world.pass_time(world.lease * 0.8 + world.slack)

        fetched = await worker.fetch_number(2)

        assert [delivery.id for delivery in fetched] == _ids([before, retried])


def _ids(messages: list[Message]) -> list[str]:
    return [message.id for message in messages]
