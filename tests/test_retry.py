"""When a failed task is run again, and after how long."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtasks.config import LONGEST_DELAY
from qtasks.errors import ConfigError
from qtasks.retry import RetryPolicy, backoff, should_retry


def never() -> float:
    """No chance at all."""
    return 0.0


def test_the_waits_are_those_that_are_documented() -> None:
    """One second, doubled each time, up to ten minutes."""
    waits = [backoff(RetryPolicy(), attempt, never) for attempt in range(1, 13)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


def test_chance_makes_a_wait_longer_by_a_tenth_at_most() -> None:
    """Nothing is tried earlier than without chance."""
    assert backoff(RetryPolicy(), 1, lambda: 1.0) == pytest.approx(1.1)
    assert backoff(RetryPolicy(), 100, lambda: 1.0) == pytest.approx(660)
    waits = {backoff(RetryPolicy(delay=10.0, jitter=0.5), 1, random.Random(n).random) for n in range(50)}
    assert len(waits) > 40
    assert 10.0 <= min(waits) <= max(waits) <= 15.0


@pytest.mark.parametrize("cap", [600.0, LONGEST_DELAY])
@pytest.mark.parametrize("factor", [5, 5.0, 1e300])
def test_ten_thousand_waits_are_finite_and_never_shorter(cap: float, factor: float) -> None:
    """However often it failed, the wait grows up to the cap, stays there and never overflows."""
    policy = RetryPolicy(retries=20_000, delay=5.0, factor=factor, cap=cap)
    waits = [backoff(policy, attempt, never) for attempt in range(1, 10_001)]
    assert all(math.isfinite(wait) for wait in waits)
    assert waits == sorted(waits)
    assert waits[0] == 5.0
    assert waits[20:] == [cap] * len(waits[20:])
    assert backoff(policy, 10**9, never) == cap


@given(
    st.floats(0, LONGEST_DELAY),
    st.floats(1, 1e308),
    st.floats(0, LONGEST_DELAY),
    st.floats(0, 1),
    st.integers(1, 10**6),
    st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_no_wait_is_out_of_bounds(
    delay: float, factor: float, cap: float, jitter: float, attempt: int, chance: float
) -> None:
    """Every wait of every policy is one that a backend can keep."""
    policy = RetryPolicy(1, delay=delay, factor=factor, cap=cap, jitter=jitter)
    assert 0 <= backoff(policy, attempt, lambda: chance) <= min(cap * (1 + jitter) * 1.000001, LONGEST_DELAY)


def test_a_delay_of_zero_stays_zero() -> None:
    """A task may be tried again at once, however often it failed."""
    assert [backoff(RetryPolicy(delay=0), attempt, lambda: 1.0) for attempt in (1, 5, 10_000)] == [0, 0, 0]


def test_a_factor_of_one_waits_equally() -> None:
    """Every wait is the delay."""
    policy = RetryPolicy(delay=3.0, factor=1)
    assert [backoff(policy, attempt, never) for attempt in (1, 2, 10_000)] == [3, 3, 3]


def test_retries_are_runs_after_the_first() -> None:
    """With two retries the third run is the last; without any the first is."""
    assert [should_retry(RetryPolicy(2), attempt, ValueError()) for attempt in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        False,
    ]
    assert not should_retry(RetryPolicy(), 1, ValueError())


def test_only_the_named_exceptions_are_tried_again() -> None:
    """With their subclasses; by default all that are errors, and none that end a process."""
    policy = RetryPolicy(1, on=(LookupError, KeyboardInterrupt))
    assert should_retry(policy, 1, KeyError())
    assert should_retry(policy, 1, KeyboardInterrupt())
    assert not should_retry(policy, 1, ValueError())
    assert not should_retry(RetryPolicy(1), 1, SystemExit())
    assert should_retry(RetryPolicy(1), 1, ExceptionGroup("g", [ValueError()]))
    assert not should_retry(RetryPolicy(1, on=()), 1, ValueError())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"retries": -1}, "retry"),
        ({"retries": 1.5}, "retry"),
        ({"retries": True}, "retry"),
        ({"retries": "3"}, "retry"),
        ({"on": ValueError}, "classes of exceptions"),
        ({"on": (int,)}, "classes of exceptions"),
        ({"on": ("ValueError",)}, "classes of exceptions"),
        ({"delay": -1}, "delay"),
        ({"delay": math.nan}, "delay"),
        ({"delay": math.inf}, "delay"),
        ({"delay": "1"}, "delay"),
        ({"delay": True}, "delay"),
        ({"factor": 0.5}, "factor"),
        ({"factor": math.inf}, "factor"),
        ({"cap": math.inf}, "cap"),
        ({"cap": -1}, "cap"),
        ({"cap": LONGEST_DELAY * 2}, "cap"),
        ({"jitter": 1.5}, "jitter"),
        ({"jitter": -0.1}, "jitter"),
    ],
)
def test_values_that_cannot_be_kept_are_refused(values: dict[str, Any], said: str) -> None:
    """Each is refused where the policy is made, by name."""
    with pytest.raises(ConfigError, match=said):
        RetryPolicy(**values)
