"""One line of the log for each end of a delivery. `docs/delivery.md` has the table of all ends."""

from __future__ import annotations

from logging import DEBUG, INFO, WARNING, Logger
from typing import Final

from qtasks.models import Delivery, GiveBack, GiveBackReason, Outcome
from qtasks.serialization import decode_failure
from qtasks.status import TaskStatus

_LEVELS: Final = {
    TaskStatus.SUCCESS: DEBUG,
    TaskStatus.RETRY: INFO,
    TaskStatus.CANCEL: INFO,
    TaskStatus.ERROR: WARNING,
    TaskStatus.DEAD: WARNING,
}


def tell_end(log: Logger, delivery: Delivery, end: Outcome | GiveBack | None) -> None:
    """Say how a delivery ended. No value of the task is in it, nor the text of an exception."""
    if end is None:
        return  # the loss of its lease has been told
    if isinstance(end, GiveBack):
        _tell_give_back(log, delivery, end)
        return
    level = _LEVELS[end.status]
    if log.isEnabledFor(level):
        log.log(level, "task %s (%s) ended: %s%s", delivery.task, delivery.id, end.status.value, _why(end))


def tell_loss(log: Logger, delivery: Delivery) -> None:
    """Say that a delivery comes again after a worker was lost with it."""
    log.warning(
        "task %s (%s) was lost with its worker, %d times in a row; it runs again",
        delivery.task,
        delivery.id,
        delivery.losses,
    )


def _tell_give_back(log: Logger, delivery: Delivery, end: GiveBack) -> None:
    if end.reason is GiveBackReason.FAULT:
        return  # what failed has been told
    level = WARNING if end.reason is GiveBackReason.UNKNOWN else DEBUG
    log.log(
        level,
        "task %s (%s) goes back: %s, for %.3g s",
        delivery.task,
        delivery.id,
        "this worker does not know it" if end.reason is GiveBackReason.UNKNOWN else end.reason.value,
        end.delay,
    )


def _why(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f", {decode_failure(outcome.error).type}"
    return f", {outcome.reason}" if outcome.reason else ""
