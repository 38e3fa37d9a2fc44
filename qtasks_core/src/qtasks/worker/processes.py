"""`executor="process"`: child processes that run one body at a time and can be killed at once."""

from __future__ import annotations

from logging import Logger

from qtasks.errors import UsageError
from qtasks.isolation import check_importable, check_memory_limit_supported
from qtasks.worker._process import ChildProcess, Kind, OnSaid, ProcessJob, kind_of
from qtasks.worker._wire import Item, ProcessEnd, ProcessWork, Progress, Said

__all__ = [
    "Item",
    "OnSaid",
    "ProcessEnd",
    "ProcessJob",
    "ProcessWork",
    "Processes",
    "Progress",
    "Said",
    "check_importable",
    "check_memory_limit_supported",
]


class Processes:
    """As many processes as bodies run in them at one time; an idle one is taken first.

    It belongs to one loop; everything here is called there, and nothing waits.
    """

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._idle: list[ChildProcess] = []
        self._busy: dict[ChildProcess, ProcessJob] = {}
        self._stopping = False
        self._closed = False

    def submit(
        self,
        work: ProcessWork,
        on_said: OnSaid,
        retry_on: tuple[type[BaseException], ...] = (Exception,),
    ) -> ProcessJob:
        """Run a body in a process.

        Args:
            work: What to run.
            on_said: Told in the loop what the body says, before the end.
            retry_on: What the task is tried again on. A process that dies counts as a
                `ChildProcessError`; for what the body raises, the child asks its own options.

        Raises:
            UsageError: `close` was called.
        """
        if self._closed:
            raise UsageError("the processes of this worker are closed")
        job = ProcessJob(work, on_said, retry_on)
        child = self._take(kind_of(work))
        self._busy[child] = job
        if self._stopping:
            child.say_stopping()
        child.give(job)
        return job

    def say_stopping(self) -> None:
        """Let bodies know that the worker was told to stop: `ctx.shutting_down`."""
        self._stopping = True
        for child in self._busy:
            child.say_stopping()

    def close(self) -> None:
        """Let idle processes end, and kill the busy ones."""
        self._closed = True
        for child in self._idle:
            child.close()
        self._idle.clear()
        for child, job in self._busy.items():
            job.kill()
            child.close()

    def _take(self, kind: Kind) -> ChildProcess:
        """Return the process that was used last of this kind, else another idle one, else a new one."""
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].kind == kind:
                return self._idle.pop(place)
        return self._idle.pop(0) if self._idle else ChildProcess(self._ended, self._log)

    def _ended(self, child: ChildProcess, job: ProcessJob) -> None:
        if self._busy.get(child) is job:
            del self._busy[child]
            if not self._closed:
                self._idle.append(child)
