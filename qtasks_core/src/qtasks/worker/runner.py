"""Deliveries in their slots: decode, hooks, body, outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from qtasks.errors import DecodeError, PluginError, TaskCancelError, TaskPluginTriggerError
from qtasks.models import Delivery, GiveBack, Outcome, Signal, Token
from qtasks.options import Ack
from qtasks.plugins.events import (
    ArgsReplace,
    ExecuteBefore,
    ExecutorAfter,
    ExecutorBefore,
    ResultReplace,
    TaskErrored,
    TriggerError,
)
from qtasks.printable import one_line
from qtasks.producer import said_of_result_ttl
from qtasks.protocols import Worker
from qtasks.registry import TaskDefinition
from qtasks.runtime import Runtime
from qtasks.serialization import Envelope, decode_envelope
from qtasks.worker import outcomes, verdict
from qtasks.worker.abandoned import Abandoned
from qtasks.worker.body import Bodies, StoppedIterationError
from qtasks.worker.chaining import send_next
from qtasks.worker.children import Children
from qtasks.worker.ending import tell_end, tell_fault, tell_loss
from qtasks.worker.held import Held
from qtasks.worker.hiding import Secrets, texts_in
from qtasks.worker.interrupting import Interrupter
from qtasks.worker.limiting import Limiter
from qtasks.worker.reporting import Reporter
from qtasks.worker.run import Cause, Run
from qtasks.worker.settle import Settler
from qtasks.worker.slots import Slots
from qtasks.worker.threads import Threads


class Runner:
    """Runs deliveries, each in a task of the loop, and hands their outcomes to the settler."""

    def __init__(
        self, runtime: Runtime, slots: Slots, held: Held, settler: Settler, worker: Worker, worker_id: str
    ) -> None:
        self._runtime = runtime
        self._slots = slots
        self._held = held
        self._settler = settler
        self._worker = worker
        self._runs: dict[str, Run] = {}
        self._wished: dict[str, Signal] = {}
        """Wishes for what was fetched and has not been started yet."""
        self._loop = asyncio.get_running_loop()
        self.abandoned = Abandoned(runtime)
        self.limiter = Limiter(runtime, worker_id)
        self._is_shutting_down = False
        self._reporter = Reporter(runtime)
        self._threads = Threads()
        self._children = Children(runtime, self._reporter)
        self._interrupter = Interrupter(runtime, self._leave, self.abandoned.add)
        self._bodies = Bodies(
            runtime,
            self._threads,
            self._children,
            self._reporter,
            lambda: self._is_shutting_down,
            self._interrupter.check_time,
        )

    @property
    def names(self) -> list[str]:
        """The tasks that run now, for people."""
        # list() of a dict view is one step of the interpreter: the watchdog asks from its thread.
        runs = list(self._runs.values())
        return sorted(f"{one_line(run.delivery.task)} ({run.delivery.id})" for run in runs)

    def start(self, deliveries: Sequence[Delivery]) -> None:
        """Run a fetched batch; each has a slot already."""
        create_task = self._loop.create_task
        for delivery in deliveries:
            run = Run(delivery)
            self._runs[delivery.id] = run
            run.task = create_task(self._run(run))
        if self._wished:
            wished, self._wished = self._wished, {}
            self.cancel(list(wished.values()))

    def lost(self, lost: Sequence[tuple[str, Token]]) -> None:
        """Interrupt what belongs to somebody else now; its outcome is discarded."""
        for task_id, token in lost:
            run = self._runs.get(task_id)
            if run is not None and run.delivery.token == token:
                self._runtime.log.warning("the lease on %s was lost; its run is interrupted", task_id)
                self._interrupter.interrupt(run, Cause.LOST)

    def cancel(self, signals: Sequence[Signal]) -> None:
        """Interrupt what somebody wishes to be cancelled."""
        for signal in signals:
            run = self._runs.get(signal.id)
            if run is None:
                held = self._held.get(signal.id)
                if held is not None and held.token == signal.token:
                    self._wished[signal.id] = signal  # it was fetched, and is started in a moment
            elif run.delivery.token == signal.token:
                self._interrupter.interrupt(run, Cause.CANCELLED, signal.reason)

    def say_stopping(self) -> None:
        """Let bodies know that the worker was told to stop: `ctx.shutting_down`."""
        self._is_shutting_down = True
        self._children.say_stopping()

    def stop_all(self) -> None:
        """Interrupt everything and give it back."""
        for run in list(self._runs.values()):
            self._interrupter.interrupt(run, Cause.STOPPED)

    def abandon_all(self) -> None:
        """Give back what did not end when it was interrupted."""
        for run in list(self._runs.values()):
            self._interrupter.give_up(run)

    def close(self) -> None:
        """Let threads and processes end."""
        self._threads.close()
        self._children.close()
        self._reporter.close()

    async def _run(self, run: Run) -> None:
        if run.cause is not None:  # before its first step
            run.definition = self._runtime.registry.get(run.delivery.task)
            self._interrupter.leave(run, run.cause)
            return
        try:
            outcome = await self._outcome(run)
            if run.has_reported:
                run.is_closing = True
                await self._reporter.written(run)
        except PluginError as exc:
            tell_fault(self._runtime.log, run, "goes back to its queue", exc)
            self._leave(run, verdict.after_fault(run.delivery))
        except BaseException as exc:  # noqa: BLE001 - nothing that a task does ends the worker
            self._leave_after(run, exc)
        else:
            self._leave(run, None if run.cause is Cause.LOST else outcome)

    async def _outcome(self, run: Run) -> Outcome | GiveBack:
        runtime, delivery = self._runtime, run.delivery
        now = runtime.clock.now()
        task: TaskDefinition | None = runtime.registry.get(delivery.task)
        run.definition = task
        end = self._without_run(delivery, task, now)
        if end is not None:
            run.result_ttl = said_of_result_ttl(delivery.body)
            return end
        if task is None:
            return await self._unknown(delivery, now)
        if delivery.losses:
            tell_loss(runtime.log, delivery)
        try:
            envelope = decode_envelope(delivery.body)
        except DecodeError as exc:
            return outcomes.dead(runtime, delivery, f"undecodable: {exc}")
        run.result_ttl = envelope.result_ttl
        run.secrets = Secrets.of(envelope, task.signature)
        if task.options.limited is not None:
            refused = await self._refused(run, task, envelope)
            if refused is not None:
                return refused
        if (hook := runtime.triggers.worker_execute_before) is not None:
            extra = dict(task.options.extra)
            event = ExecuteBefore(worker=self._worker, task_broker=delivery, task_func=task, extra=extra)
            run.extra = (await hook(event)).extra
        run.started_at = runtime.clock.now()
        try:
            args, kwargs = task.signature.decode(envelope)
        except Exception as exc:  # noqa: BLE001 - they do not fit, however often it is tried
            return outcomes.failure(runtime, task, delivery, run.started_at, exc, texts_in(run.secrets))
        return await self._attempt(run, task, envelope, args, kwargs)

    async def _refused(self, run: Run, task: TaskDefinition, envelope: Envelope) -> Outcome | GiveBack | None:
        """Return what becomes of a delivery that its limits do not let run now; None where they do."""
        try:
            return await self.limiter.admit(run, task, envelope)
        except Exception as exc:  # noqa: BLE001 - `limit_by` is of the user: what it raises is as the body's
            return await self._failed(run, task, envelope, exc)

    def _without_run(self, delivery: Delivery, task: TaskDefinition | None, now: float) -> Outcome | None:
        """Return the outcome of what is not to be run; None of what is."""
        if delivery.cancel is not None:
            return outcomes.cancelled(self._runtime, task, delivery, None, delivery.cancel)
        is_once = task is not None and task.options.ack is Ack.EARLY
        reason = verdict.why_not_run(delivery, self._runtime.config, now, is_once=is_once)
        return None if reason is None else outcomes.dead(self._runtime, delivery, reason)

    async def _unknown(self, delivery: Delivery, now: float) -> Outcome | GiveBack:
        """Return what becomes of a delivery whose name this worker does not know."""
        answer = verdict.unknown_name(delivery, self._runtime.config, now)
        if isinstance(answer, GiveBack):
            return answer
        workers = await self._runtime.dispatch.storage.global_config.workers()
        if any(delivery.task in worker.tasks for worker in workers):
            return verdict.later_for_its_name(delivery)  # one that lives knows it, and will get it
        return outcomes.dead(self._runtime, delivery, answer)

    async def _attempt(
        self, run: Run, task: TaskDefinition, envelope: Envelope, args: list[Any], kwargs: dict[str, Any]
    ) -> Outcome | GiveBack:
        try:
            value = await self._call(run, task, envelope, args, kwargs)
            if run.cause is not None and run.cause is not Cause.LOST:
                # A body that swallowed its interruption.
                return await self._interrupted(run, task, envelope)
            outcome = outcomes.success(self._runtime, task, run.delivery, run.started_at or 0.0, value)
            if envelope.headers is not None:
                run.is_closing = True
                await send_next(self._runtime, envelope.headers, value)
        except BaseException as exc:
            run.disarm()
            if run.cause is Cause.LOST or run.cause is Cause.STOPPED:
                raise
            error = exc
        else:
            return outcome
        try:
            # Not in the handler: what a plugin raises here would bring what the body has raised into the log.
            return await self._raised(run, task, envelope, error)
        finally:
            del error  # it holds this frame

    async def _raised(
        self, run: Run, task: TaskDefinition, envelope: Envelope, error: BaseException
    ) -> Outcome:
        """Return the outcome of a run that ended with an exception."""
        if run.cause is not None:
            return await self._interrupted(run, task, envelope)
        if isinstance(error, TaskCancelError):
            reason = outcomes.reason_of(error, texts_in(run.secrets))
            return outcomes.cancelled(self._runtime, task, run.delivery, run.started_at, reason)
        if isinstance(error, StoppedIterationError):
            error = error.error
        return await self._failed(run, task, envelope, error)

    async def _interrupted(self, run: Run, task: TaskDefinition, envelope: Envelope) -> Outcome:
        """Return the outcome of a body that was interrupted, whatever it returned or raised then."""
        if run.cause is Cause.CANCELLED:
            return outcomes.cancelled(self._runtime, task, run.delivery, run.started_at, run.reason)
        if run.cause is Cause.STOPPED:
            raise asyncio.CancelledError
        return await self._failed(run, task, envelope, _timed_out(task, envelope))

    async def _call(
        self, run: Run, task: TaskDefinition, envelope: Envelope, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        triggers = self._runtime.triggers
        limit = task.options.max_time if envelope.max_time is None else envelope.max_time
        if limit is not None:
            self._interrupter.arm(run, limit)
        if triggers.task_executor_args_replace is not None:
            event = await triggers.task_executor_args_replace(self._args_event(run, task, args, kwargs))
            args, kwargs = list(event.args), dict(event.kwargs)
        if run.secrets is not None:
            run.secrets.tell_arguments(args, kwargs)
        if triggers.task_executor_before_execute is not None:
            await triggers.task_executor_before_execute(
                ExecutorBefore(task_executor=self, task_func=task, task_broker=run.delivery)
            )
        if task.is_simple and task.is_async and self._bodies.are_plain:
            value = await task.function(*args, **kwargs)
        else:
            value = await self._value(run, task, args, kwargs)
        if limit is not None:
            self._interrupter.returned(run, task)
        if run.secrets is not None:
            run.secrets.tell_result(value)
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

    async def _value(self, run: Run, task: TaskDefinition, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Return the value of a body; one that asks plugins for it gets theirs."""
        try:
            return await self._bodies.call(run, task, args, kwargs)
        except TaskPluginTriggerError as exc:
            hook = self._runtime.triggers.task_executor_run_task_trigger_error
            if hook is None:
                raise
            event = TriggerError(task_executor=self, task_func=task, task_broker=run.delivery, e=exc)
            answer = await hook(event)
            if answer is None:
                raise
            return answer.result

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
        secrets = texts_in(run.secrets)
        if delay is not None:
            return outcomes.retry(runtime, delivery, run.started_at, error, delay, secrets)
        return outcomes.failure(runtime, task, delivery, run.started_at, error, secrets)

    async def _asked_for_retry(
        self, run: Run, task: TaskDefinition, error: BaseException, delay: float | None
    ) -> float | None:
        """Return the delay that plugins want. One that fails has no say: the body is not run anew for it."""
        hook = self._runtime.triggers.worker_task_error_retry
        assert hook is not None
        try:
            answer = await hook(self._error_event(run, task, error))
        except PluginError as exc:
            tell_fault(self._runtime.log, run, "keeps its own retry rules", exc)
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
            trace=outcomes.in_words(error, texts_in(run.secrets)).traceback,
        )

    def _leave_after(self, run: Run, error: BaseException) -> None:
        if run.cause is not None:
            self._interrupter.leave(run, run.cause)
        else:
            tell_fault(self._runtime.log, run, "goes back to its queue", error)
            self._leave(run, verdict.after_fault(run.delivery))

    def _leave(self, run: Run, end: Outcome | GiveBack | None) -> None:
        """Free the slot of a run, once; what ends later is discarded."""
        if run.left:
            return
        run.left = True
        if run.timer is not None:
            run.disarm()
        if self._runs.get(run.delivery.id) is run:
            del self._runs[run.delivery.id]
        if run.has_permit and run.delivery.id not in self._runs:  # a younger run of it has the same permit
            self.limiter.release(run)
        if run.has_reported:
            self._reporter.forget(run)
        if isinstance(end, Outcome):
            if run.result_ttl is not None:
                end = outcomes.staying(end, run.result_ttl)
            self._slots.body_ended()
            self._settler.add(end)
        else:
            self._slots.dropped()
            if end is None:
                self._held.drop((run.delivery,))
            else:
                self._settler.give_back(end)
        tell_end(self._runtime.log, run.delivery, end)


def _timed_out(task: TaskDefinition, envelope: Envelope) -> TimeoutError:
    limit = task.options.max_time if envelope.max_time is None else envelope.max_time
    return TimeoutError(f"task {task.name!r} ran longer than its max_time of {limit:g} s")
