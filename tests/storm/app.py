"""The app that storms run: its bodies write down each run with its token, into a file that only grows."""

from __future__ import annotations

import asyncio
import os
import time
from contextvars import ContextVar
from pathlib import Path

from qtasks.asyncio import QueueTasks
from qtasks.models import Delivery
from qtasks.plugins import ExecuteBefore, Plugin, hookimpl

LEDGER = "QTASKS_STORM_LEDGER"
LEASE = 1.0

app = QueueTasks("storm", broker_url="memory://")
app.config.lease = LEASE
app.config.max_deliveries = 20

_delivery: ContextVar[Delivery] = ContextVar("delivery")


class Introduce(Plugin):
    """Tells the body which delivery it runs for."""

    @hookimpl
    async def worker_execute_before(self, event: ExecuteBefore) -> None:
        """Set the variable in the context that the body inherits."""
        _delivery.set(event.task_broker)


app.add_plugin(Introduce())


def write_down(what: str) -> None:
    """Add a line to the ledger, whole and at the end (open(2), O_APPEND)."""
    delivery = _delivery.get()
    line = f"{what} {delivery.id} {' '.join(map(str, delivery.token))} {os.getpid()} {time.monotonic()}\n"
    file = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@app.task
async def on_the_loop(number: int, seconds: float) -> int:
    """Last so long, on the loop."""
    write_down("begin")
    await asyncio.sleep(seconds)
    write_down("end")
    return number


@app.task
def in_a_thread(number: int, seconds: float) -> int:
    """Last so long, in a thread."""
    write_down("begin")
    time.sleep(seconds)
    write_down("end")
    return number


@app.task
async def while_there(path: str) -> bool:
    """Last as long as a file exists."""
    write_down("begin")
    while Path(path).exists():
        await asyncio.sleep(0.01)
    return True
