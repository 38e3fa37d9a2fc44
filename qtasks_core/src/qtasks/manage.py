"""`app.queues` and `app.dead`: looking after what waits, and after what was given up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from qtasks.clock import moment_after
from qtasks.config import check_count
from qtasks.ids import as_id
from qtasks.models import Query, QueueInfo
from qtasks.names import check_queue_name, check_task_name
from qtasks.queues import PAUSES
from qtasks.result import Task
from qtasks.status import TaskStatus

if TYPE_CHECKING:
    from qtasks.producing import Producing

STEP: Final = 500
"""Tasks that one step of a long operation changes: others must not have to wait for it."""
PAGE: Final = 5000
"""Tasks that are looked up at once: a page costs as much as a look at all that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """One queue at this moment."""

    name: str
    ready: int
    delayed: int
    """Waiting for their moment, first or next."""
    running: int
    age: float | None
    """Seconds that the ready one waits which has waited longest."""
    is_paused: bool
    dead: int = 0
    """Its dead letters, which are in no queue any more."""

    @property
    def waiting(self) -> int:
        """Those that have not begun."""
        return self.ready + self.delayed


class Queues:
    """The queues of an app."""

    def __init__(self, app: Producing) -> None:
        self._app = app

    async def info(self) -> list[QueueState]:
        """Return what each queue holds, by name.

        Those that are paused, and those that have dead letters, also where they are empty.
        """
        paused = await self.paused()
        held = {queue.name: queue for queue in await self._app.broker.queues()}
        dead = await self._app.storage.dead()
        now = self._app.clock.now()
        return [
            _state(held.get(name) or QueueInfo(name, 0, 0, 0), now, name in paused, dead.get(name, 0))
            for name in sorted({*held, *dead, *paused})
        ]

    async def pause(self, name: str) -> None:
        """Let no worker take from the queue any more; what runs goes on. Tasks are still accepted.

        Workers hear of it within a second.

        Raises:
            ConfigError: It is no name of a queue.
        """
        check_queue_name(name)
        await self._app.connect()
        await self._app.storage.global_config.set(PAUSES, name, {"since": self._app.clock.now()})

    async def resume(self, name: str) -> None:
        """Let workers take from the queue again."""
        check_queue_name(name)
        await self._app.connect()
        await self._app.storage.global_config.remove(PAUSES, name)

    async def paused(self) -> frozenset[str]:
        """Return the names of the paused queues."""
        await self._app.connect()
        return frozenset(await self._app.storage.global_config.get_all(PAUSES))

    async def purge(self, name: str) -> int:
        """End everything that waits in the queue as `cancel` and return how many; what runs goes on."""
        check_queue_name(name)
        runtime = await self._app.connect()
        remove_at = moment_after(self._app.clock.now(), self._app.config.result_ttl)
        waiting = sum(
            queue.ready + queue.delayed for queue in await self._app.broker.queues() if queue.name == name
        )
        purged = 0
        while ended := await runtime.dispatch.purge(name, f"purged from {name}", remove_at, STEP):
            purged += ended
            if ended < STEP or purged >= waiting:
                break
        return purged

    async def peek(self, name: str, limit: int = 10) -> list[Task[Any]]:
        """Return the tasks that would be taken next, in their order; none is taken."""
        check_queue_name(name)
        check_count("limit", limit)
        await self._app.connect()
        ids = await self._app.broker.peek(name, limit)
        records = await self._app.storage.get(ids)
        return [Task(self._app, record) for record in records if record is not None]


def _state(queue: QueueInfo, now: float, is_paused: bool, dead: int) -> QueueState:
    return QueueState(
        name=queue.name,
        ready=queue.ready,
        delayed=queue.delayed,
        running=queue.running,
        age=None if queue.oldest is None else max(0.0, now - queue.oldest),
        is_paused=is_paused,
        dead=dead,
    )


class DeadLetters:
    """The tasks of an app that ended `dead`: lost workers, unknown name, undecodable, expired."""

    def __init__(self, app: Producing) -> None:
        self._app = app

    async def tasks(
        self, *, queue: str | None = None, task: str | None = None, limit: int = 100
    ) -> list[Task[Any]]:
        """Return them, the youngest first."""
        return await self._app.find(status=TaskStatus.DEAD, queue=queue, task=task, limit=limit)

    async def requeue(self, *uuids: str | UUID) -> int:
        """Run these again, with counters at zero and their history kept; return how many there were.

        One that is not dead is left as it is.
        """
        runtime = await self._app.connect()
        dead = await self._dead(uuids)
        return sum(await runtime.dispatch.requeue(dead)) if dead else 0

    async def requeue_all(self, *, queue: str | None = None, task: str | None = None) -> int:
        """Run all of them again, or all of a queue or a name; return how many there were."""
        runtime, number = await self._app.connect(), 0
        async for ids in self._pages(queue, task):
            number += sum(await runtime.dispatch.requeue(ids))
        return number

    async def purge(self, *uuids: str | UUID, queue: str | None = None, task: str | None = None) -> int:
        """Remove these for good, or all, or all of a queue or a name; return how many there were.

        One that is not dead stays.
        """
        await self._app.connect()
        if uuids:
            return await self._app.storage.delete(await self._dead(uuids))
        number = 0
        async for ids in self._pages(queue, task):
            number += await self._app.storage.delete(ids)
        return number

    async def _dead(self, uuids: Sequence[str | UUID]) -> list[str]:
        """Return the ids of those that are dead."""
        records = await self._app.storage.get([as_id(uuid) for uuid in uuids])
        return [record.id for record in records if record is not None and record.status is TaskStatus.DEAD]

    async def _pages(self, queue: str | None, task: str | None) -> AsyncIterator[list[str]]:
        """Give the ids of those that are dead now. What becomes dead meanwhile is younger, and left out."""
        if queue is not None:
            check_queue_name(queue)
        if task is not None:
            check_task_name(task)
        after: tuple[float, str] | None = None
        while True:
            query = Query(frozenset({TaskStatus.DEAD}), queue, task, after, PAGE)
            records = await self._app.storage.find(query)
            for start in range(0, len(records), STEP):
                yield [record.id for record in records[start : start + STEP]]
            if len(records) < PAGE:
                return
            after = (records[-1].created_at, records[-1].id)
