"""What shows the effect of an option: a trial on a real app, with the option and without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from core.conftest import _working

from qtasks.asyncio import QueueTasks, Task
from qtasks.protocols import Consumer
from qtasks.testing import FakeClock
from qtasks.worker.identity import this_worker

Options = Mapping[str, Any]
Trial = Callable[..., Awaitable[object]]

PLACES = ("memory", "sqlite")
"""Where each trial is made."""


@dataclass(frozen=True)
class Case:
    """One trial of one option: what is seen without it, and what with it."""

    name: str
    trial: Trial
    given: Options
    """The option and its value; the name is that of the option."""
    usual: object
    then: object

    @property
    def words(self) -> str:
        """Name the case in the list of tests."""
        return f"{self.name}-{self.trial.__name__}"


class Table:
    """The trials of one kind of options."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.cases: list[Case] = []

    def __iter__(self) -> Iterator[Case]:
        """Return the trials in the order in which they were declared."""
        return iter(self.cases)

    def shows(self, *, usual: object, then: object, **given: Any) -> Callable[[Trial], Trial]:
        """Register a trial: what it returns without the option, and what with it.

        Args:
            usual: What is seen without the option.
            then: What is seen with it; not the same.
            given: The option, with its value. A second one is a trial of the first in its company.
        """
        assert usual != then, f"a trial of {given} cannot fail"

        def register(trial: Trial) -> Trial:
            self.cases.append(Case(next(iter(given)), trial, given, usual, then))
            return trial

        return register

    def check(self, names: Iterable[str]) -> None:
        """Fail, and say which options have no trial, and which trials have no option any more."""
        wanted, tried = set(names), {case.name for case in self.cases}
        lacking, left = sorted(wanted - tried), sorted(tried - wanted)
        assert not lacking, f"{self.kind} without a trial that shows the effect: {', '.join(lacking)}"
        assert not left, f"trials of {self.kind} that there are not: {', '.join(left)}"


@dataclass
class Places:
    """Makes apps, each at an empty place of its own, and closes them at the end."""

    kind: str
    folder: Path

    def __post_init__(self) -> None:
        self.apps: list[QueueTasks] = []

    def url(self) -> str:
        """Return the URL of a place where nothing is yet."""
        if self.kind == "memory":
            return "memory://"
        return f"sqlite:///{self.folder / f'tasks{len(self.apps)}.db'}"

    def app(self) -> QueueTasks:
        """Return an app whose clock a trial may move."""
        app = QueueTasks("tests", self.url(), plugins=False, clock=FakeClock())
        self.apps.append(app)
        return app

    async def close(self) -> None:
        """Let go of all places."""
        for app in self.apps:
            await app.disconnect()


def each(table: Table) -> pytest.MarkDecorator:
    """Run a test for every trial."""
    return pytest.mark.parametrize("case", list(table), ids=lambda case: case.words)


async def ended(app: QueueTasks, call: Any) -> Task[Any]:
    """Run one call and return the finished task."""
    async with _working(app):
        return await (await app.add_task(call)).wait(30)


async def overtaken(app: QueueTasks, handle: Task[Any]) -> str:
    """Work until something less urgent is done, and return the status that the task has then.

    With one slot this tells what a worker does with the task, without waiting for what may not come.
    """
    app.config.max_tasks_process = 1
    app.config.queues = (*app.config.queues, "last")

    def last() -> None:
        """Come after all others."""

    async with _working(app):
        await (await app.task(name="last", queue="last")(last).add_task()).wait(30)
        return str((await handle.refresh()).status)


async def lose(app: QueueTasks, **worker: Any) -> Consumer:
    """Take the next task as a worker that is never heard of again."""
    from msgspec import structs

    gone = structs.replace(this_worker(("default",), 1, app.clock.now()), **worker)
    consumer = await app.broker.open_consumer(gone, ("default",))
    assert await consumer.fetch(1)
    return consumer


def advance(app: QueueTasks, seconds: float) -> None:
    """Move the clock of the app, while nobody works."""
    assert isinstance(app.clock, FakeClock)
    app.clock.advance(seconds)


def note() -> None:
    """Do nothing."""
