"""One line of the log for each end of a delivery. `docs/delivery.md` has the table of all ends."""

from __future__ import annotations

from logging import DEBUG, INFO, WARNING, Logger
from typing import TYPE_CHECKING, Final

from qtasks.models import Delivery, GiveBack, GiveBackReason, Outcome
from qtasks.printable import one_line
from qtasks.serialization import decode_failure
from qtasks.status import TaskStatus
from qtasks.worker.outcomes import in_words

if TYPE_CHECKING:
    from qtasks.worker.run import Run

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
        log.log(level, "task %s (%s) ended: %s%s", *_named(delivery), end.status.value, _why(end))


def tell_loss(log: Logger, delivery: Delivery) -> None:
    """Say that a delivery comes again after a worker was lost with it."""
    log.warning(
        "task %s (%s) was lost with its worker, %d times in a row; it runs again",
        *_named(delivery),
        delivery.losses,
    )


def tell_fault(log: Logger, run: Run, what: str, error: BaseException) -> None:
    """Say what went wrong beside the body of a run; what is secret of the run is not in it."""
    if run.secrets is None:
        log.error("%s %s", run.delivery.id, what, exc_info=error)
    else:  # a plugin may have raised what it was given
        log.error("%s %s: %s", run.delivery.id, what, in_words(error, run.secrets.texts()).traceback)


def _tell_give_back(log: Logger, delivery: Delivery, end: GiveBack) -> None:
    if end.reason is GiveBackReason.FAULT:
        return  # what failed has been told
    level = WARNING if end.reason is GiveBackReason.UNKNOWN else DEBUG
    log.log(
        level,
        "task %s (%s) goes back: %s, for %.3g s",
        *_named(delivery),
        "this worker does not know it" if end.reason is GiveBackReason.UNKNOWN else end.reason.value,
        end.delay,
    )


def _why(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f", {one_line(decode_failure(outcome.error).type)}"
    return f", {one_line(outcome.reason)}" if outcome.reason else ""


def _named(delivery: Delivery) -> tuple[str, str]:
    """Return name and id for a line of the log: a producer elsewhere may have called the task anything."""
    return one_line(delivery.task), one_line(delivery.id)
