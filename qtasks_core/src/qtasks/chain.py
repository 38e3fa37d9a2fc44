"""Calls that run one after another. The chain travels with its first step: no client has to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from msgspec import structs

from qtasks.errors import ResultTimeout, UsageError
from qtasks.ids import new_id
from qtasks.models import Record
from qtasks.names import check_task_name
from qtasks.options import check_timeout
from qtasks.producer import Call
from qtasks.result import Task
from qtasks.serialization import decode_envelope
from qtasks.status import TaskStatus
from qtasks.steps import THEN, written

if TYPE_CHECKING:
    from qtasks.producing import Producing


class Chain:
    """Bound calls, not sent yet; made by `app.chain(…)`.

    Each gets the value of the one before as its last positional argument. A step that does not succeed
    ends the chain: those after it are never sent.
    """

    def __init__(self, app: Producing, calls: Sequence[Call]) -> None:
        for call in calls:
            if not isinstance(call, Call):
                raise UsageError(f"a chain is made of bound calls, such as task.bind(1), not of {call!r}")
            if call.definition is None:
                check_task_name(call.task_name)
        if not calls:
            raise UsageError("a chain needs at least one call: app.chain(first.bind(1), second.bind())")
        for call in calls[1:]:
            for name in ("id", "eta", "unique"):
                if getattr(call.options, name) is not None:
                    raise UsageError(f"{call.task_name}: only the first step of a chain can have {name}=")
        self._app = app
        self._calls = tuple(calls)

    async def add_task(self) -> StartedChain:
        """Send it: the first step now, each later one by the worker that ends the step before.

        Raises:
            TaskArgumentError: The arguments of a step do not fit.
            EncodeError: An argument of a step cannot be sent.
            BackendError: It was not accepted.
            UsageError: The first step is unique, and another task that is no chain keeps it away.
        """
        first, *later = self._calls
        if later:
            options = first.options.merged(id=first.options.id or new_id())
            steps = written(later, _ids(options.id, len(later)), self._app.clock.now())
            first = structs.replace(first, options=options, headers={**first.headers, THEN: steps})
        task = await self._app.send_one(first, None)
        if later and THEN not in (decode_envelope(task.record.body).headers or {}):
            raise UsageError(f"{task} keeps the first step away (unique), and is no chain: nothing was sent")
        return StartedChain(task, _ids(task.id, len(later)))

    async def get(self, timeout: float | None = 50.0) -> list[Task[Any]]:
        """Send it, wait for its end, and return its tasks; see `StartedChain.wait`."""
        return await (await self.add_task()).wait(timeout)


class StartedChain:
    """A chain that was sent."""

    def __init__(self, first: Task[Any], ids: Sequence[str]) -> None:
        self.first = first
        """The task of its first step."""
        self.ids = (first.id, *ids)
        """The ids of all steps. A later one is known to the backend once the step before has succeeded."""

    async def wait(self, timeout: float | None = None) -> list[Task[Any]]:
        """Return the finished tasks in their order; the last one may have failed, then it ended the chain.

        Args:
            timeout: Seconds for all of them, or None for as long as it takes.

        Raises:
            ResultTimeout: They have not ended in time. They go on; the error carries the one waited for.
            ResultGone: A record has expired or was removed.
        """
        check_timeout(timeout)
        done: list[Task[Any]] = []
        task = self.first
        try:
            async with asyncio.timeout(timeout):
                for task_id in self.ids:
                    task = task if not done else _step(task, task_id)
                    done.append(await task.wait())
                    if done[-1].status is not TaskStatus.SUCCESS:
                        break
        except TimeoutError as exc:
            raise ResultTimeout(f"the chain has not ended within {timeout} s: it is at {task}", task) from exc
        return done

    async def result(self, timeout: float | None = None) -> Any:
        """Return what its last step has returned.

        Raises:
            ResultTimeout: It has not ended in time.
            TaskFailed: A step ended in `error`, and the chain with it.
            TaskCancelled: A step ended in `cancel`.
            TaskDead: A step ended in `dead`.
        """
        return (await self.wait(timeout))[-1].value()


def _ids(first: str | None, number: int) -> list[str]:
    """Return the ids of the later steps; they follow from the first one's, so that a call can be repeated."""
    return [str(uuid5(UUID(first), str(place))) for place in range(1, number + 1)]


def _step(before: Task[Any], task_id: str) -> Task[Any]:
    """Return the handle of a later step: what is not known of it is learnt by waiting."""
    record = Record(
        id=task_id,
        task="the next step of the chain",
        queue=before.queue,
        priority=before.priority,
        status=TaskStatus.NEW,
        body=before.record.body,
        created_at=before.record.created_at,
        updated_at=before.record.updated_at,
    )
    return Task(before.source, record)
