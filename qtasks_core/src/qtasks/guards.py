"""What an app refuses, with the text that names the right way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from logging import Logger, getLogger
from typing import TYPE_CHECKING, Any, Final

from qtasks.config import QueueConfig
from qtasks.errors import ConfigError, UsageError
from qtasks.faces import app_of
from qtasks.printable import short_repr

if TYPE_CHECKING:
    from qtasks.protocols import Broker, Worker

_IMPORTING: ContextVar[str | None] = ContextVar("qtasks_importing", default=None)

_REPLACED: Final[Mapping[str, str]] = {
    "num_workers": "app.config.max_tasks_process (or --concurrency) sets the slots of a worker process",
    "reset_config": "settings on app.config always reach every component",
    "loop": "call `await app.run()` inside the loop of your choice",
}


@contextmanager
def importing(target: str) -> Iterator[None]:
    """Mark that the command imports `target`: a worker that starts in it is refused."""
    token = _IMPORTING.set(target)
    try:
        yield
    finally:
        _IMPORTING.reset(token)


def is_importing() -> bool:
    """Whether the command is importing the module of an app; `--url` may still come."""
    return _IMPORTING.get() is not None


def refuse_worker(unknown: Mapping[str, Any]) -> None:
    """Raise UsageError where `run_forever` cannot do what it is asked to.

    That is while the command imports the module, inside a running loop, and with arguments that
    earlier versions had.
    """
    target = _IMPORTING.get()
    if target is not None:
        raise UsageError(
            f"run_forever() was called while `qtasks` imported {target}. Guard it:\n\n"
            '    if __name__ == "__main__":\n        app.run_forever()\n'
        )
    for name in unknown:
        raise UsageError(
            f"run_forever() has no argument {name!r}: {_REPLACED.get(name, 'it takes only starter=')}"
        )
    if in_loop():
        raise UsageError("a loop is running here already: use `await app.run()` instead of run_forever()")


def refuse_former_argument(name: str, value: object, instead: str) -> None:
    """Raise UsageError where a call gives an argument that only version 1 had."""
    if value is not None:
        raise UsageError(f"{name}= is an argument of version 1: {instead}; see docs/migration.md")


def in_loop() -> bool:
    """Whether a loop is running in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def checked_config(config: object) -> QueueConfig:
    """Return the settings of an app, new ones where there are none; raise ConfigError where they are none."""
    if config is None:
        return QueueConfig()
    if not isinstance(config, QueueConfig):
        raise ConfigError(f"config is a QueueConfig(…), not {short_repr(config)}")
    return config


def check_part(what: str, part: object, *methods: str) -> None:
    """Raise ConfigError unless it is None, or an object with these methods: a part of an app made by hand."""
    if part is None:
        return
    if isinstance(part, type) or not all(callable(getattr(part, name, None)) for name in methods):
        raise ConfigError(f"{what} is an object with {', '.join(methods)}(), not {short_repr(part)}")


def checked_app(app: Any) -> Any:
    """Return the asynchronous app of either face; raise ConfigError where it is none."""
    engine = app_of(app)
    check_part("app", engine, "add_task", "get", "find")
    return engine


def checked_log(log: object, name: str) -> Logger:
    """Return the logger of an app, its own where none was given; raise ConfigError where it is none."""
    if log is None:
        return getLogger(f"qtasks.{name}")
    if not isinstance(log, Logger):
        raise ConfigError(f"log is a logging.Logger, not {short_repr(log)}")
    return log


def broker_of(broker: Broker | None, worker: Worker | None) -> Broker | None:
    """Return the broker that the parts of an app agree on; None where they have none."""
    of_worker = None if worker is None else getattr(worker, "given_broker", None)
    if broker is not None and of_worker is not None and of_worker is not broker:
        raise ConfigError("the worker has another broker than the app; give both the same one")
    return broker if broker is not None else of_worker


def check_names(app_name: str, *parts: object) -> None:
    """Raise ConfigError where a part was given the name of another app."""
    for part in parts:
        given = getattr(part, "name", None)
        if given is not None and given != app_name:
            raise ConfigError(f"a {type(part).__name__} with name={given!r} is in the app {app_name!r}")
