"""`rate_limit`, `concurrency` and `limit_by`: what all workers together may run of a task."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from qtasks.config import LONGEST_DELAY, check_count, is_number
from qtasks.errors import ConfigError, EncodeError
from qtasks.models import Ask
from qtasks.printable import short_repr
from qtasks.serialization import encode_value
from qtasks.unique import digest_of

SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

_RATE: Final = re.compile(
    r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d*)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)\s*"
)

By = str | Callable[..., Any] | None
"""What has a limit of its own: the value of one parameter, or of a function that gets all by their names."""


@dataclass(frozen=True, slots=True)
class Limited:
    """The limits of one task.

    Args:
        interval: Seconds between two starts; None is no limit.
        concurrency: How many may run at a time; None is no limit.
        by: What has limits of its own; None is the task as a whole.
        rate: The rate as it was written.
    """

    interval: float | None
    concurrency: int | None
    by: By = None
    rate: float | str | None = None

    @classmethod
    def of(cls, rate_limit: object, concurrency: object, limit_by: object) -> Limited | None:
        """Return what the options mean; None where nothing is limited.

        Raises:
            ConfigError: A value that is no limit.
        """
        if limit_by is not None and not (isinstance(limit_by, str) or callable(limit_by)):
            raise ConfigError(
                f"limit_by is the name of a parameter or a function, not {short_repr(limit_by)}"
            )
        if rate_limit is None and concurrency is None:
            if limit_by is not None:
                raise ConfigError(
                    "limit_by needs rate_limit or concurrency: it says what these are counted by"
                )
            return None
        if concurrency is not None:
            check_count("concurrency", concurrency)
        interval = None if rate_limit is None else interval_of(rate_limit)
        rate: Any = rate_limit  # interval_of has looked at it
        at_a_time: Any = concurrency  # and check_count at this
        return cls(interval, at_a_time, limit_by, rate)

    def ask(self, task: str, task_id: str, worker: str, bound: Mapping[str, Any]) -> Ask:
        """Return the question that a worker asks before it runs this call.

        Args:
            task: The name of the task.
            task_id: Its id.
            worker: The id of the worker.
            bound: The arguments by the names of their parameters.

        Raises:
            EncodeError: What it is limited by cannot be compared because it cannot be written.
        """
        key = task if self.by is None else f"{task}\n{self._key(bound)}"
        return Ask(key, task_id, worker, self.concurrency, self.interval)

    def _key(self, bound: Mapping[str, Any]) -> str:
        assert self.by is not None
        value = bound.get(self.by) if isinstance(self.by, str) else self.by(**bound)
        try:
            return digest_of(value)  # not its `str`: it may have an address, or the order of a set, in it
        except EncodeError:
            encode_value(value, "what limit_by counts by")
            raise


def interval_of(rate: object) -> float:
    """Return the seconds between two starts at this rate: a number per second, or `"100/m"`, `"10/30s"`.

    Raises:
        ConfigError: It is no rate.
    """
    number, period = 0.0, 1.0
    if isinstance(rate, str) and (match := _RATE.fullmatch(rate)):
        number, period = float(match[1]), float(match[2] or 1) * SECONDS[match[3][0]]
    elif is_number(rate):
        number = float(rate)  # type: ignore[arg-type]  # is_number has looked at it
    # Text may have more digits than a float: endless numbers are no limit, and would be one that never ends.
    if number > 0 and 0 < period / number <= LONGEST_DELAY:
        return period / number
    raise ConfigError(
        f"rate_limit is starts per second, or text such as '100/m' or '5/10s', not {short_repr(rate)}"
    )
