"""`qtasks run`: a worker in this process, or a supervisor of several."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from qtasks.app import QueueTasks
from qtasks.cli.load import load_app
from qtasks.errors import UsageError, WorkerExhausted
from qtasks.logsetup import LevelClaim, set_up_log
from qtasks.worker.pool import EXHAUSTED, Pool, hold_lifeline
from qtasks.worker.signals import last_thing


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of `qtasks run`; None leaves the setting of the app."""

    target: str
    processes: int | None = None
    concurrency: int | None = None
    queues: str | None = None
    url: str | None = None
    grace: float | None = None
    lease: float | None = None
    log_level: int | None = None

    def apply(self, app: QueueTasks) -> None:
        """Put them on the app.

        Raises:
            ConfigError: A value is not allowed, or the URL cannot replace the app's own.
        """
        if self.url is not None:
            app.use_url(self.url)
        settings = {
            "max_tasks_process": self.concurrency,
            "queues": _names(self.queues),
            "grace": self.grace,
            "lease": self.lease,
            "logs_default_level_server": self.log_level,
        }
        for field, value in settings.items():
            if value is not None:
                setattr(app.config, field, value)


def run_worker(options: RunOptions) -> int:
    """Work until told to stop, and return the exit code.

    Raises:
        UsageError: The app cannot be imported, or its backend cannot serve several processes.
        BackendError: The backend cannot be reached or used.
    """
    lifeline = hold_lifeline()
    app = load_app(options.target)
    options.apply(app)
    set_up_log(app.config, serves=True, own=app.given_log)
    broker = app.broker
    if not app.tasks and lifeline is None:
        app.log.warning("%s has no tasks: is the module that defines them imported?", options.target)
    if options.processes is not None and lifeline is None:
        if not broker.limits.shared:
            raise UsageError(
                f"{app.place} lives inside one process: leave out --processes, or take another URL"
            )
        LevelClaim(app.log, serves=True).begin(app.config)
        return Pool(_command(sys.argv[1:]), options.processes, app.config.grace, app.log).run()
    if lifeline is not None:
        lifeline.grace = app.config.grace
        if lifeline.is_replacement:
            app.config.delete_finished_tasks = False  # that was for the start, not for each crash
    return asyncio.run(_work(app))


async def _work(app: QueueTasks) -> int:
    with last_thing() as leaving:
        try:
            await app.run()
        except WorkerExhausted as exc:
            app.log.error("%s (exit code %d)", exc, EXHAUSTED)  # noqa: TRY400 - the line says all
            leaving.code = EXHAUSTED
    return leaving.code


def _names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _command(arguments: Sequence[str]) -> list[str]:
    """Return the command of a child: this one, without `--processes`.

    A console script does not have the working directory on its path of imports while it imports
    QTasks; `-P` keeps it so for `-m`.
    """
    started_by_name = getattr(sys.modules["__main__"], "__spec__", None) is not None
    safe_path = [] if started_by_name else ["-P"]
    own, remaining = [], iter(arguments)
    for argument in remaining:
        if argument == "--processes":
            next(remaining)  # its value
        elif not argument.startswith("--processes="):
            own.append(argument)
    return [sys.executable, *safe_path, "-m", "qtasks", *own]
