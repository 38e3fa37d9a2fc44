"""Tasks for the tests of `executor="process"`: child processes import them, with their app, from here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator
from typing import Any

from core.process_router import router

from qtasks.asyncio import QueueTasks

app = QueueTasks("tests", broker_url="memory://", plugins=False)
app.include_router(router)


@app.task(executor="process", echo=True)
async def report(self: Any, share: float) -> int:
    """Say how far it is, more than once."""
    self.ctx.progress(share / 2)
    self.ctx.progress(share, "nearly")
    attempt: int = self.ctx.attempt
    return attempt


@app.task(executor="process", echo=True)
def give_up(self: Any, reason: str) -> None:
    """Cancel itself."""
    self.ctx.cancel(reason)


@app.task(executor="process", echo=True)
def ask_plugins(self: Any, value: Any) -> None:
    """Leave the answer to a plugin."""
    self.ctx.plugin_error(value=value)


@app.task(executor="process", echo=True)
def until_stopped(self: Any) -> str:
    """End when the worker is told to stop."""
    self.ctx.progress(0.5)
    end = time.monotonic() + 20
    while not self.ctx.shutting_down and time.monotonic() < end:
        time.sleep(0.005)
    return "stopped" if self.ctx.shutting_down else "never told"


@app.task(executor="process", echo=True)
async def own_name(self: Any) -> str:
    """Return what the storage says of this task."""
    task = await self.ctx.get_metadata()
    return f"{task.task_name} {task.status}"


@app.task(executor="process", echo=True)
def own_name_blocking(self: Any) -> str:
    """The same in a plain function."""
    task = self.ctx.get_metadata()
    return f"{task.task_name} {task.status}"


@app.task(executor="process", retry_on_exc=[KeyError])
def fail(*, in_key: bool) -> None:
    """Raise what is tried again, or what is not."""
    raise KeyError if in_key else ValueError


@app.task(executor="process", generate_handler=lambda value: value * 10)
def count(to: int) -> Generator[int, int, None]:
    """Yield, and go on by what the handler answers."""
    total = 0
    for number in range(to):
        total += yield number
    yield total


@app.task(executor="process")
async def work_elsewhere(seconds: float) -> int:
    """Return the process."""
    await asyncio.sleep(seconds)
    return os.getpid()


def plain(self: Any) -> str:
    """Return the name that the context knows; a task under a name of its own."""
    name: str = self.ctx.task_name
    return name


registered = app.task(name="by call", executor="process", echo=True)(plain)
