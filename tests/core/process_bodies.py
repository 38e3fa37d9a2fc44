"""Bodies for the tests of `executor="process"`: child processes import them from here."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 20.0
"""Seconds after which a body gives up what it waits for."""

MARK: ContextVar[str] = ContextVar("mark", default="nothing")


@dataclass
class Point:
    """An argument of a type of ours."""

    x: int
    y: int


def add(a: int, b: int) -> int:
    """Return a value."""
    return a + b


async def add_later(a: int, b: int) -> int:
    """Return a value from a loop."""
    await asyncio.sleep(0)
    return a + b


def moved(point: Point, by: int) -> Point:
    """Take and return an object."""
    return Point(point.x + by, point.y + by)


def who() -> tuple[int, bool]:
    """Return the process, and whether this is its main thread."""
    return os.getpid(), threading.current_thread() is threading.main_thread()


async def who_and_loop() -> tuple[int, int]:
    """Return the process and the loop."""
    return os.getpid(), id(asyncio.get_running_loop())


def count(to: int) -> Iterator[int]:
    """Yield."""
    yield from range(to)


async def count_later(to: int) -> AsyncIterator[int]:
    """Yield from a loop."""
    for number in range(to):
        await asyncio.sleep(0)
        yield number


def count_until(path: str) -> Iterator[int]:
    """Yield once, and go on when a file is there."""
    yield 1
    wait_for(path)
    yield 2


class SilentError(Exception):
    """Cannot be looked at."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


RAISED: dict[str, BaseException] = {
    "plain": ValueError("no"),
    "exit": SystemExit(4),
    "interrupt": KeyboardInterrupt(),
    "close": GeneratorExit(),
    "cancelled": asyncio.CancelledError(),
    "stop": StopIteration(1),
    "group": ExceptionGroup("two", [ValueError("a"), TypeError("b")]),
    "silent": SilentError(),
}


def fail(how: str) -> None:
    """Raise."""
    raise RAISED[how]


async def fail_later(how: str) -> None:
    """Raise in a loop."""
    await asyncio.sleep(0)
    raise RAISED[how]


async def leave_bomb() -> None:
    """Leave something in the loop that ends it under the next body."""

    def explode() -> None:
        raise SystemExit(9)

    asyncio.get_running_loop().call_later(0.05, explode)


async def leave_bomb_and_wait() -> None:
    """The same, and meet it."""
    await leave_bomb()
    await asyncio.sleep(PATIENCE)


def leave(code: int) -> None:
    """End the process."""
    os._exit(code)


def end_by(number: int) -> None:
    """End the process by a signal."""
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    wait_for("/nothing")


def survive_signals() -> str:
    """Get the signals that a terminal sends to everybody; return what a program of ours dies by."""
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as program:
        program.terminate()
        return signal.Signals(-program.wait(PATIENCE)).name


def hold(path: str) -> None:
    """Write down our process and one that we have started, and never end."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as program:
        Path(path + ".part").write_text(f"{os.getpid()} {program.pid}", encoding="ascii")
        Path(path + ".part").rename(path)
        program.wait()


def meet(own: str, other: str) -> int:
    """Wait until somebody else is here at the same time."""
    Path(own).touch()
    wait_for(other)
    return os.getpid()


def fork_and_leave(path: str) -> None:
    """End, and leave behind a process that was forked from this one."""
    if os.fork():
        wait_for(path)
        os._exit(5)
    Path(path + ".part").write_text(str(os.getpid()), encoding="ascii")
    Path(path + ".part").rename(path)
    time.sleep(600)


def fork_and_return() -> int:
    """Return in two processes."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 0


def take(size: int) -> int:
    """Use so much memory for a moment."""
    return len(bytearray(size))


async def take_later(size: int) -> int:
    """The same in a loop."""
    return len(bytearray(size))


def unstorable() -> Any:
    """Return what no result can be."""
    return threading.Lock()


def say(text: str) -> None:
    """Write to the standard streams, and to the log."""
    print(text)
    os.write(1, f"raw {text}\n".encode())
    logging.getLogger("bodies.log").info("logged %s", text)


def leave_in_context() -> str:
    """Return what a body before has left in the context, and leave something."""
    before = MARK.get()
    MARK.set("left")
    return before


def wait_for(path: str) -> None:
    """Wait until a file is there.

    Raises:
        TimeoutError: It does not come.
    """
    end = time.monotonic() + PATIENCE
    while not Path(path).exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.005)
