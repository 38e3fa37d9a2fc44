"""The loop in which an app is connected: one at a time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from qtasks.errors import UsageError
from qtasks.runtime import Runtime


class _Place:
    """An app in one loop. A home that moves gets another one: what is under way here stays here."""

    __slots__ = ("lock", "loop", "runtime", "stack", "users")

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self.loop = loop
        self.lock = asyncio.Lock()
        """Held in the loop while it connects or disconnects."""
        self.runtime: Runtime | None = None
        self.stack: AsyncExitStack | None = None
        self.users = 0

    async def close(self) -> None:
        """Disconnect; in its loop."""
        async with self.lock:
            stack, self.stack, self.runtime = self.stack, None, None
            if stack is not None:
                await stack.aclose()


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
        self._place = _Place(None)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop where calls belong, while it is running; None where any loop may become the home."""
        if self._pid != os.getpid():
            return None  # the loops of a parent process do not run in its forked child
        place = self._place
        lives_there = place.runtime is not None or place.lock.locked()
        loop = self._claim or (place.loop if lives_there else None)
        return loop if loop is not None and loop.is_running() else None

    @property
    def runtime(self) -> Runtime | None:
        """What the parts were started with, while the app is connected."""
        return self._place.runtime

    async def ready(self) -> Runtime:
        """Return the runtime, connected in the running loop.

        Raises:
            UsageError: The app is at home in another loop that is running.
            BackendError: It cannot connect.
        """
        loop, place = asyncio.get_running_loop(), self._place
        if place.runtime is not None and place.loop is loop:
            return place.runtime
        place = self._move(loop)
        async with place.lock:
            if place.runtime is None:
                place.runtime, place.stack = await self._open()
            return place.runtime

    async def enter(self) -> None:
        """Connect, and stay connected until `exit` was called as often as this."""
        await self.ready()
        self._place.users += 1

    async def exit(self) -> None:
        """Leave, if nobody else has entered."""
        self._place.users = max(0, self._place.users - 1)
        await self.leave()

    async def leave(self) -> None:
        """Stop the parts, unless somebody has entered or a worker has the home."""
        if not self._place.users and self._claim is None:
            await self._place.close()

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Make the running loop the home, whoever has it, until the end of the context.

        It is connected at the first call of `ready`, once it is disconnected where it was.
        """
        here = asyncio.get_running_loop()
        with self._guard:
            other = self.loop
            self._forget_parent()
            before = self._place
            if before.loop is not here:
                self._place = _Place(here)
            place, self._claim = self._place, here
        try:
            if other is not None and other is not here:
                async with place.lock:  # calls of other threads come here from now on: they wait
                    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(before.close(), other))
            yield
        finally:
            self._claim = None
            await self.leave()

    def _move(self, loop: asyncio.AbstractEventLoop) -> _Place:
        with self._guard:
            if self.loop not in {None, loop}:
                raise UsageError(
                    f"the app {self._name!r} is at home in another running loop; use it there,"
                    " or the blocking face (from qtasks import QueueTasks) from other threads"
                )
            self._forget_parent()
            if self._place.loop is not loop:
                # The loop before has ended or was left: its connections were closed with it.
                self._place = _Place(loop)
            return self._place

    def _forget_parent(self) -> None:
        if self._pid != os.getpid():
            self._pid, self._claim = os.getpid(), None
            self._place = _Place(None)
