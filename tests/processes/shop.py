"""The app that the trials run: its bodies write each begin and each end into a file that only grows."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

from qtasks.asyncio import QueueTasks

LEDGER = "SHOP_LEDGER"
"""The variable that names the file."""

app = QueueTasks("shop", broker_url="memory://", plugins=False)
other = QueueTasks("other", broker_url="memory://", plugins=False)


def write_down(what: str, key: str) -> None:
    """Add a line, whole and at the end (open(2), O_APPEND)."""
    file = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{what} {key} {os.getpid()} {time.monotonic()}\n".encode())
    finally:
        os.close(file)


def sell(key: str) -> str:
    """Do something at once."""
    write_down("begin", key)
    return key


app.task(sell)
other.task(sell)


@app.task
async def count(key: str) -> str:
    """Do something at once, on the loop."""
    write_down("begin", key)
    return key


@app.task
async def nap(key: str, seconds: float) -> int:
    """Last so long, on the loop; return the process id."""
    write_down("begin", key)
    await asyncio.sleep(seconds)
    write_down("end", key)
    return os.getpid()


@app.task
def doze(key: str, seconds: float) -> int:
    """Last so long, in a thread; return the process id."""
    write_down("begin", key)
    time.sleep(seconds)
    write_down("end", key)
    return os.getpid()


@app.task
async def block(key: str, seconds: float) -> int:
    """Block the loop for so long; return the process id."""
    write_down("begin", key)
    time.sleep(seconds)  # noqa: ASYNC251 - it is what the trial is about
    write_down("end", key)
    return os.getpid()


@app.task(retry=2)
async def hold(key: str, gate: str) -> int:
    """Last as long as a file exists, on the loop; return the process id."""
    write_down("begin", key)
    while Path(gate).exists():
        await asyncio.sleep(0.01)
    write_down("end", key)
    return os.getpid()


@app.task
def keep(key: str, gate: str) -> int:
    """Last as long as a file exists, in a thread; return the process id."""
    write_down("begin", key)
    while Path(gate).exists():
        time.sleep(0.01)
    write_down("end", key)
    return os.getpid()


@app.task
async def poison(key: str) -> None:
    """Kill the process that runs it."""
    write_down("begin", key)
    os.kill(os.getpid(), signal.SIGKILL)


@app.task
async def cling(key: str, gate: str) -> None:
    """Refuse to be cancelled as long as a file exists."""
    write_down("begin", key)
    while Path(gate).exists():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue
    write_down("end", key)


@app.task
def clutch(key: str, gate: str) -> None:
    """The same in a thread."""
    write_down("begin", key)
    while Path(gate).exists():
        try:
            time.sleep(0.01)
        except BaseException:  # noqa: BLE001 - stubborn on purpose
            continue
    write_down("end", key)


@app.task
async def delegate(key: str, gate: str) -> None:
    """Wait for a thread of the loop's own pool, which ends with the file."""
    write_down("begin", key)
    await asyncio.to_thread(_while_there, gate)
    write_down("end", key)


@app.task
def leave_behind(key: str, gate: str) -> None:
    """Leave a thread that keeps the interpreter alive as long as a file exists."""
    write_down("begin", key)
    threading.Thread(target=_while_there, args=(gate,), daemon=False).start()


@app.task
async def freeze(key: str, gate: str) -> None:
    """Block the loop as long as a file exists."""
    write_down("begin", key)
    _while_there(gate)
    write_down("end", key)


def _while_there(gate: str) -> None:
    while Path(gate).exists():
        time.sleep(0.01)
