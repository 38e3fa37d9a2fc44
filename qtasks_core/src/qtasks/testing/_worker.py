"""A worker inside a test: without signals, with the real exceptions of its bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import structs

from qtasks.lifecycle import tell
from qtasks.plugins.events import RetryAnswer, StarterStart, StarterStop, TaskErrored
from qtasks.queues import Weights
from qtasks.testing._recording import LONG_LEASE, copy_of

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.runtime import Runtime

GRACE: Final = 2.0
"""Seconds that bodies have which still run at the end of a test."""

Errors = dict[str, BaseException]
"""The last exception of each task, by its id."""


class _Noting:
    """Notes what a body has raised, and leaves the answer to the plugins."""

    def __init__(self, inner: Any, errors: Errors) -> None:
        self._inner = inner
        self._errors = errors

    async def __call__(self, event: TaskErrored) -> RetryAnswer | None:
        self._errors[event.task_broker.id] = event.error
        return None if self._inner is None else cast("RetryAnswer | None", await self._inner(event))


def prepared(runtime: Runtime, errors: Errors, **changes: Any) -> Runtime:
    """Return a runtime for a worker of a test: with these settings, noting the exceptions of bodies."""
    triggers = runtime.triggers
    noting = _Noting(triggers.worker_task_error_retry, errors)
    return replace(
        runtime,
        config=copy_of(runtime.config, lease=LONG_LEASE, **changes),
        triggers=structs.replace(triggers, worker_task_error_retry=noting),
    )


def queues_of(app: QueueTasks, used: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the queues of the settings, with their weights, and those that tasks or messages name."""
    configured = tuple(app.config.queues)
    named = [definition.options.queue for definition in app.tasks.values()]
    others = dict.fromkeys([*named, *used])
    known = Weights.of(configured).names
    return (*configured, *(name for name in others if name not in known))


@asynccontextmanager
async def working(app: QueueTasks, runtime: Runtime) -> AsyncIterator[None]:
    """Let the worker of the app work; it must be connected in the running loop."""
    worker = app.worker
    await worker.start(runtime)
    try:
        yield
    finally:
        await worker.stop(min(GRACE, runtime.config.grace))


class TestStarter:
    """Runs the worker of an app until told to stop, in any thread; signals stay with the test.

    Args:
        app: Whose worker runs.
        errors: Where exceptions of bodies are noted.
    """

    __test__ = False  # its name makes pytest think of a test class

    def __init__(self, app: QueueTasks, errors: Errors) -> None:
        self._app = app
        self._errors = errors
        self._asked = asyncio.Event()
        self.started = asyncio.Event()
        """Set once the worker works."""

    async def run(self) -> None:
        """Work until `request_stop`; raises what ends the worker otherwise."""
        runtime = await self._app.connect()
        await tell(runtime.triggers.starter_start, StarterStart, starter=self)
        try:
            async with working(self._app, prepared(runtime, self._errors, queues=queues_of(self._app))):
                self.started.set()
                await self._until_asked()
        finally:
            await tell(runtime.triggers.starter_stop, StarterStop, starter=self)

    def request_stop(self) -> None:
        """Ask `run` to end."""
        self._asked.set()

    async def _until_asked(self) -> None:
        failed = self._app.worker.failed
        assert failed is not None
        asked = asyncio.ensure_future(self._asked.wait())
        ends: set[asyncio.Future[Any]] = {asked, failed}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if failed.done():
            failed.result()
