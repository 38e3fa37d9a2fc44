"""The command `qtasks` called in this process, and a place with tasks in every state to call it on."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, TypeVar

from cli.command import Result

from qtasks.asyncio import QueueTasks
from qtasks.cli.commands import qtasks as command
from qtasks.models import Outcome, WorkerInfo
from qtasks.protocols import Consumer
from qtasks.status import TaskStatus
from qtasks.worker.identity import this_worker

T = TypeVar("T")


def qtasks(*arguments: str) -> Result:
    """Call the command, and return how it ended."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            command.main(list(arguments), prog_name="qtasks")
        except SystemExit as exc:
            code = exc.code
    assert isinstance(code, int)
    return Result(code, out.getvalue(), err.getvalue())


def strict(text: str) -> Any:
    """Return what a strict JSON parser reads: without NaN and its like, and nothing but one value."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@dataclass(frozen=True)
class Place:
    """An app on a file, as other processes leave it."""

    url: str

    @property
    def options(self) -> tuple[str, ...]:
        """What leads the command here."""
        return ("--url", self.url, "--name", "shop")

    def qtasks(self, *arguments: str) -> Result:
        """Call the command on this place."""
        return qtasks(*arguments, *self.options)

    def data(self, *arguments: str, code: int = 0) -> Any:
        """Call the command with `--json`, and return what it printed."""
        result = qtasks(*arguments, *self.options, "--json")
        assert result.code == code, result
        assert code or not result.err, result
        return strict(result.out)

    def run(self, work: Callable[[QueueTasks], Coroutine[Any, Any, T]]) -> T:
        """Do something with an app of this place."""

        async def inside() -> T:
            async with QueueTasks("shop", self.url, plugins=False) as app:
                return await work(app)

        return asyncio.run(inside())

    def add(self, name: str = "mail", *args: Any, queue: str = "default", **kwargs: Any) -> str:
        """Send a task, and return its id."""

        async def send(app: QueueTasks) -> str:
            @app.task(name, queue=queue)
            async def body(*args: Any, **kwargs: Any) -> None: ...

            task_id: str = (await body.add_task(*args, **kwargs)).id
            return task_id

        return self.run(send)

    def hold(self, queue: str = "default") -> str:
        """Take a task as a worker that goes on with it, and return its id."""

        async def take(app: QueueTasks) -> str:
            async with _consumer(app, queue) as (consumer, _):
                return (await consumer.fetch(1))[0].id

        return self.run(take)

    def end(self, status: TaskStatus, queue: str = "default", **values: Any) -> str:
        """Take the next task of a queue and end it so, and return its id."""

        async def settle(app: QueueTasks) -> str:
            async with _consumer(app, queue) as (consumer, _):
                (delivery,) = await consumer.fetch(1)
                outcome = Outcome(delivery.id, delivery.token, status, time.time(), time.time(), **values)
                await app.broker.settle([outcome])
                return delivery.id

        return self.run(settle)

    def announce(self) -> WorkerInfo:
        """Let a worker be alive."""

        async def say(app: QueueTasks) -> WorkerInfo:
            info = this_worker(("default", "high"), 7, time.time(), ["mail"])
            await app.storage.global_config.announce(info, 60.0)
            return info

        return self.run(say)

    def status(self, task_id: str) -> str:
        """Return the status of a task."""

        async def ask(app: QueueTasks) -> str:
            return (await app.get(task_id)).status.value

        return self.run(ask)


@asynccontextmanager
async def _consumer(app: QueueTasks, queue: str) -> AsyncIterator[tuple[Consumer, WorkerInfo]]:
    info = this_worker((queue,), 1, time.time())
    consumer = await app.broker.open_consumer(info, (queue,))
    try:
        yield consumer, info
    finally:
        await consumer.close()
