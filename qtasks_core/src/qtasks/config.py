"""`QueueConfig`: every setting of an app, validated, with values from the environment."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeGuard

from qtasks.errors import ConfigError
from qtasks.queues import Weights, is_weighted_name
from qtasks.status import FINAL, TaskStatus

Subscriber = Callable[["QueueConfig", str, Any], None]

LONGEST_DELAY: Final = 10 * 365 * 86_400.0
"""Seconds that a task may be delayed by."""
LONGEST_WHOLE: Final = 2**1000
"""A whole number below it can be a float."""
LONGEST_NAME: Final = 200
"""Characters of the name of an app or a queue."""
MOST_URGENT: Final = 9
"""The highest priority."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default, how text from the environment is read, what is allowed."""

    default: Any
    read: Callable[[str], Any]
    check: Callable[[Any], bool]
    rule: str
    doc: str


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


def _is_int(low: int, high: int | None = None) -> Callable[[Any], bool]:
    return lambda value: is_whole(value, low, high)


def is_whole(value: object, low: int, high: int | None = None) -> TypeGuard[int]:
    """Whether it is a whole number between these; true and false are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return value >= low and (high is None or value <= high)


def is_number(value: object) -> bool:
    """Whether it is a finite number; true and false are none."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return abs(value) < LONGEST_WHOLE if isinstance(value, int) else math.isfinite(value)


def _is_seconds(*, low: float = 0.0, optional: bool = False) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if value is None:
            return optional
        return is_number(value) and value >= low

    return check


def _is_statuses(value: Any) -> bool:
    return not isinstance(value, str) and len(frozenset(map(TaskStatus, value))) > 0


def is_queue_name(value: object) -> bool:
    """Whether every backend can carry it as the name of a queue."""
    printable = isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value.isprintable()
    return printable and not is_weighted_name(value)  # type: ignore[arg-type]  # it is text by then


def _is_names(value: Any) -> bool:
    if isinstance(value, str) or not all(isinstance(text, str) for text in value):
        return False
    queues = Weights.of(value)
    return all(map(is_queue_name, queues.names)) and min(queues.weights.values(), default=0) > 0


def _flag(default: bool, doc: str) -> Setting:
    return Setting(default, _read_bool, lambda v: isinstance(v, bool), "true or false", doc)


def _seconds(default: float | None, doc: str, low: float = 0.0, *, optional: bool = False) -> Setting:
    none = ", or none" if optional else ""
    rule = f"seconds, at least {low:g}{none}"
    return Setting(default, _read_float, _is_seconds(low=low, optional=optional), rule, doc)


def _whole(default: int, doc: str, low: int, high: int | None = None) -> Setting:
    rule = f"a whole number, at least {low}" + ("" if high is None else f" and at most {high}")
    return Setting(default, int, _is_int(low, high), rule, doc)


def _text(default: str, doc: str) -> Setting:
    return Setting(default, str, lambda v: isinstance(v, str) and bool(v), "text", doc)


