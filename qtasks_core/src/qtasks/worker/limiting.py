"""`rate_limit` and `concurrency`: may this delivery be run now?

What is refused goes back to its queue with a delay and counts for nothing: no attempt, no loss.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
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
SHORTEST: Final = 0.05
SHARE: Final = 0.1
"""One that waits for a free place asks again after this part of the time that it has waited already."""
LONGEST_FOR_A_PLACE: Final = 2.0
MOST_KEYS: Final = 10_000


class Limiter:
    """Asks the limits that all workers share, for one worker."""

    def __init__(self, runtime: Runtime, worker_id: str) -> None:
        self._runtime = runtime
        self._worker_id = worker_id
        self._config = runtime.dispatch.storage.global_config
        self._asks = Batches(self._ask)
        self._releases = Batches(self._release)
        self._releasing: set[asyncio.Task[None]] = set()
        self._turns: dict[str, float] = {}
        """When the last one that was refused under a key comes back."""

    async def admit(self, run: Run, task: TaskDefinition, envelope: Envelope) -> GiveBack | None:
        """Return how the delivery goes back, or None once it may be run."""
        limited = task.options.limited
        assert limited is not None
        try:
            args, kwargs = task.signature.decode(envelope)
            bound = task.bound(args, kwargs)
            ask = limited.ask(task.name, run.delivery.id, self._worker_id, bound)
        except TaskError:
            return None  # the run itself says what is wrong with its arguments
        run.has_permit = True
        answer = await self._asks.ask(ask)
        if not answer.granted:
            run.has_permit = False
            return self._later(run.delivery, ask, answer)
        if answer.wait > 0:
            await asyncio.sleep(answer.wait)
        return None

    def release(self, run: Run) -> None:
        """Give the permit of a run back, soon."""
        task = asyncio.ensure_future(self._releases.ask(run.delivery.id))
        self._releasing.add(task)
        task.add_done_callback(self._released)

    async def close(self, seconds: float) -> None:
        """Wait until the permits are given back, at most so long."""
        if self._releasing:
            await asyncio.wait(self._releasing, timeout=seconds)
        self._asks.close()
        self._releases.close()

    def _released(self, task: asyncio.Task[Any]) -> None:
        self._releasing.discard(task)
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
            waited = SHARE * (now - delivery.since)
            delay = min(LONGEST_FOR_A_PLACE, max(SHORTEST, waited)) * random.uniform(0.5, 1.0)
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
