"""Trials run on every backend without a server: apps in this loop, or processes of their own on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cases.apps import Place
from cli.command import Folder
from processes.place import Place as ProcessPlace

from qtasks.asyncio import QueueTasks
from qtasks.ids import new_id


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for tasks of its own for each test, where several apps can meet."""
    return f"memory://{new_id()}" if request.param == "memory" else f"sqlite:///{tmp_path / 'tasks.db'}"


@pytest.fixture
async def place(url: str) -> AsyncIterator[Place]:
    """That place; its apps are closed at the end."""
    place = Place(url)
    yield place
    await place.close()


@pytest.fixture
async def app(place: Place) -> QueueTasks:
    """The only app at that place."""
    return place.app()


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[ProcessPlace]:
    """A SQLite file with real processes, which end with the test, however that ends."""
    place = ProcessPlace(tmp_path)
    try:
        yield place
    finally:
        await place.close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A working directory for programs."""
    return Folder(tmp_path)
