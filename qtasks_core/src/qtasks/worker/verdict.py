"""Whether a delivery is run at all, and what becomes of one that failed. Pure functions.

The backends only count; what the counts mean is decided here, once for all of them.
"""

from __future__ import annotations

from qtasks.config import QueueConfig
from qtasks.models import Delivery, GiveBack, GiveBackReason

UNKNOWN_FIRST = 1.0
UNKNOWN_CAP = 60.0


def why_not_run(delivery: Delivery, config: QueueConfig, now: float, *, is_once: bool = False) -> str | None:
    """Return why the delivery is dead without a run, or None.

    Args:
        delivery: What was fetched.
        config: The settings of the app.
        now: Seconds since the epoch.
        is_once: Whether its task is run at most once, `ack="early"`.
    """
    if is_once and delivery.losses:
        return "its worker was lost, or a plugin failed before its body (ack='early': at most once)"
    if delivery.losses >= config.max_deliveries:
        most = config.max_deliveries
        return f"its worker was lost {delivery.losses} times in a row (max_deliveries is {most})"
    if delivery.expires_at is not None and now >= delivery.expires_at:
        return (
            f"expired: not started within the time that it was given ({now - delivery.expires_at:.3f} s late)"
        )
    return None


def unknown_name(delivery: Delivery, config: QueueConfig, now: float) -> GiveBack | str:
    """Return how a delivery whose name this worker does not know goes back, or why it is dead.

    It goes back with growing delay, so that in a rolling deploy a newer worker gets it.
    """
    waited = now - delivery.since
    if delivery.turns >= config.max_deliveries and waited >= config.unknown_grace:
        return f"no worker knew the task {delivery.task!r} in {delivery.turns} turns and {waited:.0f} s"
    return later_for_its_name(delivery)


def later_for_its_name(delivery: Delivery) -> GiveBack:
    """Return how a delivery goes back whose name this worker does not know."""
    delay = min(UNKNOWN_CAP, UNKNOWN_FIRST * 2.0 ** min(delivery.turns, 10))
    return GiveBack(delivery.id, delivery.token, GiveBackReason.UNKNOWN, delay)


def after_fault(delivery: Delivery) -> GiveBack:
    """Return how a delivery goes back after something between fetch and body failed."""
    delay = min(UNKNOWN_CAP, 0.5 * 2.0 ** min(delivery.losses, 10))
    return GiveBack(delivery.id, delivery.token, GiveBackReason.FAULT, delay)
