"""Word of a wish reaches the worker that holds the task (contract 8)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from qtasks.models import Delivery, GiveBackReason, Signal
from qtasks.testing.conformance._elsewhere import process_elsewhere, vary
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, Process, World


class Signalling(Suite):
    """What `Consumer.signals` promises."""

    async def test_worker_is_told_of_a_wish(self, world: World) -> None:
        """A worker that waits for signals is told within half a second what is to be cancelled, and why."""
        here, there = await world.process(), await world.process()
        worker = await there.worker()
        for number in range(3):
            await here.publish(world.message())
            delivery = await worker.fetch_one()
            waiting = asyncio.ensure_future(worker.signal())
            await world.still_waits(waiting)

            await here.cancel(delivery.id, reason=f"why {number}")

            assert await waiting == Signal(delivery.id, delivery.token, f"why {number}")

    async def test_wish_that_came_before_is_told(self, world: World) -> None:
        """A wish is told also where nobody was waiting for signals when it came."""
        here, there, worker, delivery = await _running(world)
        await here.cancel(delivery.id)
        await there.storage.counts()

        assert (await worker.signal()).id == delivery.id

    async def test_busy_worker_is_told(self, world: World) -> None:
        """A worker hears of wishes while it waits in `fetch` and between fetches alike."""
        process = await world.process()
        await process.publish(*world.messages(2))
        worker = await process.worker()
        first, second = await worker.fetch_number(2)
        await process.cancel(first.id)
        assert (await worker.signal()).id == first.id
        fetching = asyncio.ensure_future(worker.fetch_one())
        await world.still_waits(fetching)

        await process.cancel(second.id)

        assert (await worker.signal()).id == second.id
        await world.still_waits(fetching)
        await process.publish(third := world.message())
        assert (await fetching).id == third.id

    async def test_wish_is_told_to_the_holder_only(self, world: World) -> None:
        """Of two workers of one process the one is told that holds the task."""
        process = await world.process()
        await process.publish(*world.messages(2))
        holder, other = await process.worker(), await process.worker()
        delivery, kept = await holder.fetch_one(), await other.fetch_one()
        waiting = asyncio.ensure_future(other.signal())
        await world.still_waits(waiting)

        await process.cancel(delivery.id)

        assert (await holder.signal()).id == delivery.id
        await world.still_waits(waiting)
        await process.cancel(kept.id)
        assert (await waiting).id == kept.id

    async def test_every_wish_is_told(self, world: World) -> None:
        """However wishes and signals meet, none is lost; a hundred meetings."""
        here, there = await world.process(), await world.process()
        worker = await there.worker()
        await here.publish(*world.messages(100))
        held = await worker.fetch_number(100)

        cancelling = asyncio.ensure_future(_cancel_each(here, [delivery.id for delivery in held]))
        told: set[Signal] = set()
        while len(told) < 100:
            told.update(await world.at_once(worker.consumer.signals()))
        await cancelling

        assert told == {Signal(delivery.id, delivery.token, "asked") for delivery in held}

    async def test_worker_beside_one_at_rest_is_told(self, world: World) -> None:
        """Of two workers of one process each is told at once, also where the other one waits; 200 wishes."""
        process = await world.process()
        worker, other = await process.worker(), await process.worker()
        await process.publish(*world.messages(200))
        held = await worker.fetch_number(200)
        resting = asyncio.ensure_future(other.consumer.signals())
        async with process_elsewhere(world) as (there, elsewhere):
            for number, delivery in enumerate(held):
                waiting = asyncio.ensure_future(worker.signal())
                cancelling = elsewhere.begin(there.cancel(delivery.id))
                await vary(number)

                assert (await waiting).id == delivery.id
                await cancelling
        await other.consumer.close()
        assert list(await world.at_once(resting)) == []

    async def test_told_wish_is_not_told_for_ever(self, world: World) -> None:
        """Once told, `signals` comes to rest, and tells of the next wish."""
        process = await world.process()
        await process.publish(*world.messages(2))
        worker = await process.worker()
        first, second = await worker.fetch_number(2)
        await process.cancel(first.id)
        await worker.signal()

        waiting = await _resting(worker)

        await process.cancel(second.id)
        assert second.id in [signal.id for signal in await world.at_once(waiting)]

    async def test_signal_names_the_delivery_in_hand(self, world: World) -> None:
        """The token of a signal is that of the present delivery, which a later run of the task can tell."""
        here, there, worker, delivery = await _running(world)
        await there.give_back(delivery, GiveBackReason.STOPPED)
        again = await worker.fetch_one()

        await here.cancel(again.id)

        assert await worker.signal() == Signal(again.id, again.token, "asked")

    async def test_close_ends_signals(self, world: World) -> None:
        """A closed consumer returns from `signals` with nothing, and tells nothing more."""
        process = await world.process()
        worker = await process.worker()
        waiting = asyncio.ensure_future(worker.consumer.signals())
        await world.still_waits(waiting)

        await worker.consumer.close()

        assert list(await world.at_once(waiting)) == []
        assert list(await world.at_once(worker.consumer.signals())) == []


async def _running(world: World) -> tuple[Process, Process, Hand, Delivery]:
    """Return a process that publishes, one that works, its worker, and what that holds."""
    here, there = await world.process(), await world.process()
    await here.publish(world.message())
    worker = await there.worker()
    return here, there, worker, await worker.fetch_one()


async def _cancel_each(process: Process, ids: list[str]) -> None:
    for number, task_id in enumerate(ids):
        for _ in range(number % 5):
            await asyncio.sleep(0)
        await process.cancel(task_id)


async def _resting(worker: Hand) -> asyncio.Future[Sequence[Signal]]:
    """Return a call of `signals` that waits; a few repetitions of what was told are allowed."""
    for _ in range(5):
        waiting = asyncio.ensure_future(worker.consumer.signals())
        if not (await asyncio.wait({waiting}, timeout=0.05))[0]:
            return waiting
    raise AssertionError("the same wish is told again and again")
