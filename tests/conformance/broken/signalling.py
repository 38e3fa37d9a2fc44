"""Word of wishes to the workers that hold the tasks (contract 8)."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory._mail import Box, Mail
from qtasks.memory.consumer import MemoryConsumer
from qtasks.models import Signal, Token


@breaks(
    "8",
    "worker_is_told_of_a_wish",
    "wish_that_came_before_is_told",
    "busy_worker_is_told",
    "wish_is_told_to_the_holder_only",
    "every_wish_is_told",
    "signal_names_the_delivery_in_hand",
    "cancel_and_fetch_agree",
    "apart:worker_is_told_of_a_wish",
)
def tells_no_worker(patch: pytest.MonkeyPatch) -> None:
    """Notes wishes and lets the tasks run on."""
    patch.setattr(Mail, "post", lambda *_args: None)


@breaks("8", "wish_that_came_before_is_told")
def tells_only_who_listens(patch: pytest.MonkeyPatch) -> None:
    """Forgets a wish that comes while nobody waits for signals."""
    signals = MemoryConsumer.signals

    async def deaf(consumer: MemoryConsumer) -> Any:
        consumer._box.take()
        return await signals(consumer)

    patch.setattr(MemoryConsumer, "signals", deaf)


@breaks("8", "busy_worker_is_told")
def tells_between_fetches(patch: pytest.MonkeyPatch) -> None:
    """Looks for signals only when a fetch has come to its end."""
    fetch, signals = MemoryConsumer.fetch, MemoryConsumer.signals
    fetching: dict[MemoryConsumer, asyncio.Event] = {}

    async def hold(consumer: MemoryConsumer, limit: int) -> Any:
        fetching[consumer] = asyncio.Event()
        try:
            return await fetch(consumer, limit)
        finally:
            fetching.pop(consumer).set()

    async def after(consumer: MemoryConsumer) -> Any:
        if consumer in fetching:
            await fetching[consumer].wait()
        return await signals(consumer)

    patch.setattr(MemoryConsumer, "fetch", hold)
    patch.setattr(MemoryConsumer, "signals", after)


@breaks("8", "wish_is_told_to_the_holder_only")
def tells_every_worker(patch: pytest.MonkeyPatch) -> None:
    """Sends each signal to all."""

    @around(patch, Mail, "post")
    def post(old: Any, mail: Mail, _worker: Any, *rest: Any) -> None:
        for box in tuple(mail._boxes):
            old(mail, box.worker_id, *rest)


@breaks("8", "every_wish_is_told")
def loses_a_signal_now_and_then(patch: pytest.MonkeyPatch) -> None:
    """Misses one wish of twenty, as a race would."""
    told = count(1)

    @around(patch, Box, "put")
    def put(old: Any, box: Box, signal: Signal) -> None:
        if next(told) % 20:
            old(box, signal)


@breaks("8", "told_wish_is_not_told_for_ever")
def tells_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Repeats what it has told in every call."""
    patch.setattr(Box, "take", lambda box: list(box._signals))


@breaks("8", "signal_names_the_delivery_in_hand")
def names_the_first_delivery(patch: pytest.MonkeyPatch) -> None:
    """Gives the token with which the task was delivered first."""

    @around(patch, Box, "put")
    def put(old: Any, box: Box, signal: Signal) -> None:
        old(box, msgspec.structs.replace(signal, token=Token(1, 1, 1)))


@breaks("8", "close_ends_signals")
def close_leaves_who_waits_for_signals(patch: pytest.MonkeyPatch) -> None:
    """Ends `fetch` and forgets `signals`."""

    async def close(consumer: MemoryConsumer) -> None:
        consumer._is_closed = True
        consumer._sleeper.wake()

    patch.setattr(MemoryConsumer, "close", close)
