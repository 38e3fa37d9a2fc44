"""The options of a task, and of one call: names, types and what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from qtasks.config import LONGEST_DELAY, MOST_URGENT, is_number, is_whole
from qtasks.errors import ConfigError
from qtasks.ids import as_id
from qtasks.names import check_queue_name
from qtasks.printable import short_repr
from qtasks.rates import Limited
from qtasks.retry import RetryPolicy
from qtasks.status import TaskStatus
from qtasks.synonyms import ADVICE
from qtasks.unique import Unique

if TYPE_CHECKING:
    from qtasks.executors import TaskExecutor, TaskMiddleware


class Ack(StrEnum):
    """When a task counts as done, as far as a lost worker is concerned."""

    LATE = "late"
    """With its outcome: a lost worker means another delivery. At least once."""
    EARLY = "early"
    """With its start: a lost worker means `dead`. At most once."""


class Executor(StrEnum):
    """Where a body runs."""

    LOOP = "loop"
    """On the event loop of the worker: it must not block."""
    THREAD = "thread"
    PROCESS = "process"
    """In a process of its own, which can be killed."""


NO_RETRY: Final = RetryPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What `@app.task(…)` says of a task; None is the default of the app."""

    queue: str = "default"
    priority: int | None = None
    max_time: float | None = None
    retry: RetryPolicy = NO_RETRY
    expires: float | None = None
    result_ttl: float | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    echo: bool = False
    executor: Executor | type[TaskExecutor] | None = None
    """None is the loop for `async def` and a thread for `def`."""
    max_memory: int | None = None
    """Bytes of data that a process may have."""
    decode: Callable[[Any], Any] | None = None
    generate_handler: Callable[[Any], Any] | None = None
    middlewares_before: tuple[type[TaskMiddleware], ...] = ()
    middlewares_after: tuple[type[TaskMiddleware], ...] = ()
    ack: Ack = Ack.LATE
    unique: Unique | None = None
    limited: Limited | None = None
    """`rate_limit`, `concurrency` and `limit_by`."""
    extra: Mapping[str, Any]

    def __post_init__(self) -> None:
        check_queue_name(self.queue)
        check_priority(self.priority)
        check_seconds("max_time", self.max_time)
        check_seconds("expires", self.expires)
        check_ttl(self.result_ttl)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What `.options(…)` says of one call; None leaves the choice to the task."""

    id: str | None = None
    queue: str | None = None
    priority: int | None = None
    delay: float | None = None
    eta: datetime | None = None
    expires: float | None = None
    retry: int | None = None
    max_time: float | None = None
    result_ttl: float | None = None
    unique: Unique | bool | str | None = None
    """False accepts the call although its task is unique."""

    def __post_init__(self) -> None:
        Unique.of(self.unique)
        if self.queue is not None:
            check_queue_name(self.queue)
        check_priority(self.priority)
        check_seconds("max_time", self.max_time)
        check_seconds("expires", self.expires)
        check_ttl(self.result_ttl)
        check_delay(self.delay, self.eta)
        if self.retry is not None:
            RetryPolicy(retries=self.retry)

    def due(self, now: float) -> float | None:
        """When the task becomes ready; None is at once."""
        if self.eta is not None:
            moment = self.eta.timestamp()
            if moment - now > LONGEST_DELAY:
                raise ConfigError(
                    f"eta is more than {LONGEST_DELAY / 31_536_000:.0f} years ahead: {self.eta}"
                )
            return moment if moment > now else None
        return now + self.delay if self.delay else None

    def merged(self, **changes: Any) -> CallOptions:
        """Return these options with the given ones on top; None keeps what is here."""
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


OPTION_NAMES: Final = frozenset(
    {"name", "retry_on_exc", "backoff", "backoff_factor", "backoff_cap", "backoff_jitter"}
    | {"rate_limit", "concurrency", "limit_by"}
    | {field.name for field in fields(TaskOptions)} - {"extra", "limited"}
)


_CALL_OPTION_NAMES: Final = tuple(field.name for field in fields(CallOptions))
_CALL_ADVICE: Final = ADVICE | {
    "timeout": "wait for the end: (await ….add_task(…)).wait(timeout=5); or limit the run: max_time=60",
    "task_name": "the name says which task it is: app.add_task(name, …)",
}


def call_options(task_id: str | UUID | None = None, **values: Any) -> CallOptions:
    """Make call options from what a user gives."""
    return CallOptions(id=None if task_id is None else as_id(task_id), **values)


def refuse_call_options(unknown: Mapping[str, Any]) -> None:
    """Raise ConfigError where there are any: it says why `.options(…)` does not take them."""
    for name in unknown:
        if name in OPTION_NAMES:
            raise ConfigError(
                f".options() has no {name!r}: that is said of the task, once for all of its calls:"
                f" @app.task({name}=…)"
            )
        near = get_close_matches(name, _CALL_OPTION_NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_CALL_OPTION_NAMES)}"
        raise ConfigError(f".options() has no {name!r}; {_CALL_ADVICE.get(name, hint)}")


def check_extra(extra: Mapping[str, Any]) -> None:
    """Refuse an extra keyword that is nearly an option, or is one in other task queues.

    Raises:
        ConfigError: It names the keyword and the option that was meant.
    """
    for name in extra:
        if (advice := ADVICE.get(name)) is not None:
            raise ConfigError(f"unknown task option {name!r}; {advice}")
        near = get_close_matches(name, OPTION_NAMES, n=1, cutoff=0.75)
        if near and _within_one_letter(name, near[0]):
            raise ConfigError(f"unknown task option {name!r}; did you mean {near[0]!r}?")


def _within_one_letter(left: str, right: str) -> bool:
    if abs(len(left) - len(right)) > 1:
        return False
    start = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    tails = (left[start:], right[start:])
    return tails[0][1:] == tails[1][1:] or tails[0] == tails[1][1:] or tails[0][1:] == tails[1]


def check_priority(value: int | None) -> None:
    """Raise ConfigError (a ValueError) unless it is None or a whole number 0 … 9."""
    if value is not None and not is_whole(value, 0, MOST_URGENT):
        raise ConfigError(
            f"priority must be a whole number 0 … 9 (higher is more urgent), not {short_repr(value)}"
        )


def check_seconds(name: str, value: float | None) -> None:
    """Raise ConfigError unless it is None, or more than 0 and no more than ten years."""
    if value is None:
        return
    if not is_number(value) or not 0 < value <= LONGEST_DELAY:
        raise ConfigError(
            f"{name} must be a positive number of seconds, at most {LONGEST_DELAY:.0f},"
            f" not {short_repr(value)}"
        )


def check_ttl(value: float | None) -> None:
    """Raise ConfigError unless it is None or a number of seconds that a record can stay."""
    if value is None:
        return
    if not is_number(value) or not 0 <= value <= LONGEST_DELAY:
        raise ConfigError(
            f"result_ttl must be seconds, 0 or more and at most {LONGEST_DELAY:.0f}, not {short_repr(value)}"
        )


def check_text(name: str, value: object) -> None:
    """Raise ConfigError unless it is text."""
    if not isinstance(value, str):
        raise ConfigError(f"{name} is text, not {short_repr(value)}")


def as_statuses(name: str, value: TaskStatus | str | Collection[TaskStatus | str]) -> frozenset[TaskStatus]:
    """Return what one status or several mean; none at all where there are none.

    Raises:
        ConfigError: One of them is no status.
    """
    try:
        return frozenset(map(TaskStatus, (value,) if isinstance(value, str) else value))
    except (TypeError, ValueError) as exc:
        known = ", ".join(TaskStatus)
        raise ConfigError(f"{name} is one of {known}, or several of them, not {short_repr(value)}") from exc


def check_timeout(value: float | None) -> None:
    """Raise ConfigError unless it is None or a number of seconds that can be waited."""
    if value is None:
        return
    if not is_number(value) or value < 0:
        raise ConfigError(
            f"timeout must be seconds, 0 or more, or None to wait without limit, not {short_repr(value)}"
        )


def check_delay(delay: float | None, eta: datetime | None) -> None:
    """Raise ConfigError unless at most one is given and it can be kept.

    A naive `eta` is refused: nobody can tell which zone it means.
    """
    if delay is not None and eta is not None:
        raise ConfigError("give either delay or eta, not both")
    if eta is not None and (not isinstance(eta, datetime) or eta.utcoffset() is None):
        raise ConfigError(f"eta must be a datetime with a time zone, not {short_repr(eta)}")
    if delay is None:
        return
    if not is_number(delay) or not 0 <= delay <= LONGEST_DELAY:
        raise ConfigError(f"delay must be 0 … {LONGEST_DELAY:.0f} seconds, not {short_repr(delay)}")


def retry_policy(
    retry: int,
    on: Sequence[type[BaseException]] | None,
    backoff: Mapping[str, float],
) -> RetryPolicy:
    """Make the retry policy of a task from its options."""
    values: dict[str, Any] = {"retries": retry, **backoff}
    if on is not None:
        if not isinstance(on, Collection) or not on or not all(isinstance(kind, type) for kind in on):
            raise ConfigError(f"retry_on_exc is a list of exception classes, not {short_repr(on)}")
        values["on"] = tuple(on)
    return RetryPolicy(**values)


NO_OPTIONS: Final = CallOptions()
