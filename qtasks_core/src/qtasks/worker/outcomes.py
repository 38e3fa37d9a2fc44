"""The outcome of a run, made of what its body returned or raised."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from qtasks.models import Delivery, Outcome
from qtasks.retry import RetryPolicy, backoff, should_retry
from qtasks.serialization import describe, encode_failure
from qtasks.status import TaskStatus

if TYPE_CHECKING:
    from qtasks.registry import TaskDefinition
    from qtasks.runtime import Runtime


def success(
    runtime: Runtime, task: TaskDefinition, delivery: Delivery, started_at: float, value: Any
) -> Outcome:
    """Return the outcome of a body that returned.

    Raises:
        EncodeError: The value cannot be stored.
    """
    result = task.signature.encode_result(value)
    now = runtime.clock.now()
    ttl = task.options.result_ttl or runtime.config.result_ttl
    remove_at = None if ttl is None else now + ttl
    return Outcome(
        delivery.id, delivery.token, TaskStatus.SUCCESS, now, started_at, result, None, None, None, remove_at
    )


def failure(
    runtime: Runtime, task: TaskDefinition, delivery: Delivery, started_at: float | None, error: BaseException
) -> Outcome:
    """Return the outcome `error` of a body that raised."""
    now = runtime.clock.now()
    ttl = task.options.result_ttl or runtime.config.result_ttl
    return Outcome(
        delivery.id,
        delivery.token,
        TaskStatus.ERROR,
        now,
        started_at,
        error=encode_failure(describe(error)),
        remove_at=None if ttl is None else now + ttl,
    )


def retry(
    runtime: Runtime, delivery: Delivery, started_at: float | None, error: BaseException, delay: float
) -> Outcome:
    """Return the outcome of a run that is followed by another one."""
    now = runtime.clock.now()
    return Outcome(
        delivery.id,
        delivery.token,
        TaskStatus.RETRY,
        now,
        started_at,
        error=encode_failure(describe(error)),
        due=now + delay,
    )


def dead(runtime: Runtime, delivery: Delivery, reason: str) -> Outcome:
    """Return the outcome of a delivery that is given up without a run."""
    now = runtime.clock.now()
    ttl = runtime.config.dead_ttl
    return Outcome(
        delivery.id,
        delivery.token,
        TaskStatus.DEAD,
        now,
        reason=reason,
        remove_at=None if ttl is None else now + ttl,
    )


def retry_delay(policy: RetryPolicy, delivery: Delivery, error: BaseException) -> float | None:
    """Return the seconds until the next attempt, or None where there is none."""
    if not should_retry(policy, delivery.token.attempt, error):
        return None
    return backoff(policy, delivery.token.attempt, random.random)
