"""A running worker for the time of a `with` block."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from qtasks.errors import UsageError
from qtasks.testing._worker import GRACE, Errors, TestStarter

if TYPE_CHECKING:
    from types import TracebackType

    from qtasks.app import QueueTasks

PATIENCE: Final = 10.0
"""Seconds within which a worker starts, and stops after its grace."""


class AsyncWorking:
    """A worker in the running loop: `async with` it. What ends the worker is raised at the end of the block.

    Args:
        app: Whose worker it is.
        errors: Where exceptions of bodies are noted.
    """

    def __init__(self, app: QueueTasks, errors: Errors) -> None:
        self._app = app
        self._errors = errors
        self._starter: TestStarter | None = None
        self._work: asyncio.Task[None] | None = None
        self.was_used = False
        """Whether it has been started."""

    def begin(self) -> None:
        """Start the worker, and do not wait until it works.

        Raises:
            UsageError: It works already.
        """
        self.was_used = True
        if self._work is not None:
            raise UsageError("this worker works already")
        self._starter = TestStarter(self._app, self._errors)
        self._work = asyncio.create_task(self._app.run(self._starter))

    async def end(self) -> None:
        """Stop the worker; raises what has ended it otherwise."""
        work, self._work = self._work, None
        if work is not None and self._starter is not None:
            self._starter.request_stop()
            await work

    async def wait(self) -> None:
        """Wait until the worker works; raises what keeps it from that."""
        assert self._starter is not None
        assert self._work is not None
        started = asyncio.ensure_future(self._starter.started.wait())
        try:
            await asyncio.wait({started, self._work}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if self._work.done():
            await self.end()

    async def __aenter__(self) -> Self:
        self.begin()
        await self.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()


class SyncWorking:
    """A worker in a thread and a loop of its own: `with` it. What ends it is raised at the end of the block.

    Args:
        app: Whose worker it is.
        errors: Where exceptions of bodies are noted.
    """

    def __init__(self, app: QueueTasks, errors: Errors) -> None:
        self._app = app
        self._errors = errors
        self._thread: threading.Thread | None = None
        self._started: Future[tuple[asyncio.AbstractEventLoop, TestStarter]] = Future()
        self._error: BaseException | None = None
        self.was_used = False
        """Whether it has been started."""

    def begin(self) -> None:
        """Start the worker, and do not wait until it works.

        Raises:
            UsageError: It works already.
        """
        self.was_used = True
        if self._thread is not None:
            raise UsageError("this worker works already")
        self._started, self._error = Future(), None
        self._thread = threading.Thread(target=self._serve, name="qtasks-test-worker", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the worker works; raises what keeps it from that."""
        try:
            self._started.result(PATIENCE)
        except BaseException:
            self._thread = None
            raise

    def end(self) -> None:
        """Stop the worker; raises what has ended it otherwise.

        Raises:
            UsageError: It does not stop.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        loop, starter = self._started.result(PATIENCE)
        with suppress(RuntimeError):  # it has failed, and its loop is closed already
            loop.call_soon_threadsafe(starter.request_stop)
        thread.join(GRACE + PATIENCE)
        if thread.is_alive():
            raise UsageError("the worker of the test does not stop: a body blocks its loop")
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Self:
        self.begin()
        self.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _serve(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as exc:  # noqa: BLE001 - it belongs to the thread of the test
            self._error = exc
            if not self._started.done():
                self._started.set_exception(exc)

    async def _work(self) -> None:
        starter = TestStarter(self._app, self._errors)
        telling = asyncio.create_task(self._tell(starter))
        try:
            await self._app.run(starter)
        finally:
            telling.cancel()

    async def _tell(self, starter: TestStarter) -> None:
        await starter.started.wait()
        self._started.set_result((asyncio.get_running_loop(), starter))
