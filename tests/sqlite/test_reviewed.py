"""Races between callers of one engine, ends that must reach who waits, and much at a time."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtasks.errors import BackendUnavailable
from qtasks.models import Cancelled, Delivery, Report, Settled
from qtasks.status import FINAL, TaskStatus
from qtasks.testing.conformance import World
from qtasks_sqlite import _expiry, _removal, _streams
from qtasks_sqlite._url import Level
from qtasks_sqlite._works import Claim

KINDS = ("watch", "fetch", "signals", "listen")


def _engine(process: Any) -> Any:
    return process.broker._link.database


async def test_choice_after_the_claim_does_not_lose_what_it_took(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other queues chosen between the run of a claim and its answer: what it took is handed over."""
    process = await world.process()
    worker = await process.worker("a", "b")
    message = world.message(queue="a")
    await process.publish(message)
    run, loop = Claim.run, asyncio.get_running_loop()

    def run_and_choose(claim: Claim, connection: sqlite3.Connection) -> None:
        run(claim, connection)
        # Called in the thread: what is scheduled here comes before the answer of the writer.
        loop.call_soon_threadsafe(worker.consumer.choose, [["b"]])

    monkeypatch.setattr(Claim, "run", run_and_choose)

    (delivery,) = await world.soon(worker.consumer.fetch(1))

    assert (delivery.id, delivery.queue) == (message.id, "a")


