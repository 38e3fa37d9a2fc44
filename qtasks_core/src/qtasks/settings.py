"""Every setting: its default, what it may be, what it means, and when it acts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeGuard

from qtasks import logformat, queues
from qtasks.errors import ConfigError
from qtasks.names import is_queue_name
from qtasks.printable import short_repr
from qtasks.status import FINAL, TaskStatus

LONGEST_DELAY: Final = 10 * 365 * 86_400.0
"""Seconds that a task may be delayed by."""
LARGEST_SIZE: Final = 2**40
"""Bytes of a message or a result, at most."""
LARGEST_COUNT: Final = 10**9
"""What nobody counts beyond."""
LONGEST_WHOLE: Final = 2**1000
"""A whole number below it can be a float."""
MOST_URGENT: Final = 9
"""The highest priority."""


class Acts(StrEnum):
    """When a change of a setting has its effect."""

    AT_ONCE = "at once"
    CONNECTING = "when the app connects"
    STARTING = "when a worker starts"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default, how text from the environment is read, what is allowed."""

    default: Any
    read: Callable[[str], Any]
    check: Callable[[Any], bool]
    """May raise `_Wrong` to say more than no."""
    rule: str
    doc: str
    acts: Acts = Acts.AT_ONCE


class _Wrong(ValueError):
    """Why a value is not allowed, where the rule alone does not say it."""


def _no_problem(problem: str) -> bool:
    if problem:
        raise _Wrong(problem)
    return True


