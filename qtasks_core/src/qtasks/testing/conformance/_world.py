"""The processes of a test: what a test publishes with, fetches with and looks with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import pytest

from qtasks.clock import SYSTEM_CLOCK, Clock
from qtasks.config import QueueConfig
from qtasks.dispatch import Dispatch
from qtasks.ids import new_id
from qtasks.models import (
    Cancel,
    Cancelled,
    Delivery,
    GiveBack,
    GiveBackReason,
    Message,
    Outcome,
    Record,
    Settled,
    Signal,
    Token,
    WorkerInfo,
)
from qtasks.protocols import Broker, Component, Consumer, Storage
from qtasks.status import TaskStatus
from qtasks.testing.clock import FakeClock
from qtasks.testing.setup import TestSetup
from qtasks.worker.identity import this_worker

T = TypeVar("T")

TIMES: Final = frozenset({"created_at", "due", "expires_at", "finished_at", "started_at", "remove_at"})


def about(moment: float) -> Any:
    """Return what equals this moment, and what is kept of it in milliseconds."""
    return pytest.approx(moment, abs=0.002)


def in_milliseconds(values: dict[str, Any]) -> dict[str, Any]:
    """Round the times among these values to what every backend can keep."""
    return {
        name: round(value, 3) if name in TIMES and value is not None else value
        for name, value in values.items()
    }


class World:
    """One place of the backend under test, and the processes that meet there."""

    def __init__(
        self, make: Callable[[], Awaitable[Any]], *, takes_clock: bool = True, ease: float = 1.0
    ) -> None:
        self._make = make
        self.ease = ease
        """How many times longer may take what comes at once where the machine has nothing else to do."""
        self._fake = FakeClock() if takes_clock else None
        self.clock: Clock = self._fake or SYSTEM_CLOCK
        self.lease = 30.0 if takes_clock else 0.6
        """Seconds that a lease lasts where a test gives no other number."""
        self.patience = 30.0
        """Seconds of real time after which something that should have happened has failed."""
        self.moment = 0.5 * ease
        """Seconds of real time within which news is pushed."""
        self.slack = 0.1
        """Seconds after a due moment when it is over for certain; grows with `limits.delay_lateness`."""
        self._open: list[Process] = []
        self._started: list[Component] = []

    async def pass_time(self, seconds: float) -> None:
        """Let time pass: on the clock of the test, or by waiting where the backend has its own."""
        if self._fake is not None:
            self._fake.advance(seconds)
        else:
            await asyncio.sleep(seconds)

    def set_wall_clock(self, seconds: float) -> None:
        """Set the wall clock forwards or back."""
        if self._fake is None:
            pytest.skip("the backend takes the time from a server, whose clock is not ours to set")
        self._fake.jump(seconds)

    def setup(self, app: str = "kit", *, lease: float | None = None) -> TestSetup:
        """Return what an app of this name hands to its components."""
        config = QueueConfig(lease=self.lease if lease is None else lease)
        config.result_time_interval *= self.ease  # what comes in a moment is pushed, not found
        return TestSetup(name=app, config=config, clock=self.clock)

    async def process(self, app: str = "kit", *, lease: float | None = None) -> Process:
        """Start another process of the app: a broker with its storage and config."""
        process = await self.new_process(app, lease=lease)
        self._open.append(process)
        await process.start()
        return process

    async def new_process(self, app: str = "kit", *, lease: float | None = None) -> Process:
        """Return a process that is not started yet, and that whoever starts it stops."""
        process = Process(self, await self._make(), self.setup(app, lease=lease))
        self.slack = max(self.slack, process.broker.limits.delay_lateness + 0.1)
        return process

    async def component(self, app: str = "kit") -> Any:
        """Start what `make` gives by itself: a storage or a config."""
        component = await self.made()
        self._started.append(component)
        if hasattr(component, "global_config"):
            self._started.append(component.global_config)
            await component.global_config.start(self.setup(app))
        await component.start(self.setup(app))
        return component

    async def made(self) -> Any:
        """Return what `make` gives, not started; whoever starts it stops it."""
        return await self._make()

    def message(self, **values: Any) -> Message:
        """Return a message; whatever is not given is ordinary. Its times are whole milliseconds."""
        now = self.clock.now()
        ordinary = {"task": "add", "queue": "default", "priority": 0, "body": b"{}", "created_at": now}
        return Message(**in_milliseconds({"id": new_id(), **ordinary, **values}))

    def messages(self, number: int, **values: Any) -> list[Message]:
        """Return as many messages."""
        return [self.message(**values) for _ in range(number)]

    async def soon(self, awaitable: Awaitable[T]) -> T:
        """Return what the awaitable gives, or fail when patience ends."""
        async with asyncio.timeout(self.patience):
            return await awaitable

    async def at_once(self, awaitable: Awaitable[T]) -> T:
        """Return what the awaitable gives, or fail after a moment: it was pushed, not found."""
        async with asyncio.timeout(self.moment):
            return await awaitable

    async def still_waits(self, waiting: asyncio.Future[Any]) -> None:
        """Let this call come to rest; it must not have an answer yet."""
        for _ in range(20):  # however late a busy machine looks at its timers
            await asyncio.sleep(0)
        done, _ = await asyncio.wait({waiting}, timeout=0.05)

        assert not done, f"it did not wait, but answered {waiting}"

    async def close(self) -> None:
        """Stop all."""
        for process in self._open:
            await process.stop()
        for component in self._started:
            await component.stop()


class Process:
    """One process of an app, as far as a backend sees it."""

    def __init__(self, world: World, broker: Broker, setup: TestSetup) -> None:
        self.world = world
        self.broker = broker
        self.storage: Storage = broker.storage
        self.setup = setup
        self._workers: list[Hand] = []

    async def start(self) -> None:
        """Start config, storage and broker, in this order."""
        await self.storage.global_config.start(self.setup)
        await self.storage.start(self.setup)
        await self.broker.start(self.setup)
        self.dispatch = Dispatch(self.broker, self.storage)

    async def stop(self) -> None:
        """Stop them in reverse."""
        for worker in self._workers:
            await worker.consumer.close()
        self._workers.clear()
        await self.broker.stop()
        await self.storage.stop()
        await self.storage.global_config.stop()

    async def publish(self, *messages: Message) -> Mapping[str, str]:
        """Publish in one call, with the records; return which are kept away by their keys, and by whom."""
        return await self.dispatch.publish(messages)

    async def cancel(
        self, *ids: str, reason: str = "asked", remove_at: float | None = None
    ) -> list[Cancelled]:
        """Ask in one call that these tasks be cancelled, by storage and queue."""
        return list(await self.dispatch.cancel([Cancel(task_id, reason, remove_at) for task_id in ids]))

    async def purge(
        self,
        queue: str = "default",
        reason: str = "purged",
        remove_at: float | None = None,
        limit: int = 1_000,
    ) -> list[str]:
        """Purge a queue by storage and broker, and return what has ended."""
        ended = await self.storage.purge(queue, reason, remove_at, limit)
        if ended and not self.dispatch.joined:
            await self.broker.discard(ended, reason)
        return list(ended)

    async def worker(self, *queues: str, take_over: bool = False, info: WorkerInfo | None = None) -> Hand:
        """Open a consumer of these queues."""
        names = queues or ("default",)
        known = info or this_worker(names, 10, self.world.clock.now())
        consumer = await self.broker.open_consumer(known, names, take_over=take_over)
        hand = Hand(self, known, consumer, names[-1])
        self._workers.append(hand)
        return hand

    async def record(self, task_id: str) -> Record:
        """Return the record, which must be there."""
        (record,) = await self.storage.get([task_id])

        assert record is not None, f"there is no record of {task_id}"
        return record

    async def settle(self, *outcomes: Outcome) -> Sequence[Settled]:
        """Record outcomes and take the deliveries off the queue."""
        return await self.dispatch.settle(outcomes)

    def outcome(self, delivery: Delivery, status: TaskStatus = TaskStatus.SUCCESS, **values: Any) -> Outcome:
        """Return an outcome of a run; whatever is not given is ordinary."""
        now = self.world.clock.now()
        told = in_milliseconds({"finished_at": now, "started_at": now, **values})
        return Outcome(delivery.id, delivery.token, status, **told)

    async def finish(
        self, delivery: Delivery, status: TaskStatus = TaskStatus.SUCCESS, **values: Any
    ) -> None:
        """Settle one delivery, which must be accepted."""
        (settled,) = await self.settle(self.outcome(delivery, status, **values))

        assert settled is Settled.RECORDED

    async def give_back(self, delivery: Delivery, reason: GiveBackReason, delay: float = 0.0) -> None:
        """Give one delivery back."""
        await self.dispatch.give_back([GiveBack(delivery.id, delivery.token, reason, delay)])

    async def finished(self, **values: Any) -> Delivery:
        """Publish a task, fetch it, end it with these values, and return the delivery."""
        message = self.world.message()
        await self.publish(message)
        delivery = await (await self.worker()).fetch_one()
        await self.finish(delivery, **values)
        return delivery


class Hand:
    """One worker of a process."""

    def __init__(self, process: Process, info: WorkerInfo, consumer: Consumer, last_queue: str) -> None:
        self.process = process
        self.info = info
        self.consumer = consumer
        self._last_queue = last_queue
        self._told: set[Signal] = set()

    async def fetch(self, limit: int = 1, within: float | None = None) -> list[Delivery]:
        """Fetch once, make the tokens known, and fail where nothing comes in time."""
        patience = self.process.world.patience if within is None else within
        waiting = asyncio.ensure_future(self.consumer.fetch(limit))
        await asyncio.wait({waiting}, timeout=patience)
        if not waiting.done():
            await self.consumer.close()
            await waiting
            raise AssertionError(f"nothing was delivered within {patience:g} s")
        return list(await self.process.dispatch.begin(await waiting, self.info.id))

    async def fetch_one(self, within: float | None = None) -> Delivery:
        """Fetch one delivery."""
        fetched = await self.fetch(1, within)

        assert len(fetched) == 1
        return fetched[0]

    async def fetch_number(self, number: int, limit: int = 50) -> list[Delivery]:
        """Fetch until there are as many."""
        fetched: list[Delivery] = []
        while len(fetched) < number:
            fetched += await self.fetch(min(limit, number - len(fetched)))
        return fetched

    async def ready_now(self) -> list[Delivery]:
        """Return all that can be fetched at this moment, which may be nothing."""
        mark = self.process.world.message(queue=self._last_queue, task="mark")
        await self.process.publish(mark)
        fetched: list[Delivery] = []
        while all(delivery.id != mark.id for delivery in fetched):
            fetched += await self.fetch(100)
        (marked,) = (delivery for delivery in fetched if delivery.id == mark.id)
        await self.process.finish(marked)
        return [delivery for delivery in fetched if delivery is not marked]

    async def signal(self) -> Signal:
        """Return the one new signal that comes within a moment; it may come with old ones."""
        signals = await self.process.world.at_once(self._new_signals())

        assert len(signals) == 1, f"one signal was expected: {signals}"
        return signals.pop()

    async def _new_signals(self) -> set[Signal]:
        """Wait for signals that were not told before; of a closed consumer there are none."""
        while signals := set(await self.consumer.signals()):
            if new := signals - self._told:
                self._told |= new
                return new
            await asyncio.sleep(0)  # the loop goes round, so that a deadline can end this
        return set()

    def renew(self, *held: Delivery) -> Sequence[tuple[str, Token]]:
        """Renew the lease once, as the heartbeat does, and return what is lost."""
        keeper = self.process.broker.keeper(self.info)
        try:
            return keeper.renew([(delivery.id, delivery.token) for delivery in held])
        finally:
            keeper.close()