async def _scene(
    world: World, kind: str
) -> tuple[Any, Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]]:
    """Return a process, who rests there, who looks there, and what the latter waits for."""
    process = await world.process()
    worker = await process.worker()
    config, storage = process.storage.global_config, process.storage
    await process.publish(*world.messages(2))
    one, two = await worker.fetch_number(2)
    others = {
        "watch": lambda: config.watch("other", {}),
        "signals": lambda: config.watch("other", {}),
        "listen": lambda: storage.listen(two.id, 1, 0),
    }
    callers = {
        "watch": lambda: config.watch("group", {}),
        "fetch": lambda: worker.consumer.fetch(1),
        "signals": worker.consumer.signals,
        "listen": lambda: storage.listen(one.id, 1, 0),
    }
    news = {
        "watch": lambda: config.set("group", "key", 1),
        "fetch": lambda: process.publish(world.message()),
        "signals": lambda: process.cancel(one.id),
        "listen": lambda: storage.report([Report(one.id, one.token, items=(b"item",))]),
    }
    if kind == "fetch":
        idle = await process.worker("other")
        return process, lambda: idle.consumer.fetch(1), callers[kind], news[kind]
    return process, others[kind], callers[kind], news[kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_news_between_look_and_rest_is_not_lost(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after the last look of one, and wakes another who rests already, wakes the first as well."""
    process, other, caller, news = await _scene(world, kind)
    engine = _engine(process)
    rests = asyncio.ensure_future(other())
    async with asyncio.timeout(world.patience):
        while not engine.hearing._idle:
            await asyncio.sleep(0)
    read, heard, looked = engine.read, asyncio.Event(), asyncio.Event()

    async def read_and_then_news(statement: str, parameters: Iterable[Any] = ()) -> Any:
        rows = await read(statement, parameters)
        if asyncio.current_task() is rests:
            heard.set()
        elif asyncio.current_task() is looking and not looked.is_set():
            looked.set()
            heard.clear()
            await news()
            await heard.wait()
        return rows

    monkeypatch.setattr(engine, "read", read_and_then_news)
    looking = asyncio.ensure_future(caller())

    assert await world.at_once(looking)

    assert looked.is_set()
    rests.cancel()
    await asyncio.wait({rests})


@pytest.mark.parametrize("kind", ["wait", "listen", "watch"])
async def test_stop_ends_who_waits_although_another_app_has_the_file_open(world: World, kind: str) -> None:
    """Whoever waits by a stopped component gets an error; who waits by another app of the process goes on."""
    stopped, other = await world.process("stopped"), await world.process("other")
    message = world.message()
    waits = {}
    for process in (stopped, other):
        await process.publish(message)
        worker = await process.worker()
        delivery = await worker.fetch_one()
        calls = {
            "wait": process.storage.wait(delivery.id, FINAL),
            "listen": process.storage.listen(delivery.id, 1, 0),
            "watch": process.storage.global_config.watch("group", {}),
        }
        waits[process] = asyncio.ensure_future(calls.pop(kind))
        for call in calls.values():
            call.close()
    await world.still_waits(waits[stopped])

    await stopped.stop()

    with pytest.raises(BackendUnavailable, match="stopped"):
        await world.at_once(waits[stopped])
    await world.still_waits(waits[other])
    await stopped.start()
    again = asyncio.ensure_future(stopped.storage.wait(message.id, FINAL))
    await world.still_waits(again)
    again.cancel()
    waits[other].cancel()
    await asyncio.wait({again, waits[other]})


async def _lost(world: World) -> tuple[Any, Any, Delivery]:
    """Return a process, a worker whose lease has ended, and what it held, which nobody has fetched since."""
    process = await world.process()
    await process.publish(world.message())
    late, other = await process.worker(), await process.worker("other")
    delivery = await late.fetch_one()
    await process.storage.report([Report(delivery.id, delivery.token, items=(b"0",))])
    await world.pass_time(world.lease * 1.1)
    assert await other.ready_now() == []
    assert (await process.record(delivery.id)).status is TaskStatus.NEW
    return process, late, delivery


async def test_lost_delivery_that_nobody_has_fetched_goes_on_reporting(world: World) -> None:
    """Its outcome would count, so what it says of itself counts as well: no item is missing."""
    process, late, delivery = await _lost(world)

    await process.storage.report([Report(delivery.id, delivery.token, 0.5, items=(b"1",), first=1)])
    assert list(late.renew(delivery)) == []
    await process.storage.report([Report(delivery.id, delivery.token, items=(b"2",), first=2)])

    assert (await process.storage.listen(delivery.id, 1, 0)).items == (b"0", b"1", b"2")
    assert (await process.record(delivery.id)).progress == 0.5
    assert await process.settle(process.outcome(delivery)) == [Settled.RECORDED]


async def test_worker_learns_that_its_lost_task_was_cancelled(world: World) -> None:
    """A task that was cancelled while nobody had it is not its late worker's own again."""
    process, late, delivery = await _lost(world)
    assert await process.cancel(delivery.id) == [Cancelled.ENDED]

    assert list(late.renew(delivery)) == [(delivery.id, delivery.token)]


async def test_what_a_worker_has_ended_itself_is_not_lost(world: World) -> None:
    """A heartbeat that comes between the outcome and its answer tells nothing."""
    process = await world.process()
    await process.publish(world.message())
    worker = await process.worker()
    delivery = await worker.fetch_one()
    await process.finish(delivery)

    assert list(worker.renew(delivery)) == []


@pytest.fixture
async def ended(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Give a process with seven tasks that have ended and one each of the others; parts are of three rows."""
    monkeypatch.setattr(_removal, "BATCH", 3)
    process, other = await world.process(), await world.process("other")
    worker = await process.worker()
    await process.publish(*world.messages(8))
    *deliveries, _held = await worker.fetch_number(8)
    for delivery in deliveries:
        await process.finish(delivery)
    await process.publish(world.message(), world.message(due=world.clock.now() + 50))
    await other.publish(world.message())
    yield process
    assert (await other.storage.counts()).total == 1


async def test_deleting_what_has_ended_leaves_room_for_others(ended: Any, world: World) -> None:
    """Much is removed in many transactions, between which others write; the number is of all of them."""
    deletion = asyncio.ensure_future(ended.storage.delete_finished())
    await ended.publish(world.message())
    await ended.publish(world.message())

    assert not deletion.done()
    assert await deletion == 7
    assert (await ended.storage.counts()).total == 5


@pytest.mark.parametrize("part", ["storage", "broker"])
async def test_flush_leaves_room_for_others(ended: Any, world: World, part: str) -> None:
    """All that was there when it began is removed, in many transactions between which others write."""
    component = ended.storage if part == "storage" else ended.broker
    flush = asyncio.ensure_future(component.flush())
    await ended.publish(world.message())
    await ended.publish(world.message())

    assert not flush.done()
    await flush
    assert (await ended.storage.counts()).total <= 2
    await component.flush()
    assert (await ended.storage.counts()).total == 0


@pytest.mark.parametrize("part", ["storage", "broker"])
async def test_flush_removes_each_kind_alone(world: World, path: Path, part: str) -> None:
    """Records alone go with the records, entries alone with the queue, and both in one with either."""
    process = await world.process()
    await process.publish(*world.messages(3))
    with closing(sqlite3.connect(path)) as connection, connection:
        for role in (0, 1):
            connection.execute(
                "UPDATE task SET role = ?, turn = NULL, due = 1 WHERE seq = ? + 1", (role, role)
            )

    await (process.storage if part == "storage" else process.broker).flush()

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT role FROM task").fetchall() == [(1 if part == "storage" else 0,)]


async def test_requeue_by_an_old_process_takes_the_wish_off(world: World, ask: Any) -> None:
    """Whoever opens a new epoch, also a version that knows no wishes, leaves none of the epoch before."""
    process = await world.process()
    await process.publish(world.message())
    worker = await process.worker()
    delivery = await worker.fetch_one()
    await process.cancel(delivery.id)
    await process.finish(delivery)

    ask(
        "UPDATE task SET status = 'new', turn = 1, place = 1, finished_at = NULL, remove_at = NULL,"
        " epoch = epoch + 1, settled = delivery"
    )

    record = await process.record(delivery.id)
    assert (record.status, record.cancel) == (TaskStatus.NEW, None)


async def _end_with_items(world: World, number: int) -> Any:
    process = await world.process()
    await process.publish(*world.messages(number))
    worker = await process.worker()
    deliveries = await worker.fetch_number(number, limit=number)
    await process.storage.report([Report(one.id, one.token, items=(b"x", b"y")) for one in deliveries])
    await process.settle(*(process.outcome(one) for one in deliveries))
    await world.pass_time(_streams.KEPT + 1)
    return process


async def test_items_of_many_ended_tasks_are_removed_at_once(world: World, ask: Any) -> None:
    """An idle worker removes the items of a hundred tasks by its first look."""
    process = await _end_with_items(world, 100)
    worker = await process.worker()

    assert await worker.ready_now() == []

    assert ask("SELECT count(*) FROM item") == [(0,)]


@pytest.mark.parametrize(("name", "turns"), [("_TASKS_AT_ONCE", 3), ("_ITEMS_AT_ONCE", 5)])
async def test_items_are_removed_in_parts(
    world: World, ask: Any, monkeypatch: pytest.MonkeyPatch, name: str, turns: int
) -> None:
    """A full part says that there is more, and the last one that there is not."""
    process = await _end_with_items(world, 5)
    monkeypatch.setattr(_streams, name, 2)
    answers = [await _expiry.expire(_engine(process), process.setup, Level.NORMAL) for _ in range(turns + 1)]

    assert answers[-1] is False
    assert all(answers[: 5 // 2])
    assert ask("SELECT count(*) FROM item") == [(0,)]
