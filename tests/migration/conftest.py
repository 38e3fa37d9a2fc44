"""What users of version 1 wrote, tried on both faces and on two backends."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from core.conftest import Working, _working

from qtasks import QueueConfig
from qtasks import QueueTasks as BlockingTasks
from qtasks.asyncio import QueueTasks

BlockingWork = Callable[[BlockingTasks], AbstractContextManager[BlockingTasks]]


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for tasks of its own for each test."""
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'tasks.db'}"


@pytest.fixture
async def app(url: str) -> AsyncIterator[QueueTasks]:
    """An asynchronous app."""
    made = QueueTasks("QueueTasks", url, config=QueueConfig(lease=1.0, grace=5.0), plugins=False)
    yield made
    await made.disconnect()


@pytest.fixture
def blocking(url: str) -> Iterator[BlockingTasks]:
    """A blocking app."""
    made = BlockingTasks("QueueTasks", url, config=QueueConfig(lease=1.0, grace=5.0), plugins=False)
    yield made
    made.disconnect()


@pytest.fixture
def working() -> Working:
    """A context in which an asynchronous app works, in this loop."""
    return _working


@pytest.fixture
def at_work() -> BlockingWork:
    """A context in which a blocking app works, in a second thread."""
    return _at_work


@contextmanager
def _at_work(app: BlockingTasks) -> Iterator[BlockingTasks]:
    with app:  # what is in memory stays there while the worker comes and goes
        worker = threading.Thread(target=app.run_forever, daemon=True)
        worker.start()
        end = time.monotonic() + 10
        while not app.ping():
            assert time.monotonic() < end, "the worker has not started"
            time.sleep(0.005)
        try:
            yield app
        finally:
            app.stop()
            worker.join(30)
    assert not worker.is_alive()
