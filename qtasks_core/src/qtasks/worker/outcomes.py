"""The outcome of a run, made of what its body returned or raised."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import structs

from qtasks.clock import moment_after
from qtasks.context import writable
from qtasks.errors import TaskCancelError
from qtasks.models import Delivery, Failure, Outcome
from qtasks.retry import RetryPolicy, backoff, should_retry
from qtasks.serialization import describe, encode_failure
from qtasks.serialization.secret import scrubbed
from qtasks.status import FINAL, TaskStatus

if TYPE_CHECKING:
    from qtasks.registry import TaskDefinition
    from qtasks.runtime import Runtime


class RemoteError(Exception):
    """What a body has raised in another process, in words."""

    def __init__(self, failure: Failure, *, retryable: bool) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.retryable = retryable
        """Whether it is of a kind that the task is tried again after."""


def success(
    runtime: Runtime, task: TaskDefinition, delivery: Delivery, started_at: float, value: Any
) -> Outcome:
    """Return the outcome of a body that returned.

    Raises:
        EncodeError: The value cannot be stored.
    """
    config = runtime.config
    result = task.signature.encode_result(value, config.max_result_size, runtime.serializer)
    now = runtime.clock.now()
    remove_at = moment_after(now, _ttl(runtime, task))
    return Outcome(
        delivery.id, delivery.token, TaskStatus.SUCCESS, now, started_at, result, None, None, None, remove_at
    )


def failure(
    runtime: Runtime,
    task: TaskDefinition,
    delivery: Delivery,
    started_at: float | None,
    error: BaseException,
    secrets: Sequence[str] = (),
) -> Outcome:
    """Return the outcome `error` of a body that raised; `secrets` are not in its text."""
    now = runtime.clock.now()
    return Outcome(
        delivery.id,
        delivery.token,
        TaskStatus.ERROR,
        now,
        started_at,
        error=encode_failure(in_words(error, secrets)),
        remove_at=moment_after(now, _ttl(runtime, task)),
    )


def retry(
    runtime: Runtime,
    delivery: Delivery,
    started_at: float | None,
    error: BaseException,
    delay: float,
    secrets: Sequence[str] = (),
) -> Outcome:
    """Return the outcome of a run that is followed by another one."""
    now = runtime.clock.now()
    return Outcome(
        delivery.id,
        delivery.token,
        TaskStatus.RETRY,
        now,
        started_at,
        error=encode_failure(in_words(error, secrets)),
        due=now + delay,
    )


def cancelled(
    runtime: Runtime,
    task: TaskDefinition | None,
    delivery: Delivery,
    started_at: float | None,
    reason: str,
) -> Outcome:
    """Return the outcome of a task whose cancellation was wished."""
    now = runtime.clock.now()
    return Outcome(
        delivery.id,
        delivery.token,
        TaskStatus.CANCEL,
        now,
        started_at,
        reason=reason,
        remove_at=moment_after(now, _ttl(runtime, task)),
    )


def reason_of(error: TaskCancelError, secrets: Sequence[str] = ()) -> str:
    """Return why a body has cancelled its task, whatever it has given as the reason; without secrets."""
    try:
        return scrubbed(writable(error.reason), secrets)
    except BaseException as exc:  # noqa: BLE001 - methods of a user's object run here
        return f"<not readable: {type(exc).__name__}>"


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
        remove_at=moment_after(now, ttl),
    )


def _ttl(runtime: Runtime, task: TaskDefinition | None) -> float | None:
    own = None if task is None else task.options.result_ttl
    return runtime.config.result_ttl if own is None else own


def staying(outcome: Outcome, result_ttl: float) -> Outcome:
    """Return the outcome of a call that says how long its record stays; dead letters stay as others do."""
    if outcome.status not in FINAL or outcome.status is TaskStatus.DEAD:
        return outcome
    return structs.replace(outcome, remove_at=moment_after(outcome.finished_at, result_ttl))


def retry_delay(policy: RetryPolicy, delivery: Delivery, error: BaseException) -> float | None:
    """Return the seconds until the next attempt, or None where there is none."""
    attempt = delivery.token.attempt
    if isinstance(error, RemoteError):
        again = error.retryable and attempt <= policy.retries
    else:
        again = should_retry(policy, attempt, error)
    if not again:
        return None
    return backoff(policy, delivery.token.attempt, random.random)


def in_words(error: BaseException, secrets: Sequence[str] = ()) -> Failure:
    """Return an exception in words; one of another process is that already, but for its secrets."""
    if not isinstance(error, RemoteError):
        return describe(error, secrets)
    words = error.failure
    return Failure(words.type, scrubbed(words.message, secrets), scrubbed(words.traceback, secrets))
