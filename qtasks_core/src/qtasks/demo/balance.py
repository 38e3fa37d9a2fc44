"""What went in, what came out, and whether it adds up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qtasks.demo.ledger import Run
from qtasks.demo.words import Measured, Totals
from qtasks.result import Task
from qtasks.status import TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The books of one demo, closed."""

    sent: int
    ended: Sequence[Task[Measured]]
    """Every task that has a record, as it ended."""
    runs: Sequence[Run]
    stumbling: int
    """Tasks that were to fail in their first run."""
    killed_at: float
    totals: Totals
    expected: Totals
    """Of a straight loop without QTasks."""
    seconds: float

    @property
    def done(self) -> int:
        """Tasks that have succeeded."""
        return sum(task.status is TaskStatus.SUCCESS for task in self.ended)

    @property
    def lost(self) -> int:
        """Tasks of which nobody knows anything any more."""
        return self.sent - len(self.ended)

    @property
    def retried(self) -> int:
        """Tasks whose first run failed."""
        return sum(task.attempts > 1 for task in self.ended)

    def repeated(self) -> list[tuple[Run, Run]]:
        """Return the runs without an outcome, each with the one that made up for it."""
        by_attempt = defaultdict[tuple[str, int, int], list[Run]](list)
        for run in self.runs:
            by_attempt[run.task, run.token.epoch, run.token.attempt].append(run)
        return [pair for runs in by_attempt.values() for pair in pairwise(runs)]

    def takeover(self) -> float | None:
        """Return the seconds from the kill to the first run that made up for one cut short."""
        return min((later.at - self.killed_at for _, later in self.repeated()), default=None)

    def faults(self) -> Iterator[str]:
        """Yield what does not add up, in words."""
        if self.done != self.sent:
            yield f"{self.sent} tasks went in, {self.done} are done, {self.lost} are lost"
        if self.retried != self.stumbling:
            yield f"{self.stumbling} tasks were to fail in their first run, {self.retried} were retried"
        if not self.repeated():
            yield "the kill has cut no run short"
        lost = {
            (task.id, event.token)
            for task in self.ended
            for event in task.record.history
            if event.end == "lost"
        }
        for first, _ in self.repeated():
            if (first.task, first.token) not in lost:
                yield f"task {first.task} ran twice although its lease was not lost"
        if self.totals != self.expected:
            yield f"the totals are {self.totals}, those of a straight loop {self.expected}"

    def table(self) -> str:
        """Return it for people."""
        takeover = self.takeover()
        when = "" if takeover is None else f"; taken over {takeover:.1f} s after the kill"
        rows = (
            ("tasks in", f"{self.sent:,}", "files of the standard library"),
            ("done", f"{self.done:,}", ""),
            ("retried", f"{self.retried:,}", "their first run failed on purpose"),
            ("lost", f"{self.lost:,}", ""),
            ("ran twice", f"{len(self.repeated()):,}", f"their worker was killed in the middle{when}"),
            ("time", f"{self.seconds:.1f} s", f"{self.sent / self.seconds:,.0f} tasks/s"),
            ("words", f"{self.totals.words:,}", ""),
            ("digest", self.totals.sha256[:9], ""),
        )
        return "\n".join(f"  {name:<10} {value:>12}   {note}".rstrip() for name, value, note in rows)
