"""Who sleeps beside another one: told each by itself, and woken at stop (contract 9)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any
from weakref import WeakSet

import pytest
from conformance.mutating import around, breaks

from qtasks.memory._mail import Mail
from qtasks.memory._notes import Notes
from qtasks.memory._waits import Waits
from qtasks.memory._wake import Sleepers
from qtasks.memory.consumer import MemoryConsumer


@breaks("config", "config:watcher_beside_one_at_rest_is_told")
def misses_a_watcher_beside_another(patch: pytest.MonkeyPatch) -> None:
    """Misses one change of fifty where two watch, as a race would."""
    told = count(1)

    @around(patch, Notes, "_ring")
    def ring(old: Any, notes: Notes, group: str | None) -> None:
        if len(notes._watchers) < 2 or next(told) % 50:
            old(notes, group)


@breaks("9", "listener_beside_one_at_rest_is_told")
def misses_a_listener_beside_another(patch: pytest.MonkeyPatch) -> None:
    """Misses one item of fifty where two listen, as a race would."""
    told = count(1)

    @around(patch, Waits, "said")
    def said(old: Any, waits: Waits, task_id: str) -> None:
        if len(waits._waiters) < 2 or next(told) % 50:
            old(waits, task_id)


@breaks("8", "worker_beside_one_at_rest_is_told")
def misses_a_signal_beside_another_worker(patch: pytest.MonkeyPatch) -> None:
    """Misses one wish of fifty where two workers are there, as a race would."""
    told = count(1)

    @around(patch, Mail, "post")
    def post(old: Any, mail: Mail, *rest: Any) -> None:
        if len(mail._boxes) < 2 or next(told) % 50:
            old(mail, *rest)


@breaks("2", "worker_beside_an_idle_one_hears_of_tasks")
def misses_a_worker_beside_another(patch: pytest.MonkeyPatch) -> None:
    """Misses one task of five where two workers wait, as a race would."""
    told = count(1)

    @around(patch, Waits, "ring")
    def ring(old: Any, waits: Waits) -> None:
        if len(waits._idle) > 1 and waits._fresh and not next(told) % 5:
            waits._fresh.clear()
        old(waits)


@breaks("8", "choice_in_the_moment_of_an_answer_loses_nothing")
def forgets_what_was_left_out_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Takes tasks for a choice, and throws them away where that has changed before the answer."""
    fetch = MemoryConsumer.fetch

    async def forgetful(consumer: MemoryConsumer, limit: int) -> Sequence[Any]:
        while True:
            chosen = consumer._tiers
            taken = await fetch(consumer, limit)
            await asyncio.sleep(0)
            if consumer._tiers == chosen or not taken:
                return taken

    patch.setattr(MemoryConsumer, "fetch", forgetful)


@breaks("life", "stop_ends_every_wait", "storage:stop_ends_every_wait", "config:stop_ends_a_watch")
def stop_leaves_who_waits(patch: pytest.MonkeyPatch) -> None:
    """Lets somebody wait for ever at a component that was stopped."""
    patch.setattr(Sleepers, "stop", lambda _sleepers: None)


@breaks("life", "stop_ends_every_wait", "storage:stop_ends_every_wait", "config:stop_ends_a_watch")
def stop_ends_waits_with_the_last_one(patch: pytest.MonkeyPatch) -> None:
    """Lets somebody wait on where another component of the process has the place open."""
    there: WeakSet[Sleepers] = WeakSet()

    @around(patch, Sleepers, "__init__")
    def init(old: Any, sleepers: Sleepers, url: str) -> None:
        old(sleepers, url)
        there.add(sleepers)

    @around(patch, Sleepers, "stop")
    def stop(old: Any, sleepers: Sleepers) -> None:
        there.discard(sleepers)
        if all(other._url != sleepers._url for other in there):
            old(sleepers)