SETTINGS: Final[Mapping[str, Setting]] = {
    "max_tasks_process": _whole(10, "Slots of one worker process.", 1, 100_000),
    "queues": Setting(("default",), _read_names, _is_names,
                      "names of at most 200 characters, separated by commas; each may have a weight: name=3",
                      "Queues that a worker takes from: the first one first where priorities are equal. With "
                      "weights (`high=3,low=1`) each is begun with as often as its weight says."),
    "task_default_priority": _whole(0, "Priority of a task that names none.", 0, MOST_URGENT),
    "task_default_decode": Setting(
        None, _read_nothing, _is_function, "a function, or none",
        "What makes of a result what is stored, for tasks without `decode`; not from the environment."),
    "serializer": _text("json", "Who writes arguments and results: `json`, `msgpack`, or an installed one."),
    "max_message_size": _whole(16 * 2**20, "Bytes of the arguments of one task.", 1),
    "max_result_size": _whole(64 * 2**20, "Bytes of the result of one task.", 1),
    "running_older_tasks": _flag(False, "At start, take over at once what provably dead workers left."),
    "delete_finished_tasks": _flag(False, "At start, remove the records of final tasks."),
    "lease": _seconds(30.0, "A worker that is silent for so long counts as dead.", 0.2),
    "grace": _seconds(30.0, "How long a stopping worker waits for what runs."),
    "max_deliveries": _whole(5, "Losses after which a task is dead.", 1),
    "unknown_grace": _seconds(600.0, "How long a task may wait for a worker that knows its name."),
    "result_ttl": _seconds(86_400.0, "How long a record stays after the end; none: for ever.", optional=True),
    "dead_ttl": _seconds(None, "The same for tasks that ended `dead`.", optional=True),
    "result_time_interval": _seconds(1.0, "Safety re-read of a waiter while its push is silent.", 0.01),
    "result_statuses_end": Setting(
        tuple(sorted(FINAL)), _read_names, _is_statuses, "names of statuses, separated by commas",
        "Statuses that end a wait, besides the final ones: `process` ends it when a worker has begun."),
    "blocked_loop_time": _seconds(5.0, "A loop that is blocked for so long is logged with its stack.", 0.01),
    "max_abandoned": _whole(8, "Bodies that go on after their end before the worker is replaced.", 1),
    "hook_timeout": _seconds(10.0, "How long an async hook of a plugin may take.", 0.001),
    "logs_default_level_server": _whole(20, "Level of the log of a worker.", 0),
    "logs_default_level_client": _whole(20, "Level of the log of a producer.", 0),
    "logs_format": _text(
        "%(asctime)s [%(name)s: %(levelname)s] %(message)s", "Format of the log that the CLI sets up."),
}  # fmt: skip


class QueueConfig:
    """The settings of an app; every field is described in `docs/config.md`.

    Values come from the arguments, else from `QTASKS_<FIELD>` in the environment, else from the
    default. A setting made before the start reaches every component, however it was made.

    Raises:
        ConfigError: An unknown field, or a value of a wrong type; the text names the variable.
    """

    environ_prefix: ClassVar[str] = "QTASKS_"

    max_tasks_process: int
    queues: tuple[str, ...]
    task_default_priority: int
    task_default_decode: Callable[[Any], Any] | None
    serializer: str
    max_message_size: int
    max_result_size: int
    running_older_tasks: bool
    delete_finished_tasks: bool
    lease: float
    grace: float
    max_deliveries: int
    unknown_grace: float
    result_ttl: float | None
    dead_ttl: float | None
    result_time_interval: float
    result_statuses_end: tuple[str, ...]
    blocked_loop_time: float
    max_abandoned: int
    hook_timeout: float
    logs_default_level_server: int
    logs_default_level_client: int
    logs_format: str

    def __init__(self, **values: Any) -> None:
        object.__setattr__(self, "_subscribers", [])
        for field, setting in SETTINGS.items():
            object.__setattr__(self, field, _from_environment(self.environ_prefix + field.upper(), setting))
        for field, value in values.items():
            setattr(self, field, value)

    def __setattr__(self, field: str, value: Any) -> None:
        setting = SETTINGS.get(field)
        if setting is None:
            raise ConfigError(_unknown(field))
        object.__setattr__(self, field, _checked(field, setting, value))
        for subscriber in tuple(self._subscribers):
            subscriber(self, field, value)

    def subscribe(self, callback: Subscriber) -> None:
        """Call `callback(config, field, value)` after each change of a field."""
        self._subscribers.append(callback)

    def __repr__(self) -> str:
        changed = {f: getattr(self, f) for f, s in SETTINGS.items() if getattr(self, f) != s.default}
        return f"QueueConfig({', '.join(f'{k}={v!r}' for k, v in changed.items())})"

    _subscribers: list[Subscriber]


def _checked(field: str, setting: Setting, value: Any) -> Any:
    if isinstance(setting.default, tuple) and isinstance(value, (list, set, frozenset)):
        value = tuple(value)
    try:
        good = setting.check(value)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ConfigError(f"{field} must be {setting.rule}, not {value!r}")
    return value


def _from_environment(variable: str, setting: Setting) -> Any:
    text = os.environ.get(variable)
    if text is None:
        return setting.default
    try:
        return _checked(variable, setting, setting.read(text))
    except ConfigError:
        raise
    except ValueError as exc:
        raise ConfigError(f"{variable} must be {setting.rule}, not {text!r}") from exc


def _unknown(field: str) -> str:
    from difflib import get_close_matches  # only needed for the error

    near = get_close_matches(field, SETTINGS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"QueueConfig has no field {field!r}{hint}"
