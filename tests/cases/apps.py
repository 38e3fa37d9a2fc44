"""Apps that meet at one place, and waiting for what they do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from qtasks.asyncio import QueueTasks
from qtasks.result import Task


class Place:
    """Where the apps of one test meet. Each app stands for a process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._apps: list[QueueTasks] = []

    def app(self, name: str = "tests", **settings: Any) -> QueueTasks:
        """Make another app at this place, with a short lease."""
        app = QueueTasks(name, broker_url=self.url, plugins=False)
        for field, value in {"lease": 1.0, "grace": 5.0, **settings}.items():
            setattr(app.config, field, value)
        self._apps.append(app)
        return app

    async def close(self) -> None:
        """Close every app."""
        for app in self._apps:
            await app.disconnect()


@asynccontextmanager
async def working(*apps: QueueTasks) -> AsyncIterator[None]:
    """Let the apps work in this loop, and stop them gracefully at the end."""
    works = [asyncio.create_task(app.run()) for app in apps]
    try:
        await until(lambda: all(app.worker.info is not None for app in apps) or _raised(works))
        yield
    finally:
        for app in apps:
            await app.stop()
        await asyncio.gather(*works)


def _raised(works: list[asyncio.Task[None]]) -> bool:
    for work in works:
        if work.done():
            work.result()
    return False


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Give way until it is so; fail after the time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        await asyncio.sleep(0.001)


async def until_seen(condition: Callable[[], Awaitable[Any]], seconds: float = 30.0) -> None:
    """Ask again and again until it is so; fail after the time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        await asyncio.sleep(0.005)


async def ends(tasks: list[Task[Any]], seconds: float = 30.0) -> list[Task[Any]]:
    """Wait for the end of all of them."""
    async with asyncio.timeout(seconds):
        return [await task.wait(seconds) for task in tasks]
