"""`qtasks stats …`: what an app is made of, its tasks with all their options, and live numbers."""

from __future__ import annotations

import click

from qtasks.cli.looking import Look, looking
from qtasks.cli.views import (
    counts_row,
    counts_table,
    queue_row,
    queue_table,
    worker_row,
    worker_table,
)
from qtasks.stats import AsyncStats


@click.group()
def stats() -> None:
    """Describe an app and its tasks, and what happens now."""


@stats.command()
@looking()
async def now(look: Look) -> None:
    """Show the numbers of tasks, the queues and the workers in one answer."""
    live = await AsyncStats(look.app).now()
    data = {
        "counts": counts_row(live.counts),
        "queues": [queue_row(one) for one in live.queues],
        "workers": [worker_row(one) for one in live.workers],
    }
    parts = (counts_table(live.counts), queue_table(live.queues), worker_table(live.workers))
    look.show(data, "\n\n".join(parts))


@stats.group()
def inspect() -> None:
    """Describe an app and its tasks, as they are registered; the backend is not asked."""


@inspect.command()
@looking()
async def app(look: Look) -> None:
    """Describe the app: where its tasks are, its settings, what it is made of."""
    click.echo((await AsyncStats(look.app).inspect()).app(json=look.as_json))


@inspect.command()
@looking(imported=True)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
async def task(look: Look, names: tuple[str, ...]) -> None:
    """Describe tasks: signature and all options."""
    click.echo((await AsyncStats(look.app).inspect()).tasks(*names, json=look.as_json))


@inspect.command()
@looking(imported=True)
async def tasks(look: Look) -> None:
    """Describe all tasks of the app."""
    click.echo((await AsyncStats(look.app).inspect()).tasks(json=look.as_json))
