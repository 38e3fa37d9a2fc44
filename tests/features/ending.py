"""The table of all ends in the documentation, the bodies that end so, and what is looked at afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import pytest
from core.conftest import _working

from qtasks.asyncio import QueueTasks, Task
from qtasks.plugins import ExecuteBefore, RetryAnswer, TaskErrored, hookimpl
from qtasks.worker.identity import this_worker

MARK = "m4rk-of-a-value"
"""Part of each argument, result and text of an exception: it is in no line of a log."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "delivery.md"
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7")
PATIENCE = 20.0

TestFunction = TypeVar("TestFunction", bound=Callable[..., Any])


@dataclass(frozen=True)
class Way:
    """One row of the table."""

    what: str
    status: str | None
    """None is one that runs again."""
    level: str | None
    """None is no line at all."""


def ways() -> dict[str, Way]:
    """Return the rows of "Every way to end" by what happens."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## Every way to end\n")[2].partition("\n## ")[0]
    rows = [row.strip("|").split("|") for row in section.splitlines() if row.startswith("|")][2:]
    return {way.what: way for way in map(_way, rows)}


def _way(cells: list[str]) -> Way:
    what, status, _, level = (cell.strip() for cell in cells)
    named = re.match(r"`(\w+)`", status)
    said = level.partition(",")[0].partition(":")[0].upper()
    return Way(what, named and named[1], None if said == "NONE" else said)


WAYS = ways()
SHOWN: dict[str, list[str]] = {}
"""The tests of each row."""


def shows(*begins: str) -> Callable[[TestFunction], TestFunction]:
    """Say which rows a test is about, by how they begin."""

    def note(test: TestFunction) -> TestFunction:
        for begin in begins:
            SHOWN.setdefault(way(begin).what, []).append(test.__name__)
        return test

    return note


def way(begin: str) -> Way:
    """Return the row that is called so, or the one that begins so."""
    if begin in WAYS:
        return WAYS[begin]
    (found,) = [row for what, row in WAYS.items() if what.startswith(begin)]
    return found


class Trial:
    """An app with one slot, and all that it logs."""

    def __init__(self, app: QueueTasks, log: pytest.LogCaptureFixture) -> None:
        self.app = app
        self.log = log
        log.set_level(logging.DEBUG)
        app.config.max_tasks_process = 1
        self.after = app.task(name="after")(_after)

    async def end(self, call: Any, timeout: float = PATIENCE) -> Task[Any]:
        """Return the task once it has ended in a worker whose only slot is free again."""
        async with _working(self.app):
            return await self.ended(await self.app.add_task(call), timeout)

    async def ended(self, task: Task[Any], timeout: float = PATIENCE) -> Task[Any]:
        """The same of a task that was sent, to a worker that works."""
        done = await task.wait(timeout)
        assert (await self.after.add_task(timeout=PATIENCE)).returning == "ran"
        return done

    async def check(self, done: Task[Any], row: Way, *before: str, records: int = 1) -> None:
        """Status and level are those of the row, there is one record, and no value is in the log.

        Args:
            done: The task.
            row: What is promised.
            before: The levels of the lines of deliveries before the last one.
            records: How many tasks there are, without those that showed that the slot is free.
        """
        if row.status is not None:
            assert done.status == row.status
        assert self.levels(done) == [*before, *([row.level] if row.level else [])], self.lines(done)
        assert MARK not in self.log.text
        assert [
            record for record in self.log.records if record.name == "asyncio" and record.levelno > 20
        ] == []
        found = [task.id for task in await self.app.find(limit=1000) if task.task_name != "after"]
        assert found.count(done.id) == 1
        assert len(found) == records

    def levels(self, task: Task[Any]) -> list[str]:
        """Return the levels of the lines about a task, in their order."""
        return [level for level, _ in self.lines(task)]

    def lines(self, task: Task[Any]) -> list[tuple[str, str]]:
        """Return the lines about a task: those with its id, and from INFO on those with its name."""
        name = re.compile(rf"\b{re.escape(task.task_name)}\b")
        told = [
            (record.levelno, record.levelname, record.getMessage())
            for record in self.log.records
            if record.name.startswith("qtasks")
        ]
        return [
            (level, text)
            for number, level, text in told
            if task.id in text or (number >= logging.INFO and name.search(text) and not ID.search(text))
        ]


async def _after() -> str:
    return "ran"


def register(app: QueueTasks, kind: str, body: Callable[..., Any], **options: Any) -> Any:
    """Make a task of a plain function that runs on the loop, in a thread or in a process."""
    if kind != "loop":
        return app.task(executor=kind, **options)(body)

    @wraps(body)
    async def on_the_loop(*args: Any, **kwargs: Any) -> Any:
        return body(*args, **kwargs)

    return app.task(**options)(on_the_loop)


async def lose(app: QueueTasks, task: Task[Any], times: int = 1) -> None:
    """Take the task in the name of workers that are never heard of again, one after the other."""
    runtime = await app.connect()
    for loss in range(1, times + 1):
        gone = this_worker(("default",), 1, app.clock.now())
        consumer = await app.broker.open_consumer(gone, ("default",))
        async with asyncio.timeout(30):  # the lease of the one before ends
            (delivery,) = await runtime.dispatch.begin(await consumer.fetch(1), gone.id)
        assert (delivery.id, delivery.losses) == (task.id, loss - 1)


class BrokenOnce:
    """A plugin that fails at its first question."""

    def __init__(self) -> None:
        self.has_failed = False

    @hookimpl
    async def worker_execute_before(self, event: ExecuteBefore) -> ExecuteBefore:
        """Fail, once."""
        if event.task_func.name != "after" and not self.has_failed:
            self.has_failed = True
            raise RuntimeError("broken plugin")
        return event


class BrokenRetry:
    """A plugin that fails when it is asked whether a task is tried again."""

    @hookimpl
    async def worker_task_error_retry(self, event: TaskErrored) -> RetryAnswer | None:  # noqa: ARG002
        """Fail."""
        raise RuntimeError("broken plugin")


# Bodies, which child processes import from here.


def give_back(value: str) -> str:
    """Return what comes."""
    return value


class DemandingError(Exception):
    """Its constructor cannot be called with what `args` holds."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"{MARK} {code}")


