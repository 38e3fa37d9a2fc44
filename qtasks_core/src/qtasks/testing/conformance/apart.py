"""What a storage promises by itself when wishes, keys, reports and items come to it alone."""

from __future__ import annotations

import asyncio

from qtasks.models import (
    Cancel,
    Cancelled,
    GiveBack,
    GiveBackReason,
    Query,
    Report,
    Settled,
    Token,
    UniqueKey,
)
from qtasks.protocols import Storage
from qtasks.status import FINAL, WAITING, TaskStatus
from qtasks.testing.conformance._records import added, begun, delivery_of, outcome_of
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Apart(Suite):
    """Cancel, purge, unique keys, progress, items, finding and deleting, with the queue elsewhere."""

    async def test_waiting_record_is_cancelled(self, world: World) -> None:
        """A record that waits ends at once, its waiter is told, and no delivery of it may begin."""
        storage: Storage = await world.component()
        delivery = await added(world, storage)
        waiting = asyncio.ensure_future(storage.wait(delivery.id, FINAL))
        await world.still_waits(waiting)

        answers = await storage.cancel([Cancel(delivery.id, "why"), Cancel(world.message().id, "why")])

        assert list(answers) == [Cancelled.ENDED, Cancelled.UNKNOWN]
        record = await world.at_once(waiting)
        assert record is not None
        assert (record.status, record.reason, record.attempts) == (TaskStatus.CANCEL, "why", 0)
        assert list(await storage.begin([delivery], "w")) == [False]
        assert list(await storage.cancel([Cancel(delivery.id, "again")])) == [Cancelled.FINAL]

    async def test_wish_is_kept_with_the_record(self, world: World) -> None:
        """The wish of a task in hand outlives loss and give-back; the outcome of its delivery counts."""
        here, there = await world.component(), await world.component()
        delivery = await begun(world, here)

        assert list(await there.cancel([Cancel(delivery.id, "why")])) == [Cancelled.ASKED]

        again = delivery_of(delivery.id, Token(1, 1, 2), losses=1)
        assert list(await here.begin([again], "w2")) == [True]
        await here.give_back([GiveBack(again.id, again.token, GiveBackReason.STOPPED)])
        (record,) = await there.get([delivery.id])
        assert record is not None
        assert (record.status, record.cancel) == (TaskStatus.NEW, "why")
        last = delivery_of(delivery.id, Token(1, 1, 3))
        await here.begin([last], "w3")
        ended = outcome_of(last, TaskStatus.CANCEL, reason="why")
        assert list(await here.finish([ended])) == [Settled.RECORDED]

    async def test_requeue_clears_the_record(self, world: World) -> None:
        """Wish, progress, note and items of the epoch before are gone; the key stays."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage, unique=_key())
        await storage.report([Report(delivery.id, delivery.token, 0.5, "note", (b"a",))])
        await storage.cancel([Cancel(delivery.id, "why")])
        await storage.finish([outcome_of(delivery, TaskStatus.CANCEL)])

        await storage.requeue([delivery.id])

        (record,) = await storage.get([delivery.id])
        assert record is not None
        assert (record.cancel, record.progress, record.note, record.unique) == (None, None, None, "key")
        waiting = asyncio.ensure_future(storage.listen(delivery.id, 0, 0))
        await world.still_waits(waiting)
        await storage.cancel([Cancel(delivery.id, "end")])
        assert (await world.at_once(waiting)).items == ()

    async def test_waiting_records_are_purged(self, world: World) -> None:
        """What waits in the queue ends, up to the limit; what runs and what is in another queue stays."""
        storage: Storage = await world.component()
        running, later = await begun(world, storage), world.clock.now() + 3_600
        messages = [*world.messages(2), world.message(due=later)]
        other = world.message(queue="other")
        await storage.add([*messages, other])

        first, second = [await storage.purge("default", "purged", None, 2) for _ in range(2)]

        assert (len(first), len(second)) == (2, 1)
        assert sorted([*first, *second]) == sorted(message.id for message in messages)
        records = await storage.get([running.id, other.id, *first])
        statuses = [record.status for record in records if record]
        assert statuses == [TaskStatus.PROCESS, TaskStatus.NEW, TaskStatus.CANCEL, TaskStatus.CANCEL]

    async def test_added_task_is_kept_away_by_its_key(self, world: World) -> None:
        """`add` writes no record of a second task with a key, and names the first; a repetition is none."""
        here, there = await world.component(), await world.component()
        first, second, third, other = (world.message(unique=_key()) for _ in range(4))
        assert dict(await here.add([first, second])) == {second.id: first.id}

        assert dict(await there.add([first, third])) == {third.id: first.id}

        assert list(await here.get([second.id, third.id])) == [None, None]
        delivery = delivery_of(first.id, Token(1, 1, 1))
        await here.begin([delivery], "w")
        await here.finish([outcome_of(delivery)])
        assert dict(await there.add([other])) == {}

    async def test_one_of_many_adders_wins(self, world: World) -> None:
        """Of twenty tasks with one key that come at once from two processes, one has a record."""
        here, there = await world.component(), await world.component()
        messages = [world.message(unique=_key()) for _ in range(20)]

        answers = await asyncio.gather(*((here, there)[i % 2].add([m]) for i, m in enumerate(messages)))

        (winner,) = (m.id for m, answer in zip(messages, answers, strict=True) if not answer)
        assert {name for answer in answers for name in answer.values()} == {winner}
        assert [record.id for record in await here.find(Query())] == [winner]

    async def test_reports_are_fenced_by_begin(self, world: World) -> None:
        """Once a redelivery has begun, progress and items of the earlier one are ignored."""
        storage: Storage = await world.component()
        old = await begun(world, storage)
        await storage.report([Report(old.id, old.token, 0.9, "old", (b"old",))])
        new = delivery_of(old.id, Token(1, 1, 2), losses=1)
        await storage.begin([new], "w2")
        await storage.report([Report(new.id, new.token, 0.1, "new", (b"new",))])

        await storage.report([Report(old.id, old.token, 0.95, "late", (b"late",), 1)])

        (record,) = await storage.get([old.id])
        assert record is not None
        assert (record.progress, record.note) == (0.1, "new")
        heard = await world.at_once(storage.listen(old.id, 1, 1))
        assert (heard.delivery, heard.first, heard.items) == (2, 0, (b"new",))

    async def test_listener_of_a_storage_is_woken(self, world: World) -> None:
        """Who listens at one storage hears at once what is reported, and ended, at another one."""
        here, there = await world.component(), await world.component()
        delivery = await begun(world, here)
        waiting = asyncio.ensure_future(there.listen(delivery.id, 1, 0))
        await world.still_waits(waiting)

        await here.report([Report(delivery.id, delivery.token, items=(b"a", b"b"))])
        assert (await world.at_once(waiting)).items == (b"a", b"b")

        waiting = asyncio.ensure_future(there.listen(delivery.id, 1, 2))
        await world.still_waits(waiting)
        await here.finish([outcome_of(delivery)])
        heard = await world.at_once(waiting)
        assert heard.record is not None
        assert (heard.record.status, heard.items) == (TaskStatus.SUCCESS, ())
        assert (await there.listen(world.message().id, 0, 0)).record is None

    async def test_records_are_found_and_deleted(self, world: World) -> None:
        """Records are found by status, queue and name, youngest first; only ended ones are deleted."""
        storage: Storage = await world.component()
        now = world.clock.now()
        messages = [world.message(task="mail", created_at=now - i) for i in range(5)]
        await storage.add([*messages, world.message(queue="other", task="mail"), world.message()])
        ended = delivery_of(messages[2].id, Token(1, 1, 1))
        await storage.begin([ended], "w")
        await storage.finish([outcome_of(ended)])

        found = await storage.find(Query(statuses=WAITING, queue="default", task="mail", limit=3))

        assert [record.id for record in found] == [messages[0].id, messages[1].id, messages[3].id]
        after = found[1].created_at, found[1].id
        rest = await storage.find(Query(queue="default", task="mail", after=after))
        assert [record.id for record in rest] == [message.id for message in messages[2:]]
        assert await storage.delete([messages[0].id, ended.id]) == 1
        assert list(await storage.get([ended.id])) == [None]

    async def test_limited_give_back_is_recorded(self, world: World) -> None:
        """A delivery that went back because of a limit waits for its moment, and counts for nothing."""
        storage: Storage = await world.component()
        delivery = await begun(world, storage)
        limited = GiveBack(delivery.id, delivery.token, GiveBackReason.LIMITED, 30.0)

        await storage.give_back([limited])

        (record,) = await storage.get([delivery.id])
        assert record is not None
        assert (record.status, record.losses, record.turns) == (TaskStatus.DELAYED, 0, 0)
        assert [event.end for event in record.history] == ["limited"]

    async def test_limited_give_backs_are_one_line(self, world: World) -> None:
        """A task that goes back again and again because of a limit keeps what its history tells."""
        storage: Storage = await world.component()
        first = await begun(world, storage)
        await storage.give_back([GiveBack(first.id, first.token, GiveBackReason.FAULT)])
        for number in range(2, 6):
            again = delivery_of(first.id, Token(1, 1, number), losses=1)
            await storage.begin([again], "w")
            await storage.give_back([GiveBack(again.id, again.token, GiveBackReason.LIMITED)])

        (record,) = await storage.get([first.id])

        assert record is not None
        told = [(event.end, event.token.delivery) for event in record.history]
        assert told == [("fault", 1), ("limited", 5)]

    async def test_dead_letters_are_counted_and_trimmed(self, world: World) -> None:
        """Dead letters are counted by queue, and of too many those go that ended first."""
        storage: Storage = await world.component()
        now = world.clock.now()
        ended = [await begun(world, storage) for _ in range(4)]
        for delivery, ago in zip(ended, (5, 30, 10, 20), strict=True):
            await storage.finish([outcome_of(delivery, TaskStatus.DEAD, at=now - ago)])
        await storage.finish([outcome_of(await begun(world, storage))])

        assert dict(await storage.dead()) == {"default": 4}
        assert await storage.trim_dead(2) == 2

        records = await storage.get([delivery.id for delivery in ended])
        assert [record is not None for record in records] == [True, False, True, False]
        assert (await storage.counts()).total == 3


def _key(states: frozenset[TaskStatus] = WAITING | {TaskStatus.PROCESS}) -> UniqueKey:
    return UniqueKey("key", states)
