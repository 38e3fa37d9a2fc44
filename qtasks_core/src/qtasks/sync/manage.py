"""`app.queues`, `app.dead` and `app.chain` of a blocking app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from qtasks import chain as engine
from qtasks._portal import call
from qtasks.manage import DeadLetters, Queues, QueueState
from qtasks.sync.handles import Task

Home = Callable[[], asyncio.AbstractEventLoop | None]


class SyncQueues:
    """The queues of an app."""

    def __init__(self, twin: Queues, home: Home) -> None:
        self._twin = twin
        self._home = home

    def info(self) -> list[QueueState]:
        """Return what each queue holds, by name; paused ones and those with dead letters also where empty."""
        return call(self._home, self._twin.info)

    def pause(self, name: str) -> None:
        """Let no worker take from the queue any more; what runs goes on. Tasks are still accepted."""
        call(self._home, self._twin.pause, name)

    def resume(self, name: str) -> None:
        """Let workers take from the queue again."""
        call(self._home, self._twin.resume, name)

    def paused(self) -> frozenset[str]:
        """Return the names of the paused queues."""
        return call(self._home, self._twin.paused)

    def purge(self, name: str) -> int:
        """End everything that waits in the queue as `cancel` and return how many; what runs goes on."""
        return call(self._home, self._twin.purge, name)

    def peek(self, name: str, limit: int = 10) -> list[Task[Any]]:
        """Return the tasks that would be taken next, in their order; none is taken."""
        return [Task(twin) for twin in call(self._home, self._twin.peek, name, limit)]


class SyncDeadLetters:
    """The tasks of an app that ended `dead`."""

    def __init__(self, twin: DeadLetters, home: Home) -> None:
        self._twin = twin
        self._home = home

    def tasks(
        self, *, queue: str | None = None, task: str | None = None, limit: int = 100
    ) -> list[Task[Any]]:
        """Return them, the youngest first."""
        return [
            Task(twin) for twin in call(self._home, self._twin.tasks, queue=queue, task=task, limit=limit)
        ]

    def requeue(self, *uuids: str | UUID) -> int:
        """Run these again, with counters at zero and their history kept; return how many there were."""
        return call(self._home, self._twin.requeue, *uuids)

    def requeue_all(self, *, queue: str | None = None, task: str | None = None) -> int:
        """Run all of them again, or all of a queue or a name; return how many there were."""
        return call(self._home, self._twin.requeue_all, queue=queue, task=task)

    def purge(self, *uuids: str | UUID, queue: str | None = None, task: str | None = None) -> int:
        """Remove these for good, or all, or all of a queue or a name; return how many there were."""
        return call(self._home, self._twin.purge, *uuids, queue=queue, task=task)


class SyncChain:
    """Bound calls that run one after another, not sent yet."""

    def __init__(self, twin: engine.Chain, home: Home) -> None:
        self._twin = twin
        self._home = home

    def add_task(self) -> SyncStartedChain:
        """Send it: the first step now, each later one by the worker that ends the step before."""
        return SyncStartedChain(call(self._home, self._twin.add_task), self._home)

    def get(self, timeout: float | None = 50.0) -> list[Task[Any]]:
        """Send it, wait for its end, and return its tasks."""
        return self.add_task().wait(timeout)


class SyncStartedChain:
    """A chain that was sent."""

    def __init__(self, twin: engine.StartedChain, home: Home) -> None:
        self._twin = twin
        self._home = home
        self.first: Task[Any] = Task(twin.first)
        self.ids = twin.ids

    def wait(self, timeout: float | None = None) -> list[Task[Any]]:
        """Return the finished tasks in their order; the last one may have failed, then it ended the chain."""
        return [Task(twin) for twin in call(self._home, self._twin.wait, timeout)]

    def result(self, timeout: float | None = None) -> Any:
        """Return what its last step has returned."""
        return call(self._home, self._twin.result, timeout)
