"""What commands that look into an app have in common: which app it is, JSON, and the exit code.

```python
@group.command("list")
@looking()
async def show_all(look: Look) -> None:
    queues = await look.app.queues.info()
    look.show([queue_row(queue) for queue in queues], queue_table(queues))
```
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import click

from qtasks.app import QueueTasks
from qtasks.cli.load import load_app
from qtasks.cli.output import print_json
from qtasks.errors import UsageError
from qtasks.logsetup import set_up_log

Command = Callable[..., Coroutine[Any, Any, None]]

app_option: Final = click.option(
    "-A", "--app", "target", metavar="MODULE:APP", help="The app: module:attribute, or just the module."
)
url_option: Final = click.option("--url", help="Where the tasks are, in place of the app's own URL.")
name_option: Final = click.option("--name", help="The name of the app, where it is not given by -A.")
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask.")
queue_option: Final = click.option("--queue", help="Only those of this queue.")
task_option: Final = click.option("--task", help="Only those of this name.")
limit_option: Final = click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
)


def ids_argument(*, required: bool) -> Callable[[Command], Command]:
    """Return the argument `ids`: UUIDs of tasks in any of their forms, each once."""
    metavar = "ID..." if required else "[ID]..."
    return click.argument(
        "ids", metavar=metavar, type=click.UUID, nargs=-1, required=required, callback=_canonical
    )


def _canonical(ctx: click.Context, param: click.Parameter, value: Iterable[UUID]) -> tuple[str, ...]:  # noqa: ARG001
    return tuple(dict.fromkeys(map(str, value)))


@dataclass
class Look:
    """One call of a command."""

    app: QueueTasks
    as_json: bool
    code: int = 0
    """The exit code at the end."""

    def show(self, data: object, text: str) -> None:
        """Print the answer: data for programs, or text for people."""
        if self.as_json:
            print_json(data)
        else:
            click.echo(text)

    def problem(self, text: str) -> None:
        """Say on standard error what could not be done; the command goes on, and exits with 1."""
        click.echo(f"Error: {text}", err=True)
        self.code = 1


def looking(
    ask: Callable[..., str] | None = None, *, imported: bool = False
) -> Callable[[Command], Callable[..., None]]:
    """Make of `async def work(look, …)` what click calls, with `-A`, `--url`, `--name` and `--json`.

    Args:
        ask: Says what the command would do to what is there, from its options. It then needs
            `--yes`, or a yes on a terminal.
        imported: It describes what the module of the app defines: there is no `--url` and no `--name`.
    """
    place = () if imported else (name_option, url_option)

    def decorate(work: Command) -> Callable[..., None]:
        def command(ctx: click.Context, /, **values: Any) -> None:
            target, as_json = values.pop("target") or ctx.obj, values.pop("as_json")
            if imported and target is None:
                raise UsageError("tasks are described where they are defined: give -A module:app")
            where = values.pop("url", None), values.pop("name", None)
            if ask is not None and not values.pop("yes"):
                _confirm(ask(**values))
            look = Look(app_of(target, *where), as_json)
            set_up_log(look.app.config, serves=False, own=look.app.given_log)
            asyncio.run(_finish(look, work(look, **values)))
            ctx.exit(look.code)

        made: Callable[..., None] = click.pass_context(functools.wraps(work)(command))
        for option in (json_option, *place, app_option):
            made = option(made)
        return made if ask is None else yes_option(made)

    return decorate


def app_of(target: str | None, url: str | None, name: str | None) -> QueueTasks:
    """Return the app that is meant: an imported one, or one that is made only to look.

    Raises:
        UsageError: Nothing says which, or too much does; or the app cannot be imported.
        BackendError: No installed package serves its URL.
    """
    if target is None:
        if url is None and "QTASKS_URL" not in os.environ:
            raise UsageError(
                "which app? Give -A module:app, or --url URL with --name NAME, or set QTASKS_URL"
            )
        return looking_app(url, name)
    if name is not None:
        raise UsageError(f"--name is for an app that is not imported; {target} has a name of its own")
    app = load_app(target)
    if url is not None:
        app.use_url(url)
    return app


def looking_app(url: str | None, name: str | None) -> QueueTasks:
    """Return an app that knows no tasks and loads no plugins."""
    if name is None:
        return QueueTasks(broker_url=url, plugins=False)
    return QueueTasks(name, url, plugins=False)


async def _finish(look: Look, work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    finally:
        await look.app.disconnect()


def _confirm(loss: str) -> None:
    """Ask on the terminal, before anything is connected: a blocked loop would hear no Ctrl+C.

    Raises:
        UsageError: There is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"this would {loss}: give --yes, as there is no terminal to ask on")
    click.confirm(f"This will {loss}. Go on?", abort=True, err=True)
