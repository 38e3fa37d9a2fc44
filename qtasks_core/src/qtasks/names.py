"""Names of apps, queues and tasks: one rule, wherever one is given."""

from __future__ import annotations

from typing import Final, TypeGuard

from qtasks.errors import ConfigError
from qtasks.printable import short_repr

LONGEST_NAME: Final = 200
"""Characters of a name."""


def is_name(value: object) -> TypeGuard[str]:
    """Whether every backend can carry it, and a line of a log can show it."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def is_queue_name(value: object) -> bool:
    """Whether it can be the name of a queue; a `=` would begin a weight, a comma the next name."""
    return is_name(value) and value == value.strip() and not {"=", ","}.intersection(value)


def check_app_name(value: object) -> None:
    """Raise ConfigError unless it can be the name of an app."""
    if not is_name(value):
        raise ConfigError(
            f"the name of an app is 1 … {LONGEST_NAME} printable characters, not {short_repr(value)}"
        )


def check_queue_name(value: object) -> None:
    """Raise ConfigError unless it can be the name of a queue."""
    if not is_queue_name(value):
        raise ConfigError(
            f"a queue name is 1 … {LONGEST_NAME} printable characters without `=` and comma, and without"
            f" a blank at its ends, not {short_repr(value)}"
        )


def check_task_name(value: object) -> None:
    """Raise ConfigError unless it can be the name of a task."""
    if not is_name(value):
        raise ConfigError(
            f"the name of a task is text of 1 … {LONGEST_NAME} printable characters, not {short_repr(value)}"
        )
