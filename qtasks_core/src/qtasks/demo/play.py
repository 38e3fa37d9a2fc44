"""The course of the demo: send, work, kill, take over, compare."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qtasks.demo import ledger
from qtasks.demo.app import app, count_words, pause, stumbles
from qtasks.demo.balance import Balance
from qtasks.demo.progress import Progress
from qtasks.demo.words import Measured, combine, measure
from qtasks.demo.workers import LEASE, Workers
from qtasks.errors import ResultError
from qtasks.result import Task
from qtasks.status import FINAL

POLL: Final = 0.05
STALLED_AFTER: Final = 30.0
"""Seconds without any progress after which the demo gives up."""

CERTAIN: Final = 0.04
"""Seconds that a run must still have to go for the kill to be sure to hit it."""


class Stalled(Exception):
    """Nothing has moved for too long."""


async def play(files: Sequence[Path], folder: Path) -> Balance:
    """Put the files through two workers, kill one half-way, and return the books.

    Raises:
        WorkerEnded: A worker ended that was not killed.
        Stalled: Nothing moves any more.
    """
    url = f"sqlite:///{folder / 'demo.db'}"
    app.use_url(url)
    with Workers(url, folder) as workers:
        async with app:
            print("$", " ".join(("python", *workers.command[1:])), "   # twice")
            for _ in range(2):
                workers.start()
            began = time.monotonic()
            tasks = await app.add_tasks(count_words.bind(os.fspath(file)) for file in files)
            killed_at = await _watch(dict(zip((task.id for task in tasks), files, strict=True)), workers)
            seconds = time.monotonic() - began
            ended = [task for task in await asyncio.gather(*map(_end, tasks)) if task is not None]
        print("\nNow the same in a straight loop, without QTasks.\n")
        return Balance(
            sent=len(tasks),
            ended=ended,
            runs=ledger.read(workers.ledger),
            stumbling=sum(map(stumbles, files)),
            killed_at=killed_at,
            totals=combine(task.returning for task in ended if isinstance(task.returning, Measured)),
            expected=combine(map(measure, files)),
            seconds=seconds,
        )


async def _watch(files: dict[str, Path], workers: Workers) -> float:
    """Show the progress until all is final; kill a worker half-way. Returns when it was killed."""
    progress = Progress(len(files), sys.stdout)
    done, moved_at, killed_at = 0, time.monotonic(), 0.0
    while done < len(files):
        await asyncio.sleep(POLL)
        workers.check()
        counts = await app.counts()
        before, done = done, sum(counts[status] for status in FINAL)
        progress.show(done)
        if done > before:
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > STALLED_AFTER:
            raise Stalled(f"{len(files) - done} tasks have not moved for {STALLED_AFTER:.0f} s: {counts}")
        if not killed_at and done >= len(files) // 2 and (victim := _busy_worker(files, workers)):
            workers.kill(victim)
            killed_at = time.monotonic()
            progress.note(
                f"  kill -KILL {victim}; a new worker is {workers.start()}; the lease is {LEASE:.0f} s"
            )
    progress.end()
    return killed_at


def _busy_worker(files: dict[str, Path], workers: Workers) -> int | None:
    """Return a worker that is in the middle of a run, to be hit for sure."""
    now = time.monotonic()
    for run in reversed(ledger.read(workers.ledger)[-50:]):
        if run.task in files and run.at + pause(files[run.task]) > now + CERTAIN:
            return run.pid
    return None


async def _end(task: Task[Measured]) -> Task[Measured] | None:
    """Return how the task ended, or None where nobody knows."""
    try:
        return await task.wait(timeout=5)
    except ResultError:
        return None
