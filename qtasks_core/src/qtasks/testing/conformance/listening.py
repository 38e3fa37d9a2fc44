"""Values that a task yields reach who listens: in order, each once, and pushed (contract 9)."""

from __future__ import annotations

import asyncio

import pytest

from qtasks.models import Delivery, GiveBackReason, Items, Report
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._elsewhere import process_elsewhere, vary
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, Process, World


class Listening(Suite):
    """What `report` and `listen` promise of items."""

    async def test_items_come_in_order(self, world: World) -> None:
        """A listener gets the items in the order in which they were yielded, whatever bytes they are."""
        here, there = await world.process(), await world.process()
        delivery = await _running(here)
        items = [b"", b"\x00\xff", bytes(range(256)) * 400, b"last"]
        await _yield(here, delivery, 0, *items[:2])
        await _yield(here, delivery, 2, *items[2:])

        heard = await _listen(there, delivery)

        number = delivery.token.delivery
        assert (heard.delivery, heard.first, list(heard.items)) == (number, 0, items)
        assert heard.record is not None
        assert heard.record.status is TaskStatus.PROCESS

    async def test_listener_is_woken_by_an_item(self, world: World) -> None:
        """Who listens in another process gets an item within half a second."""
        here, there = await world.process(), await world.process()
        delivery = await _running(here)
        for number in range(3):
            waiting = asyncio.ensure_future(_listen(there, delivery, number))
            await world.still_waits(waiting)

            await _yield(here, delivery, number, b"item %d" % number)

            heard = await world.at_once(waiting)
            assert (heard.first, heard.items) == (number, (b"item %d" % number,))

    async def test_listener_may_come_before_the_delivery(self, world: World) -> None:
        """Who listens to a task that still waits hears the first item of the delivery that comes."""
        process, message = await world.process(), world.message()
        await process.publish(message)
        waiting = asyncio.ensure_future(process.storage.listen(message.id, 0, 0))
        await world.still_waits(waiting)
        delivery = await (await process.worker()).fetch_one()

        await _yield(process, delivery, 0, b"a")

        heard = await world.at_once(waiting)
        assert (heard.delivery, heard.first, heard.items) == (1, 0, (b"a",))

    async def test_listener_goes_on_where_it_was(self, world: World) -> None:
        """A listener gets what lies beyond the number that it has seen, and nothing twice."""
        process = await world.process()
        delivery = await _running(process)
        await _yield(process, delivery, 0, *(b"%d" % i for i in range(10)))

        heard = await _listen(process, delivery, 7)

        assert (heard.first, heard.items) == (7, (b"7", b"8", b"9"))
        waiting = asyncio.ensure_future(_listen(process, delivery, 10))
        await world.still_waits(waiting)
        await _yield(process, delivery, 10, b"10")
        assert (await world.at_once(waiting)).items == (b"10",)

    async def test_late_listener_hears_everything(self, world: World) -> None:
        """Who begins to listen late, and each of many, hears the items from the first one on."""
        here, there = await world.process(), await world.process()
        delivery = await _running(here)
        early = [asyncio.ensure_future(_listen(there, delivery)) for _ in range(20)]
        await world.still_waits(early[0])
        await _yield(here, delivery, 0, b"a")
        assert {(await world.soon(each)).items for each in early} == {(b"a",)}
        await _yield(here, delivery, 1, b"b")

        heard = await _listen(there, delivery)

        assert (heard.first, heard.items) == (0, (b"a", b"b"))

    async def test_repeated_report_yields_nothing_twice(self, world: World) -> None:
        """Items that are sent again after a lost answer, alone or with new ones, are kept once."""
        process = await world.process()
        delivery = await _running(process)
        await _yield(process, delivery, 0, b"a", b"b")
        await _yield(process, delivery, 0, b"a", b"b")
        await _yield(process, delivery, 1, b"b", b"c")

        heard = await _listen(process, delivery)

        assert (heard.first, heard.items) == (0, (b"a", b"b", b"c"))

    async def test_no_item_is_missed(self, world: World) -> None:
        """However reports and listeners meet, each item is heard once, in order; two hundred meetings."""
        here, there = await world.process(), await world.process()
        delivery = await _running(here)
        yielding = asyncio.ensure_future(_yield_each(here, delivery, 200))
        heard: list[bytes] = []
        while len(heard) < 200:
            news = await world.soon(_listen(there, delivery, len(heard)))
            assert news.first == len(heard)
            heard += news.items
        await yielding

        assert heard == [b"%d" % i for i in range(200)]

    async def test_listener_beside_one_at_rest_is_told(self, world: World) -> None:
        """Of two who listen in one process each hears at once, also where the other one waits; 200 items."""
        process = await world.process()
        silent, delivery = await _running(process), await _running(process)
        resting = asyncio.ensure_future(_listen(process, silent))
        async with process_elsewhere(world) as (there, elsewhere):
            for number in range(200):
                waiting = asyncio.ensure_future(_listen(process, delivery, number))
                yielding = elsewhere.begin(_yield(there, delivery, number, b"%d" % number))
                await vary(number)

                assert (await world.at_once(waiting)).items == (b"%d" % number,)
                await yielding
        await process.finish(silent)
        assert (await world.at_once(resting)).items == ()

    async def test_new_delivery_begins_anew(self, world: World) -> None:
        """When a lost, given-back or retried task yields again, a listener hears it from the beginning."""
        process = await world.process()
        worker = await process.worker()
        delivery = await _running(process, worker)
        for way in ("lost", "given back", "retried"):
            await _yield(process, delivery, 0, b"a", b"b")
            waiting = asyncio.ensure_future(_listen(process, delivery, 2))
            await _end_without_end(process, delivery, way)
            again = await worker.fetch_one()
            await world.still_waits(waiting)

            await _yield(process, again, 0, way.encode())

            heard = await world.at_once(waiting)
            number = delivery.token.delivery + 1
            assert (heard.delivery, heard.first, heard.items) == (number, 0, (way.encode(),))
            delivery = again

    async def test_items_of_an_earlier_delivery_go(self, world: World) -> None:
        """They are heard until a later delivery yields its first; afterwards nobody hears them."""
        process = await world.process()
        worker = await process.worker()
        old = await _running(process, worker)
        await _yield(process, old, 0, b"old", b"old")
        await process.give_back(old, GiveBackReason.STOPPED)
        new = await worker.fetch_one()
        assert (await _listen(process, old)).items == (b"old", b"old")

        await _yield(process, new, 0, b"new")

        heard = await process.storage.listen(old.id, 0, 0)
        assert (heard.delivery, heard.first, heard.items) == (new.token.delivery, 0, (b"new",))

    async def test_items_of_a_lost_run_are_ignored(self, world: World) -> None:
        """Once a lost task runs elsewhere, what its first run yields is not heard any more."""
        process = await world.process()
        worker = await process.worker()
        old = await _running(process, worker)
        await world.pass_time(world.lease * 1.1 + world.slack)
        new = await worker.fetch_one()
        await _yield(process, new, 0, b"new")

        await _yield(process, old, 0, b"old", b"old")

        heard = await _listen(process, new)
        assert (heard.delivery, heard.items) == (new.token.delivery, (b"new",))

    async def test_end_is_heard_with_what_is_left(self, world: World) -> None:
        """After the end a listener gets at once what it has not heard, with the final record."""
        process = await world.process()
        worker = await process.worker()
        for status in sorted(FINAL):
            delivery = await _running(process, worker)
            await _yield(process, delivery, 0, b"a", b"b", b"c")
            await process.finish(delivery, status, result=b"r")

            heard = await world.at_once(_listen(process, delivery, 1))

            assert heard.record is not None
            assert (heard.record.status, heard.record.result) == (status, b"r")
            assert (heard.first, heard.items) == (1, (b"b", b"c"))
            assert (await world.at_once(_listen(process, delivery, 3))).items == ()

    async def test_end_ends_the_listening(self, world: World) -> None:
        """Who listens in another process when the task ends hears of it within half a second."""
        here, there = await world.process(), await world.process()
        delivery = await _running(here)
        await _yield(here, delivery, 0, b"a")
        waiting = asyncio.ensure_future(_listen(there, delivery, 1))
        await world.still_waits(waiting)

        await here.finish(delivery)

        heard = await world.at_once(waiting)
        assert heard.items == ()
        assert heard.record is not None
        assert heard.record.status is TaskStatus.SUCCESS

    async def test_cancel_of_a_waiting_task_ends_the_listening(self, world: World) -> None:
        """Who listens to a task that is cancelled before it yields anything does not wait for ever."""
        here, there = await world.process(), await world.process()
        message = world.message()
        await here.publish(message)
        waiting = asyncio.ensure_future(there.storage.listen(message.id, 0, 0))
        await world.still_waits(waiting)

        await here.cancel(message.id)

        heard = await world.at_once(waiting)
        assert heard.record is not None
        assert (heard.record.status, heard.items) == (TaskStatus.CANCEL, ())

    async def test_unknown_task_is_heard_at_once(self, world: World) -> None:
        """Who listens to a task that was never there gets no record, and does not wait for ever."""
        process = await world.process()

        heard = await world.at_once(process.storage.listen(world.message().id, 0, 0))

        assert (heard.record, heard.items) == (None, ())

    async def test_removed_record_ends_the_listening(self, world: World) -> None:
        """Who listens to a task whose record is removed gets no record; its items go with it."""
        here, there = await world.process(), await world.process()
        running, ended = await _running(here), await _running(here)
        await _yield(here, ended, 0, b"a")
        await here.finish(ended)
        waiting = asyncio.ensure_future(_listen(there, running))
        await world.still_waits(waiting)

        await here.storage.delete([ended.id])
        await here.broker.flush()
        await here.storage.flush()

        assert (await world.at_once(waiting)).record is None
        heard = await world.at_once(_listen(there, ended))
        assert (heard.record, heard.items) == (None, ())

    async def test_requeue_removes_the_items(self, world: World) -> None:
        """After a requeue a listener hears what the next run yields, and nothing of the one before."""
        process = await world.process()
        worker = await process.worker()
        delivery = await _running(process, worker)
        await _yield(process, delivery, 0, b"old")
        await process.finish(delivery)
        await process.dispatch.requeue([delivery.id])
        waiting = asyncio.ensure_future(process.storage.listen(delivery.id, 0, 0))
        await world.still_waits(waiting)
        again = await worker.fetch_one()

        await _yield(process, again, 0, b"new")

        heard = await world.at_once(waiting)
        assert (heard.delivery, heard.first, heard.items) == (again.token.delivery, 0, (b"new",))

    async def test_items_are_heard_for_a_minute_after_the_end(self, world: World) -> None:
        """A listener that was busy for most of a minute when the task ended hears the rest."""
        if not self.takes_clock:
            pytest.skip("the backend takes the time from a server, and nobody waits for a minute")
        process = await world.process()
        delivery = await _running(process)
        await _yield(process, delivery, 0, b"a", b"b")
        await process.finish(delivery)
        await world.pass_time(59)

        await process.finished()  # whoever tidies up has done so

        assert (await _listen(process, delivery)).items == (b"a", b"b")

    async def test_items_of_two_apps_never_meet(self, world: World) -> None:
        """Two apps may have a task of one id, each with its own items."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        held = []
        for process in (shop, mail):
            await process.publish(message)
            held.append(await (await process.worker()).fetch_one())
        await _yield(shop, held[0], 0, b"shop")

        await _yield(mail, held[1], 0, b"mail")

        assert (await _listen(shop, held[0])).items == (b"shop",)
        assert (await _listen(mail, held[1])).items == (b"mail",)


async def _running(process: Process, worker: Hand | None = None) -> Delivery:
    await process.publish(process.world.message())
    return await (worker or await process.worker()).fetch_one()


async def _yield(process: Process, delivery: Delivery, first: int, *items: bytes) -> None:
    await process.storage.report([Report(delivery.id, delivery.token, items=items, first=first)])


async def _yield_each(process: Process, delivery: Delivery, number: int) -> None:
    for i in range(number):
        for _ in range(i % 5):
            await asyncio.sleep(0)
        await _yield(process, delivery, i, b"%d" % i)


async def _listen(process: Process, delivery: Delivery, number: int = 0) -> Items:
    return await process.storage.listen(delivery.id, delivery.token.delivery, number)


async def _end_without_end(process: Process, delivery: Delivery, way: str) -> None:
    """Take the delivery out of its worker's hands, so that the task comes again."""
    if way == "lost":
        await process.world.pass_time(process.world.lease * 1.1)
    elif way == "given back":
        await process.give_back(delivery, GiveBackReason.STOPPED)
    else:
        await process.finish(delivery, TaskStatus.RETRY)
