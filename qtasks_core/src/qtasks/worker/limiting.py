"""`rate_limit` and `concurrency`: may this delivery be run now?

What is refused goes back to its queue with a delay and counts for nothing: no attempt, no loss.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from qtasks.errors import BackendError, TaskError
from qtasks.models import Answer, Ask, GiveBack, GiveBackReason
from qtasks.worker.backoff import Backoff
from qtasks.worker.batches import Batches

if TYPE_CHECKING:
    from qtasks.models import Delivery
    from qtasks.registry import TaskDefinition
    from qtasks.runtime import Runtime
    from qtasks.serialization import Envelope
    from qtasks.worker.run import Run

PATIENCE: Final = 0.25
"""Seconds that a delivery waits in its slot for the start that is reserved for it."""
LONGEST: Final = 60.0
"""Seconds after which a delivery that was refused asks again at the latest."""
SHARE: Final = 0.1
"""Those that wait for a free place ask one after the other, apart by this part of the time since a place was
last granted: often where bodies are short, and seldom where they are long."""
FASTEST: Final = 0.002
SLOWEST: Final = 0.5
MOST_KEYS: Final = 10_000


class Limiter:
    """Asks the limits that all workers share, for one worker."""

    def __init__(self, runtime: Runtime, worker_id: str) -> None:
        self._runtime = runtime
        self._worker_id = worker_id
        self._config = runtime.dispatch.storage.global_config
        self._asks = Batches(self._ask)
        self._releases = Batches(self._release)
        self._leaving: dict[str, asyncio.Task[None]] = {}
        """Permits that are being given back, by the id of their task."""
        self._granted: dict[str, float] = {}
        """When a place under a key was last granted, or first refused."""
        self._turns: dict[str, float] = {}
        """When the last one that was refused under a key comes back."""

    async def admit(self, run: Run, task: TaskDefinition, envelope: Envelope) -> GiveBack | None:
        """Return how the delivery goes back, or None once it may be run."""
        limited = task.options.limited
        assert limited is not None
        bound: Mapping[str, Any] = {}
        if limited.by is not None:
            try:
                bound = task.signature.bound(*task.signature.decode(envelope))
            except TaskError:
                return None  # the run itself says what is wrong with its arguments
        ask = limited.ask(task.name, run.delivery.id, self._worker_id, bound)
        if (leaving := self._leaving.get(ask.task_id)) is not None:
            await asyncio.wait([leaving])  # else it would take the permit of this run with it
        answer = await self._answer(run, ask)
        if not answer.granted:
            return self._later(run.delivery, ask, answer)
        run.has_permit = ask.concurrency is not None
        if run.has_permit:
            self._granted[ask.key] = self._runtime.clock.now()
        if answer.wait > 0:
            await asyncio.sleep(answer.wait)
        return None

    async def _answer(self, run: Run, ask: Ask) -> Answer:
        """Ask. Where the run is interrupted meanwhile, what is granted after all goes back then."""
        asked = asyncio.ensure_future(self._asks.ask(ask))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            if ask.concurrency is not None:
                asked.add_done_callback(lambda _: self.release(run))  # nothing is there to release: no harm
            raise

    def release(self, run: Run) -> None:
        """Give the permit of a run back, soon."""
        task_id = run.delivery.id
        task = asyncio.ensure_future(self._releases.ask(task_id))
        self._leaving[task_id] = task
        task.add_done_callback(lambda done: self._released(task_id, done))

    def close(self) -> None:
        """Ask no more. Permits that are not given back yet end with the announcement of the worker."""
        self._asks.close()
        self._releases.close()

    def _released(self, task_id: str, task: asyncio.Task[Any]) -> None:
        if self._leaving.get(task_id) is task:
            del self._leaving[task_id]
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._runtime.log.error("a permit could not be given back: %s", exc)

    async def _ask(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        backoff = Backoff()
        while True:
            try:
                return await self._config.admit(asks, PATIENCE)
            except BackendError as exc:
                self._runtime.log.warning("the limits cannot be asked: %s", exc)
                await backoff.sleep()

    async def _release(self, ids: Sequence[str]) -> Sequence[None]:
        backoff = Backoff()
        while True:
            try:
                await self._config.release(self._worker_id, ids)
            except BackendError as exc:
                self._runtime.log.warning("%d permits wait to be given back: %s", len(ids), exc)
                await backoff.sleep()
            else:
                return [None] * len(ids)

    def _later(self, delivery: Delivery, ask: Ask, answer: Answer) -> GiveBack:
        now = self._runtime.clock.now()
        if answer.wait > 0 and ask.interval is not None:
            delay = self._turn(ask.key, ask.interval, now, answer.wait)
        else:
            if len(self._granted) > MOST_KEYS:
                self._granted.clear()
            since = now - self._granted.setdefault(ask.key, now)
            step = min(SLOWEST, max(FASTEST, SHARE * since))
            delay = self._turn(ask.key, step, now, step)
        return GiveBack(delivery.id, delivery.token, GiveBackReason.LIMITED, delay)

    def _turn(self, key: str, interval: float, now: float, wait: float) -> float:
        """Return the seconds until this one asks again: each a start later than the one before it."""
        if len(self._turns) > MOST_KEYS:
            self._turns.clear()
        turn = max(self._turns.get(key, 0.0) + interval, now + wait)
        if turn - now > LONGEST:
            return LONGEST * random.uniform(0.5, 1.0)
        self._turns[key] = turn
        return turn - now
