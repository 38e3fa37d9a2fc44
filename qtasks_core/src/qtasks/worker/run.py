"""One delivery: decode, hooks, body, outcome."""

from __future__ import annotations

import asyncio
import inspect
from asyncio.tasks import _unregister_task  # documented: docs.python.org/3/library/asyncio-extending.html
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from qtasks.errors import DecodeError, PluginError
from qtasks.models import Delivery, GiveBack, GiveBackReason, Outcome, Token
from qtasks.plugins.events import (
    ArgsReplace,
    ExecuteBefore,
    ExecutorAfter,
    ExecutorBefore,
    ResultReplace,
    TaskErrored,
)
from qtasks.protocols import Worker
from qtasks.registry import TaskDefinition
from qtasks.runtime import Runtime
from qtasks.serialization import Envelope, decode_envelope, describe
from qtasks.worker import outcomes, verdict
from qtasks.worker.held import Held
from qtasks.worker.settle import Settler
from qtasks.worker.slots import Slots
from qtasks.worker.threads import Job, Threads

ABANDON_AFTER = 1.0
"""Seconds that a body has to end once it was interrupted; then its slot is filled anew without it."""


class Cause(Enum):
    """Why the worker interrupts a body."""

    TIMEOUT = "timeout"
    LOST = "lost"
    STOPPED = "stopped"


class StoppedIterationError(Exception):
    """Carries the StopIteration of a body out of coroutines."""

    def __init__(self, error: StopIteration) -> None:
        super().__init__()
        self.error = error


class Run:
    """A delivery that is being run. It leaves its slot exactly once."""

    __slots__ = ("cause", "delivery", "extra", "job", "left", "started_at", "task", "timer")

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.cause: Cause | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.started_at: float | None = None
        self.extra: dict[str, Any] | None = None
        """The extra keywords of the task as plugins have left them; None is as registered."""
        self.left = False


