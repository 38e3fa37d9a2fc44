"""A plugin that writes down each run that begins, one line a run, so that nothing can be glossed over.

The lines go to an append-only file that all workers share. A line is written in one call, and the system
puts each at the end (open(2), O_APPEND).
"""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from qtasks.models import Token
from qtasks.plugins import ExecuteBefore, Plugin, hookimpl

attempt: ContextVar[int] = ContextVar("attempt", default=1)
"""The number of the run that is under way: 1 is the first."""


@dataclass(frozen=True, slots=True)
class Run:
    """One line of the ledger: a run that began."""

    task: str
    """Id of the task."""
    token: Token
    pid: int
    """The worker."""
    at: float
    """On the monotonic clock, which all processes of a machine share."""


class Ledger(Plugin):
    """Writes the runs of one worker."""

    def __init__(self, path: str | Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @hookimpl
    async def worker_execute_before(self, event: ExecuteBefore) -> None:
        """Write the line, and let the body know the number of its run."""
        token = event.task_broker.token
        attempt.set(token.attempt)
        fields = (event.task_broker.id, *token, os.getpid(), time.monotonic())
        os.write(self._file, (" ".join(map(str, fields)) + "\n").encode())


def read(path: Path) -> list[Run]:
    """Return the runs in the order in which they began."""
    runs = []
    for line in path.read_text(encoding="ascii").splitlines() if path.exists() else ():
        task, epoch, number, delivery, pid, at = line.split()
        runs.append(Run(task, Token(int(epoch), int(number), int(delivery)), int(pid), float(at)))
    return runs
