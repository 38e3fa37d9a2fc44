"""Each feature is shown on three set-ups: in memory, in a file, and with queue and records apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from core.conftest import Working, _working
from features.trials import PLACES, Places

from qtasks.asyncio import QueueTasks, Task
from qtasks.config import QueueConfig
from qtasks.memory import AsyncMemoryBroker
from qtasks_sqlite import AsyncSQLiteBroker, AsyncSQLiteStorage

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture(params=["memory", "sqlite", "apart"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[QueueTasks]:
    """An app with a short lease, closed at the end of the test."""
    config = QueueConfig(lease=1.0, grace=5.0)
    file = f"sqlite:///{tmp_path / 'tasks.db'}"
    if request.param == "apart":
        broker: AsyncMemoryBroker | AsyncSQLiteBroker = AsyncMemoryBroker(storage=AsyncSQLiteStorage(file))
        app = QueueTasks("tests", broker=broker, config=config, plugins=False)
    else:
        url = "memory://" if request.param == "memory" else file
        app = QueueTasks("tests", broker_url=url, config=config, plugins=False)
    yield app
    await app.disconnect()


@pytest.fixture(params=PLACES)
def kind(request: pytest.FixtureRequest) -> str:
    """Where the trials of options and settings are made."""
    return str(request.param)


@pytest.fixture
async def places(kind: str, tmp_path: Path) -> AsyncIterator[Places]:
    """Makes apps, each at an empty place."""
    places = Places(kind, tmp_path)
    yield places
    await places.close()


@pytest.fixture
def working() -> Working:
    """A context in which the app works, in this loop."""
    return _working


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true, and fail after half a minute."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def begun(task: Task[Any]) -> None:
    """Wait until a task is in the hands of a worker."""
    await task.wait(30, until={task.status.PROCESS})
