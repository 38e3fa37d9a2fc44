"""Deliveries that go back without an outcome."""

from __future__ import annotations

import asyncio

from qtasks.models import GiveBackReason
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class GivingBack(Suite):
    """What `give_back` promises."""

    async def test_given_back_task_is_ready_at_once(self, world: World) -> None:
        """Without a delay the task is `new` again, and another worker gets it."""
        process = await world.process()
        await process.publish(world.message(body=b"body"))
        giving, other = await process.worker(), await process.worker()
        delivery = await giving.fetch_one()

        await process.give_back(delivery, GiveBackReason.STOPPED)

        assert (await process.record(delivery.id)).status is TaskStatus.NEW
        again = await other.fetch_one()
        assert (again.id, again.body) == (delivery.id, b"body")
        assert again.token > delivery.token

    async def test_idle_worker_hears_of_a_given_back_task(self, world: World) -> None:
        """A worker that waits in `fetch` gets what another process gives back within half a second."""
        here, there = await world.process(), await world.process()
        await here.publish(world.message())
        delivery = await (await here.worker()).fetch_one()
        waiting = asyncio.ensure_future((await there.worker()).fetch_one(within=world.moment))
        await world.still_waits(waiting)

        await here.give_back(delivery, GiveBackReason.STOPPED)

        assert (await waiting).id == delivery.id

    async def test_given_back_task_waits_for_its_delay(self, world: World) -> None:
        """With a delay the task is `delayed`, and nobody gets it before."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        delivery = await worker.fetch_one()

        await process.give_back(delivery, GiveBackReason.UNKNOWN, delay=world.lease)

        await world.pass_time(world.lease * 0.5)
        assert await worker.ready_now() == []
        assert (await process.record(delivery.id)).status is TaskStatus.DELAYED
        await world.pass_time(world.lease * 0.6 + world.slack)
        assert (await worker.fetch_one()).id == delivery.id

    async def test_history_names_the_reason(self, world: World) -> None:
        """The record tells of each delivery that came back: its token, its worker and why."""
        process = await world.process()
        worker, message = await process.worker(), world.message()
        await process.publish(message)
        given_back = []
        for reason in GiveBackReason:
            delivery = await worker.fetch_one()
            await process.give_back(delivery, reason)
            given_back.append((delivery.token, reason.value, worker.info.id))

        history = (await process.record(message.id)).history

        assert [(event.token, event.end, event.worker) for event in history] == given_back

    async def test_history_of_a_task_that_waits_for_its_turn_stays(self, world: World) -> None:
        """Of several in a row that are given back as `limited`, or as `apart`, only the last has a line."""
        process = await world.process()
        worker, message = await process.worker(), world.message()
        await process.publish(message)
        await process.finish(await worker.fetch_one(), TaskStatus.RETRY)
        for _ in range(120):
            await process.give_back(await worker.fetch_one(), GiveBackReason.LIMITED)
        for reason in (GiveBackReason.STOPPED, GiveBackReason.APART) * 2 + (GiveBackReason.APART,):
            await process.give_back(await worker.fetch_one(), reason)

        history = (await process.record(message.id)).history

        assert [(event.end, event.token.delivery) for event in history] == [
            ("retry", 1),
            ("limited", 121),
            ("stopped", 122),
            ("apart", 123),
            ("stopped", 124),
            ("apart", 126),
        ]

    async def test_each_give_back_that_counts_has_a_line(self, world: World) -> None:
        """What adds to a number, and each stop, is told each time, also where it repeats itself."""
        process = await world.process()
        worker, message = await process.worker(), world.message()
        await process.publish(message)
        times = {GiveBackReason.FAULT: 3, GiveBackReason.UNKNOWN: 2, GiveBackReason.STOPPED: 2}
        reasons = [reason for reason, number in times.items() for _ in range(number)]
        for reason in reasons:
            await process.give_back(await worker.fetch_one(), reason)

        record = await process.record(message.id)

        assert [event.end for event in record.history] == reasons
        assert (record.losses, record.turns) == (3, 2)

    async def test_given_back_twice_counts_once(self, world: World) -> None:
        """A give-back that is sent again after a lost answer changes nothing."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        delivery = await worker.fetch_one()

        await process.give_back(delivery, GiveBackReason.UNKNOWN)
        await process.give_back(delivery, GiveBackReason.UNKNOWN)

        (again,) = await worker.ready_now()
        assert again.turns == 1

    async def test_given_back_task_is_held_by_nobody(self, world: World) -> None:
        """The worker that gave a task back holds it no more: its renewal keeps it from nobody."""
        process = await world.process()
        await process.publish(world.message())
        giving, other = await process.worker(), await process.worker()
        delivery = await giving.fetch_one()
        await process.give_back(delivery, GiveBackReason.STOPPED)

        giving.renew(delivery)

        assert (await other.fetch_one()).id == delivery.id
