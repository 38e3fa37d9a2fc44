"""The life cycle of a worker process: config → storage → broker → worker, and back."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from qtasks.errors import ConfigError, UsageError
from qtasks.lifecycle import tell
from qtasks.plugins.events import StarterStart, StarterStop
from qtasks.protocols import Broker
from qtasks.worker.engine import STOP_TIME, AsyncWorker
from qtasks.worker.signals import stop_on_signals

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.runtime import Runtime


class AsyncStarter:
    """Starts everything, waits until told to stop, stops everything in reverse.

    Args:
        name: Name of the app; only to be checked against it.
        worker: The app's own worker.
        broker: The app's own broker.
        signals: Whether SIGTERM and SIGINT stop it; False leaves them to the program around it.
    """

    def __init__(
        self,
        name: str | None = None,
        worker: AsyncWorker | None = None,
        broker: Broker | None = None,
        *,
        signals: bool = True,
    ) -> None:
        self.signals = signals
        self.name = name
        self.worker = worker
        self.broker = broker
        self._app: QueueTasks | None = None
        self._requests = 0
        self._asked: asyncio.Event | None = None

    def attach(self, app: QueueTasks) -> None:
        """Take the app whose parts these are.

        Raises:
            ConfigError: The starter holds a worker or broker that is not the app's own.
        """
        if self.name is not None and self.name != app.name:
            raise ConfigError(f"a starter with name={self.name!r} is given to the app {app.name!r}")
        if self.broker is not None and self.broker is not app.broker:
            raise ConfigError("the starter holds another broker than the app; give both the same one")
        if self.worker is not None and self.worker is not app.worker:
            raise ConfigError("the starter holds another worker than the app; give both the same one")
        self._app, self.worker, self.broker = app, app.worker, app.broker

    async def run(self) -> None:
        """Work until `request_stop`, a signal or the cancellation of this call.

        Raises:
            UsageError: The starter belongs to no app, or runs already.
            BackendError: The backend cannot be reached at the start.
        """
        app, worker = self._app, self.worker
        if app is None or worker is None:
            raise UsageError("start through the app: app.run_forever(starter=…) or `await app.run(starter)`")
        if self._asked is not None:
            raise UsageError("this starter runs already; `request_stop()` ends it")
        self._asked, self._requests = asyncio.Event(), 0
        try:
            patience = app.config.grace + STOP_TIME
            hears = stop_on_signals(self.request_stop, app.log, patience) if self.signals else nullcontext()
            with hears:
                await self._work(app, worker)
        finally:
            self._asked = None

    def request_stop(self) -> None:
        """Ask `run` to end gracefully; a second time ends the grace period."""
        self._requests += 1
        if self._asked is not None:
            self._asked.set()
        if self._requests > 1 and self.worker is not None:
            self.worker.hurry()

    async def _work(self, app: QueueTasks, worker: AsyncWorker) -> None:
        runtime = await app.connect()
        await tell(runtime.triggers.starter_start, StarterStart, starter=self)
        await worker.start(runtime)
        try:
            self._greet(runtime, worker)
            await self._until_asked(worker)
        finally:
            try:
                await worker.stop(0.0 if self._requests > 1 else None)
            finally:
                await tell(runtime.triggers.starter_stop, StarterStop, starter=self)
                runtime.log.info("stopped")

    def _greet(self, runtime: Runtime, worker: AsyncWorker) -> None:
        app, info = self._app, worker.info
        assert app is not None
        assert info is not None
        runtime.log.info(
            "app %s works on %s: queues %s, %d slots, %d tasks known, worker %s",
            app.name,
            app.place,
            ",".join(info.queues),
            info.slots,
            len(runtime.registry),
            info.id,
        )

    async def _until_asked(self, worker: AsyncWorker) -> None:
        assert self._asked is not None
        assert worker.failed is not None
        asked = asyncio.create_task(self._asked.wait())
        ends: set[asyncio.Future[Any]] = {asked, worker.failed}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if worker.failed.done():
            worker.failed.result()
