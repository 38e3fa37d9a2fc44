"""The fixtures for pytest, found by its entry point: `docs/testing.md` shows their use.

A test that uses one has its app in memory until its end; the backend of the app is not opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    # pytest imports this module at every start; QTasks itself is loaded where a fixture is used.
    from qtasks.app import QueueTasks
    from qtasks.sync import QueueTasks as SyncQueueTasks
    from qtasks.testing.clock import FakeClock
    from qtasks.testing.places import AsyncPlace, SyncPlace
    from qtasks.testing.working import AsyncWorking, SyncWorking


@pytest.fixture
def qtasks_target() -> QueueTasks | SyncQueueTasks:
    """The app that is tested, either face: override it. By default an empty asynchronous one."""
    from qtasks.asyncio import QueueTasks

    return QueueTasks("tests", broker_url="memory://")


@pytest.fixture
def qtasks_place(qtasks_target: QueueTasks | SyncQueueTasks) -> Iterator[AsyncPlace | SyncPlace]:
    """The place in memory that the app has in this test: all the other fixtures in one object."""
    from qtasks.testing.places import in_memory

    with in_memory(qtasks_target) as place:
        yield place


@pytest.fixture
def qtasks_app(qtasks_place: AsyncPlace | SyncPlace) -> QueueTasks | SyncQueueTasks:
    """The app that is tested, in memory for the time of the test."""
    return qtasks_place.app


@pytest.fixture
def qtasks_clock(qtasks_place: AsyncPlace | SyncPlace) -> FakeClock:
    """The clock of the app: `advance(seconds)` and `jump(seconds)` move it."""
    return qtasks_place.clock


@pytest.fixture
def qtasks_worker(qtasks_place: AsyncPlace | SyncPlace) -> Iterator[AsyncWorking | SyncWorking]:
    """A worker that works inside `async with qtasks_worker:`, with a blocking app `with qtasks_worker:`."""
    worker = qtasks_place.worker()
    yield worker
    if not worker.was_used:
        pytest.fail(
            "qtasks_worker was not entered: nothing worked. Write `async with qtasks_worker:`", pytrace=False
        )


@pytest.fixture
def qtasks_drain(qtasks_place: AsyncPlace | SyncPlace) -> Callable[..., Any]:
    """Runs everything that is ready when it is called; with an asynchronous app it is awaited."""
    return qtasks_place.drain


@pytest.fixture
def assert_enqueued(qtasks_place: AsyncPlace | SyncPlace) -> Callable[..., None]:
    """Fails unless a task was sent: `(task, *args, count=1, queue=None, delay=None, **kwargs)`."""
    return qtasks_place.assert_enqueued


@pytest.fixture
def assert_not_enqueued(qtasks_place: AsyncPlace | SyncPlace) -> Callable[..., None]:
    """Fails where a task was sent: `(task, *args, queue=None, delay=None, **kwargs)`."""
    return qtasks_place.assert_not_enqueued
