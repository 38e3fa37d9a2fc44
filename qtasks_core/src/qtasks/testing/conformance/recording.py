"""What the records tell, and how long they stay (contract 11)."""

from __future__ import annotations

from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World, about


class Recording(Suite):
    """What `get`, `counts` and `delete_finished` promise."""

    async def test_records_come_in_the_order_asked(self, world: World) -> None:
        """The answer has one place for each id, in order; None where there is no record."""
        process = await world.process()
        first, second, unknown = world.messages(3)
        await process.publish(first, second)

        records = await process.storage.get([second.id, unknown.id, first.id, second.id])

        ids = [None if record is None else record.id for record in records]
        assert ids == [second.id, None, first.id, second.id]

    async def test_record_tells_how_the_task_ended(self, world: World) -> None:
        """The record keeps status, times, result, error, reason and worker of the outcome."""
        process = await world.process()
        await process.publish(*world.messages(len(FINAL)))
        worker = await process.worker()
        for status in sorted(FINAL):
            delivery = await worker.fetch_one()
            started, finished = world.clock.now(), world.clock.now() + 1.25
            told = {"result": b"r\x00", "error": b"e\xff", "reason": "почему"}
            await process.finish(delivery, status, started_at=started, finished_at=finished, **told)

            record = await process.record(delivery.id)

            moments = record.started_at, record.finished_at
            assert (record.status, *moments) == (status, about(started), about(finished))
            assert (record.result, record.error, record.reason) == tuple(told.values())
            assert (record.attempts, record.worker) == (1, worker.info.id)
            assert record.token.delivery == delivery.token.delivery

    async def test_large_results_arrive_byte_for_byte(self, world: World) -> None:
        """Results and errors are any bytes, up to a megabyte each."""
        process = await world.process()
        large = bytes(range(256)) * 4_096

        delivery = await process.finished(result=large, error=large[::-1])

        record = await process.record(delivery.id)
        assert (record.result, record.error) == (large, large[::-1])

    async def test_empty_result_is_a_result(self, world: World) -> None:
        """No bytes are something else than no result."""
        process = await world.process()

        delivery = await process.finished(result=b"")

        record = await process.record(delivery.id)
        assert (record.result, record.error, record.reason) == (b"", None, None)

    async def test_counts_by_status(self, world: World) -> None:
        """Records are counted by status, whatever way they came there."""
        process = await world.process()
        delayed = world.messages(2, due=world.clock.now() + 3_600)
        await process.publish(*delayed, *world.messages(6))
        worker = await process.worker()
        one, two, three, _four = await worker.fetch_number(4)
        await process.finish(one)
        await process.finish(two, TaskStatus.RETRY, due=world.clock.now() + 3_600)
        await process.finish(three, TaskStatus.ERROR)

        counts = await process.storage.counts()

        wanted = {"new": 2, "delayed": 2, "process": 1, "retry": 1, "success": 1, "error": 1, "dead": 0}
        assert {status: counts[TaskStatus(status)] for status in wanted} == wanted
        assert counts.total == 8

    async def test_delete_finished_removes_what_has_ended(self, world: World) -> None:
        """Only records of ended tasks are removed, and their number is told."""
        process = await world.process()
        ended = [await process.finished(status=status) for status in sorted(FINAL)]
        running, waiting = world.messages(2)
        await process.publish(running, waiting)
        worker = await process.worker()
        delivery = await worker.fetch_one()

        assert await process.storage.delete_finished() == len(ended)

        assert set(await process.storage.get([delivery.id for delivery in ended])) == {None}
        await process.finish(delivery)
        assert [d.id for d in await worker.ready_now()] == [waiting.id]

    async def test_record_expires_at_its_moment(self, world: World) -> None:
        """A record is there until `remove_at`, then it is gone and counted no more."""
        process = await world.process()
        delivery = await process.finished(remove_at=world.clock.now() + world.lease)
        await world.pass_time(world.lease * 0.5)
        assert (await process.record(delivery.id)).status is TaskStatus.SUCCESS

        await world.pass_time(world.lease * 0.6 + world.slack)

        assert list(await process.storage.get([delivery.id])) == [None]

    async def test_record_without_a_moment_stays(self, world: World) -> None:
        """A record with no `remove_at` does not expire, and waiting tasks never do."""
        process = await world.process()
        delivery, message = await process.finished(remove_at=None), world.message()
        await process.publish(message)

        await world.pass_time(world.lease * 4)

        assert (await process.record(delivery.id)).status is TaskStatus.SUCCESS
        assert (await process.record(message.id)).status is TaskStatus.NEW
