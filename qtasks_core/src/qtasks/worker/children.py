"""Bodies of `executor="process"`: what goes to a child process, and what its answer means."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from qtasks.errors import TaskCancelError, TaskPluginTriggerError
from qtasks.serialization import decode_value, encode_envelope
from qtasks.worker.outcomes import RemoteError
from qtasks.worker.processes import Item, ProcessEnd, Processes, ProcessWork, Said

if TYPE_CHECKING:
    from qtasks.registry import TaskDefinition
    from qtasks.runtime import Runtime
    from qtasks.worker.reporting import Reporter
    from qtasks.worker.run import Run


class Children:
    """Runs the bodies of one worker that want a process of their own."""

    def __init__(self, runtime: Runtime, reporter: Reporter) -> None:
        self._runtime = runtime
        self._reporter = reporter
        self._processes: Processes | None = None
        self._home: str | None = None

    async def call(self, run: Run, task: TaskDefinition, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run the body in a process and return its value.

        Raises:
            RemoteError: It raised there, or the process died.
            TaskCancelError: It called `ctx.cancel`.
            TaskPluginTriggerError: It called `ctx.plugin_error`.
            EncodeError: An argument that a plugin has put in cannot be sent to a process.
        """
        if self._processes is None:
            self._processes = Processes(self._runtime.log)
            self._home = self._runtime.home_module()
        job = self._processes.submit(
            self._work(run, task, args, kwargs),
            lambda said: self._hear(run, said),
            task.options.retry.on,
        )
        run.job = job
        return _value(await job.future)

    def say_stopping(self) -> None:
        """Let bodies know that the worker was told to stop."""
        if self._processes is not None:
            self._processes.say_stopping()

    def close(self) -> None:
        """End the processes."""
        if self._processes is not None:
            self._processes.close()

    def _work(
        self, run: Run, task: TaskDefinition, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> ProcessWork:
        delivery = run.delivery
        body = encode_envelope(
            id=delivery.id,
            task=task.name,
            args=args,
            kwargs=kwargs,
            created=delivery.created_at,
            headers=None if run.secrets is None else run.secrets.headers(args, kwargs),
            names=task.signature.names,
        )
        return ProcessWork(
            module=task.function.__module__,
            qualname=task.function.__qualname__,
            home=self._home,
            task=task.name,
            body=body,
            url=self._runtime.url,
            max_memory=task.options.max_memory,
            delivery=structs.replace(delivery, body=b""),
            is_async=task.is_async,
        )

    def _hear(self, run: Run, said: Said) -> asyncio.Future[None] | None:
        if isinstance(said, Item):
            self._reporter.item(run, said.value)
        else:
            self._reporter.progress(run, said.share, said.note)
        if not self._reporter.is_crowded(run):
            return None
        return asyncio.ensure_future(self._reporter.written(run))


def _value(end: ProcessEnd) -> Any:
    if end.cancelled is not None:
        raise TaskCancelError(end.cancelled)
    if end.trigger is not None:
        raise TaskPluginTriggerError(**decode_value(end.trigger))
    if end.failure is not None:
        raise RemoteError(end.failure, retryable=end.retryable)
    assert end.value is not None  # exactly one of the four is there
    return decode_value(end.value)
