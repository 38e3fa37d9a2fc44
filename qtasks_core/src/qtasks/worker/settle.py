"""Outcomes, collected and recorded in batches.

While one batch is being recorded, whatever ends meanwhile forms the next: no waiting when idle, big
batches when busy. An outcome stays here until the backend has answered. Plugins are told what is
recorded from a task of its own, so that a slow one holds up no outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from qtasks.errors import BackendError, BackendMismatch, BackendRefused
from qtasks.models import GiveBack, Outcome, Settled
from qtasks.plugins.events import ExecuteAfter
from qtasks.protocols import Worker
from qtasks.runtime import Runtime
from qtasks.serialization import describe, encode_failure
from qtasks.status import TaskStatus
from qtasks.worker.backoff import Backoff
from qtasks.worker.held import Held
from qtasks.worker.slots import Slots


class Settler:
    """Records the outcomes of one worker."""

    def __init__(self, runtime: Runtime, slots: Slots, held: Held, worker: Worker) -> None:
        self._runtime = runtime
        self._slots = slots
        self._held = held
        self._worker = worker
        self._outcomes: list[Outcome] = []
        self._returned: list[GiveBack] = []
        self._news = asyncio.Event()
        self._recorded: asyncio.Queue[ExecuteAfter | None] = asyncio.Queue()
        """What plugins are still to be told; None is the end."""
        self._closing = False
        self.died = asyncio.Event()
        """Set when something is recorded as `dead`; whoever hears of it clears it."""
        self.stale = 0
        """Outcomes that the fence refused."""

    def add(self, outcome: Outcome) -> None:
        """Take the outcome of a body that has ended."""
        self._outcomes.append(outcome)
        self._news.set()

    def give_back(self, returned: GiveBack) -> None:
        """Take a delivery that goes back without an outcome."""
        self._returned.append(returned)
        self._news.set()

    def close(self) -> None:
        """Let `run` end as soon as everything is recorded and told."""
        self._closing = True
        self._news.set()

    async def run(self) -> None:
        """Record until closed, and wait until plugins know of it.

        The backend's failures are waited out; nothing is dropped.
        """
        telling = asyncio.create_task(self._tell())
        try:
            await self._record_until_closed()
            self._recorded.put_nowait(None)
            await telling
        finally:
            telling.cancel()
            await asyncio.wait([telling])
            if untold := self._slots.unsettled - len(self._outcomes):
                self._runtime.log.warning("%d outcomes are recorded, but plugins were not told", untold)

    async def _record_until_closed(self) -> None:
        backoff = Backoff()
        while not (self._closing and not self._outcomes and not self._returned):
            await self._news.wait()
            self._news.clear()
            try:
                await self._flush()
            except BackendMismatch:
                raise  # a file that was replaced does not come back
            except BackendError as exc:
                self._runtime.log.warning("%d outcomes wait to be recorded: %s", len(self._outcomes), exc)
                self._news.set()
                await backoff.sleep()
            else:
                backoff.reset()

    async def _flush(self) -> None:
        if self._returned:
            returned, self._returned = self._returned, []
            try:
                await self._runtime.dispatch.give_back(returned)
            except BaseException:
                self._returned = returned + self._returned
                raise
            self._held.drop(returned)
        if self._outcomes:
            await self._record()

    async def _record(self) -> None:
        batch, self._outcomes = self._outcomes, []
        try:
            answers = await self._settled(batch)
        except BaseException:
            self._outcomes = batch + self._outcomes
            raise
        if self._runtime.triggers.worker_execute_after is None:
            self._slots.settled(len(batch))
        else:
            for outcome in batch:
                self._recorded.put_nowait(self._event(outcome))
        self._held.drop(batch)
        if any(outcome.status is TaskStatus.DEAD for outcome in batch):
            self.died.set()
        if Settled.STALE in answers:
            self._count_stale(batch, answers)

    async def _settled(self, batch: Sequence[Outcome]) -> Sequence[Settled]:
        """Record a batch. Where the backend refuses it, each alone: one bad outcome holds up no other."""
        try:
            return await self._runtime.dispatch.settle(batch)
        except BackendRefused as exc:
            if len(batch) == 1:
                text = "the outcome of %s cannot be stored: %s"
                self._runtime.log.error(text, batch[0].id, exc)  # noqa: TRY400 - the line says all
                return await self._runtime.dispatch.settle([_unstorable(batch[0], exc)])
        return [answer for outcome in batch for answer in await self._settled([outcome])]

    def _event(self, outcome: Outcome) -> ExecuteAfter:
        delivery = self._held.get(outcome.id)
        task = None if delivery is None else self._runtime.registry.get(delivery.task)
        return ExecuteAfter(worker=self._worker, task_broker=delivery, task_func=task, outcome=outcome)

    async def _tell(self) -> None:
        """Tell plugins of one outcome after the other, in the order in which they were recorded.

        Only then does an outcome count as settled: where plugins do not keep up, less is fetched.
        """
        hook = self._runtime.triggers.worker_execute_after
        while hook is not None and (event := await self._recorded.get()) is not None:
            await hook(event)
            self._slots.settled(1)

    def _count_stale(self, batch: Sequence[Outcome], answers: Sequence[Settled]) -> None:
        for outcome, answer in zip(batch, answers, strict=True):
            if answer is Settled.STALE:
                self.stale += 1
                self._runtime.log.warning(
                    "discarded the outcome of %s: a younger delivery is known, or its record is gone",
                    outcome.id,
                )


def _unstorable(outcome: Outcome, error: BackendRefused) -> Outcome:
    """Return what is recorded in place of an outcome that the backend refuses."""
    return Outcome(
        outcome.id,
        outcome.token,
        TaskStatus.ERROR,
        outcome.finished_at,
        outcome.started_at,
        error=encode_failure(describe(error)),
        remove_at=outcome.remove_at,
    )
