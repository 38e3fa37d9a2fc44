"""Storms: workers are killed again and again while they work, and nothing may be lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from storm import ledger
from storm.app import LEASE, app, in_a_thread, on_the_loop, while_there
from storm.ledger import Books
from storm.workers import Workers

from qtasks.status import FINAL

ALLOWED_TAKEOVER = LEASE + 1.0
"""Seconds within which a task of a killed worker runs again."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how hard a storm is."""

    tasks: int
    kills: int
    """So many at least, or the storm has proven nothing."""
    concurrency: int
    shortest: float
    """Seconds that a body lasts."""
    longest: float
    interval: float
    """Seconds between two kills, on average."""
    deadline: float
    strict: bool
    """Whether a takeover that is late, or beside a living worker, is a fault: busy machines cause both."""


FULL = Plan(
    tasks=2000, kills=20, concurrency=2, shortest=0.01, longest=0.05, interval=0.7, deadline=300, strict=True
)
SHORT = Plan(
    tasks=200, kills=5, concurrency=1, shortest=0.03, longest=0.06, interval=0.5, deadline=100, strict=False
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a storm has left behind."""

    faults: list[str]
    tasks: int
    lost: int
    kills: int
    ran_again: int
    """Runs that were followed by another of the same task, after the loss of a lease."""
    overlapping: int
    """Runs that went on after the next one had begun: their worker lived, but had lost its lease."""
    longest_gap: float
    """Seconds from a kill to the next run of a task that it cut short; the queue was not idle."""
    seconds: float

    def figures(self) -> dict[str, Any]:
        """Return the numbers."""
        return {name: value for name, value in asdict(self).items() if name != "faults"}


async def storm(url: str, folder: Path, plan: Plan) -> Outcome:
    """Work under a storm until everything is final or the deadline is over."""
    chance = random.Random(plan.tasks)
    app.use_url(url)
    began = time.monotonic()
    with Workers(url, folder, plan.concurrency) as workers:
        async with app:
            sent = await _send(plan, chance)
            faults = await _rage(workers, plan, chance)
            books = Books(sent, await app.storage.get(list(sent)), ledger.read(workers.ledger))
    outcome = Outcome(
        faults=[*faults, *books.faults()],
        tasks=len(sent),
        lost=books.lost,
        kills=len(workers.killed),
        ran_again=len(books.repeated()),
        overlapping=books.overlapping(),
        longest_gap=round(books.longest_gap(workers.killed), 2),
        seconds=round(time.monotonic() - began, 1),
    )
    outcome.faults.extend(_shortcomings(outcome, plan))
    return outcome


def _shortcomings(outcome: Outcome, plan: Plan) -> Iterator[str]:
    if outcome.kills < plan.kills:
        yield f"only {outcome.kills} kills: the work did not last"
    if plan.strict and outcome.overlapping:
        yield f"{outcome.overlapping} runs were given away although their worker lived"
    if plan.strict and outcome.longest_gap > ALLOWED_TAKEOVER:
        yield f"a task of a killed worker ran again only after {outcome.longest_gap} s"


async def _send(plan: Plan, chance: random.Random) -> dict[str, int]:
    calls = []
    for number in range(plan.tasks):
        task = on_the_loop if number % 2 else in_a_thread
        calls.append(task.bind(number, round(chance.uniform(plan.shortest, plan.longest), 4)))
    tasks = await app.add_tasks(calls)
    return {task.id: number for number, task in enumerate(tasks)}


async def _rage(workers: Workers, plan: Plan, chance: random.Random) -> list[str]:
    deadline = time.monotonic() + plan.deadline
    for _ in range(2):
        workers.start()
    next_kill, done_before = time.monotonic() + plan.interval, 0
    while time.monotonic() < deadline and not workers.faults():
        counts = await app.counts()
        done = sum(counts[status] for status in FINAL)
        if done >= plan.tasks:
            return []
        # However slowly they start, they get something done before the next one is killed.
        if time.monotonic() >= next_kill and done - done_before >= plan.tasks // (2 * plan.kills):
            done_before = done
            workers.kill(chance.choice(workers.processes))
            workers.start()
            next_kill = time.monotonic() + plan.interval * chance.uniform(0.7, 1.3)
        await asyncio.sleep(0.02)
    return workers.faults() or [f"not everything is final after {plan.deadline:.0f} s: {await app.counts()}"]


async def takeover(url: str, folder: Path) -> float:
    """Kill the worker of the only task while another one idles; return the seconds until it runs again."""
    app.use_url(url)
    hold = folder / "hold"
    hold.touch()
    with Workers(url, folder, 1) as workers:
        async with app, asyncio.timeout(60):
            holder = workers.start()
            task = await while_there.add_task(str(hold))
            await _until_begun(workers, 1)
            workers.start()
            while len(await app.storage.global_config.workers()) < 2:
                await asyncio.sleep(0.02)
            workers.kill(holder)
            await _until_begun(workers, 2)
            hold.unlink()
            assert await task.result(timeout=30) is True
    runs = ledger.read(workers.ledger)
    assert [run.token.delivery for run in runs] == [1, 2]
    return runs[1].began - workers.killed[holder.pid]


async def _until_begun(workers: Workers, count: int) -> None:
    while len(ledger.read(workers.ledger)) < count:
        assert not workers.faults(), workers.faults()
        await asyncio.sleep(0.01)
