"""The loop in which an app is connected: one at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from qtasks.errors import UsageError
from qtasks.runtime import Runtime


class Home:
    """Connects an app in the running loop at first use, and moves when that loop has ended.

    Args:
        name: Name of the app, for errors.
        open_runtime: Starts the parts of the app and returns what stops them.
    """

    def __init__(
        self, name: str, open_runtime: Callable[[], Awaitable[tuple[Runtime, AsyncExitStack]]]
    ) -> None:
        self._name = name
        self._open = open_runtime
        self._loop: asyncio.AbstractEventLoop | None = None
        self._claim: asyncio.AbstractEventLoop | None = None
        self._pid = 0
        self._runtime: Runtime | None = None
        self._stack: AsyncExitStack | None = None
        self._lock: asyncio.Lock | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that the app is connected in, or that has taken it, while that is running."""
        if self._claim is not None and self._claim.is_running() and self._pid == os.getpid():
            return self._claim
        if self._runtime is None or self._loop is None or self._pid != os.getpid():
            return None  # the loop of a parent process runs no more in its forked child
        return self._loop if self._loop.is_running() else None

    @property
    def runtime(self) -> Runtime | None:
        """What the parts were started with, while the app is connected."""
        return self._runtime

    async def ready(self) -> Runtime:
        """Return the runtime, connected in the running loop.

        Raises:
            UsageError: The app is at home in another loop that is running.
            BackendError: It cannot connect.
        """
        loop = asyncio.get_running_loop()
        if self._runtime is not None and self._loop is loop:
            return self._runtime
        self._move(loop)
        assert self._lock is not None
        async with self._lock:
            if self._runtime is None:
                self._runtime, self._stack = await self._open()
            return self._runtime

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Runtime]:
        """Make the running loop the home: what is connected elsewhere is disconnected there first."""
        other, here = self.loop, asyncio.get_running_loop()
        # From now on calls that come from elsewhere are sent here, and wait until it is connected.
        self._claim, self._pid = here, os.getpid()
        try:
            if other is not None and other is not here:
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.leave(), other))
            yield await self.ready()
        finally:
            self._claim = None

    async def leave(self) -> None:
        """Stop the parts; a later call connects again."""
        if self._lock is None:
            return
        async with self._lock:
            stack, self._stack, self._runtime = self._stack, None, None
            if stack is not None:
                await stack.aclose()

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop and self._pid == os.getpid():
            return
        if self.loop is not None and self.loop is not loop:
            raise UsageError(
                f"the app {self._name!r} is at home in another running loop; use it there,"
                " or the blocking face (from qtasks import QueueTasks) from other threads"
            )
        # The loop before has ended without `leave`: its connections were closed with it.
        self._loop, self._runtime, self._stack, self._lock = loop, None, None, asyncio.Lock()
        self._pid = os.getpid()