class Runner:
    """Runs deliveries, each in a task of the loop, and hands their outcomes to the settler."""

    def __init__(self, runtime: Runtime, slots: Slots, held: Held, settler: Settler, worker: Worker) -> None:
        self._runtime = runtime
        self._slots = slots
        self._held = held
        self._settler = settler
        self._worker = worker
        self._threads = Threads()
        self._runs: dict[str, Run] = {}
        self._loop = asyncio.get_running_loop()

    def start(self, deliveries: Sequence[Delivery]) -> None:
        """Run a fetched batch; each has a slot already."""
        create_task = self._loop.create_task
        for delivery in deliveries:
            run = Run(delivery)
            self._runs[delivery.id] = run
            run.task = create_task(self._run(run))

    def lost(self, lost: Sequence[tuple[str, Token]]) -> None:
        """Interrupt what belongs to somebody else now; its outcome is discarded."""
        for task_id, token in lost:
            run = self._runs.get(task_id)
            if run is not None and run.delivery.token == token:
                self._runtime.log.warning("the lease on %s was lost; its run is interrupted", task_id)
                self._interrupt(run, Cause.LOST)

    def stop_all(self) -> None:
        """Interrupt everything and give it back."""
        for run in list(self._runs.values()):
            self._interrupt(run, Cause.STOPPED)

    def abandon_all(self) -> None:
        """Give back what did not end when it was interrupted."""
        for run in list(self._runs.values()):
            self._leave_interrupted(run, Cause.STOPPED)
            _let_go(run)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()

    async def _run(self, run: Run) -> None:
        try:
            outcome = await self._outcome(run)
        except PluginError:
            self._runtime.log.exception("%s goes back to its queue", run.delivery.id)
            self._leave(run, verdict.after_fault(run.delivery))
        except BaseException as exc:  # noqa: BLE001 - nothing that a task does ends the worker
            self._leave_after(run, exc)
        else:
            self._leave(run, None if run.cause is Cause.LOST else outcome)

    async def _outcome(self, run: Run) -> Outcome | GiveBack:
        runtime, delivery = self._runtime, run.delivery
        reason = verdict.why_not_run(delivery, runtime.config, runtime.clock.now())
        if reason is not None:
            return outcomes.dead(runtime, delivery, reason)
        task = runtime.registry.get(delivery.task)
        if task is None:
            answer = verdict.unknown_name(delivery, runtime.config, runtime.clock.now())
            return outcomes.dead(runtime, delivery, answer) if isinstance(answer, str) else answer
        try:
            envelope = decode_envelope(delivery.body)
        except DecodeError as exc:
            return outcomes.dead(runtime, delivery, f"undecodable: {exc}")
        if (hook := runtime.triggers.worker_execute_before) is not None:
            extra = dict(task.options.extra)
            event = ExecuteBefore(worker=self._worker, task_broker=delivery, task_func=task, extra=extra)
            run.extra = (await hook(event)).extra
        run.started_at = runtime.clock.now()
        return await self._attempt(run, task, envelope)

    async def _attempt(self, run: Run, task: TaskDefinition, envelope: Envelope) -> Outcome | GiveBack:
        try:
            value = await self._call(run, task, envelope)
            _disarm(run)
            if run.cause is Cause.TIMEOUT:
                raise _timed_out(task, envelope)  # noqa: TRY301 - a body that swallowed its interruption
            return outcomes.success(self._runtime, task, run.delivery, run.started_at or 0.0, value)
        except BaseException as exc:
            _disarm(run)
            if run.cause is Cause.LOST or run.cause is Cause.STOPPED:
                raise
            error = exc.error if isinstance(exc, StoppedIterationError) else exc
            if run.cause is Cause.TIMEOUT:
                error = _timed_out(task, envelope)
            return await self._failed(run, task, envelope, error)

    async def _call(self, run: Run, task: TaskDefinition, envelope: Envelope) -> Any:
        triggers = self._runtime.triggers
        args, kwargs = task.signature.decode(envelope)
        limit = task.options.max_time if envelope.max_time is None else envelope.max_time
        if limit is not None:
            run.timer = self._loop.call_later(limit, self._interrupt, run, Cause.TIMEOUT)
        if triggers.task_executor_args_replace is not None:
            event = await triggers.task_executor_args_replace(self._args_event(run, task, args, kwargs))
            args, kwargs = list(event.args), dict(event.kwargs)
        if triggers.task_executor_before_execute is not None:
            await triggers.task_executor_before_execute(
                ExecutorBefore(task_executor=self, task_func=task, task_broker=run.delivery)
            )
        value = await (
            task.function(*args, **kwargs) if task.is_async else self._in_thread(run, task, args, kwargs)
        )
        if triggers.task_executor_after_execute is not None:
            await triggers.task_executor_after_execute(
                ExecutorAfter(task_executor=self, task_func=task, task_broker=run.delivery)
            )
        if triggers.task_executor_after_execute_result_replace is not None:
            replaced = await triggers.task_executor_after_execute_result_replace(
                ResultReplace(task_executor=self, task_func=task, task_broker=run.delivery, result=value)
            )
            value = replaced.result
        return value

    def _args_event(
        self, run: Run, task: TaskDefinition, args: list[Any], kwargs: dict[str, Any]
    ) -> ArgsReplace:
        return ArgsReplace(
            task_executor=self,
            task_func=task,
            task_broker=run.delivery,
            args=args,
            kwargs=kwargs,
            args_info=task.signature.args_info(args, kwargs),
            extra=dict(task.options.extra) if run.extra is None else run.extra,
        )

    async def _in_thread(
        self, run: Run, task: TaskDefinition, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        run.job = self._threads.submit(lambda: task.function(*args, **kwargs))
        value, error = await run.job.future
        if isinstance(error, StopIteration):
            raise StoppedIterationError(error)  # a coroutine that raises it says RuntimeError instead
        if error is not None:
            raise error
        return await value if inspect.isawaitable(value) else value

    async def _failed(
        self, run: Run, task: TaskDefinition, envelope: Envelope, error: BaseException
    ) -> Outcome:
        runtime, delivery = self._runtime, run.delivery
        policy = task.options.retry
        if envelope.retry is not None:
            policy = replace(policy, retries=envelope.retry)
        delay = outcomes.retry_delay(policy, delivery, error)
        if runtime.triggers.worker_task_error_retry is not None:
            delay = await self._asked_for_retry(run, task, error, delay)
        if delay is not None:
            return outcomes.retry(runtime, delivery, run.started_at, error, delay)
        runtime.log.warning("task %s (%s) failed: %s", task.name, delivery.id, type(error).__name__)
        return outcomes.failure(runtime, task, delivery, run.started_at, error)

    async def _asked_for_retry(
        self, run: Run, task: TaskDefinition, error: BaseException, delay: float | None
    ) -> float | None:
        """Return the delay that plugins want. One that fails has no say: the body is not run anew for it."""
        hook = self._runtime.triggers.worker_task_error_retry
        assert hook is not None
        try:
            answer = await hook(self._error_event(run, task, error))
        except PluginError:
            self._runtime.log.exception("%s keeps its own retry rules", run.delivery.id)
            return delay
        if answer is None:
            return delay
        return answer.delay if answer.retry else None

    def _error_event(self, run: Run, task: TaskDefinition, error: BaseException) -> TaskErrored:
        return TaskErrored(
            worker=self._worker,
            broker=self._runtime.dispatch.broker,
            task_func=task,
            task_broker=run.delivery,
            error=error,
            attempt=run.delivery.token.attempt,
            trace=describe(error).traceback,
        )

    def _interrupt(self, run: Run, cause: Cause) -> None:
        """Cancel an async body, raise in the thread of another, and give up one that does not end."""
        if run.left or run.cause not in {None, Cause.LOST}:
            return
        if run.cause is Cause.LOST:
            self._overdue(run, cause)
            return
        run.cause = cause
        if run.job is not None and not run.job.future.done():
            if cause is not Cause.LOST:  # one that lost its lease runs out
                run.job.interrupt(TimeoutError if cause is Cause.TIMEOUT else asyncio.CancelledError)
        elif run.task is not None:
            run.task.cancel()
        if cause is Cause.TIMEOUT:
            run.timer = self._loop.call_later(ABANDON_AFTER, self._abandon, run)

    def _overdue(self, run: Run, cause: Cause) -> None:
        """End a body whose lease is lost already: nothing is recorded, only its slot comes back."""
        if run.job is None or cause is Cause.LOST:
            return
        run.job.interrupt(TimeoutError)
        run.timer = self._loop.call_later(ABANDON_AFTER, self._leave, run, None)

    def _abandon(self, run: Run) -> None:
        """Record the time-out of a body that goes on all the same, and fill its slot anew."""
        if run.left:
            return
        task = self._runtime.registry[run.delivery.task]
        self._runtime.log.error(
            "task %s (%s) does not end at its max_time; it is abandoned", task.name, run.delivery.id
        )
        _let_go(run)
        limit = TimeoutError(f"task {task.name!r} ran longer than its max_time and could not be interrupted")
        self._leave(run, outcomes.failure(self._runtime, task, run.delivery, run.started_at, limit))

    def _leave_after(self, run: Run, error: BaseException) -> None:
        if run.cause is not None:
            self._leave_interrupted(run, run.cause)
        else:
            self._runtime.log.error("%s goes back to its queue", run.delivery.id, exc_info=error)
            self._leave(run, verdict.after_fault(run.delivery))

    def _leave_interrupted(self, run: Run, cause: Cause) -> None:
        if cause is Cause.LOST:
            self._leave(run, None)
        else:
            self._leave(run, GiveBack(run.delivery.id, run.delivery.token, GiveBackReason.STOPPED))

    def _leave(self, run: Run, end: Outcome | GiveBack | None) -> None:
        """Free the slot of a run, once; what ends later is discarded."""
        if run.left:
            return
        run.left = True
        if run.timer is not None:
            run.timer.cancel()
        if self._runs.get(run.delivery.id) is run:
            del self._runs[run.delivery.id]
        if isinstance(end, Outcome):
            self._slots.body_ended()
            self._settler.add(end)
        else:
            self._slots.dropped()
            if end is None:
                self._held.drop((run.delivery,))
            else:
                self._settler.give_back(end)


def _disarm(run: Run) -> None:
    """The body has ended: its time is not up any more, however long hooks take."""
    if run.timer is not None:
        run.timer.cancel()


def _let_go(run: Run) -> None:
    """Let the end of the loop not wait for a coroutine that refuses to be cancelled: `asyncio.run` would."""
    if run.task is not None and run.job is None:
        _unregister_task(run.task)


def _timed_out(task: TaskDefinition, envelope: Envelope) -> TimeoutError:
    limit = task.options.max_time if envelope.max_time is None else envelope.max_time
    return TimeoutError(f"task {task.name!r} ran longer than its max_time of {limit:g} s")
