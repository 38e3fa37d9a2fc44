"""All promises of a storage whose tasks are queued by a broker of another kind."""

from __future__ import annotations

import asyncio

import pytest

from qtasks.errors import BackendUnavailable
from qtasks.models import GiveBack, GiveBackReason, Settled, Token
from qtasks.protocols import Storage
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._records import added, begun, delivery_of, outcome_of
from qtasks.testing.conformance._suite import Make
from qtasks.testing.conformance._world import World, about
from qtasks.testing.conformance.apart import Apart


class StorageConformance(Apart):
    """Subclass it, and let the fixture `make` give storages of one place, fresh and not started."""

    async def test_added_task_has_a_record(self, world: World) -> None:
        """A record is written `new`, or `delayed` until its moment."""
        storage: Storage = await world.component()
        now = world.clock.now()
        message = world.message(body=b"body", priority=4, expires_at=now + 9)
        later = world.message(due=now + world.lease)

        await storage.add([message, later])

        first, second = await storage.get([message.id, later.id])
        assert first is not None
        assert second is not None
        assert (first.status, first.body, first.priority) == (TaskStatus.NEW, b"body", 4)
        assert (first.token, first.expires_at) == (Token(1, 1, 0), about(now + 9))
        assert (second.status, second.due) == (TaskStatus.DELAYED, about(now + world.lease))

    async def test_added_again_changes_nothing(self, world: World) -> None:
        """Adding a known task again leaves its record alone, whatever has become of it."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage)
        await storage.finish([outcome_of(delivery, result=b"1")])
        before = await storage.get([delivery.id])

        await storage.add([world.message(id=delivery.id, body=b"other")])

        assert await storage.get([delivery.id]) == before

    async def test_begin_makes_the_token_known(self, world: World) -> None:
        """After `begin` the record is in process, with the token and the worker."""
        here, there = await world.component(), await world.component()

        delivery = await begun(world, here, worker="w")

        (record,) = await there.get([delivery.id])
        assert (record.status, record.token, record.worker) == (TaskStatus.PROCESS, Token(1, 1, 1), "w")

    async def test_begin_answers_what_is_left_to_run(self, world: World) -> None:
        """`begin` says no for what has ended, for an attempt that has its outcome, and for the unknown."""
        storage: Storage = await world.component()
        ended, retried, fresh = [await begun(world, storage) for _ in range(3)]
        await storage.finish([outcome_of(ended), outcome_of(retried, TaskStatus.RETRY)])
        again = [delivery_of(d.id, Token(1, 1, 2), losses=1) for d in (ended, retried, fresh)]
        unknown = delivery_of(world.message().id, Token(1, 1, 1))

        answers = await storage.begin([*again, unknown], "w")

        assert list(answers) == [False, False, True, False]
        (second,) = await storage.begin([delivery_of(retried.id, Token(1, 2, 3))], "w")
        assert second is True

    async def test_younger_token_makes_the_older_one_stale(self, world: World) -> None:
        """Once a redelivery has begun, the outcome of the earlier one is refused."""
        storage: Storage = await world.component()
        old = await begun(world, storage)
        new = delivery_of(old.id, Token(1, 1, 2), losses=1)
        await storage.begin([new], "w2")

        assert list(await storage.finish([outcome_of(old, result=b"old")])) == [Settled.STALE]
        assert list(await storage.finish([outcome_of(new, result=b"new")])) == [Settled.RECORDED]

        (record,) = await storage.get([old.id])
        assert record is not None
        assert (record.result, record.token) == (b"new", new.token)

    async def test_late_begin_of_an_older_delivery_changes_nothing(self, world: World) -> None:
        """A worker that stood still between fetch and `begin` does not take the task back."""
        storage: Storage = await world.component()
        old = await added(world, storage)
        new = delivery_of(old.id, Token(1, 1, 2), losses=1)
        await storage.begin([new], "w2")

        assert list(await storage.begin([old], "w1")) == [False]

        assert list(await storage.finish([outcome_of(old)])) == [Settled.STALE]
        assert list(await storage.finish([outcome_of(new)])) == [Settled.RECORDED]

    async def test_token_of_a_waiting_task_does_not_go_back(self, world: World) -> None:
        """Also while a task waits again, no delivery may begin that is older than the one known."""
        storage: Storage = await world.component()
        old = await added(world, storage)
        new = delivery_of(old.id, Token(1, 1, 2))
        await storage.begin([new], "w2")
        await storage.give_back([GiveBack(old.id, new.token, GiveBackReason.STOPPED)])

        answers = await storage.begin([old], "w1")

        (record,) = await storage.get([old.id])
        assert record is not None
        assert (list(answers), record.token, record.status) == ([False], new.token, TaskStatus.NEW)

    async def test_redelivery_tells_of_the_loss(self, world: World) -> None:
        """The record counts and names the delivery that a redelivery shows to be lost."""
        storage: Storage = await world.component()
        old = await begun(world, storage, worker="w1")

        await storage.begin([delivery_of(old.id, Token(1, 1, 2), losses=1)], "w2")

        (record,) = await storage.get([old.id])
        assert record is not None
        assert (record.losses, record.worker, record.token) == (1, "w2", Token(1, 1, 2))
        assert [(event.end, event.token, event.worker) for event in record.history] == [
            ("lost", old.token, "w1")
        ]

    async def test_repeated_outcome_is_recorded_once(self, world: World) -> None:
        """The token that has recorded an outcome hears `recorded` again, and nothing changes."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage)
        await storage.finish([outcome_of(delivery, result=b"1")])
        before = await storage.get([delivery.id])

        assert list(await storage.finish([outcome_of(delivery, result=b"1")])) == [Settled.RECORDED]
        assert await storage.get([delivery.id]) == before

    async def test_outcome_of_an_unknown_task_is_stale(self, world: World) -> None:
        """An outcome without a record is refused, not an error."""
        storage: Storage = await world.component()

        answers = await storage.finish([outcome_of(delivery_of(world.message().id, Token(1, 1, 1)))])

        assert list(answers) == [Settled.STALE]

    async def test_retry_is_recorded(self, world: World) -> None:
        """A retry counts an attempt, forgets losses and waits for its moment."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage)
        due = world.clock.now() + 60

        await storage.finish([outcome_of(delivery, TaskStatus.RETRY, due=due, error=b"why")])

        (record,) = await storage.get([delivery.id])
        assert record is not None
        assert (record.status, record.due, record.error) == (TaskStatus.RETRY, about(due), b"why")
        assert (record.attempts, record.losses) == (1, 0)
        assert [event.end for event in record.history] == ["retry"]

    async def test_give_back_is_recorded(self, world: World) -> None:
        """A delivery that went back is waiting again, and counted as its reason says."""
        storage: Storage = await world.component()
        wanted = {
            GiveBackReason.STOPPED: (TaskStatus.NEW, 0, 0),
            GiveBackReason.UNKNOWN: (TaskStatus.DELAYED, 0, 1),
            GiveBackReason.FAULT: (TaskStatus.DELAYED, 1, 0),
        }
        for reason, counted in wanted.items():
            delivery = await begun(world, storage)
            delay = 0.0 if reason is GiveBackReason.STOPPED else 30.0
            await storage.give_back([GiveBack(delivery.id, delivery.token, reason, delay)])

            (record,) = await storage.get([delivery.id])

            assert record is not None
            assert (record.status, record.losses, record.turns) == counted
            assert [event.end for event in record.history] == [reason.value]

    async def test_waiter_is_woken(self, world: World) -> None:
        """Who waits at one storage hears what another one of the place records."""
        here, there = await world.component(), await world.component()
        delivery = await begun(world, here)
        waiting = asyncio.ensure_future(there.wait(delivery.id, FINAL))
        await world.still_waits(waiting)

        await here.finish([outcome_of(delivery, result=b"42")])

        record = await world.soon(waiting)
        assert (record.status, record.result) == (TaskStatus.SUCCESS, b"42")
        assert await world.soon(there.wait(world.message().id, FINAL)) is None

    async def test_stop_ends_every_wait(self, world: World) -> None:
        """Who waits or listens while the storage is stopped is told so, also where another one is open."""
        storages = [await world.component(app) for app in ("kit", "kit", "other")]
        for storage in storages:
            delivery = await begun(world, storage)
            waits = storage.wait(delivery.id, FINAL), storage.listen(delivery.id, 1, 0)
            waiting = [asyncio.ensure_future(wait) for wait in waits]
            await world.still_waits(waiting[0])

            await storage.stop()

            for each in waiting:
                with pytest.raises(BackendUnavailable):
                    await world.soon(each)

    async def test_requeue_gives_a_message_to_publish(self, world: World) -> None:
        """A task that has ended gives its message again, and its record is new in the next epoch."""
        storage: Storage = await world.component()
        delivery, running = await begun(world, storage), await begun(world, storage)
        await storage.finish([outcome_of(delivery, TaskStatus.ERROR, error=b"e")])

        message, none, unknown = await storage.requeue([delivery.id, running.id, world.message().id])

        assert (none, unknown) == (None, None)
        assert message is not None
        assert (message.id, message.body, message.queue) == (delivery.id, b"{}", "default")
        (record,) = await storage.get([delivery.id])
        assert record is not None
        assert (record.status, record.token.epoch, record.attempts) == (TaskStatus.NEW, 2, 0)
        assert (record.error, record.finished_at) == (None, None)

    async def test_requeued_task_runs_again(self, world: World) -> None:
        """The broker counts on from the message: its next delivery begins, the one before does not."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage)
        await storage.finish([outcome_of(delivery)])
        (message,) = await storage.requeue([delivery.id])
        assert message is not None
        again = delivery_of(delivery.id, message.token._replace(delivery=message.token.delivery + 1))

        answers = await storage.begin([delivery, again], "w2")
        settled = await storage.finish([outcome_of(again, result=b"again", at=world.clock.now())])

        assert (list(answers), list(settled)) == ([False, True], [Settled.RECORDED])
        (record,) = await storage.get([delivery.id])
        assert record is not None
        assert (record.status, record.result) == (TaskStatus.SUCCESS, b"again")

    async def test_counts_and_delete_finished(self, world: World) -> None:
        """Records are counted by status, and only those of ended tasks are removed on request."""
        storage: Storage = await world.component()
        await storage.add(world.messages(3))
        ended, running = await begun(world, storage), await begun(world, storage)
        await storage.finish([outcome_of(ended)])

        counts = await storage.counts()
        removed = await storage.delete_finished()

        assert (counts[TaskStatus.NEW], counts[TaskStatus.PROCESS], counts[TaskStatus.SUCCESS]) == (3, 1, 1)
        assert removed == 1
        first, second = await storage.get([ended.id, running.id])
        assert first is None
        assert second is not None

    async def test_record_expires_at_its_moment(self, world: World) -> None:
        """A record is gone after its `remove_at`, not before."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage)
        await storage.finish([outcome_of(delivery, remove_at=world.clock.now() + world.lease)])
        await world.pass_time(world.lease * 0.5)
        assert list(await storage.get([delivery.id])) != [None]

        await world.pass_time(world.lease * 0.6 + world.slack)

        assert list(await storage.get([delivery.id])) == [None]

    async def test_apps_are_apart(self, world: World) -> None:
        """Two apps at one place see and flush their own records only."""
        shop, mail = await world.component("shop"), await world.component("mail")
        message = world.message()
        await shop.add([message])
        await mail.add([message])

        await shop.flush()

        assert list(await shop.get([message.id])) == [None]
        assert [record.id for record in await mail.get([message.id])] == [message.id]

    async def test_stop_without_a_start_does_nothing(self, make: Make) -> None:
        """A storage that was never started can be stopped."""
        storage = await make()

        await storage.stop()
