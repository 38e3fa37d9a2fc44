"""`qtasks dead …`: the tasks that were given up without an outcome of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from qtasks.cli.looking import Look, ids_argument, limit_option, looking, queue_option, task_option
from qtasks.cli.tasks import either, known, show_tasks
from qtasks.cli.views import task_row, task_table
from qtasks.result import Task
from qtasks.status import TaskStatus

_ids = ids_argument(required=False)
_every = click.option("--all", "every", is_flag=True, help="All dead tasks, in place of ids.")


@click.group()
def dead() -> None:
    """Look after dead letters: list, show, requeue, purge."""


@dead.command("list")
@looking()
@queue_option
@task_option
@limit_option
async def show_all(look: Look, **which: Any) -> None:
    """Show dead tasks, the youngest first, and why each was given up."""
    tasks = await look.app.dead.tasks(**which)
    look.show([task_row(task) for task in tasks], task_table(tasks))


@dead.command()
@looking()
@ids_argument(required=True)
async def show(look: Look, ids: tuple[str, ...]) -> None:
    """Show everything that is known of dead tasks; secret arguments and results as ***."""
    show_tasks(look, await _dead_ones(look, ids))


@dead.command()
@looking()
@_every
@queue_option
@task_option
@_ids
async def requeue(look: Look, ids: tuple[str, ...], every: bool, queue: str | None, task: str | None) -> None:
    """Run dead tasks again, with counters at zero and their history kept."""
    either(ids, every, queue, task)
    if every:
        number = await look.app.dead.requeue_all(queue=queue, task=task)
    else:
        number = await look.app.dead.requeue(*(one.id for one in await _dead_ones(look, ids)))
    look.show({"requeued": number}, f"{number} requeued")


def _what_is_purged(ids: tuple[str, ...], every: bool, queue: str | None, task: str | None) -> str:
    either(ids, every, queue, task)
    which = [f"of queue {queue}"] if queue else []
    which += [f"named {task}"] if task else []
    what = " ".join(["all dead tasks", *which]) if every else f"{len(ids)} dead tasks"
    return f"remove {what} for good"


@dead.command()
@looking(ask=_what_is_purged)
@_every
@queue_option
@task_option
@_ids
async def purge(look: Look, ids: tuple[str, ...], every: bool, queue: str | None, task: str | None) -> None:
    """Remove dead tasks for good."""
    either(ids, every, queue, task)
    if every:
        number = await look.app.dead.purge(queue=queue, task=task)
    else:
        dead_ones = [one.id for one in await _dead_ones(look, ids)]
        number = await look.app.dead.purge(*dead_ones) if dead_ones else 0
    look.show({"purged": number}, f"{number} removed")


async def _dead_ones(look: Look, ids: Sequence[str]) -> list[Task[Any]]:
    """Return the tasks that are dead; each of the others is a problem."""
    tasks = await known(look, ids)
    for task in tasks:
        if task.status is not TaskStatus.DEAD:
            look.problem(f"{task.id} is not dead, it is {task.status}")
    return [task for task in tasks if task.status is TaskStatus.DEAD]
