"""A file of tasks in every state, to see what a command does there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.command import Result
from cli.inside import Place, _consumer

from qtasks.asyncio import QueueTasks
from qtasks.errors import TaskNotFound
from qtasks.models import Outcome
from qtasks.protocols import Consumer
from qtasks.status import TaskStatus

MODULE = """
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url={url!r})

@app.task
async def mail() -> None: ...

@app.task
async def bill() -> None: ...
"""

ENDED = (
    ("error mail", "default", TaskStatus.ERROR),
    ("error bill", "high", TaskStatus.ERROR),
    ("cancel mail", "default", TaskStatus.CANCEL),
    ("cancel bill", "high", TaskStatus.CANCEL),
    ("dead mail", "high", TaskStatus.DEAD),
    ("dead bill", "default", TaskStatus.DEAD),
)
WAITING = (("new mail", "default"), ("new bill", "default"), ("far bill", "high"))
PAUSED = "low"

State = tuple[dict[str, Any], frozenset[str]]


@dataclass(frozen=True)
class Full(Place):
    """The app `shop` on a file: tasks that ended in every way and that wait, a worker, a paused queue."""

    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    """Of each task by its status and name."""

    @classmethod
    def fill(cls, folder: Path) -> Full:
        """Make one, with a module `shop_<folder>` that defines its app."""
        folder.mkdir()
        full = cls(f"sqlite:///{folder / 'tasks.db'}", folder)
        (folder.parent / f"{full.module}.py").write_text(MODULE.format(url=full.url))
        full.run(full._fill)
        return full

    @property
    def module(self) -> str:
        """The name of the module, which lies beside the folder."""
        return f"shop_{self.folder.name}"

    async def _fill(self, app: QueueTasks) -> None:
        async def body() -> None: ...

        tasks = {name: app.task(name=name)(body) for name in ("mail", "bill")}

        async def send(words: str, queue: str) -> None:
            handle = await tasks[words.split()[1]].options(queue=queue).add_task()
            self.ids[words] = handle.id

        async with _consumer(app, "default") as (default, info), _consumer(app, "high") as (high, _):
            for words, queue, status in ENDED:
                await send(words, queue)
                await _end(app, default if queue == "default" else high, status)
            await app.storage.global_config.announce(info, 60.0)
        for words, queue in WAITING:
            await send(words, queue)
        await app.queues.pause(PAUSED)

    def state(self) -> State:
        """Return what a command may change: of each task status, reason and counters, and the pauses."""

        async def look(app: QueueTasks) -> State:
            found = {words: await _looked_at(app, task_id) for words, task_id in self.ids.items()}
            return found, await app.queues.paused()

        return self.run(look)

    def named(self, result: Result) -> set[str]:
        """Return which of its tasks are in the answer of a command."""
        return {words for words, task_id in self.ids.items() if task_id in result.out}


async def _end(app: QueueTasks, consumer: Consumer, status: TaskStatus) -> None:
    (delivery,) = await consumer.fetch(1)
    await app.broker.settle([Outcome(delivery.id, delivery.token, status, time.time(), time.time())])


async def _looked_at(app: QueueTasks, task_id: str) -> Any:
    try:
        task = await app.get(task_id)
    except TaskNotFound:
        return None
    return task.status.value, task.reason, task.record.cancel
