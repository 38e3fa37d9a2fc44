"""What a body says of itself while it runs is told to everybody, and to nobody too late."""

from __future__ import annotations

from typing import Any

from qtasks.models import Delivery, GiveBackReason, Report
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, Process, World


class Reporting(Suite):
    """What `report` promises of progress and notes."""

    async def test_progress_and_note_are_told(self, world: World) -> None:
        """What a body reports is on the record, in another process too; what it did not say is None."""
        here, there = await world.process(), await world.process()
        delivery = await _running(here)
        assert await _told(there, delivery) == (None, None)

        await here.storage.report([_report(delivery, progress=0.25, note="половина половины")])

        assert await _told(there, delivery) == (0.25, "половина половины")

    async def test_what_is_not_said_stays(self, world: World) -> None:
        """A report without progress, or without a note, leaves what was said before."""
        process = await world.process()
        delivery = await _running(process)
        await process.storage.report([_report(delivery, progress=0.5, note="one")])

        await process.storage.report([_report(delivery, progress=0.75)])
        assert await _told(process, delivery) == (0.75, "one")

        await process.storage.report([_report(delivery, note="two"), _report(delivery, progress=0.0)])
        assert await _told(process, delivery) == (0.0, "two")

    async def test_report_changes_nothing_else(self, world: World) -> None:
        """Who reports holds its task as before: status, token, worker and counters stay."""
        process = await world.process()
        delivery = await _running(process)
        before = await process.record(delivery.id)

        await process.storage.report([_report(delivery, progress=0.5, items=(b"1",))])

        after = await process.record(delivery.id)
        assert (after.status, after.token, after.worker) == (before.status, before.token, before.worker)
        assert (after.attempts, after.losses, after.history) == (0, 0, ())
        await process.finish(delivery, result=b"42")

    async def test_last_report_is_told_after_the_end(self, world: World) -> None:
        """A record tells also of an ended task what its body said last."""
        process = await world.process()
        delivery = await _running(process)
        await process.storage.report([_report(delivery, progress=1.0, note="done")])

        await process.finish(delivery)

        assert await _told(process, delivery) == (1.0, "done")

    async def test_report_of_an_old_delivery_is_ignored(self, world: World) -> None:
        """Once a lost task runs elsewhere, what its first run says is not told any more."""
        process = await world.process()
        worker, delivery = await process.worker(), await _running(process)
        await world.pass_time(world.lease * 1.1 + world.slack)
        again = await worker.fetch_one()
        await process.storage.report([_report(again, progress=0.1, note="new")])

        await process.storage.report([_report(delivery, progress=0.9, note="old")])

        assert await _told(process, again) == (0.1, "new")

    async def test_late_report_counts_before_redelivery(self, world: World) -> None:
        """While nobody else has the task, what its late worker reports is told, and heard."""
        process = await world.process()
        late, other = await process.worker(), await process.worker("other")
        delivery = await _running(process, late)
        await world.pass_time(world.lease * 1.1 + world.slack)
        await other.ready_now()  # whoever looks for ended leases has looked

        await process.storage.report([_report(delivery, progress=0.5, note="late", items=(b"a",))])

        assert await _told(process, delivery) == (0.5, "late")
        listening = process.storage.listen(delivery.id, delivery.token.delivery, 0)
        assert (await world.at_once(listening)).items == (b"a",)

    async def test_report_of_what_does_not_run_is_ignored(self, world: World) -> None:
        """What was given back, what has ended and what nobody knows has nothing to say; it is no error."""
        process = await world.process()
        worker = await process.worker()
        given_back, ended = await _running(process, worker), await _running(process, worker)
        await process.give_back(given_back, GiveBackReason.STOPPED)
        await process.finish(ended)
        unknown = Report(world.message().id, ended.token, 0.5, "late")

        late = [_report(delivery, progress=0.5, note="late") for delivery in (given_back, ended)]
        await process.storage.report([unknown, *late])

        assert await _told(process, given_back) == (None, None)
        assert await _told(process, ended) == (None, None)
        assert (await process.record(given_back.id)).status is TaskStatus.NEW

    async def test_ignored_report_refuses_itself_alone(self, world: World) -> None:
        """Reports of one call are of several tasks, and a stale one keeps no other from being told."""
        process = await world.process()
        worker = await process.worker()
        first, ended, last = [await _running(process, worker) for _ in range(3)]
        await process.finish(ended)

        await process.storage.report(
            [_report(delivery, progress=i / 10) for i, delivery in enumerate((first, ended, last), start=1)]
        )

        told = [(await _told(process, delivery))[0] for delivery in (first, ended, last)]
        assert told == [0.1, None, 0.3]

    async def test_requeue_clears_what_was_said(self, world: World) -> None:
        """A requeued task has said nothing yet."""
        process = await world.process()
        delivery = await _running(process)
        await process.storage.report([_report(delivery, progress=1.0, note="done")])
        await process.finish(delivery)

        await process.dispatch.requeue([delivery.id])

        assert await _told(process, delivery) == (None, None)

    async def test_reports_of_one_app_are_not_those_of_another(self, world: World) -> None:
        """Two apps may have a task of one id, each with its own progress."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        for process in (shop, mail):
            await process.publish(message)
        held, _ = await (await shop.worker()).fetch_one(), await (await mail.worker()).fetch_one()

        await shop.storage.report([_report(held, progress=0.5)])

        assert await _told(mail, held) == (None, None)


def _report(delivery: Delivery, **values: Any) -> Report:
    return Report(delivery.id, delivery.token, **values)


async def _running(process: Process, worker: Hand | None = None) -> Delivery:
    await process.publish(process.world.message())
    return await (worker or await process.worker()).fetch_one()


async def _told(process: Process, delivery: Delivery) -> tuple[float | None, str | None]:
    record = await process.record(delivery.id)
    return record.progress, record.note
