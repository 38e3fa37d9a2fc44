"""What an app refuses, with the text that names the right way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from qtasks.config import LONGEST_NAME
from qtasks.errors import ConfigError, UsageError

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


def in_loop() -> bool:
    """Whether a loop is running in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def checked_name(name: str) -> str:
    """Return the name of an app, or raise ConfigError."""
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"the name of an app is 1 … {LONGEST_NAME} printable characters, not {name!r}")
    return name


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
