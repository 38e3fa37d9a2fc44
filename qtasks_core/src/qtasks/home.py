"""The loop in which an app is connected: one at a time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from qtasks.errors import UsageError
from qtasks.runtime import Runtime


class Home:
    """Connects an app in the running loop at first use, and moves when that loop has ended.

    A worker takes the home for as long as it works: what is connected elsewhere is disconnected there,
    and calls that come from other threads are sent to its loop.

    Args:
        name: Name of the app, for errors.
        open_runtime: Starts the parts of the app and returns what stops them.
    """

    def __init__(
        self, name: str, open_runtime: Callable[[], Awaitable[tuple[Runtime, AsyncExitStack]]]
    ) -> None:
        self._name = name
        self._open = open_runtime
        self._guard = threading.Lock()
        """Held for a moment while the home changes hands."""
        self._pid = os.getpid()
        self._claim: asyncio.AbstractEventLoop | None = None
        """The loop of a worker that has taken the home."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()
        """Held in the loop while it connects or disconnects."""
        self._runtime: Runtime | None = None
        self._stack: AsyncExitStack | None = None
        self._users = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop where calls belong, while it is running; None where any loop may become the home."""
        if self._pid != os.getpid():
            return None  # the loops of a parent process do not run in its forked child
        lives_there = self._runtime is not None or self._lock.locked()
        loop = self._claim or (self._loop if lives_there else None)
        return loop if loop is not None and loop.is_running() else None

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
        async with self._lock:
            if self._runtime is None:
                self._runtime, self._stack = await self._open()
            return self._runtime

    async def enter(self) -> None:
        """Connect, and stay connected until `exit` was called as often as this."""
        await self.ready()
        self._users += 1

    async def exit(self) -> None:
        """Leave, if nobody else has entered."""
        self._users = max(0, self._users - 1)
        await self.leave()

    async def leave(self) -> None:
        """Stop the parts, unless somebody has entered or a worker has the home."""
        if not self._users and self._claim is None:
            await self._close()

    async def _close(self) -> None:
        async with self._lock:
            stack, self._stack, self._runtime = self._stack, None, None
            if stack is not None:
                await stack.aclose()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Make the running loop the home, whoever has it, until the end of the context.

        It is connected at the first call of `ready`.
        """
        here = asyncio.get_running_loop()
        with self._guard:
            other = self.loop
            self._forget_parent()
            self._claim = here
        try:
            if other is not None and other is not here:
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(), other))
            yield
        finally:
            self._claim = None
            await self.leave()

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._guard:
            if self.loop not in {None, loop}:
                raise UsageError(
                    f"the app {self._name!r} is at home in another running loop; use it there,"
                    " or the blocking face (from qtasks import QueueTasks) from other threads"
                )
            self._forget_parent()
            if self._loop is not loop:
                # The loop before has ended or was left: its connections were closed with it.
                self._begin_in(loop)

    def _forget_parent(self) -> None:
        if self._pid != os.getpid():
            self._pid, self._claim = os.getpid(), None
            self._begin_in(None)

    def _begin_in(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop, self._runtime, self._stack = loop, None, None
        self._lock, self._users = asyncio.Lock(), 0
