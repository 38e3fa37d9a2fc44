"""Records are found by what they are, page by page (contract 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from qtasks.models import Message, Query, Record
from qtasks.status import FINAL, WAITING, TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Process, World

MOST_PAGES: Final = 20
"""More than any promise here looks at."""


class Finding(Suite):
    """What `find` promises."""

    async def test_youngest_is_found_first(self, world: World) -> None:
        """Records come by their moment of creation, the youngest first; of one moment, by descending id."""
        here, there = await world.process(), await world.process()
        now = world.clock.now()
        messages = [world.message(created_at=now - (i * 7) % 10) for i in range(30)]
        await here.publish(*messages)

        assert _ids(await there.storage.find(Query())) == _youngest_first(messages)

    async def test_found_record_is_the_record(self, world: World) -> None:
        """What is found is the whole record as it is now."""
        process = await world.process()
        delivery = await process.finished(result=b"42", error=b"e", reason="r")

        (found,) = await process.storage.find(Query())

        assert found == await process.record(delivery.id)

    async def test_found_by_status(self, world: World) -> None:
        """Only records in one of the statuses are found, whatever way they came there."""
        process = await world.process()
        ids = await _one_of_each(process)

        for status, task_id in ids.items():
            assert _ids(await process.storage.find(Query(statuses=frozenset({status})))) == [task_id]
        ended = await process.storage.find(Query(statuses=FINAL))
        assert sorted(_ids(ended)) == sorted(task_id for status, task_id in ids.items() if status in FINAL)
        assert len(await process.storage.find(Query())) == len(ids)
        assert list(await process.storage.find(Query(statuses=frozenset()))) == []

    async def test_found_by_queue_and_task(self, world: World) -> None:
        """Names are compared exactly, and all that a query says must be true."""
        process = await world.process()
        names = ["mail", "Mail", "mail%", "почта"]
        messages = {(q, t): world.message(queue=q, task=t) for q in names for t in names}
        await process.publish(*messages.values())

        for queue in names:
            found = await process.storage.find(Query(queue=queue, task="mail%"))
            assert _ids(found) == [messages[queue, "mail%"].id]
        wanted = [messages["mail", task] for task in names]
        assert _ids(await process.storage.find(Query(queue="mail"))) == _youngest_first(wanted)
        wanted = [messages[queue, "почта"] for queue in names]
        assert _ids(await process.storage.find(Query(task="почта"))) == _youngest_first(wanted)
        nothing = Query(statuses=FINAL, queue="mail", task="mail")
        assert list(await process.storage.find(nothing)) == []

    async def test_pages_are_the_whole(self, world: World) -> None:
        """Page by page each record comes once and in order, also those that were created together."""
        process = await world.process()
        now = world.clock.now()
        messages = [world.message(created_at=now - i // 10) for i in range(45)]
        await process.publish(*messages)

        pages = await _pages(process, Query(limit=7))

        assert [len(page) for page in pages] == [7, 7, 7, 7, 7, 7, 3, 0]
        assert [task_id for page in pages for task_id in page] == _youngest_first(messages)

    async def test_pages_of_a_filter(self, world: World) -> None:
        """A page goes on after the last record of the page before, within what the query names."""
        process = await world.process()
        messages = [world.message(queue=("a", "b")[i % 2]) for i in range(20)]
        await process.publish(*messages)

        pages = await _pages(process, Query(queue="b", limit=4))

        wanted = [message for message in messages if message.queue == "b"]
        assert [len(page) for page in pages] == [4, 4, 2, 0]
        assert [task_id for page in pages for task_id in page] == _youngest_first(wanted)

    async def test_pages_of_a_status_are_the_whole(self, world: World) -> None:
        """Where statuses are named, page by page each record that is in one of them comes once, in order."""
        process, messages = await world.process(), world.messages(12)
        await process.publish(*messages)
        await process.cancel(*(message.id for message in messages[::3]))
        ended, waiting = messages[::3], [message for i, message in enumerate(messages) if i % 3]

        for statuses, wanted, sizes in ((WAITING, waiting, [3, 3, 2, 0]), (FINAL, ended, [3, 1, 0])):
            pages = await _pages(process, Query(statuses=statuses, limit=3))

            assert [task_id for page in pages for task_id in page] == _youngest_first(wanted)
            assert [len(page) for page in pages] == sizes

    async def test_new_tasks_disturb_no_page(self, world: World) -> None:
        """What is accepted and what is removed between two pages doubles and hides nothing else."""
        process = await world.process()
        now = world.clock.now()
        messages = [world.message(created_at=now - i) for i in range(10)]
        await process.publish(*messages)
        first = await process.storage.find(Query(limit=5))
        await process.publish(world.message(created_at=now + 1))
        await process.cancel(first[-1].id, first[0].id)
        await process.storage.delete([first[-1].id, first[0].id])

        second = await process.storage.find(Query(after=(first[-1].created_at, first[-1].id)))

        assert _ids(second) == [message.id for message in messages[5:]]

    async def test_found_are_at_most_so_many(self, world: World) -> None:
        """A query finds at most its limit, which is a hundred where nothing is said."""
        process = await world.process()
        messages = world.messages(101)
        await process.publish(*messages)

        assert _ids(await process.storage.find(Query())) == _youngest_first(messages)[:100]
        assert _ids(await process.storage.find(Query(limit=1))) == _youngest_first(messages)[:1]

    async def test_expired_record_is_not_found(self, world: World) -> None:
        """A record is found until the moment of its removal."""
        process = await world.process()
        delivery = await process.finished(remove_at=world.clock.now() + world.lease)
        assert _ids(await process.storage.find(Query())) == [delivery.id]

        await world.pass_time(world.lease * 1.1 + world.slack)

        assert list(await process.storage.find(Query())) == []

    async def test_records_of_another_app_are_not_found(self, world: World) -> None:
        """A query finds tasks of its own app only."""
        shop, mail = await world.process("shop"), await world.process("mail")
        await shop.publish(world.message())

        assert list(await mail.storage.find(Query())) == []


def _ids(records: Sequence[Record]) -> list[str]:
    return [record.id for record in records]


def _youngest_first(messages: Sequence[Message]) -> list[str]:
    return [m.id for m in sorted(messages, key=lambda m: (m.created_at, m.id), reverse=True)]


async def _pages(process: Process, query: Query) -> list[list[str]]:
    """Return the ids of all pages, up to the first empty one."""
    pages: list[list[str]] = []
    after = None
    while len(pages) < MOST_PAGES:
        records = await process.storage.find(msgspec.structs.replace(query, after=after))
        pages.append(_ids(records))
        if not records:
            return pages
        after = records[-1].created_at, records[-1].id
    raise AssertionError(f"the pages have no end; the first ones are {pages[:3]}")


async def _one_of_each(process: Process) -> dict[TaskStatus, str]:
    """Bring one task into each status."""
    world = process.world
    ids = {status: (await process.finished(status=status)).id for status in sorted(FINAL)}
    worker, later = await process.worker(), world.clock.now() + 3_600
    await process.publish(*world.messages(2))
    retried, held = await worker.fetch_number(2)
    await process.finish(retried, TaskStatus.RETRY, due=later)
    await process.publish(new := world.message(), delayed := world.message(due=later))
    return {
        **ids,
        TaskStatus.RETRY: retried.id,
        TaskStatus.PROCESS: held.id,
        TaskStatus.NEW: new.id,
        TaskStatus.DELAYED: delayed.id,
    }
