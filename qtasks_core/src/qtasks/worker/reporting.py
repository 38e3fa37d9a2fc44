"""What bodies say while they run: progress, and the values that generators yield.

Written in batches: while one is under way, whatever is said meanwhile forms the next.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

from qtasks.errors import BackendError, BackendRefused
from qtasks.models import Report
from qtasks.worker.backoff import Backoff
from qtasks.worker.hiding import hidden

if TYPE_CHECKING:
    from qtasks.runtime import Runtime
    from qtasks.worker.run import Run

MOST_UNSAID: Final = 1000
"""Items of one run that may wait to be written; then its body waits."""


class _Said:
    """What one run has said and nobody has written yet."""

    __slots__ = ("first", "items", "note", "progress", "written")

    def __init__(self) -> None:
        self.progress: float | None = None
        self.note: str | None = None
        self.items: list[bytes] = []
        self.first = 0
        self.written = asyncio.Event()

    @property
    def is_empty(self) -> bool:
        return not self.items and self.progress is None and self.note is None

    def take(self, run: Run) -> Report:
        """Return what there is, and begin anew."""
        report = Report(
            run.delivery.id, run.delivery.token, self.progress, self.note, tuple(self.items), self.first
        )
        self.first += len(self.items)
        self.items, self.progress, self.note = [], None, None
        return report


class Reporter:
    """Writes what the bodies of one worker say."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._said: dict[Run, _Said] = {}
        self._task: asyncio.Task[None] | None = None

    def progress(self, run: Run, share: float | None, note: str | None) -> None:
        """Keep how far a run is. Any thread may call it; what is older and not written yet is forgotten.

        What is secret of the run is not in the note that is kept.
        """
        self._hop(run, share, None if note is None else hidden(note, run.secrets), None)

    def item(self, run: Run, data: bytes) -> None:
        """Keep a value that a run has yielded. Any thread may call it."""
        self._hop(run, None, None, data)

    def is_crowded(self, run: Run) -> bool:
        """Whether the body should wait until some of its items are written."""
        said = self._said.get(run)
        return said is not None and len(said.items) > MOST_UNSAID

    async def written(self, run: Run) -> None:
        """Return once everything that the run has said is written."""
        while (said := self._said.get(run)) is not None:
            said.written.clear()
            await said.written.wait()

    def forget(self, run: Run) -> None:
        """Write nothing more of a run that has left its slot."""
        if (said := self._said.pop(run, None)) is not None:
            said.written.set()

    def close(self) -> None:
        """Write no more."""
        if self._task is not None:
            self._task.cancel()

    def _hop(self, run: Run, share: float | None, note: str | None, data: bytes | None) -> None:
        if threading.get_ident() == self._thread:
            self._add(run, share, note, data)
        else:
            self._loop.call_soon_threadsafe(self._add, run, share, note, data)

    def _add(self, run: Run, share: float | None, note: str | None, data: bytes | None) -> None:
        if run.left:
            return
        run.has_reported = True
        said = self._said.get(run)
        if said is None:
            said = self._said[run] = _Said()
            said.first = run.items
        if data is None:
            said.progress, said.note = share, note
        else:
            said.items.append(data)
        if self._task is None:
            self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        backoff = Backoff()
        try:
            while self._said:
                batch = [(run, said, said.take(run)) for run, said in self._said.items()]
                await self._send([report for _, _, report in batch], backoff)
                for run, said, report in batch:
                    run.items = max(run.items, report.first + len(report.items))
                    if said.is_empty and self._said.get(run) is said:
                        del self._said[run]
                    said.written.set()
        finally:
            self._task = None

    async def _send(self, reports: list[Report], backoff: Backoff) -> None:
        while True:
            try:
                await self._runtime.dispatch.storage.report(reports)
            except BackendRefused as exc:
                if len(reports) > 1:  # one that cannot be kept holds up no other
                    for report in reports:
                        await self._send([report], backoff)
                else:
                    text = "a report of %s cannot be stored: %s"
                    self._runtime.log.error(text, reports[0].id, exc)  # noqa: TRY400 - the line says all
                return
            except BackendError as exc:
                self._runtime.log.warning("%d reports of progress wait: %s", len(reports), exc)
                await backoff.sleep()
            else:
                backoff.reset()
                return
