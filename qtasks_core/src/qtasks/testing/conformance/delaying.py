"""Delays live in the backend: never early, and on time (contract 7)."""

from __future__ import annotations

import asyncio

import pytest

from qtasks.clock import SYSTEM_CLOCK
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World, about

SLACK = 0.25
"""Seconds that a busy machine may add to the lateness of a backend."""


class Delaying(Suite):
    """What `due` promises."""

    async def test_delayed_task_is_never_early(self, world: World) -> None:
        """Before its moment a delayed task is `delayed`, and nobody gets it."""
        process = await world.process()
        worker = await process.worker()
        message = world.message(due=world.clock.now() + world.lease)
        await process.publish(message)
        await world.pass_time(world.lease * 0.5)

        assert await worker.ready_now() == []
        assert (await process.record(message.id)).status is TaskStatus.DELAYED
        assert (await process.record(message.id)).due == about(message.due or 0.0)

        await world.pass_time(world.lease * 0.6 + world.slack)
        delivery = await worker.fetch_one()
        assert (delivery.id, delivery.token.delivery) == (message.id, 1)
        assert message.due is not None
        assert delivery.since >= message.due - 0.002

    async def test_idle_worker_gets_a_delayed_task_on_time(self, world: World) -> None:
        """An idle worker gets a delayed task not before its moment, and hardly later than `limits` says."""
        here, there = await world.process(), await world.process()
        worker = await there.worker()
        begun = SYSTEM_CLOCK.boot()
        offsets = [0.2 + 0.03 * i for i in range(10)]
        now = world.clock.now()
        messages = {m.id: m for m in (world.message(due=now + offset) for offset in offsets)}
        await here.publish(*messages.values())

        lateness: list[float] = []
        while len(lateness) < len(messages):
            delivery = await worker.fetch_one()
            lateness.append(world.clock.now() - (messages[delivery.id].due or 0.0))

        assert min(lateness) >= 0
        assert sorted(lateness)[5] <= here.broker.limits.delay_lateness + 0.05 * world.ease
        assert max(lateness) <= here.broker.limits.delay_lateness + SLACK * world.ease
        assert SYSTEM_CLOCK.boot() - begun >= 0.4

    async def test_sooner_task_is_not_kept_waiting_by_a_later_one(self, world: World) -> None:
        """A worker that sleeps until a far moment wakes for a nearer one that is published meanwhile."""
        here, there = await world.process(), await world.process()
        far, near = (world.message(due=world.clock.now() + seconds) for seconds in (3_600.0, 0.2))
        await here.publish(far)
        waiting = asyncio.ensure_future(
            (await there.worker()).fetch_one(within=1.0 * world.ease + world.slack)
        )
        await world.still_waits(waiting)

        await here.publish(near)

        assert (await waiting).id == near.id

    async def test_delayed_tasks_come_in_the_order_of_their_moments(self, world: World) -> None:
        """Delays that were published in any order come in the order in which they are due."""
        process = await world.process()
        now = world.clock.now()
        offsets = [world.lease * 0.8 + (i * 37 % 100) / 1_000 for i in range(100)]
        messages = [world.message(due=now + offset) for offset in offsets]
        await process.publish(*messages)
        await world.pass_time(world.lease * 0.8 + 0.1 + world.slack)

        fetched = await (await process.worker()).fetch_number(100)

        wanted = sorted(messages, key=lambda message: message.due or 0.0)
        assert [delivery.id for delivery in fetched] == [message.id for message in wanted]

    async def test_priority_counts_among_what_has_become_due(self, world: World) -> None:
        """Of delayed tasks that are all due, the one of higher priority comes first."""
        process = await world.process()
        now = world.clock.now()
        low, high = world.message(due=now + 0.1, priority=1), world.message(due=now + 0.2, priority=2)
        await process.publish(low, high)
        await world.pass_time(0.3 + world.slack)

        fetched = await (await process.worker()).fetch_number(2)

        assert [delivery.id for delivery in fetched] == [high.id, low.id]

    async def test_moment_in_the_past_is_now(self, world: World) -> None:
        """A task whose moment has passed already is `new` and ready."""
        process = await world.process()
        message = world.message(due=world.clock.now() - 1)

        await process.publish(message)

        assert (await process.record(message.id)).status is TaskStatus.NEW
        assert (await (await process.worker()).fetch_one()).id == message.id

    async def test_longest_delay(self, world: World) -> None:
        """The longest delay that `limits` promises, at least eight years, is kept to the second."""
        if not self.takes_clock:
            pytest.skip("the backend takes the time from a server, and nobody waits for years")
        process = await world.process()
        longest = process.broker.limits.longest_delay
        worker, message = await process.worker(), world.message(due=world.clock.now() + longest)
        await process.publish(message)
        await world.pass_time(longest - 5)

        assert longest >= 8 * 365.25 * 86_400
        assert await worker.ready_now() == []
        await world.pass_time(5 + world.slack)
        assert (await worker.fetch_one()).id == message.id

    async def test_delays_survive_a_restart(self, world: World) -> None:
        """A delay goes on while no process runs, and is over when it is over."""
        before = await world.process()
        message = world.message(due=world.clock.now() + world.lease)
        await before.publish(message)
        await before.stop()
        after = await world.process()
        worker = await after.worker()

        assert await worker.ready_now() == []

        await world.pass_time(world.lease * 1.1 + world.slack)
        assert (await worker.fetch_one()).id == message.id
