"""Accepted is kept (contract 1), and what is given arrives as it was sent."""

from __future__ import annotations

import asyncio

from qtasks.models import Token
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World


class Accepting(Suite):
    """What holds when `publish` has returned."""

    async def test_accepted_task_has_a_record(self, world: World) -> None:
        """An accepted task is found at once, `new`, with all that was said of it."""
        process = await world.process()
        message = world.message(task="mail", priority=7, body=b"body", expires_at=world.clock.now() + 60)

        await process.publish(message)

        record = await process.record(message.id)
        seen = (record.task, record.queue, record.priority, record.body, record.created_at, record.expires_at)
        said = message.task, message.queue, message.priority, message.body, message.created_at
        assert (record.status, *seen) == (TaskStatus.NEW, *said, message.expires_at)
        assert (record.token, record.attempts, record.losses, record.turns) == (Token(1, 1, 0), 0, 0, 0)

    async def test_accepted_task_can_be_fetched(self, world: World) -> None:
        """An accepted task is handed to a worker with all that was said of it, under the first token."""
        process = await world.process()
        message = world.message(task="mail", priority=7, body=b"body", expires_at=world.clock.now() + 60)
        await process.publish(message)

        got = await (await process.worker()).fetch_one()

        seen = (got.id, got.task, got.queue, got.priority, got.body, got.created_at, got.expires_at)
        said = message.id, message.task, message.queue, message.priority, message.body, message.created_at
        assert (*seen, got.token) == (*said, message.expires_at, Token(1, 1, 1))
        assert message.created_at - 1 <= got.since <= world.clock.now()

    async def test_another_process_sees_accepted_tasks(self, world: World) -> None:
        """What one process publishes another one fetches."""
        here, there = await world.process(), await world.process()
        message = world.message()

        await here.publish(message)

        assert (await (await there.worker()).fetch_one()).id == message.id

    async def test_repeated_publish_is_one_task(self, world: World) -> None:
        """Publishing a task again, alone or in a batch with others, does not double it."""
        process = await world.process()
        message, other = world.messages(2)
        await process.publish(message)
        await process.publish(message)
        await process.publish(message, other, message)

        ready = await (await process.worker()).ready_now()

        assert sorted(delivery.id for delivery in ready) == sorted([message.id, other.id])

    async def test_repeated_publish_leaves_a_running_task_alone(self, world: World) -> None:
        """Publishing a task again while it runs, and after its end, changes nothing."""
        process = await world.process()
        worker, message = await process.worker(), world.message()
        await process.publish(message)
        delivery = await worker.fetch_one()
        await process.publish(message)

        assert await worker.ready_now() == []
        assert (await process.record(message.id)).status is TaskStatus.PROCESS

        await process.finish(delivery, result=b"42")
        await process.publish(message)

        assert await worker.ready_now() == []
        record = await process.record(message.id)
        assert (record.status, record.result) == (TaskStatus.SUCCESS, b"42")

    async def test_batch_is_seen_whole_or_not_at_all(self, world: World) -> None:
        """Nobody ever sees a part of the batch that another process publishes."""
        here, there = await world.process(), await world.process()
        totals: set[int] = set()
        publishing = asyncio.ensure_future(_publish_batches(here, batches=10, size=100))
        while not publishing.done():
            totals.add((await there.storage.counts()).total)
            await asyncio.sleep(0)
        await publishing

        assert {total % 100 for total in totals} <= {0}
        assert (await there.storage.counts()).total == 1_000

    async def test_many_publishers_at_once(self, world: World) -> None:
        """Fifty calls at the same moment from two processes are fifty tasks."""
        here, there = await world.process(), await world.process()
        messages = world.messages(50)

        await asyncio.gather(*((here, there)[i % 2].publish(m) for i, m in enumerate(messages)))

        fetched = await (await here.worker()).fetch_number(50)
        assert sorted(delivery.id for delivery in fetched) == sorted(message.id for message in messages)

    async def test_bodies_arrive_byte_for_byte(self, world: World) -> None:
        """A body is any bytes: none at all, each value there is, and a megabyte."""
        process = await world.process()
        bodies = [b"", bytes(range(256)), b"\x00" * 3, b"\xff\xfe\x00", bytes(range(256)) * 4_096]
        messages = [world.message(body=body) for body in bodies]
        await process.publish(*messages)

        fetched = await (await process.worker()).fetch_number(len(bodies))

        assert {d.id: d.body for d in fetched} == {m.id: m.body for m in messages}
        records = await process.storage.get([m.id for m in messages])
        assert [record.body for record in records if record] == bodies

    async def test_names_are_any_text(self, world: World) -> None:
        """Names of tasks and queues arrive as they were written, in any script and with any sign."""
        process = await world.process()
        names = ["почта", "a'b\"c", "1; DROP TABLE x", "%_*?[]", "очередь/😀"]
        await process.publish(*(world.message(task=name, queue=name) for name in names))

        fetched = await (await process.worker(*names)).fetch_number(len(names))

        assert [(d.task, d.queue) for d in fetched] == [(name, name) for name in names]

    async def test_empty_batch_is_no_error(self, world: World) -> None:
        """Publishing nothing does nothing."""
        process = await world.process()

        await process.publish()

        assert (await process.storage.counts()).total == 0

    async def test_waiting_tasks_survive_a_restart(self, world: World) -> None:
        """When every process has stopped, the next one finds the tasks."""
        before, keeper_of_place = await world.process(), await world.process()
        message = world.message()
        await before.publish(message)
        await before.stop()
        await keeper_of_place.stop()

        after = await world.process()

        assert (await (await after.worker()).fetch_one()).id == message.id


async def _publish_batches(process: Process, *, batches: int, size: int) -> None:
    for _ in range(batches):
        await process.publish(*process.world.messages(size))