def _read_bool(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(text)


def _read_float(text: str) -> float | None:
    return None if text.strip().lower() in {"", "none"} else float(text)


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _read_nothing(text: str) -> None:
    if text.strip().lower() not in {"", "none"}:
        raise ValueError(text)


def _is_function(value: Any) -> bool:
    return value is None or callable(value)


def _is_int(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: is_whole(value, low, high)


def is_whole(value: object, low: int, high: int | None = None) -> TypeGuard[int]:
    """Whether it is a whole number between these; true and false are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value >= low and (high is None or value <= high)


def check_count(name: str, value: object) -> None:
    """Raise ConfigError unless it is a whole number, at least 1."""
    if not is_whole(value, 1):
        raise ConfigError(f"{name} must be a whole number, at least 1, not {short_repr(value)}")


def is_number(value: object) -> bool:
    """Whether it is a finite number; true and false are none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) < LONGEST_WHOLE if isinstance(value, int) else math.isfinite(value)


def _is_seconds(*, low: float = 0.0, optional: bool = False) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if value is None:
            return optional
        return is_number(value) and low <= value <= LONGEST_DELAY

    return check


def _is_statuses(value: Any) -> bool:
    return isinstance(value, tuple) and len(frozenset(map(TaskStatus, value))) > 0


def _is_names(value: Any) -> bool:
    if not isinstance(value, tuple) or not value or not all(isinstance(text, str) for text in value):
        return False
    return _no_problem(queues.problem_of(value)) and all(map(is_queue_name, queues.Weights.of(value).names))


def _is_format(value: Any) -> bool:
    return isinstance(value, str) and value != "" and _no_problem(logformat.problem_of(value))


def _flag(default: bool, doc: str) -> Setting:
    return Setting(default, _read_bool, lambda v: isinstance(v, bool), "true or false", doc)


def _seconds(default: float | None, doc: str, low: float = 0.0, *, optional: bool = False) -> Setting:
    none = ", or none" if optional else ""
    rule = f"seconds, at least {low:g} and at most {LONGEST_DELAY:.0f}{none}"
    return Setting(default, _read_float, _is_seconds(low=low, optional=optional), rule, doc)


def _whole(default: int, doc: str, low: int, high: int = LARGEST_COUNT) -> Setting:
    rule = f"a whole number, at least {low} and at most {high}"
    return Setting(default, int, _is_int(low, high), rule, doc)


def _text(default: str, doc: str) -> Setting:
    return Setting(default, str, lambda v: isinstance(v, str) and bool(v), "text", doc)


def _starting(setting: Setting) -> Setting:
    return replace(setting, acts=Acts.STARTING)


def _connecting(setting: Setting) -> Setting:
    return replace(setting, acts=Acts.CONNECTING)


SETTINGS: Final[Mapping[str, Setting]] = {
    "max_tasks_process": _starting(_whole(10, "Slots of one worker process.", 1, 100_000)),
    "queues": Setting(("default",), _read_names, _is_names,
                      "names of at most 200 characters, separated by commas; each may have a weight: name=3",
                      "Queues that a worker takes from: the first one first where priorities are equal. With "
                      "weights (`high=3,low=1`) each is begun with as often as its weight says.",
                      Acts.STARTING),
    "task_default_priority": _whole(0, "Priority of a task that names none.", 0, MOST_URGENT),
    "task_default_decode": Setting(
        None, _read_nothing, _is_function, "a function, or none",
        "What makes of a result what is stored, for tasks without `decode`; not from the environment.",
        Acts.STARTING),
    "serializer": _connecting(
        _text("json", "Who writes arguments and results: `json`, `msgpack`, or an installed one.")),
    "max_message_size": _whole(16 * 2**20, "Bytes of the arguments of one task.", 1, LARGEST_SIZE),
    "max_result_size": _whole(64 * 2**20, "Bytes of the result of one task.", 1, LARGEST_SIZE),
    "running_older_tasks": _starting(
        _flag(False, "At start, take over at once what provably dead workers left.")),
    "delete_finished_tasks": _starting(_flag(False, "At start, remove the records of final tasks.")),
    "lease": _starting(_seconds(30.0, "A worker that is silent for so long counts as dead.", 0.2)),
    "grace": _starting(_seconds(30.0, "How long a stopping worker waits for what runs.")),
    "max_deliveries": _whole(5, "Losses after which a task is dead.", 1),
    "unknown_grace": _seconds(600.0, "How long a task may wait for a worker that knows its name."),
    "result_ttl": _seconds(86_400.0, "How long a record stays after the end; none: for ever.", optional=True),
    "dead_ttl": _seconds(None, "The same for tasks that ended `dead`.", optional=True),
    "max_dead": _whole(100_000, "Dead letters that are kept; beyond it workers remove the oldest.", 1),
    "result_time_interval": _connecting(
        _seconds(1.0, "Safety re-read of a waiter while its push is silent.", 0.01)),
    "result_statuses_end": Setting(
        tuple(sorted(FINAL)), _read_names, _is_statuses, "names of statuses, separated by commas",
        "Statuses that end a wait, besides the final ones: `process` ends it when a worker has begun."),
    "blocked_loop_time": _starting(
        _seconds(5.0, "A loop that is blocked for so long is logged with its stack.", 0.01)),
    "max_abandoned": _whole(8, "Bodies that go on after their end before the worker is replaced.", 1),
    "hook_timeout": _connecting(_seconds(10.0, "How long an async hook of a plugin may take.", 0.001)),
    "logs_default_level_server": _whole(20, "Level of the log of a worker.", 0, 1000),
    "logs_default_level_client": _whole(20, "Level of the log of a producer.", 0, 1000),
    "logs_format": Setting(
        "%(asctime)s [%(name)s: %(levelname)s] %(message)s", str, _is_format, "a format of `logging`",
        "Format of the log that QTasks sets up; `%(subname)s` is the last part of the name of a logger."),
}  # fmt: skip


def checked(field: str, setting: Setting, value: Any) -> Any:
    """Return the value as it is kept.

    Raises:
        ConfigError: It is not allowed; the text begins with `field`, which may be a variable.
    """
    if isinstance(setting.default, tuple) and isinstance(value, (list, set, frozenset)):
        value = tuple(value)
    reason = ""
    try:
        good = setting.check(value)
    except _Wrong as exc:
        good, reason = False, f": {exc}"
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ConfigError(f"{field} must be {setting.rule}, not {short_repr(value)}{reason}")
    return value
