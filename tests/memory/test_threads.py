"""One place, several threads, each with a loop of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from threading import Thread

import pytest

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker
from qtasks.models import Cancel, Delivery, Message, Outcome, Report
from qtasks.status import FINAL, TaskStatus
from qtasks.testing import TestSetup
from qtasks.worker.identity import this_worker


@pytest.fixture
def url() -> str:
    """Name a place that only this test knows."""
    return f"memory://{new_id()}"


async def started(url: str) -> AsyncMemoryBroker:
    """Start another broker at the place."""
    broker, setup = AsyncMemoryBroker(url), TestSetup()
    await broker.storage.global_config.start(setup)
    await broker.storage.start(setup)
    await broker.start(setup)
    return broker


def messages(number: int) -> list[Message]:
    """Return as many messages."""
    return [Message(new_id(), "add", "default", 0, b"{}", 0.0) for _ in range(number)]


def success(delivery: Delivery) -> Outcome:
    """Return a good outcome."""
    return Outcome(delivery.id, delivery.token, TaskStatus.SUCCESS, 0.0, started_at=0.0)


class OtherThread(Thread):
    """Runs a coroutine in a loop of its own and hands on what it raises."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        async def main() -> None:
            await self._work()

        try:
            asyncio.run(main())
        except BaseException as exc:  # noqa: BLE001  # it is raised in `ended`
            self._error = exc

    async def ended(self) -> None:
        await asyncio.to_thread(self.join, 10)
        if self._error is not None:
            raise self._error
        assert not self.is_alive()


async def test_fetch_is_woken_from_another_thread(url: str) -> None:
    """A worker that waits in one loop gets what is published in another."""
    broker = await started(url)
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    waiting = asyncio.ensure_future(consumer.fetch(1))
    await asyncio.wait({waiting}, timeout=0.01)

    async def publish() -> None:
        await (await started(url)).publish(messages(1))

    async with asyncio.timeout(30):
        await OtherThread(publish).ended()
        assert len(await waiting) == 1


async def test_waiter_is_woken_from_another_thread(url: str) -> None:
    """Who waits for a task in one loop hears of the end that another records."""
    broker = await started(url)
    (message,) = messages(1)
    await broker.publish([message])
    waiting = asyncio.ensure_future(broker.storage.wait(message.id, FINAL))
    await asyncio.wait({waiting}, timeout=0.01)

    async def work() -> None:
        there = await started(url)
        consumer = await there.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
        await there.settle([success(delivery) for delivery in await consumer.fetch(1)])

    async with asyncio.timeout(30):
        await OtherThread(work).ended()
        record = await waiting
    assert record is not None
    assert record.status is TaskStatus.SUCCESS


async def test_worker_is_told_from_another_thread(url: str) -> None:
    """Who waits for signals in one loop hears of a cancellation that was asked for in another."""
    broker = await started(url)
    await broker.publish(messages(1))
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    (delivery,) = await consumer.fetch(1)
    waiting = asyncio.ensure_future(consumer.signals())
    await asyncio.wait({waiting}, timeout=0.01)

    async def cancel() -> None:
        await (await started(url)).storage.cancel([Cancel(delivery.id, "asked")])

    async with asyncio.timeout(30):
        await OtherThread(cancel).ended()
        assert [signal.id for signal in await waiting] == [delivery.id]


async def test_listener_is_woken_from_another_thread(url: str) -> None:
    """Who listens in one loop hears what a body in another yields."""
    broker = await started(url)
    await broker.publish(messages(1))
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    (delivery,) = await consumer.fetch(1)
    waiting = asyncio.ensure_future(broker.storage.listen(delivery.id, 0, 0))
    await asyncio.wait({waiting}, timeout=0.01)

    async def report() -> None:
        there = await started(url)
        await there.storage.report([Report(delivery.id, delivery.token, items=(b"1", b"2"))])

    async with asyncio.timeout(30):
        await OtherThread(report).ended()
        assert (await waiting).items == (b"1", b"2")


async def test_watcher_is_woken_from_another_thread(url: str) -> None:
    """Who watches a group in one loop hears of what is set in another."""
    config = (await started(url)).storage.global_config
    waiting = asyncio.ensure_future(config.watch("pauses", {}))
    await asyncio.wait({waiting}, timeout=0.01)

    async def pause() -> None:
        await (await started(url)).storage.global_config.set("pauses", "default", value=True)

    async with asyncio.timeout(30):
        await OtherThread(pause).ended()
        assert await waiting == {"default": True}


async def test_workers_of_many_threads_share_the_work(url: str) -> None:
    """Four threads that publish, fetch and settle at once do each task once."""
    broker, done = await started(url), Counter[str]()
    published = messages(2_000)

    def worker(share: list[Message]) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            there = await started(url)
            consumer = await there.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
            for start in range(0, len(share), 20):
                await there.publish(share[start : start + 20])
                deliveries = await consumer.fetch(20)
                await there.settle([success(delivery) for delivery in deliveries])
                done.update(delivery.id for delivery in deliveries)

        return work

    async with asyncio.timeout(30):
        for thread in [OtherThread(worker(published[i::4])) for i in range(4)]:
            await thread.ended()

    assert done == Counter(message.id for message in published)
    assert (await broker.storage.counts())[TaskStatus.SUCCESS] == 2_000


async def test_loop_that_has_ended_disturbs_nobody(url: str) -> None:
    """A fetch that died with its loop is no obstacle for those that publish later."""
    broker = await started(url)

    async def die_waiting() -> None:
        there = await started(url)
        consumer = await there.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
        waiting = asyncio.ensure_future(consumer.fetch(1))
        await asyncio.wait({waiting}, timeout=0.01)

    await OtherThread(die_waiting).ended()
    await broker.publish(messages(1))
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])

    async with asyncio.timeout(30):
        assert len(await consumer.fetch(1)) == 1


async def test_stop_ends_the_fetch_of_its_consumers(url: str) -> None:
    """Nobody is left waiting at a broker that has stopped."""
    broker = await started(url)
    consumer = await broker.open_consumer(this_worker(["default"], 1, 0.0), ["default"])
    waiting = asyncio.ensure_future(consumer.fetch(1))
    await asyncio.wait({waiting}, timeout=0.01)

    await broker.stop()

    async with asyncio.timeout(30):
        assert list(await waiting) == []
