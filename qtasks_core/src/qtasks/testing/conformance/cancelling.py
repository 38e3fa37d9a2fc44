"""Cancellation: what waits has ended, what runs is told (contract 8)."""

from __future__ import annotations

import asyncio

from qtasks.models import Cancel, Cancelled, GiveBackReason, Settled
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, Process, World


class Cancelling(Suite):
    """What `cancel` and `discard` promise."""

    async def test_waiting_task_is_cancelled_at_once(self, world: World) -> None:
        """A task that waits is `cancel` from then on: when and why are told, and it counts as no attempt."""
        process, message = await world.process(), world.message()
        await process.publish(message)
        before = world.clock.now()

        assert await process.cancel(message.id, reason="почему") == [Cancelled.ENDED]

        record = await process.record(message.id)
        assert (record.status, record.reason, record.attempts) == (TaskStatus.CANCEL, "почему", 0)
        assert record.finished_at is not None
        assert before - 0.002 <= record.finished_at <= world.clock.now() + 0.002
        assert (record.started_at, record.result, record.error) == (None, None, None)

    async def test_cancelled_task_is_not_delivered(self, world: World) -> None:
        """Nobody gets a task that was cancelled while it waited; its neighbours come as ever."""
        here, there = await world.process(), await world.process()
        first, second, third = world.messages(3)
        await here.publish(first, second, third)

        await there.cancel(second.id)

        assert [d.id for d in await (await here.worker()).ready_now()] == [first.id, third.id]

    async def test_delayed_task_is_cancelled(self, world: World) -> None:
        """A task that waits for its moment can be cancelled, and does not come when it is there."""
        process, message = await world.process(), world.message(due=world.clock.now() + world.lease)
        await process.publish(message)

        assert await process.cancel(message.id) == [Cancelled.ENDED]

        await world.pass_time(world.lease * 1.1 + world.slack)
        assert await (await process.worker()).ready_now() == []
        assert (await process.record(message.id)).status is TaskStatus.CANCEL

    async def test_retried_task_is_cancelled(self, world: World) -> None:
        """A task that waits for its next attempt can be cancelled, and is not tried again."""
        process, worker = await _with_worker(world)
        await process.publish(world.message())
        delivery = await worker.fetch_one()
        await process.finish(delivery, TaskStatus.RETRY, due=world.clock.now() + world.lease)

        assert await process.cancel(delivery.id) == [Cancelled.ENDED]

        await world.pass_time(world.lease * 1.1 + world.slack)
        assert await worker.ready_now() == []
        record = await process.record(delivery.id)
        assert (record.status, record.attempts) == (TaskStatus.CANCEL, 1)

    async def test_waiter_hears_of_a_cancel(self, world: World) -> None:
        """Who waits for a task in another process is told within half a second that it was cancelled."""
        here, there = await world.process(), await world.process()
        message = world.message()
        await here.publish(message)
        waiting = asyncio.ensure_future(there.storage.wait(message.id, FINAL))
        await world.still_waits(waiting)

        await here.cancel(message.id)

        record = await world.at_once(waiting)
        assert record is not None
        assert (record.status, record.reason) == (TaskStatus.CANCEL, "asked")

    async def test_cancelled_record_expires_at_its_moment(self, world: World) -> None:
        """The record of a task that a cancel has ended is removed when the wish says so, not before."""
        process, (message, other) = await world.process(), world.messages(2)
        await process.publish(message, other)
        await process.cancel(message.id, remove_at=world.clock.now() + world.lease)
        await process.cancel(other.id)
        await world.pass_time(world.lease * 0.5)
        assert (await process.record(message.id)).status is TaskStatus.CANCEL

        await world.pass_time(world.lease * 0.6 + world.slack)

        assert list(await process.storage.get([message.id])) == [None]
        assert (await process.record(other.id)).status is TaskStatus.CANCEL

    async def test_wish_is_noted_on_what_runs(self, world: World) -> None:
        """A task in the hands of a worker stays there, and its record tells that it is to be cancelled."""
        process, worker = await _with_worker(world)
        await process.publish(world.message())
        delivery = await worker.fetch_one()

        assert await process.cancel(delivery.id, reason="why") == [Cancelled.ASKED]

        record = await process.record(delivery.id)
        assert (record.status, record.cancel, record.reason) == (TaskStatus.PROCESS, "why", None)
        await process.finish(delivery, TaskStatus.CANCEL, reason="why")
        assert (await process.record(delivery.id)).status is TaskStatus.CANCEL

    async def test_final_outcome_wins_over_a_wish(self, world: World) -> None:
        """A task that ends by itself after its cancellation was asked for has ended so, and stays so."""
        process, worker = await _with_worker(world)
        for status in (TaskStatus.SUCCESS, TaskStatus.ERROR):
            await process.publish(world.message())
            delivery = await worker.fetch_one()
            await process.cancel(delivery.id)

            await process.finish(delivery, status, result=b"42")

            assert await process.cancel(delivery.id) == [Cancelled.FINAL]
            record = await process.record(delivery.id)
            assert (record.status, record.result) == (status, b"42")

    async def test_cancel_changes_nothing_that_has_ended(self, world: World) -> None:
        """A wish that comes after the end, whatever the end was, leaves the record as it is."""
        process = await world.process()
        for status in sorted(FINAL):
            delivery = await process.finished(status=status, result=b"r", reason="before")
            before = await process.record(delivery.id)

            assert await process.cancel(delivery.id) == [Cancelled.FINAL]

            assert await process.record(delivery.id) == before

    async def test_cancel_of_an_unknown_task_leaves_no_mark(self, world: World) -> None:
        """A wish for what nobody knows is answered, and a later task with that id runs like any other."""
        process, worker = await _with_worker(world)
        message = world.message()

        assert await process.cancel(message.id) == [Cancelled.UNKNOWN]

        assert list(await process.storage.get([message.id])) == [None]
        await process.publish(message)
        delivery = await worker.fetch_one()
        assert (delivery.id, delivery.cancel) == (message.id, None)
        assert (await process.record(message.id)).cancel is None
        await process.finish(delivery)

    async def test_lost_task_comes_again_with_its_wish(self, world: World) -> None:
        """When the worker is lost that was to cancel a task, the next one is told with the delivery."""
        here, there = await world.process(), await world.process()
        await here.publish(world.message())
        lost = await (await here.worker()).fetch_one()
        await there.cancel(lost.id, reason="why")
        await world.pass_time(world.lease * 1.1 + world.slack)

        again = await (await there.worker()).fetch_one()

        assert (again.id, again.cancel) == (lost.id, "why")
        await there.finish(again, TaskStatus.CANCEL, reason="why", started_at=None)

    async def test_given_back_task_comes_again_with_its_wish(self, world: World) -> None:
        """A delivery that goes back, for whatever reason, takes the wish with it."""
        process, worker = await _with_worker(world)
        await process.publish(world.message())
        delivery = await worker.fetch_one()
        await process.cancel(delivery.id, reason="why")
        for reason in GiveBackReason:
            await process.give_back(delivery, reason)

            delivery = await worker.fetch_one()

            assert delivery.cancel == "why"

    async def test_retried_task_comes_again_with_its_wish(self, world: World) -> None:
        """A task that fails and is to be tried again although it was to be cancelled takes the wish along."""
        process, worker = await _with_worker(world)
        await process.publish(world.message())
        delivery = await worker.fetch_one()
        await process.cancel(delivery.id, reason="why")
        await process.finish(delivery, TaskStatus.RETRY, due=world.clock.now() + world.lease)
        await world.pass_time(world.lease * 1.1 + world.slack)

        assert (await worker.fetch_one()).cancel == "why"

    async def test_wish_concerns_its_task_alone(self, world: World) -> None:
        """A neighbour that is lost together with a cancelled task comes again without a wish."""
        process, worker = await _with_worker(world)
        await process.publish(*world.messages(2))
        wished, other = await worker.fetch_number(2)
        await process.cancel(wished.id)
        await world.pass_time(world.lease * 1.1 + world.slack)

        again = await (await process.worker()).fetch_number(2)

        assert {d.id: d.cancel for d in again} == {wished.id: "asked", other.id: None}

    async def test_wish_is_kept_when_everybody_restarts(self, world: World) -> None:
        """A wish is kept with the task: it is there when all processes have stopped and others began."""
        before = await world.process()
        await before.publish(world.message())
        delivery = await (await before.worker()).fetch_one()
        await before.cancel(delivery.id)
        await before.stop()
        await world.pass_time(world.lease * 1.1 + world.slack)

        after = await world.process()

        assert (await after.record(delivery.id)).cancel == "asked"
        assert (await (await after.worker()).fetch_one()).cancel == "asked"

    async def test_task_that_waits_again_is_cancelled_at_once(self, world: World) -> None:
        """What was given back is cancelled like all that waits, and the outcome of its old run is stale."""
        process, worker = await _with_worker(world)
        await process.publish(world.message())
        delivery = await worker.fetch_one()
        await process.cancel(delivery.id)
        await process.give_back(delivery, GiveBackReason.STOPPED)

        assert await process.cancel(delivery.id) == [Cancelled.ENDED]

        assert list(await process.settle(process.outcome(delivery))) == [Settled.STALE]
        assert (await process.record(delivery.id)).status is TaskStatus.CANCEL
        assert await worker.ready_now() == []

    async def test_lost_task_is_cancelled_before_it_comes_again(self, world: World) -> None:
        """A cancel between loss and redelivery leaves nothing to run: it ended, or has its wish."""
        process, late = await _with_worker(world)
        other = await process.worker("other")
        await process.publish(world.message())
        delivery = await late.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        await other.ready_now()  # whoever looks for ended leases has looked

        (answer,) = await process.cancel(delivery.id)

        came = [(again.id, again.cancel) for again in await (await process.worker()).ready_now()]
        assert came == ([] if answer is Cancelled.ENDED else [(delivery.id, "asked")])
        status = TaskStatus.CANCEL if answer is Cancelled.ENDED else TaskStatus.PROCESS
        assert (await process.record(delivery.id)).status is status

    async def test_second_wish_keeps_the_first_reason(self, world: World) -> None:
        """Who asks again for the cancel of a running task changes nothing in why it is cancelled."""
        here, there = await world.process(), await world.process()
        await here.publish(world.message())
        delivery = await (await here.worker()).fetch_one()
        await here.cancel(delivery.id, reason="first")

        assert await there.cancel(delivery.id, reason="second") == [Cancelled.ASKED]

        assert (await here.record(delivery.id)).cancel == "first"
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert (await (await there.worker()).fetch_one()).cancel == "first"

    async def test_requeue_clears_the_wish(self, world: World) -> None:
        """A task that was cancelled while it ran runs again like any other when somebody requeues it."""
        process, worker = await _with_worker(world)
        await process.publish(world.message())
        delivery = await worker.fetch_one()
        await process.cancel(delivery.id)
        await process.finish(delivery, TaskStatus.CANCEL, reason="asked")

        assert list(await process.dispatch.requeue([delivery.id])) == [True]

        assert (await process.record(delivery.id)).cancel is None
        again = await worker.fetch_one()
        assert (again.id, again.cancel, again.token.epoch) == (delivery.id, None, 2)

    async def test_cancelled_task_can_be_requeued(self, world: World) -> None:
        """A task that was cancelled before it ever ran can be requeued, and runs."""
        process, message = await world.process(), world.message(body=b"body")
        await process.publish(message)
        await process.cancel(message.id, remove_at=world.clock.now() + world.lease)

        assert list(await process.dispatch.requeue([message.id])) == [True]

        await world.pass_time(world.lease * 1.1 + world.slack)
        record = await process.record(message.id)
        assert (record.status, record.reason, record.finished_at) == (TaskStatus.NEW, None, None)
        again = await (await process.worker()).fetch_one()
        assert (again.id, again.body, again.cancel) == (message.id, b"body", None)

    async def test_cancelled_task_is_not_revived(self, world: World) -> None:
        """Publishing a task again after it was cancelled, as after a lost answer, lets it be as it is."""
        process, message = await world.process(), world.message()
        await process.publish(message)
        await process.cancel(message.id)
        before = await process.record(message.id)

        await process.publish(message)

        assert await (await process.worker()).ready_now() == []
        assert await process.record(message.id) == before

    async def test_wishes_of_one_call_are_answered_one_by_one(self, world: World) -> None:
        """Each wish has its own answer, in order, and none keeps another from being heard."""
        process, worker = await _with_worker(world)
        ended, unknown = await process.finished(), world.message()
        await process.publish(running := world.message())
        await worker.fetch_one()
        await process.publish(waiting := world.message())

        answers = await process.cancel(unknown.id, running.id, ended.id, waiting.id)

        wanted = [Cancelled.UNKNOWN, Cancelled.ASKED, Cancelled.FINAL, Cancelled.ENDED]
        assert answers == wanted

    async def test_repeated_wish_is_answered_as_things_are(self, world: World) -> None:
        """A wish that is sent again after a lost answer changes nothing more."""
        process, worker = await _with_worker(world)
        await process.publish(running := world.message())
        await worker.fetch_one()
        await process.publish(waiting := world.message())
        await process.cancel(running.id, waiting.id)
        before = await process.record(waiting.id)

        assert await process.cancel(running.id, waiting.id) == [Cancelled.ASKED, Cancelled.FINAL]

        assert await process.record(waiting.id) == before
        assert (await process.record(running.id)).status is TaskStatus.PROCESS

    async def test_cancel_and_fetch_agree(self, world: World) -> None:
        """However cancel and fetch meet, a task has ended or its worker is told; a hundred meetings."""
        here, there = await world.process(), await world.process()
        worker, messages = await there.worker(), world.messages(100)
        await here.publish(*messages)

        cancelling = asyncio.ensure_future(_cancel_each(here, [message.id for message in messages]))
        taken = [delivery for _ in range(3) for delivery in await worker.fetch(10)]
        answers = await cancelling
        taken += await worker.ready_now()

        asked = {m.id for m, a in zip(messages, answers, strict=True) if a is Cancelled.ASKED}
        assert {d.id for d in taken} == asked
        told: set[str] = set()
        while told < asked:
            told.update(signal.id for signal in await world.at_once(worker.consumer.signals()))
        ended = await here.storage.get([message.id for message in messages if message.id not in asked])
        assert {record and record.status for record in ended} <= {TaskStatus.CANCEL}

    async def test_discard_is_a_hint(self, world: World) -> None:
        """Entries that are not there, or no more, can be discarded; those of other tasks come as ever."""
        process, (ended, kept) = await world.process(), world.messages(2)
        await process.publish(ended, kept)
        await process.cancel(ended.id)

        await process.broker.discard([world.message().id, ended.id], "asked")

        assert [d.id for d in await (await process.worker()).ready_now()] == [kept.id]

    async def test_entry_that_was_not_discarded_is_not_run(self, world: World) -> None:
        """A crash between the record of a cancel and the queue leaves an entry that nobody runs."""
        process, (ended, kept) = await world.process(), world.messages(2)
        await process.publish(ended, kept)

        await process.storage.cancel([Cancel(ended.id, "asked")])

        assert [d.id for d in await (await process.worker()).ready_now()] == [kept.id]
        assert (await process.record(ended.id)).status is TaskStatus.CANCEL

    async def test_wishes_of_one_app_are_not_those_of_another(self, world: World) -> None:
        """A cancel reaches tasks of its own app only, also where another has one of the same id."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        await shop.publish(message)

        assert await mail.cancel(message.id) == [Cancelled.UNKNOWN]

        await mail.publish(message)
        assert await mail.cancel(message.id) == [Cancelled.ENDED]
        assert [d.id for d in await (await shop.worker()).ready_now()] == [message.id]


async def _with_worker(world: World) -> tuple[Process, Hand]:
    process = await world.process()
    return process, await process.worker()


async def _cancel_each(process: Process, ids: list[str]) -> list[Cancelled]:
    """Cancel one after the other, with a breath between them."""
    answers: list[Cancelled] = []
    for number, task_id in enumerate(ids):
        for _ in range(number % 5):
            await asyncio.sleep(0)
        answers += await process.cancel(task_id)
    return answers
