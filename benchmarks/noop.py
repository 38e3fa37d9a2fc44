"""The app that is measured: a task that does nothing but write down when it ran, and return an int."""

from __future__ import annotations

from collections.abc import Callable

from board import marker

from qtasks.asyncio import QueueTasks

app = QueueTasks("qtasks-benchmark", broker_url="memory://")
app.config.max_tasks_process = 100

_mark: Callable[[int], None] | None = None


@app.task
async def noop(number: int) -> int:
    """Do nothing."""
    global _mark  # noqa: PLW0603 - the board is mapped by the first task
    if _mark is None:
        _mark = marker()
    _mark(number)
    return number
