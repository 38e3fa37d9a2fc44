"""What `qtasks` understands: its commands, their options, and the exit codes of errors."""

from __future__ import annotations

from typing import Any, Final

import click

from qtasks import discovery
from qtasks.cli.dead import dead
from qtasks.cli.live import counts, ping, worker
from qtasks.cli.looking import app_option, json_option, name_option, url_option
from qtasks.cli.queues import queue
from qtasks.cli.stats import stats
from qtasks.cli.tasks import task
from qtasks.errors import (
    BackendConflict,
    BackendNotFound,
    ConfigError,
    PluginNotFound,
    QTasksError,
    UsageError,
)

_WRONG_CALL: Final = (ConfigError, UsageError, BackendNotFound, BackendConflict, PluginNotFound)
"""Errors that the same call meets again, until somebody changes something: exit code 2."""

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class _WrongCall(click.ClickException):
    exit_code = 2


class Commands(click.Group):
    """The commands of QTasks and those of installed packages (entry points `qtasks.commands`).

    `ctx.obj` is what the user gave with `-A`, or None; `qtasks.cli.load.load_app` makes an app of it.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *discovery.find(discovery.COMMANDS)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command of QTasks, else one of an installed package, else None."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in discovery.find(discovery.COMMANDS):
            return own
        return _installed(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named; errors of QTasks become a line and an exit code."""
        try:
            return super().invoke(ctx)
        except QTasksError as exc:
            kind = _WrongCall if isinstance(exc, _WRONG_CALL) else click.ClickException
            raise kind(str(exc)) from exc


def _installed(name: str) -> click.Command:
    """Return the command of an installed package; a broken one fails only when it is called."""
    try:
        command = discovery.load(discovery.COMMANDS, name)
        if isinstance(command, click.Command):
            return command
        problem = f"{name!r} of an installed package is a {type(command).__name__}, which is no click.Command"
    except QTasksError as exc:
        problem = str(exc)

    def fail() -> None:
        raise click.ClickException(problem)

    return click.Command(name, callback=fail, short_help="(broken)")


@click.group(cls=Commands)
@app_option
@click.version_option(package_name="qtasks", message="%(prog)s %(version)s")
@click.pass_context
def qtasks(ctx: click.Context, target: str | None) -> None:
    """Run the tasks of an app, and look after them."""
    ctx.obj = target


for _command in (queue, task, dead, worker, ping, counts, stats):
    qtasks.add_command(_command)


@qtasks.command()
@app_option
@click.option("--processes", type=click.IntRange(1), help="Keep so many worker processes running.")
@click.option("--concurrency", type=click.IntRange(1), help="Tasks at a time, in each process.")
@click.option("--queues", metavar="A,B", help="Queues to take from; with weights: high=3,low=1.")
@url_option
@click.option("--grace", type=click.FloatRange(0), help="Seconds that a stopping worker waits for tasks.")
@click.option("--lease", type=click.FloatRange(0.2), help="Seconds of silence after which a worker is dead.")
@click.option("--log-level", type=click.Choice(list(_LEVELS), case_sensitive=False), help="Least level.")
@click.pass_obj
def run(inherited: str | None, /, target: str | None, log_level: str | None, **options: Any) -> None:
    """Work: fetch tasks and run them until SIGTERM or Ctrl+C."""
    from qtasks.cli.run import RunOptions, run_worker  # `--help` needs no worker

    target = target or inherited
    if target is None:
        raise click.UsageError("run needs an app: qtasks -A module:app run")
    level = None if log_level is None else _LEVELS[log_level.lower()]
    code = run_worker(RunOptions(target=target, log_level=level, **options))
    click.get_current_context().exit(code)


@qtasks.command()
@app_option
@url_option
@name_option
@json_option
@click.pass_obj
def doctor(
    inherited: str | None, /, target: str | None, url: str | None, name: str | None, *, as_json: bool
) -> None:
    """Check the installation, the backend and the workers; exit with 1 if there is a problem."""
    from qtasks.cli.report import report  # `--help` needs no backend

    click.get_current_context().exit(report(target or inherited, url, name, as_json=as_json))
