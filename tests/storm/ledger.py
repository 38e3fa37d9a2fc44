"""What the bodies have written down, and what they may have written down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from qtasks.models import Record, Token
from qtasks.serialization import decode_value
from qtasks.status import FINAL, TaskStatus


@dataclass(frozen=True)
class Run:
    """A body that began."""

    task: str
    token: Token
    pid: int
    began: float
    """On the monotonic clock."""
    ended: float | None
    """None: it never came to its end."""


def read(path: Path) -> list[Run]:
    """Return the runs in the order in which they began."""
    begun: list[tuple[tuple[str, ...], float]] = []
    ended: dict[tuple[str, ...], float] = {}
    for line in path.read_text(encoding="ascii").splitlines() if path.exists() else ():
        what, *key, at = line.split()
        if what == "begin":
            begun.append((tuple(key), float(at)))
        else:
            ended[tuple(key)] = float(at)
    return [_run(key, at, ended.get(key)) for key, at in begun]


def _run(key: tuple[str, ...], began: float, ended: float | None) -> Run:
    task, epoch, attempt, delivery, pid = key
    return Run(task, Token(int(epoch), int(attempt), int(delivery)), int(pid), began, ended)


@dataclass(frozen=True)
class Books:
    """The tasks that went in, their records, and the runs."""

    sent: Mapping[str, int]
    """What each task has to return, by id."""
    records: Sequence[Record | None]
    """In the order of `sent`."""
    runs: Sequence[Run]

    @property
    def lost(self) -> int:
        """Tasks that have no record."""
        return sum(record is None for record in self.records)

    def repeated(self) -> list[tuple[Run, Run]]:
        """Return each run that was followed by another of the same task, with that other."""
        by_task = defaultdict[str, list[Run]](list)
        for run in self.runs:
            by_task[run.task].append(run)
        return [pair for runs in by_task.values() for pair in pairwise(runs)]

    def overlapping(self) -> int:
        """Count the runs that had not ended when the next one began, and that went on."""
        return sum(one.ended is not None and one.ended > two.began for one, two in self.repeated())

    def longest_gap(self, killed: Mapping[int, float]) -> float:
        """Return the longest time from the kill of a process to the next run of a task that it had."""
        gaps = [two.began - killed[one.pid] for one, two in self.repeated() if one.pid in killed]
        return max(gaps, default=0.0)

    def faults(self) -> Iterator[str]:
        """Yield what must not be, in words."""
        for (task, number), record in zip(self.sent.items(), self.records, strict=True):
            yield from _faults_of_record(task, number, record)
        yield from self._faults_of_runs()

    def _faults_of_runs(self) -> Iterator[str]:
        ran = {run.task for run in self.runs}
        yield from (f"{task} is done without a run" for task in self.sent if task not in ran)
        lost = {
            (record.id, event.token)
            for record in self.records
            if record is not None
            for event in record.history
            if event.end == "lost"
        }
        for one, two in self.repeated():
            if not one.token < two.token:
                yield f"{one.task} ran with {one.token} and later with {two.token}"
            elif (one.task, one.token) not in lost:
                yield f"{one.task} ran again although the lease of {one.token} was not lost"


def _faults_of_record(task: str, number: int, record: Record | None) -> Iterator[str]:
    if record is None:
        yield f"{task} is lost: it has no record"
    elif record.status not in FINAL:
        yield f"{task} is not final: {record.status}"
    elif record.status is not TaskStatus.SUCCESS:
        yield f"{task} ended in {record.status}: {record.reason}"
    elif record.result is None or (returned := decode_value(record.result)) != number:
        yield f"{task} returned {'nothing' if record.result is None else returned}, not {number}"
