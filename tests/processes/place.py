"""A file of tasks with its workers, and what their bodies have written down."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from processes.shop import LEDGER

from qtasks.asyncio import QueueTasks
from qtasks.models import Record
from qtasks.options import CallOptions
from qtasks.producer import Call
from qtasks.result import Task
from qtasks.status import TaskStatus

TESTS = Path(__file__).parents[1]
LEASE = 1.0
"""Seconds, where a trial says nothing else."""


@dataclass(frozen=True)
class Line:
    """A begin or an end of a body."""

    what: str
    key: str
    pid: int
    at: float
    """On the monotonic clock, which all processes share."""


class Process:
    """A worker, or the supervisor of several."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self._log = log

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill it as nothing can foresee, and bury it."""
        self.process.kill()
        self.process.wait()

    async def end(self, seconds: float = 30.0) -> int:
        """Wait for its end and return the exit code."""
        await until(lambda: self.process.poll() is not None, seconds, lambda: self.log)
        return self.process.returncode


class Place:
    """One file of tasks. No process of it is left after `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "tasks.db"
        self.url = f"sqlite:///{self.path}"
        self.ledger = folder / "ledger"
        self.client = QueueTasks("shop", broker_url=self.url, plugins=False)
        self.client.config.result_time_interval = 90.0  # every wait must be pushed
        self._processes: list[Process] = []

    async def close(self) -> None:
        """End everything, also what supervisors have left behind."""
        await self.client.disconnect()
        while pids := self.pids():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
            for one in self._processes:
                one.process.poll()
        for one in self._processes:
            one.process.wait()

    def pids(self) -> list[int]:
        """Return the ids of all living processes that belong to this place, by their environment."""
        mark = f"{LEDGER}={self.ledger}\0".encode()
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError):
                    if mark in (folder / "environ").read_bytes():
                        found.append(int(folder.name))
        return found

    def start(self, *options: object, app: str = "app", **environment: object) -> Process:
        """Start `qtasks run`; it may not work yet."""
        command = [sys.executable, "-m", "qtasks", "-A", f"processes.shop:{app}", "run", "--url", self.url]
        given = [str(option) for option in options]
        if "--lease" not in given:
            given += ["--lease", str(LEASE)]
        return self.run([*command, *given], **environment)

    def run(self, command: list[str], **environment: object) -> Process:
        """Start any program of this place, with its output in a file."""
        log = self.folder / f"log-{len(self._processes)}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("QTASKS_")}
        given = {name: str(value) for name, value in environment.items()}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=TESTS,
                env={**inherited, **given, LEDGER: str(self.ledger)},
                start_new_session=True,
            )
        self._processes.append(Process(process, log))
        return self._processes[-1]

    async def worker(self, *options: object, app: str = "app", **environment: object) -> Process:
        """Start one, and wait until it works."""
        return await self.works(self.start(*options, app=app, **environment))

    async def freeze(self, process: Process) -> None:
        """Stop it with SIGSTOP, but not in the middle of a transaction: then nobody else could write."""
        while True:
            process.send(signal.SIGSTOP)
            try:
                with closing(sqlite3.connect(self.path, isolation_level=None, timeout=1.0)) as file:
                    file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # it holds the lock
                process.send(signal.SIGCONT)
                await asyncio.sleep(0.01)
            else:
                return

    async def works(self, process: Process, times: int = 1) -> Process:
        """Wait until so many workers of this process work."""
        await until(lambda: process.log.count(" works on ") >= times, told=lambda: process.log)
        return process

    def gate(self, name: str = "gate") -> str:
        """Make a file that bodies wait for the end of."""
        path = self.folder / name
        path.touch()
        return str(path)

    def lines(self, what: str = "begin", key: str | None = None) -> list[Line]:
        """Return the lines of the ledger in their order."""
        if not self.ledger.exists():
            return []
        rows = (row.split() for row in self.ledger.read_text(encoding="ascii").splitlines())
        lines = [Line(kind, name, int(pid), float(at)) for kind, name, pid, at in rows]
        return [line for line in lines if line.what == what and key in {None, line.key}]

    def runs(self) -> Counter[str]:
        """Return how often each body began."""
        return Counter(line.key for line in self.lines())

    async def began(self, key: str, times: int = 1, seconds: float = 30.0) -> Line:
        """Wait for the nth begin of a body."""
        await until(lambda: len(self.lines(key=key)) >= times, seconds, lambda: f"{key}: {self.runs()}")
        return self.lines(key=key)[times - 1]

    async def record(self, task: Task[object] | str) -> Record:
        """Return the record of a task as it is now."""
        found = await self.client.read(task if isinstance(task, str) else task.id)
        assert found is not None
        return found

    async def delayed(self, delay: float, name: str, *args: object) -> Task[object]:
        """Send a task that becomes ready after so many seconds."""
        call = Call(name, args, {}, CallOptions(delay=delay))
        return await self.client.send_one(call, None)

    async def reaches(self, task: Task[object], status: TaskStatus, seconds: float = 30.0) -> Record:
        """Wait until the record says so."""
        deadline = time.monotonic() + seconds
        while (record := await self.record(task)).status is not status:
            assert time.monotonic() < deadline, record
            await asyncio.sleep(0.005)
        return record

    async def unfinished(self) -> dict[TaskStatus, int]:
        """Return how many tasks are not done, by status."""
        counts = (await self.client.counts()).by_status
        return {status: number for status, number in counts.items() if status is not TaskStatus.SUCCESS}

    async def drained(self, seconds: float = 30.0) -> None:
        """Wait until every task has succeeded."""
        deadline = time.monotonic() + seconds
        while left := await self.unfinished():
            assert time.monotonic() < deadline, left
            await asyncio.sleep(0.02)


async def until(
    condition: Callable[[], object], seconds: float = 30.0, told: Callable[[], object] = lambda: ""
) -> None:
    """Wait until it is so; after the time, fail with what is told."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s: {told()}"
        await asyncio.sleep(0.005)


def ends(record: Record) -> list[str]:
    """Return how the deliveries before the last one ended."""
    return [event.end for event in record.history]
