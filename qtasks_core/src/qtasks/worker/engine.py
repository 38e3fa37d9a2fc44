"""The life of a worker: what it is made of, how it starts, how it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qtasks.errors import BackendError, UsageError
from qtasks.models import Token, WorkerInfo
from qtasks.plugins.events import WorkerStart, WorkerStop
from qtasks.protocols import Broker, Consumer, Setup
from qtasks.queues import Weights
from qtasks.runtime import Runtime
from qtasks.worker.choosing import Chooser
from qtasks.worker.dead import bound_dead
from qtasks.worker.fetch import Fetcher
from qtasks.worker.heartbeat import RENEWALS_PER_LEASE, Heartbeat
from qtasks.worker.held import Held
from qtasks.worker.identity import this_worker
from qtasks.worker.repeats import Repeats
from qtasks.worker.runner import Runner
from qtasks.worker.settle import Settler
from qtasks.worker.slots import Slots
from qtasks.worker.watchdog import Watchdog
from qtasks.worker.wishes import hear

CANCEL_TIME = 2.0
"""Seconds that cancelled bodies have to end before they are given back as they are."""
SETTLE_TIME = 3.0
"""Seconds in which a stopping worker tries to record what has ended."""
STOP_TIME = CANCEL_TIME + SETTLE_TIME
"""Seconds after its grace within which a worker stops."""


@dataclass(slots=True)
class Parts:
    """What a started worker consists of."""

    runtime: Runtime
    info: WorkerInfo
    slots: Slots
    held: Held
    settler: Settler
    runner: Runner
    fetcher: Fetcher
    chooser: Chooser
    consumer: Consumer
    heartbeat: Heartbeat
    watchdog: Watchdog
    tasks: list[asyncio.Task[None]]
    """Fetching, settling, and the others: in this order."""


class AsyncWorker:
    """Fetches tasks, runs them and settles their outcomes.

    Args:
        name: Name of the app; only to be checked against it.
        broker: Where the tasks come from; the app's own if it is left out.
    """

    def __init__(self, name: str | None = None, broker: Broker | None = None) -> None:
        self.name = name
        self.given_broker = broker
        self._parts: Parts | None = None
        self._repeats = Repeats()
        self._hurry = asyncio.Event()
        self.failed: asyncio.Future[None] | None = None
        """Done when the worker cannot go on."""

    @property
    def broker(self) -> Broker:
        """Where the tasks come from.

        Raises:
            UsageError: The worker is in no app yet.
        """
        if self.given_broker is None:
            raise UsageError("this worker has no broker yet: give it one, or give the worker to an app")
        return self.given_broker

    @property
    def info(self) -> WorkerInfo | None:
        """Who the worker is, while it works."""
        return None if self._parts is None else self._parts.info

    async def start(self, setup: Setup) -> None:
        """Register as a holder of leases and begin to fetch.

        Raises:
            UsageError: It works already.
            BackendError: The backend cannot be reached.
        """
        if self._parts is not None:
            raise UsageError("this worker works already; `await worker.stop()` stops it")
        if not isinstance(setup, Runtime):
            raise UsageError("a worker is started by its app: app.run_forever() or `await app.run()`")
        if setup.config.delete_finished_tasks:
            await setup.dispatch.storage.delete_finished()
        parts = await self._assemble(setup)
        await self._begin(parts)
        self._parts = parts
        self._hurry = asyncio.Event()
        setup.log.addFilter(self._repeats)
        parts.heartbeat.start()
        self.failed = asyncio.get_running_loop().create_future()
        parts.runner.abandoned.too_many.add_done_callback(self._notice)
        for part in self._work_of(parts):
            task = asyncio.create_task(part)
            task.add_done_callback(self._notice)
            parts.tasks.append(task)
        parts.watchdog.start()
        if (hook := setup.triggers.worker_start) is not None:
            await hook(WorkerStart(worker=self))

    async def stop(self, grace: float | None = None) -> None:
        """Stop fetching, wait up to `grace` seconds for what runs, cancel and give back the rest.

        Args:
            grace: Seconds; None is `config.grace`. `hurry` ends it.
        """
        parts = self._parts
        if parts is None:
            return
        parts.runner.say_stopping()
        parts.watchdog.stop()
        try:
            parts.fetcher.stop()
            try:
                await self._drain(parts, parts.runtime.config.grace if grace is None else grace)
            finally:
                await parts.fetcher.close()
            await self._close(parts)
        finally:
            # Also where this call is cancelled: a lease that nobody works on must end.
            parts.heartbeat.end()
            for task in parts.tasks:
                task.cancel()
            parts.runtime.log.removeFilter(self._repeats)
            if self.failed is not None and self.failed.done() and not self.failed.cancelled():
                self.failed.exception()  # whoever waited for it has gone, or has raised it
            self._parts = None
        if (hook := parts.runtime.triggers.worker_stop) is not None:
            await hook(WorkerStop(worker=self))

    def hurry(self) -> None:
        """End the grace period of a `stop` under way: what runs is cancelled and given back now."""
        self._hurry.set()
        if self._parts is not None:
            self._parts.slots.wake()

    async def _assemble(self, runtime: Runtime) -> Parts:
        config = runtime.config
        queues = Weights.of(config.queues)
        info = this_worker(
            queues.names, config.max_tasks_process, runtime.clock.now(), sorted(runtime.registry)
        )
        consumer = await runtime.dispatch.broker.open_consumer(
            info, queues.names, take_over=config.running_older_tasks
        )
        chooser = Chooser(runtime, consumer, queues)
        slots, held = Slots(config.max_tasks_process), Held()
        settler = Settler(runtime, slots, held, self)
        runner = Runner(runtime, slots, held, settler, self, info.id)
        fetcher = Fetcher(runtime, consumer, chooser, info, slots, held, runner, settler)
        on_lost = self._hop(runner.lost)
        heartbeat = Heartbeat(runtime.dispatch.broker, info, held, config.lease, on_lost, runtime.log)
        watchdog = Watchdog(config.blocked_loop_time, lambda: runner.names, runtime.log)
        return Parts(
            runtime, info, slots, held, settler, runner, fetcher, chooser, consumer, heartbeat, watchdog, []
        )

    async def _begin(self, parts: Parts) -> None:
        """Be known, and know what is paused, before anything is fetched: limits count by the registry."""
        config = parts.runtime.dispatch.storage.global_config
        await config.announce(parts.info, parts.runtime.config.lease)
        await parts.chooser.learn()

    def _work_of(self, parts: Parts) -> list[Coroutine[Any, Any, None]]:
        """Return what a worker does at the same time, each for ever."""
        signals = hear(parts.consumer, parts.runner.cancel, parts.runtime.log)
        dead = bound_dead(parts.runtime, parts.settler.died)
        first = [parts.fetcher.run(), parts.settler.run()]
        return [*first, self._announce(parts), parts.chooser.run(), signals, dead]

    def _hop(
        self, callback: Callable[[Sequence[tuple[str, Token]]], None]
    ) -> Callable[[Sequence[tuple[str, Token]]], None]:
        """Return a function for other threads that calls `callback` in this loop."""
        loop = asyncio.get_running_loop()

        def call(lost: Sequence[tuple[str, Token]]) -> None:
            loop.call_soon_threadsafe(callback, lost)

        return call

    def _notice(self, task: asyncio.Future[None]) -> None:
        """A part of the worker must not end by itself: say so, and let the starter end the worker."""
        failed = self.failed
        if task.cancelled() or task.exception() is None or failed is None or failed.done():
            return
        failed.set_exception(task.exception() or RuntimeError())

    async def _announce(self, parts: Parts) -> None:
        """Keep the worker in the registry that `ping` reads."""
        config, ttl = parts.runtime.dispatch.storage.global_config, parts.runtime.config.lease
        while True:
            await asyncio.sleep(ttl / RENEWALS_PER_LEASE)
            try:
                await config.announce(parts.info, ttl)
            except BackendError as exc:
                parts.runtime.log.warning("the worker could not be announced: %s", exc)

    async def _drain(self, parts: Parts, grace: float) -> None:
        """Wait for what runs; after `grace` cancel it, and give up what does not end then."""
        if not await _emptied(parts.slots, grace, self._hurry):
            parts.runtime.log.info("%d tasks still run; they are cancelled and go back", parts.slots.running)
            parts.runner.stop_all()
            if not await _emptied(parts.slots, CANCEL_TIME, asyncio.Event()):
                parts.runner.abandon_all()

    async def _close(self, parts: Parts) -> None:
        _, settling, *others = parts.tasks
        for task in others:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_TIME):
                await _settle(parts)
        if not settling.done() and len(parts.held):
            parts.runtime.log.error(
                "%d tasks could not be given back or recorded; their lease ends", len(parts.held)
            )
        for task in parts.tasks:
            task.cancel()
        await asyncio.gather(*parts.tasks, return_exceptions=True)
        await asyncio.to_thread(parts.heartbeat.stop)
        parts.runner.limiter.close()
        parts.runner.close()
        try:
            await parts.runtime.dispatch.storage.global_config.withdraw(parts.info.id)
        except BackendError as exc:
            parts.runtime.log.warning("the worker could not be withdrawn: %s", exc)


async def _settle(parts: Parts) -> None:
    """Wait until everything is recorded, also what a fetch under way at the stop gives back."""
    fetching, settling, *_ = parts.tasks
    await asyncio.wait([fetching])
    parts.settler.close()
    await asyncio.wait([settling])


async def _emptied(slots: Slots, seconds: float, hurry: asyncio.Event) -> bool:
    """Wait until no body runs; False after so many seconds, or once in a hurry."""
    try:
        async with asyncio.timeout(seconds):
            while slots.running and not hurry.is_set():
                await slots.change()
    except TimeoutError:
        return False
    return not slots.running
