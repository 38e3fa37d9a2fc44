"""The same measurements where the backend lives inside one process: producer and worker share a loop."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from board import VARIABLE, Board
from children import answer
from machine import memory
from noop import app
from producer import BATCH, enqueue, latency, load, succeeded


def everything(url: str, tasks: int, round_trips: int) -> dict[str, Any]:
    """Measure all that there is to measure."""
    app.use_url(url)
    return asyncio.run(_everything(tasks, round_trips))


async def _everything(tasks: int, round_trips: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.NamedTemporaryFile() as file:
        os.environ[VARIABLE] = file.name
        board = Board(Path(file.name), tasks)
        async with app:
            found["one"] = await enqueue(tasks, 1)
            await app.flush_all()
            found["batch"] = await enqueue(tasks, BATCH)
            await app.flush_all()
            await load(tasks, BATCH)
            async with _worker():
                while (await succeeded())["succeeded"] < tasks:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.01)
                moments = board.moments()
                found["rate"] = (len(moments) - 1) / (moments[-1] - moments[0]) * 1e9
                found["latency"] = await latency(round_trips)
    found["peak"] = memory(os.getpid(), "VmHWM")
    return found


@asynccontextmanager
async def _worker() -> AsyncIterator[None]:
    running = asyncio.create_task(app.run())
    try:
        yield
    finally:
        await app.stop()
        await running


if __name__ == "__main__":
    answer({"everything": everything})
