"""Each test of the core runs on every backend that is built on one machine without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from qtasks.asyncio import QueueTasks

Working = Callable[[QueueTasks], AbstractAsyncContextManager[QueueTasks]]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for tasks of its own for each test."""
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'tasks.db'}"


@pytest.fixture
async def app(url: str) -> AsyncIterator[QueueTasks]:
    """An app with a short lease, closed at the end of the test."""
    app = QueueTasks("tests", broker_url=url, plugins=False)
    app.config.lease = 1.0
    app.config.grace = 5.0
    yield app
    await app.disconnect()


@asynccontextmanager
async def _working(app: QueueTasks) -> AsyncIterator[QueueTasks]:
    work = asyncio.create_task(app.run())
    async with asyncio.timeout(30):
        while app.worker.info is None:
            if work.done():
                work.result()
            await asyncio.sleep(0)
    try:
        yield app
    finally:
        await app.stop()
        await work


@pytest.fixture
def working() -> Working:
    """A context in which the app works, in this loop."""
    return _working
