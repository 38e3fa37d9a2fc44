"""A unique key keeps a second task away while a first one is there."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from typing import Any, Final

from qtasks.models import GiveBackReason, Message, UniqueKey
from qtasks.status import FINAL, WAITING, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World

UNFINISHED: Final = WAITING | {TaskStatus.PROCESS}


class Unique(Suite):
    """What `Message.unique` promises; `publish` tells who keeps whom away."""

    async def test_second_task_with_a_key_is_kept_away(self, world: World) -> None:
        """While the first is there a second one is not accepted, and its sender learns of the first."""
        here, there = await world.process(), await world.process()
        first, second = _unique(world), _unique(world)
        assert dict(await here.publish(first)) == {}

        assert dict(await there.publish(second)) == {second.id: first.id}

        assert list(await here.storage.get([second.id])) == [None]
        assert [delivery.id for delivery in await (await here.worker()).ready_now()] == [first.id]

    async def test_repeated_publish_is_not_kept_away_by_itself(self, world: World) -> None:
        """A task that is published again after a lost answer is known, and is no second one."""
        process = await world.process()
        first = _unique(world)
        await process.publish(first)

        assert dict(await process.publish(first)) == {}

        assert [delivery.id for delivery in await (await process.worker()).ready_now()] == [first.id]

    async def test_known_id_is_not_kept_away_by_a_later_task(self, world: World) -> None:
        """A repetition changes nothing, also where the task has ended and another has the key by now."""
        process = await world.process()
        first, second = _unique(world), _unique(world)
        await process.publish(first)
        await process.finish(await (await process.worker()).fetch_one(), result=b"42")
        await process.publish(second)

        assert dict(await process.publish(first)) == {}

        assert (await process.record(first.id)).result == b"42"
        assert [delivery.id for delivery in await (await process.worker()).ready_now()] == [second.id]

    async def test_two_of_one_call_are_first_and_second(self, world: World) -> None:
        """Of tasks with one key in one call the first is accepted, and it keeps the others away."""
        process = await world.process()
        first, second, third = (_unique(world) for _ in range(3))

        kept_away = await process.publish(first, second, third)

        assert dict(kept_away) == {second.id: first.id, third.id: first.id}
        assert [delivery.id for delivery in await (await process.worker()).ready_now()] == [first.id]

    async def test_others_of_the_call_are_accepted(self, world: World) -> None:
        """One task that is kept away takes none of its batch with it."""
        process = await world.process()
        first, second, plain, other = _unique(world), _unique(world), world.message(), _unique(world, "l")
        await process.publish(first)

        kept_away = await process.publish(plain, second, other)

        assert dict(kept_away) == {second.id: first.id}
        ready = [delivery.id for delivery in await (await process.worker()).ready_now()]
        assert ready == [first.id, plain.id, other.id]

    async def test_keys_are_compared_exactly(self, world: World) -> None:
        """Keys are any text; only the same one keeps a task away, and one without a key is never kept."""
        process = await world.process()
        keys = ["a", "A", "a ", "почта", "%_*?", "a'b\"c", ""]
        messages = [_unique(world, key) for key in keys]

        assert dict(await process.publish(*messages, *world.messages(2))) == {}

        again = [_unique(world, key) for key in keys]
        wanted = {second.id: first.id for first, second in zip(messages, again, strict=True)}
        assert dict(await process.publish(*again)) == wanted

    async def test_record_tells_its_key(self, world: World) -> None:
        """The record names the key with which the task keeps others away."""
        process = await world.process()
        keyed, plain = _unique(world, "ключ"), world.message()

        await process.publish(keyed, plain)

        assert (await process.record(keyed.id)).unique == "ключ"
        assert (await process.record(plain.id)).unique is None

    async def test_one_of_many_publishers_wins(self, world: World) -> None:
        """Of twenty tasks with one key that two processes publish at once, one is there and all name it."""
        here, there = await world.process(), await world.process()
        for turn in range(5):
            messages = [_unique(world, f"key {turn}") for _ in range(20)]
            calls = ((here, there)[i % 2].publish(message) for i, message in enumerate(messages))

            answers = await asyncio.gather(*calls)

            named = {name for answer in answers for name in answer.values()}
            accepted = [m.id for m, answer in zip(messages, answers, strict=True) if not answer]
            assert (len(accepted), named) == (1, set(accepted))

    async def test_states_of_the_second_decide(self, world: World) -> None:
        """A task is kept away by another one that is in one of the states that it names, by no other."""
        process = await world.process()
        worker, first = await process.worker(), _unique(world)
        await process.publish(first)
        assert await _refused(process, _unique(world, states=WAITING))
        await worker.fetch_one()

        assert await _refused(process, _unique(world, states=UNFINISHED))
        assert not await _refused(process, _unique(world, states=WAITING))

    async def test_delayed_and_retried_tasks_keep_others_away(self, world: World) -> None:
        """A first task counts also while it waits for its moment, the first or the next."""
        process = await world.process()
        later, worker = world.clock.now() + 3_600, await process.worker()
        delayed = _unique(world, "delayed", due=later)
        await process.publish(delayed)
        await process.publish(retried := _unique(world, "retried"))
        await process.finish(await worker.fetch_one(), TaskStatus.RETRY, due=later)

        answers = await process.publish(one := _unique(world, "delayed"), two := _unique(world, "retried"))

        assert dict(answers) == {one.id: delayed.id, two.id: retried.id}

    async def test_key_is_free_after_the_end(self, world: World) -> None:
        """However the first task ended, the next one with its key is accepted, and comes."""
        process = await world.process()
        worker = await process.worker()
        for status in sorted(FINAL):
            message = _unique(world)

            assert dict(await process.publish(message)) == {}

            delivery = await worker.fetch_one()
            assert delivery.id == message.id
            await process.finish(delivery, status)

    async def test_key_is_free_after_a_cancel(self, world: World) -> None:
        """A task that was cancelled or purged while it waited keeps nobody away."""
        process = await world.process()
        cancelled, purged, last = (_unique(world) for _ in range(3))
        await process.publish(cancelled)
        await process.cancel(cancelled.id)
        assert dict(await process.publish(purged)) == {}
        await process.purge()

        assert dict(await process.publish(last)) == {}

        assert [delivery.id for delivery in await (await process.worker()).ready_now()] == [last.id]

    async def test_ended_task_keeps_others_away_where_it_is_asked(self, world: World) -> None:
        """Where the states name an end, the first counts after it, until its record is removed."""
        process = await world.process()
        states = UNFINISHED | {TaskStatus.SUCCESS}
        await process.publish(first := _unique(world, states=states))
        await process.finish(await (await process.worker()).fetch_one())
        second = _unique(world, states=states)
        assert dict(await process.publish(second)) == {second.id: first.id}

        await process.storage.delete([first.id])

        assert dict(await process.publish(second)) == {}
        assert [delivery.id for delivery in await (await process.worker()).ready_now()] == [second.id]

    async def test_of_several_that_keep_others_away_the_youngest_is_told(self, world: World) -> None:
        """Of several tasks that have the key it is the one that has not ended, or else the youngest."""
        process = await world.process()
        worker, now = await process.worker(), world.clock.now()
        old, young, middle = (_unique(world, created_at=now - age) for age in (3, 1, 2))
        for message, status in (
            (old, TaskStatus.SUCCESS),
            (young, TaskStatus.ERROR),
            (middle, TaskStatus.SUCCESS),
        ):
            await process.publish(message)
            await process.finish(await worker.fetch_one(), status)

        ended = _unique(world, states=FINAL)
        assert dict(await process.publish(ended)) == {ended.id: young.id}

        await process.publish(alive := _unique(world, created_at=now - 9))
        last = _unique(world, states=frozenset(TaskStatus))
        assert dict(await process.publish(last)) == {last.id: alive.id}

    async def test_key_is_free_when_the_record_expires(self, world: World) -> None:
        """A record that has expired keeps nobody away, whoever has looked at it since."""
        process = await world.process()
        states = frozenset(TaskStatus)
        await process.publish(_unique(world, states=states))
        delivery = await (await process.worker()).fetch_one()
        await process.finish(delivery, remove_at=world.clock.now() + world.lease)
        assert await _refused(process, _unique(world, states=states))

        await world.pass_time(world.lease * 1.1 + world.slack)

        assert not await _refused(process, _unique(world, states=states))

    async def test_only_younger_tasks_count_where_it_is_asked(self, world: World) -> None:
        """With `since`, a first task counts if it was created at that moment or later."""
        process = await world.process()
        now = world.clock.now()
        await process.publish(first := _unique(world, created_at=now - 60))

        assert await _refused(process, _unique(world, since=now - 61))
        assert await _refused(process, _unique(world, since=first.created_at))
        assert not await _refused(process, _unique(world, since=now - 59, created_at=now))
        assert await _refused(process, _unique(world, since=now - 59))

    async def test_key_is_kept_through_a_loss(self, world: World) -> None:
        """A task that waits again because its worker was lost keeps others away as before."""
        process = await world.process()
        worker = await process.worker()
        await process.publish(_unique(world))
        await worker.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        await worker.fetch_one()

        assert await _refused(process, _unique(world))

    async def test_given_back_task_keeps_others_away(self, world: World) -> None:
        """A task that waits again because its worker gave it back keeps others away, at once or later."""
        process = await world.process()
        worker = await process.worker()
        await process.publish(_unique(world))
        await process.give_back(await worker.fetch_one(), GiveBackReason.STOPPED)
        assert await _refused(process, _unique(world, states=WAITING))

        await process.give_back(await worker.fetch_one(), GiveBackReason.LIMITED, delay=3_600)

        assert await _refused(process, _unique(world, states=WAITING))

    async def test_requeued_task_is_never_kept_away(self, world: World) -> None:
        """A requeue is an explicit wish: it is done also where another has the key by now, which it keeps."""
        process = await world.process()
        worker = await process.worker()
        first, second = _unique(world), _unique(world)
        await process.publish(first)
        await process.finish(await worker.fetch_one(), TaskStatus.ERROR)
        await process.publish(second)

        assert list(await process.dispatch.requeue([first.id])) == [True]

        assert (await process.record(first.id)).unique == "key"
        ready = await worker.ready_now()
        assert sorted(delivery.id for delivery in ready) == sorted([first.id, second.id])
        await process.finish(next(delivery for delivery in ready if delivery.id == second.id))
        third = _unique(world)
        assert dict(await process.publish(third)) == {third.id: first.id}

    async def test_keys_survive_a_restart(self, world: World) -> None:
        """A first task keeps others away also when all processes have stopped since, and others began."""
        before = await world.process()
        await before.publish(first := _unique(world))
        await before.stop()

        after, second = await world.process(), _unique(world)

        assert dict(await after.publish(second)) == {second.id: first.id}

    async def test_keys_of_two_apps_never_meet(self, world: World) -> None:
        """The same key in another app is another key."""
        shop, mail = await world.process("shop"), await world.process("mail")
        await shop.publish(_unique(world))

        assert dict(await mail.publish(_unique(world))) == {}


def _unique(
    world: World,
    key: str = "key",
    states: AbstractSet[TaskStatus] = UNFINISHED,
    since: float | None = None,
    **values: Any,
) -> Message:
    return world.message(unique=UniqueKey(key, frozenset(states), since), **values)


async def _refused(process: Process, message: Message) -> bool:
    return message.id in await process.publish(message)
