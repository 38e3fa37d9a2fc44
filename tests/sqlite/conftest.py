"""A file for each test, and the processes that meet there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conformance.running import EASE

from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

Script = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file will be."""
    return tmp_path / "tasks.db"


@pytest.fixture
def url(path: Path) -> str:
    """Return its URL."""
    return f"sqlite:///{path}"


@pytest_asyncio.fixture
async def world(url: str) -> AsyncIterator[World]:
    """Give processes of one app on the file, all in this loop, and a clock that the test moves."""

    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(url)

    world = World(make, ease=EASE)
    try:
        yield world
    finally:
        await world.close()


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    """Run Python code in another process, which is killed if it outlives the test."""
    running: list[subprocess.Popen[str]] = []

    def run(
        code: str,
        *arguments: Any,
        options: tuple[str, ...] = ("-W", "error"),
        before: tuple[str, ...] = (),
    ) -> subprocess.Popen[str]:
        command = [*before, sys.executable, *options, "-c", code, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment,
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def rows(path: Path, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the file, past the backend."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, parameters).fetchall()


@pytest.fixture
def ask(path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a function that asks the file, past the backend."""
    return lambda statement, *parameters: rows(path, statement, *parameters)
