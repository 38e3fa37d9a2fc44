"""Runs what is queued until nothing is left: one task after the other, without a sleep."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from qtasks.errors import ResultTimeout, TaskError, UsageError
from qtasks.models import Query
from qtasks.queues import Weights
from qtasks.result import Task
from qtasks.status import WAITING, TaskStatus
from qtasks.testing._failures import raise_failures
from qtasks.testing._worker import prepared, queues_of, working

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.models import Record
    from qtasks.testing._recording import RecordingBroker
    from qtasks.testing._worker import Errors
    from qtasks.testing.clock import FakeClock

ALL: Final = 1_000_000
"""More records than a test makes."""


class Drain:
    """One call of `drain`.

    Args:
        app: Whose tasks are run.
        broker: Where they are.
        clock: What is moved to the moments of delayed tasks.
        errors: Where exceptions of bodies are noted.
        delayed: Whether to run also what is due later.
        raise_errors: Whether to raise what failed.
    """

    def __init__(
        self,
        app: QueueTasks,
        broker: RecordingBroker,
        clock: FakeClock,
        errors: Errors,
        *,
        delayed: bool,
        raise_errors: bool,
    ) -> None:
        self._app = app
        self._broker = broker
        self._clock = clock
        self._errors = errors
        self._delayed = delayed
        self._raise_errors = raise_errors
        self._news = asyncio.Event()
        self._queues: frozenset[str] = frozenset()
        """Which the worker takes from."""

    async def run(self, timeout: float) -> list[Task[Any]]:
        """Return the tasks that have ended, in their order.

        Raises:
            UsageError: A worker runs already.
            ResultTimeout: Something is left after `timeout` seconds.
            TaskError: Nobody knows the name of a task, or it went back to its queue.
        """
        __tracebackhide__ = True
        if self._app.starter is not None:
            raise UsageError("a worker runs in this test: wait for results instead, task.result(timeout=5)")
        end = asyncio.get_running_loop().time() + timeout
        first = len(self._broker.ended)
        await self._app.connect()
        while await self._ready() or await self._move():
            async with self._worker():
                await self._work(end, timeout)
        tasks: list[Task[Any]] = [Task(self._app, record) for record in self._broker.ended[first:]]
        if self._raise_errors:
            raise_failures(tasks, self._errors)
            self._refuse_left(await self._waiting())
        return tasks

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[None]:
        """Work in one slot, with a listener to all that happens."""
        queues = queues_of(
            self._app, [*(message.queue for message in self._broker.sent), *await self._ready()]
        )
        self._queues = frozenset(Weights.of(queues).names)
        runtime = prepared(await self._app.connect(), self._errors, queues=queues, max_tasks_process=1)
        self._broker.listeners.add(self._news.set)
        try:
            async with working(self._app, runtime):
                yield
        finally:
            self._broker.listeners.discard(self._news.set)

    async def _work(self, end: float, timeout: float) -> None:
        try:
            async with asyncio.timeout_at(end):
                await self._become_quiet()
                while await self._ready() <= self._queues and await self._move():
                    await self._become_quiet()
        except TimeoutError as exc:
            records = await self._waiting({TaskStatus.PROCESS, *WAITING})
            left = ", ".join(f"{record.task} ({record.status})" for record in records[:10])
            raise ResultTimeout(f"not drained within {timeout:g} s; left are: {left or 'none'}") from exc

    async def _become_quiet(self) -> None:
        """Wait until nothing runs, and nothing is ready that the worker takes."""
        failed = self._app.worker.failed
        assert failed is not None
        failed.add_done_callback(lambda _: self._news.set())
        while not failed.done():
            self._news.clear()
            running = sum(queue.running for queue in await self._broker.queues())
            if not running and self._queues.isdisjoint(await self._ready()):
                return
            await self._news.wait()
        failed.result()

    async def _ready(self) -> frozenset[str]:
        """Return the queues from which something could be taken now."""
        queues, paused = await self._broker.queues(), await self._app.queues.paused()
        return frozenset(queue.name for queue in queues if queue.ready) - paused

    async def _move(self) -> bool:
        """Move the clock to the next moment of a task; False where none is wanted or there is none."""
        if not self._delayed:
            return False
        paused = await self._app.queues.paused()
        later = await self._waiting({TaskStatus.DELAYED, TaskStatus.RETRY})
        records = [record for record in later if record.queue not in paused]
        moments = [record.due for record in records if record.due is not None]
        if not moments:
            return False
        self._clock.advance(max(0.0, min(moments) - self._clock.now()))
        return True

    async def _waiting(self, statuses: Collection[TaskStatus] = WAITING) -> list[Record]:
        await self._app.connect()
        return list(await self._broker.storage.find(Query(frozenset(statuses), limit=ALL)))

    def _refuse_left(self, waiting: Collection[Record]) -> None:
        """Raise TaskError where a task went back to its queue for a reason that waiting does not change."""
        for record in waiting:
            if record.turns and record.task not in self._app.tasks:
                near = self._app.tasks.nearest(record.task)
                hint = f"; did you mean {near!r}?" if near else "; import the module that registers it"
                raise TaskError(f"the app {self._app.name!r} has no task {record.task!r}{hint}")
            if record.losses:
                raise TaskError(
                    f"{record.task} ({record.id}) went back to its queue: something around its body failed,"
                    " such as a plugin; the log says what"
                )
