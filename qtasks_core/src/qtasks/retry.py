"""When a task that failed is run again, and after how long. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from qtasks.config import LONGEST_DELAY, is_number, is_whole
from qtasks.errors import ConfigError
from qtasks.printable import short_repr

MOST_RETRIES: Final = 1_000_000_000
"""Runs after the first one; more would be no number in every language that reads a message."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, after which exceptions and after how long a task is run again.

    The defaults of the waits: 1 s, 2 s, 4 s and so on up to 10 minutes, each up to 10 % longer by
    chance, so that tasks that failed together do not come back together.

    Raises:
        ConfigError: A value that cannot be kept.
    """

    retries: int = 0
    """Runs after the first one. Lost workers and deploys do not count."""
    on: tuple[type[BaseException], ...] = (Exception,)
    """Exceptions that are tried again, with their subclasses."""
    delay: float = 1.0
    """Seconds before the second run."""
    factor: float = 2.0
    """By how much each wait is longer than the one before, at least 1."""
    cap: float = 600.0
    """Seconds that no wait exceeds, before the chance is added."""
    jitter: float = 0.1
    """The part of the wait, 0 … 1, of which at most so much is added by chance."""

    def __post_init__(self) -> None:
        if not is_whole(self.retries, 0, MOST_RETRIES):
            raise ConfigError(
                f"retry must be a whole number 0 … {MOST_RETRIES}, not {short_repr(self.retries)}"
            )
        if not isinstance(self.on, tuple) or not all(_is_exception(kind) for kind in self.on):
            raise ConfigError(f"what is retried on must be classes of exceptions, not {short_repr(self.on)}")
        _check("delay", self.delay, 0.0, LONGEST_DELAY)
        _check("factor", self.factor, 1.0, math.inf)
        _check("cap", self.cap, 0.0, LONGEST_DELAY)
        _check("jitter", self.jitter, 0.0, 1.0)


def should_retry(policy: RetryPolicy, attempt: int, exc: BaseException) -> bool:
    """Whether there is another run after run number `attempt` (1 is the first) has raised `exc`."""
    return attempt <= policy.retries and isinstance(exc, policy.on)


def backoff(policy: RetryPolicy, attempt: int, random: Callable[[], float]) -> float:
    """Return the seconds to wait after run number `attempt`; always finite.

    Args:
        policy: The rules.
        attempt: 1 is the first run.
        random: Returns a number in 0 … 1, such as `random.random`.
    """
    wait = _wait(policy, attempt)
    return min(wait + wait * policy.jitter * random(), LONGEST_DELAY)


def _wait(policy: RetryPolicy, attempt: int) -> float:
    if not policy.delay:
        return 0.0
    try:
        grown = policy.delay * float(policy.factor) ** (attempt - 1)
    except OverflowError:
        return policy.cap
    return min(grown, policy.cap)


def _is_exception(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not is_number(value) or not low <= value <= high:
        most = "" if math.isinf(high) else f" and at most {high:g}"
        raise ConfigError(f"backoff {name} must be a number, at least {low:g}{most}, not {short_repr(value)}")
