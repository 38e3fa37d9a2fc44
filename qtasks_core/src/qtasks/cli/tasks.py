"""`qtasks task …`: find tasks, look at them, cancel them, run them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click

from qtasks.app import QueueTasks
from qtasks.cli.looking import Look, ids_argument, limit_option, looking, queue_option, task_option
from qtasks.cli.views import task_row, task_table, task_text, task_whole
from qtasks.errors import TaskNotFound, UsageError
from qtasks.manage import PAGE
from qtasks.models import Cancelled
from qtasks.result import Task
from qtasks.status import FINAL, TaskStatus

_BECAME = {
    Cancelled.ENDED: "cancelled; it had not begun",
    Cancelled.ASKED: "its worker is told to end it",
    Cancelled.FINAL: "had ended before",
    Cancelled.UNKNOWN: "is not known",
}


@click.group()
def task() -> None:
    """Look after tasks: find, show, cancel, requeue."""


@task.command("list")
@looking()
@click.option(
    "--status",
    "statuses",
    type=click.Choice(list(map(str, TaskStatus))),
    multiple=True,
    help="Only those in this status; several times for several.",
)
@queue_option
@task_option
@limit_option
@click.option("--after", type=click.UUID, help="Begin behind this task, the last one of the page before.")
async def show_all(look: Look, statuses: Sequence[str], after: UUID | None, **which: Any) -> None:
    """Show tasks, the youngest first."""
    last = None if after is None else await look.app.get(after)
    wanted = frozenset(map(TaskStatus, statuses)) or None
    tasks = await look.app.find(status=wanted, after=last, **which)
    look.show([task_row(one) for one in tasks], task_table(tasks))


@task.command()
@looking()
@ids_argument(required=True)
async def show(look: Look, ids: tuple[str, ...]) -> None:
    """Show everything that is known of tasks; secret arguments and results as ***."""
    show_tasks(look, await known(look, ids))


@task.command()
@looking()
@click.option("--reason", default="", help="Why, in words that the record keeps.")
@ids_argument(required=True)
async def cancel(look: Look, ids: tuple[str, ...], reason: str) -> None:
    """Cancel tasks: one that waits never runs, one that runs is interrupted."""
    became = {one: await look.app.cancel(one, reason) for one in ids}
    done = [{"id": one, "outcome": outcome.value} for one, outcome in became.items()]
    look.show(done, "\n".join(f"{one}: {_BECAME[outcome]}" for one, outcome in became.items()))
    if not {Cancelled.ENDED, Cancelled.ASKED}.issuperset(became.values()):
        look.code = 1


@task.command()
@looking()
@click.option("--all", "every", is_flag=True, help="All that ended in --status, in place of ids.")
@click.option(
    "--status",
    type=click.Choice(sorted(map(str, FINAL))),
    default=TaskStatus.ERROR.value,
    show_default=True,
    help="With --all: how they ended.",
)
@queue_option
@task_option
@ids_argument(required=False)
async def requeue(
    look: Look, ids: tuple[str, ...], every: bool, status: str, queue: str | None, task: str | None
) -> None:
    """Run final tasks again, with counters at zero and their history kept."""
    either(ids, every, queue, task)
    if every:
        number = await _requeue_all(look.app, TaskStatus(status), queue, task)
        look.show({"requeued": number}, f"{number} requeued")
        return
    number = 0
    for one in await known(look, ids):
        if await look.app.requeue(one.id):
            number += 1
        else:
            look.problem(f"{one.id} has not ended, it is {one.status}; only tasks that have ended run again")
    look.show({"requeued": number}, f"{number} requeued")


async def known(look: Look, ids: Sequence[str]) -> list[Task[Any]]:
    """Return the tasks that there are; each of the others is a problem."""
    tasks = []
    for one in ids:
        try:
            tasks.append(await look.app.get(one))
        except TaskNotFound as exc:
            look.problem(str(exc))
    return tasks


def show_tasks(look: Look, tasks: Sequence[Task[Any]]) -> None:
    """Print everything that is known of these tasks."""
    if look.as_json or tasks:
        look.show([task_whole(one) for one in tasks], "\n\n".join(map(task_text, tasks)))


def either(ids: Sequence[str], every: bool, queue: str | None, task: str | None) -> None:
    """Raise UsageError unless there are ids, or `--all` with what narrows it."""
    if bool(ids) == every:
        raise UsageError("give either the ids of tasks, or --all")
    if ids and (queue is not None or task is not None):
        raise UsageError("--queue and --task narrow --all; they say nothing of single ids")


async def _requeue_all(app: QueueTasks, status: TaskStatus, queue: str | None, task: str | None) -> int:
    """Requeue page by page. What ends meanwhile is younger than a page that was read, and left out."""
    number, last = 0, None
    while page := await app.find(status=status, queue=queue, task=task, limit=PAGE, after=last):
        number += sum([await app.requeue(one.id) for one in page])
        last = page[-1]
    return number