class SilentError(Exception):
    """Cannot be looked at."""

    def __str__(self) -> str:
        raise RuntimeError(MARK)

    __repr__ = __str__


class ThornyError(Exception):
    """Looking at it ends programs."""

    def __str__(self) -> str:
        raise SystemExit(MARK)

    __repr__ = __str__


def _nested(depth: int) -> BaseException:
    error: Exception = ValueError(MARK)
    for _ in range(depth):
        error = ExceptionGroup(MARK, [error])
    return error


def _circle() -> BaseException:
    error = ValueError(MARK)
    error.__cause__ = LookupError(MARK)
    error.__cause__.__cause__ = error
    return error


RAISED: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError(MARK),
    "SystemExit": lambda: SystemExit(MARK),
    "KeyboardInterrupt": lambda: KeyboardInterrupt(MARK),
    "GeneratorExit": lambda: GeneratorExit(MARK),
    "CancelledError": lambda: asyncio.CancelledError(MARK),
    "StopAsyncIteration": lambda: StopAsyncIteration(MARK),
    "ExceptionGroup": lambda: ExceptionGroup(MARK, [ValueError(MARK), ExceptionGroup(MARK, [OSError(MARK)])]),
    "BaseExceptionGroup": lambda: BaseExceptionGroup(MARK, [KeyboardInterrupt(MARK), SystemExit(MARK)]),
    "DemandingError": lambda: DemandingError(code=7),
    "SilentError": SilentError,
    "ThornyError": ThornyError,
    "LookupError": lambda: LookupError(MARK * 500_000),
    "UnicodeError": lambda: UnicodeError(f"{MARK}\udcff\x00"),
    "ValueError ": _circle,
    "StopIteration": lambda: StopIteration(MARK),
}
"""What bodies raise, by the type that the record names; a blank tells two of one type apart."""


def fail(how: str, value: str) -> None:  # noqa: ARG001 - the value must be in no log
    """Raise."""
    raise RAISED[how]()  # noqa: RSE102 - it is made anew


def fail_deeply(value: str) -> None:  # noqa: ARG001 - the value must be in no log
    """Raise a group of groups that is deeper than Python recurses."""
    raise _nested(3000)


def fail_once(path: str, value: str) -> str:
    """Raise where a file is not there, and make it."""
    if Path(path).exists():
        return value
    Path(path).touch()
    raise OSError(value)


def spin(value: str) -> str:
    """Never end by itself; any line of it can be interrupted."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        time.sleep(0.005)
    return value


async def sleep(value: str) -> str:
    """The same on the loop."""
    await asyncio.sleep(PATIENCE)
    return value


def unstorable(value: str) -> Any:
    """Return what no result can be."""
    return [value, threading.Lock()]


def large(value: str) -> list[str]:
    """Return more than may be stored."""
    return [value] * 1000


def leave(value: str) -> None:  # noqa: ARG001 - the value must be in no log
    """End the process."""
    os._exit(7)


def be_killed(value: str) -> None:  # noqa: ARG001 - the value must be in no log
    """Kill the process."""
    os.kill(os.getpid(), signal.SIGKILL)


def take(size: int, value: str) -> str:
    """Use so much memory."""
    return value[: len(bytearray(size))]


def wait_for(path: str, value: str) -> str:
    """Return once a file is there."""
    end = time.monotonic() + PATIENCE
    while not Path(path).exists():
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.005)
    return value


async def await_for(path: str, value: str) -> str:
    """The same on the loop."""
    while not Path(path).exists():
        await asyncio.sleep(0.005)
    return value
