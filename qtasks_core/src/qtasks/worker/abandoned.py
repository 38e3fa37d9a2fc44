"""Threads that go on although their task has ended: too many of them, and the worker must be replaced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from qtasks.errors import WorkerExhausted

if TYPE_CHECKING:
    from qtasks.runtime import Runtime
    from qtasks.worker.run import Run


class Abandoned:
    """The runs of one worker that were given up and have not ended yet."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._number = 0
        self.too_many: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with WorkerExhausted once there are `config.max_abandoned`."""

    def add(self, run: Run) -> None:
        """Count a run that goes on, until it ends."""
        going_on = run.job.future if run.job is not None else run.task
        if going_on is None or going_on.done():
            return
        self._number += 1
        going_on.add_done_callback(self._ended)
        most = self._runtime.config.max_abandoned
        if self._number >= most and not self.too_many.done():
            self.too_many.set_exception(
                WorkerExhausted(
                    f"{self._number} bodies go on although their tasks have ended (max_abandoned is {most}):"
                    f" the worker stops, so that a new process can take its place"
                )
            )

    def _ended(self, _: asyncio.Future[None]) -> None:
        self._number -= 1
