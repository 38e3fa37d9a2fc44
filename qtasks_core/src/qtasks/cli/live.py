"""`qtasks worker list`, `qtasks ping` and `qtasks counts`: who works, and how many tasks there are."""

from __future__ import annotations

import click

from qtasks.cli.looking import Look, looking
from qtasks.cli.views import counts_row, counts_table, worker_row, worker_table


@click.group()
def worker() -> None:
    """Look at workers."""


@worker.command("list")
@looking()
async def show_all(look: Look) -> None:
    """Show the workers that are alive: where, since when, what they take."""
    workers = await look.app.workers()
    look.show([worker_row(one) for one in workers], worker_table(workers))


@click.command()
@looking()
@click.option("--backend", is_flag=True, help="Only ask whether the backend answers.")
async def ping(look: Look, backend: bool) -> None:
    """Say whether a worker is alive; exit with 1 if none is, or if the backend does not answer."""
    good = await look.app.ping(server=not backend)
    workers = len(await look.app.workers())
    text = f"the backend answers, {workers} workers are alive"
    look.show({"ok": good, "backend": True, "workers": workers}, text)
    look.code = 0 if good else 1


@click.command()
@looking()
async def counts(look: Look) -> None:
    """Show how many tasks are in each status."""
    numbers = await look.app.counts()
    look.show(counts_row(numbers), counts_table(numbers))
