"""Another process of the app in a thread of its own, so that it and the loop of the test take no turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from threading import Event, Thread
from typing import Any, Self, TypeVar

from qtasks.protocols import GlobalConfig
from qtasks.testing.conformance._world import Process, World

T = TypeVar("T")


class Elsewhere:
    """A loop in a thread of its own, and what is done there."""

    def __enter__(self) -> Self:
        self._is_there = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._thread.start()
        self._is_there.wait()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    async def _live(self) -> None:
        self._loop, self._is_over = asyncio.get_running_loop(), asyncio.Event()
        self._is_there.set()
        await self._is_over.wait()

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Begin this there, and return what can be awaited here."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


@asynccontextmanager
async def process_elsewhere(world: World) -> AsyncIterator[tuple[Process, Elsewhere]]:
    """Start another process in another thread, and stop it at the end."""
    process = await world.new_process()
    with Elsewhere() as elsewhere:
        await elsewhere.begin(process.start())
        try:
            yield process, elsewhere
        finally:
            await elsewhere.begin(process.stop())


@asynccontextmanager
async def config_elsewhere(world: World) -> AsyncIterator[tuple[GlobalConfig, Elsewhere]]:
    """Start another config in another thread, and stop it at the end."""
    config: GlobalConfig = await world.made()
    with Elsewhere() as elsewhere:
        await elsewhere.begin(config.start(world.setup()))
        try:
            yield config, elsewhere
        finally:
            await elsewhere.begin(config.stop())


async def vary(number: int) -> None:
    """Let the loop go round a few times or stand still for a moment, each time in another way."""
    for _ in range(number % 7):
        await asyncio.sleep(0)
    if number % 2:
        time.sleep(0.002)  # noqa: ASYNC251  # a body that blocks the loop is what news meets
