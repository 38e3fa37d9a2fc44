"""`qtasks queue …`: what queues hold; pause, resume, purge and peek."""

from __future__ import annotations

import click

from qtasks.cli.looking import Look, looking
from qtasks.cli.views import queue_row, queue_table, task_row, task_table

_names = click.argument("names", metavar="QUEUE...", nargs=-1, required=True)


@click.group()
def queue() -> None:
    """Look after queues: what they hold; pause, resume, purge, peek."""


@queue.command("list")
@looking()
async def show_all(look: Look) -> None:
    """Show what each queue holds, and which are paused."""
    queues = await look.app.queues.info()
    look.show([queue_row(one) for one in queues], queue_table(queues))


@queue.command()
@looking()
@_names
async def pause(look: Look, names: tuple[str, ...]) -> None:
    """Let no worker take from these queues; what runs goes on, and tasks are still accepted."""
    for name in names:
        await look.app.queues.pause(name)
    look.show({"queues": names, "paused": True}, f"paused: {', '.join(names)}")


@queue.command()
@looking()
@_names
async def resume(look: Look, names: tuple[str, ...]) -> None:
    """Let workers take from these queues again."""
    for name in names:
        await look.app.queues.resume(name)
    look.show({"queues": names, "paused": False}, f"open: {', '.join(names)}")


def _what_is_purged(names: tuple[str, ...]) -> str:
    return f"cancel everything that waits in {', '.join(names)}"


@queue.command()
@looking(ask=_what_is_purged)
@_names
async def purge(look: Look, names: tuple[str, ...]) -> None:
    """Cancel everything that waits in these queues; what runs goes on."""
    purged = {name: await look.app.queues.purge(name) for name in names}
    look.show(purged, "\n".join(f"{name}: {number} cancelled" for name, number in purged.items()))


@queue.command()
@looking()
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="At most so many.")
@click.argument("which", metavar="QUEUE")
async def peek(look: Look, which: str, limit: int) -> None:
    """Show the tasks that would be taken next, in their order; none is taken."""
    if not look.app.broker.limits.peeks:
        look.problem(f"{look.app.place} does not tell which tasks are next; see: qtasks task list")
        return
    tasks = await look.app.queues.peek(which, limit)
    look.show([task_row(task) for task in tasks], task_table(tasks))
