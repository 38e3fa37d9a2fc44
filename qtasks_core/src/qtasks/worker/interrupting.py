"""How a body is ended before it ends by itself, and what becomes of one that does not.

A coroutine is cancelled, a thread gets an exception, a process is killed. What goes on all the same is
abandoned: its outcome is recorded, its slot filled anew, and what it returns later is ignored.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _unregister_task  # documented: docs.python.org/3/library/asyncio-extending.html
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from qtasks.models import GiveBack, GiveBackReason, Outcome
from qtasks.options import Ack, Executor
from qtasks.worker import outcomes
from qtasks.worker.run import Cause, Run

if TYPE_CHECKING:
    from qtasks.registry import TaskDefinition
    from qtasks.runtime import Runtime

ABANDON_AFTER: Final = 1.0
"""Seconds that a body has to end once it was interrupted; then its slot is filled anew without it."""

_ELSEWHERE: Final = (Executor.THREAD, Executor.PROCESS)
"""Where bodies cannot hold up the loop."""

_RAISED: Final = {
    Cause.TIMEOUT: TimeoutError,
    Cause.CANCELLED: asyncio.CancelledError,
    Cause.STOPPED: asyncio.CancelledError,
    Cause.LOST: asyncio.CancelledError,
}

Leave = Callable[[Run, "Outcome | GiveBack | None"], None]


class Interrupter:
    """Ends the bodies of one worker early.

    Args:
        runtime: The app.
        leave: Called with a run that has to leave its slot, and with its end.
        on_abandoned: Called with a run whose thread goes on.
    """

    def __init__(self, runtime: Runtime, leave: Leave, on_abandoned: Callable[[Run], None]) -> None:
        self._runtime = runtime
        self._leave = leave
        self._on_abandoned = on_abandoned
        self._loop = asyncio.get_running_loop()

    def arm(self, run: Run, seconds: float) -> None:
        """Interrupt it after so many seconds."""
        run.timer = self._loop.call_later(seconds, self.interrupt, run, Cause.TIMEOUT)

    def interrupt(self, run: Run, cause: Cause, reason: str = "") -> None:
        """End a body; the first cause is the one that counts, but a cancellation more than a stop."""
        if run.cause is Cause.STOPPED and cause is Cause.CANCELLED and not (run.left or run.is_closing):
            run.cause, run.reason = cause, reason  # it is being ended; only what becomes of it is another
            return
        if run.left or run.cause not in {None, Cause.LOST}:
            return
        if run.is_closing and cause is Cause.CANCELLED:
            return
        if run.cause is Cause.LOST:
            self._overdue(run, cause)
            return
        run.cause, run.reason = cause, reason
        if run.definition is None:  # it has not begun: its first step looks at the cause
            return
        job = None if run.job is None or run.job.future.done() else run.job
        if cause is Cause.LOST and job is not None and job.runs_out:
            return  # until its time is up
        run.disarm()
        if job is not None:
            job.interrupt(_RAISED[cause])
        elif run.task is not None:
            run.task.cancel()
        if cause is not Cause.STOPPED:
            run.timer = self._loop.call_later(ABANDON_AFTER, self._abandon, run)

    def check_time(self, run: Run) -> None:
        """End a body that has held up the loop beyond its time: nothing else could interrupt it.

        Raises:
            TimeoutError: Its time is up.
        """
        if run.is_overdue(self._loop.time()):
            run.disarm()
            run.cause = Cause.TIMEOUT
            raise TimeoutError

    def returned(self, run: Run, task: TaskDefinition) -> None:
        """Let the time of a body that returned count no more.

        Raises:
            TimeoutError: It was on the loop, which could not end it at its time.
        """
        if task.executor not in _ELSEWHERE:
            self.check_time(run)
        run.disarm()

    def leave(self, run: Run, cause: Cause) -> None:
        """Take a run out of its slot that was interrupted for this cause."""
        if cause is Cause.LOST:
            self._leave(run, None)
        elif cause is Cause.CANCELLED:
            self._leave(run, self._cancelled(run))
        else:
            self._leave(run, self._stopped(run))

    def give_up(self, run: Run) -> None:
        """Take a run out of its slot that did not end when it was interrupted, at the stop of the worker."""
        self.leave(run, run.cause or Cause.STOPPED)
        _let_go(run)

    def _stopped(self, run: Run) -> Outcome | GiveBack:
        delivery, task = run.delivery, run.definition
        if task is not None and task.options.ack is Ack.EARLY and run.started_at is not None:
            return outcomes.dead(self._runtime, delivery, "its worker was stopped while it ran (ack='early')")
        return GiveBack(delivery.id, delivery.token, GiveBackReason.STOPPED)

    def _cancelled(self, run: Run) -> Outcome:
        return outcomes.cancelled(self._runtime, run.definition, run.delivery, run.started_at, run.reason)

    def _overdue(self, run: Run, cause: Cause) -> None:
        """End a body whose lease is lost already: nothing is recorded, only its slot comes back."""
        if run.job is None or cause is Cause.LOST:
            return
        run.job.interrupt(_RAISED[cause])
        run.timer = self._loop.call_later(ABANDON_AFTER, self._leave, run, None)

    def _abandon(self, run: Run) -> None:
        """Record the end of a body that goes on all the same, and fill its slot anew."""
        if run.left:
            return
        runtime, task = self._runtime, run.definition
        if run.cause is Cause.LOST:
            _let_go(run)
            self._leave(run, None)
            return
        assert task is not None  # only what has begun is interrupted
        runtime.log.error(
            "task %s (%s) does not end when it is told to; it is abandoned", task.name, run.delivery.id
        )
        _let_go(run)
        self._on_abandoned(run)
        if run.cause is Cause.CANCELLED:
            self._leave(run, self._cancelled(run))
            return
        limit = TimeoutError(f"task {task.name!r} ran longer than its max_time and could not be interrupted")
        self._leave(run, outcomes.failure(runtime, task, run.delivery, run.started_at, limit))


def _let_go(run: Run) -> None:
    """Let the end of the loop not wait for a coroutine that refuses to be cancelled: `asyncio.run` would."""
    if run.task is not None and run.job is None:
        _unregister_task(run.task)
