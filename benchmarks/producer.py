"""What a producer does, in a process of its own: enqueue, wait for results, count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from children import answer
from noop import app, noop

from qtasks.status import TaskStatus

BATCH = 100
WARM_UP = 20


async def enqueue(count: int, batch: int) -> dict[str, float]:
    """Send so many tasks, one after the other or in batches; return the rate and the CPU time of each."""
    await _send(WARM_UP, batch)
    began, cpu = time.perf_counter(), time.process_time()
    await _send(count, batch)
    seconds = time.perf_counter() - began
    return {"rate": count / seconds, "cpu_us": (time.process_time() - cpu) / count * 1e6}


async def _send(count: int, batch: int) -> None:
    if batch == 1:
        for number in range(count):
            await noop.add_task(number)
    else:
        for first in range(0, count, batch):
            await app.add_tasks(noop.bind(number) for number in range(first, min(first + batch, count)))


async def latency(count: int) -> dict[str, list[float]]:
    """Send a task and wait for its result, one after the other; return how long each took, in ms."""
    taken = []
    for number in range(WARM_UP + count):
        began = time.perf_counter()
        task = await noop.add_task(number, timeout=10.0)
        taken.append((time.perf_counter() - began) * 1e3)
        assert task.returning == number
    return {"ms": taken[WARM_UP:]}


async def load(count: int, batch: int) -> dict[str, int]:
    """Send so many tasks for a worker to run."""
    await _send(count, batch)
    return {"sent": count}


async def succeeded() -> dict[str, int]:
    """Return how many tasks have succeeded."""
    return {"succeeded": (await app.counts())[TaskStatus.SUCCESS]}


async def flush() -> dict[str, int]:
    """Remove everything that an earlier measurement has left."""
    await app.flush_all()
    return {}


def _connected(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    async def do(url: str, arguments: dict[str, Any]) -> Any:
        app.use_url(url)
        async with app:
            return await function(**arguments)

    return lambda url, **arguments: asyncio.run(do(url, arguments))


if __name__ == "__main__":
    answer({role.__name__: _connected(role) for role in (enqueue, load, latency, succeeded, flush)})
