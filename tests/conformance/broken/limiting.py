"""Limits that all workers share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryGlobalConfig, _permits
from qtasks.memory._location import Location
from qtasks.memory._notes import Notes
from qtasks.memory._permits import Permits
from qtasks.models import Answer, Ask, WorkerInfo


def change_asks(patch: pytest.MonkeyPatch, change: Any) -> None:
    """Let every ask be changed before it is answered."""

    @around(patch, Notes, "admit")
    def admit(old: Any, notes: Notes, asks: Sequence[Ask], patience: float) -> Any:
        return old(notes, [change(ask) for ask in asks], patience)


@breaks(
    "limits",
    "config:so_many_run_at_a_time",
    "config:asks_of_one_call_see_each_other",
    "config:released_permit_can_be_taken",
    "config:release_is_of_own_permits_only",
    "config:repeated_ask_is_one_permit",
    "config:permit_moves_with_its_task",
    "config:permits_end_with_the_announcement",
    "config:announced_worker_keeps_its_permits",
    "config:ask_brings_its_limit",
    "config:full_limit_takes_no_start",
    "config:many_ask_at_once",
)
def grants_any_number(patch: pytest.MonkeyPatch) -> None:
    """Does not count who runs."""
    change_asks(patch, lambda ask: msgspec.structs.replace(ask, concurrency=None))


@breaks(
    "limits",
    "config:starts_are_evenly_spaced",
    "config:starts_of_two_processes_are_evenly_spaced",
    "config:unused_starts_are_not_saved_up",
    "config:start_beyond_patience_is_refused",
    "config:refused_start_takes_nothing",
    "config:refused_start_takes_no_permit",
)
def grants_any_start(patch: pytest.MonkeyPatch) -> None:
    """Does not look at the interval."""
    change_asks(patch, lambda ask: msgspec.structs.replace(ask, interval=None))


@breaks(
    "limits",
    "config:so_many_run_at_a_time",
    "config:permit_moves_with_its_task",
    "config:starts_of_two_processes_are_evenly_spaced",
    "config:many_ask_at_once",
)
def limits_each_process_by_itself(patch: pytest.MonkeyPatch) -> None:
    """Counts what its own process was granted."""
    own: dict[int, Permits] = {}
    admit = AsyncMemoryGlobalConfig.admit

    async def alone(config: AsyncMemoryGlobalConfig, asks: Sequence[Ask], patience: float) -> Any:
        config._notes._permits = own.setdefault(id(config), Permits())
        return await admit(config, asks, patience)

    patch.setattr(AsyncMemoryGlobalConfig, "admit", alone)


@breaks("limits", "config:asks_of_one_call_see_each_other", "config:starts_are_evenly_spaced")
def answers_every_ask_of_a_call_alike(patch: pytest.MonkeyPatch) -> None:
    """Answers all asks of a key in one call like the first of them."""

    @around(patch, Notes, "admit")
    def admit(old: Any, notes: Notes, asks: Sequence[Ask], patience: float) -> Any:
        first = {ask.key: ask for ask in reversed(asks)}
        answers = dict(zip(first, old(notes, list(first.values()), patience), strict=True))
        return [answers[ask.key] for ask in asks]


@breaks(
    "limits",
    "config:released_permit_can_be_taken",
    "config:release_is_of_own_permits_only",
    "config:repeated_ask_is_one_permit",
    "config:permit_moves_with_its_task",
    "config:full_limit_takes_no_start",
)
def keeps_what_is_released(patch: pytest.MonkeyPatch) -> None:
    """Takes no permit back."""
    patch.setattr(Notes, "release", lambda *_args: None)


@breaks("limits", "config:release_frees_every_permit_of_a_task")
def releases_one_key_of_a_task(patch: pytest.MonkeyPatch) -> None:
    """Takes back what a task has under one of its keys."""

    @around(patch, Permits, "release")
    def release(old: Any, permits: Permits, worker_id: str, task_ids: Sequence[str]) -> None:
        for task_id in task_ids:
            keys = permits._keys.get(task_id, set())
            kept = {keys.pop() for _ in range(len(keys) - 1)}
            old(permits, worker_id, [task_id])
            if kept:
                permits._keys[task_id] = kept


@breaks("limits", "config:release_is_of_own_permits_only", "config:permit_moves_with_its_task")
def releases_for_others(patch: pytest.MonkeyPatch) -> None:
    """Takes a permit back whoever says so."""

    @around(patch, Notes, "release")
    def release(old: Any, notes: Notes, _worker: str, task_ids: Sequence[str]) -> None:
        for worker_id in ("one", "two"):
            old(notes, worker_id, task_ids)


@breaks("limits", "config:repeated_ask_is_one_permit", "config:asks_of_one_call_see_each_other")
def counts_every_ask(patch: pytest.MonkeyPatch) -> None:
    """Takes a repeated ask for one of another task."""
    number = count()
    change_asks(patch, lambda ask: msgspec.structs.replace(ask, task_id=f"{ask.task_id} {next(number)}"))


@breaks("limits", "config:permit_moves_with_its_task")
def leaves_the_permit_with_the_first(patch: pytest.MonkeyPatch) -> None:
    """Lets the worker release a permit whose task has gone to another."""

    @around(patch, Permits, "admit")
    def admit(old: Any, permits: Permits, asks: Sequence[Ask], *rest: Any) -> Any:
        held = {t: w for holders in permits._holders.values() for t, w in holders.items()}
        kept = [msgspec.structs.replace(ask, worker=held.get(ask.task_id, ask.worker)) for ask in asks]
        return old(permits, kept, *rest)


@breaks("limits", "config:permits_end_with_the_announcement", "config:permits_end_with_the_withdrawal")
def keeps_the_permits_of_the_dead(patch: pytest.MonkeyPatch) -> None:
    """Counts what workers hold that are gone."""
    patch.setattr(Permits, "forget", lambda *_args: None)
    patch.setattr(Notes, "_is_known", lambda *_args: True)


@breaks("limits", "config:announced_worker_keeps_its_permits")
def permits_run_out_with_the_first_announcement(patch: pytest.MonkeyPatch) -> None:
    """Lets permits end although their worker has announced itself again."""

    @around(patch, Notes, "announce")
    def announce(old: Any, notes: Notes, worker: WorkerInfo, until: float) -> None:
        known = notes._workers.get(worker.id)
        old(notes, worker, until if known is None else known[1])


@breaks("limits", "config:ask_brings_its_limit")
def keeps_the_first_limit(patch: pytest.MonkeyPatch) -> None:
    """Goes on with the number that was asked for first."""
    first: dict[str, int | None] = {}
    change_asks(
        patch,
        lambda ask: msgspec.structs.replace(ask, concurrency=first.setdefault(ask.key, ask.concurrency)),
    )


@breaks("limits", "config:keys_are_limited_apart")
def has_one_limit_for_all_keys(patch: pytest.MonkeyPatch) -> None:
    """Does not look at the key."""
    change_asks(patch, lambda ask: msgspec.structs.replace(ask, key="all"))


@breaks("limits", "config:keys_are_limited_apart")
def limits_what_has_no_limit(patch: pytest.MonkeyPatch) -> None:
    """Takes an ask without a limit for one of one at a time."""
    change_asks(patch, lambda ask: msgspec.structs.replace(ask, concurrency=ask.concurrency or 1))


@breaks("limits", "config:unused_starts_are_not_saved_up")
def saves_unused_starts(patch: pytest.MonkeyPatch) -> None:
    """Lets many start at once after a quiet time."""
    next_start: dict[str, float] = {}

    @around(patch, Notes, "admit")
    def admit(_old: Any, notes: Notes, asks: Sequence[Ask], patience: float) -> list[Answer]:
        now, answers = notes.clock.now(), []
        for ask in asks:
            start = next_start.setdefault(ask.key, now)
            if granted := start - now <= patience:
                next_start[ask.key] = start + (ask.interval or 0.0)
            answers.append(Answer(granted, max(0.0, start - now)))
        return answers


@breaks("limits", "config:wall_clock_that_is_set_back_holds_nobody_up")
def believes_in_the_clock(patch: pytest.MonkeyPatch) -> None:
    """Waits for a moment that was near before the clock was set back."""
    patch.setattr(_permits, "SET_BACK", 1e9)


@breaks("limits", "config:start_beyond_patience_is_refused", "config:refused_start_takes_nothing")
def has_all_patience(patch: pytest.MonkeyPatch) -> None:
    """Reserves starts however far away."""

    @around(patch, Notes, "admit")
    def admit(old: Any, notes: Notes, asks: Sequence[Ask], _patience: float) -> Any:
        return old(notes, asks, 1e9)


@breaks("limits", "config:start_beyond_patience_is_refused")
def does_not_say_when_to_come_again(patch: pytest.MonkeyPatch) -> None:
    """Refuses a start without the seconds until then."""

    @around(patch, Notes, "admit")
    def admit(old: Any, notes: Notes, asks: Sequence[Ask], patience: float) -> list[Answer]:
        return [answer if answer.granted else Answer(granted=False) for answer in old(notes, asks, patience)]


@breaks("limits", "config:refused_start_takes_nothing", "config:start_beyond_patience_is_refused")
def refusal_moves_the_start(patch: pytest.MonkeyPatch) -> None:
    """Puts the next start off whenever somebody is refused."""

    @around(patch, Permits, "_admit")
    def admit(old: Any, permits: Permits, ask: Ask, *rest: Any) -> Any:
        answer = old(permits, ask, *rest)
        if not answer.granted and ask.interval is not None:
            permits._starts[ask.key] = permits._starts.get(ask.key, 0.0) + ask.interval
        return answer


@breaks("limits", "config:full_limit_takes_no_start")
def a_full_limit_takes_a_start(patch: pytest.MonkeyPatch) -> None:
    """Reserves a start before it looks at how many run."""

    @around(patch, Permits, "_admit")
    def admit(old: Any, permits: Permits, ask: Ask, *rest: Any) -> Any:
        answer = old(permits, ask, *rest)
        if not answer.granted and ask.interval is not None and ask.key in permits._starts:
            permits._starts[ask.key] += ask.interval
        return answer


@breaks("limits", "config:refused_start_takes_no_permit")
def a_refused_start_takes_a_permit(patch: pytest.MonkeyPatch) -> None:
    """Counts among those that run who may not start yet."""

    @around(patch, Permits, "_admit")
    def admit(old: Any, permits: Permits, ask: Ask, *rest: Any) -> Any:
        if ask.interval is not None and ask.concurrency is not None:
            first = old(permits, msgspec.structs.replace(ask, interval=None), *rest)
            if not first.granted:
                return first
        return old(permits, ask, *rest)


@breaks("limits", "config:many_ask_at_once")
def looks_before_it_grants(patch: pytest.MonkeyPatch) -> None:
    """Takes a moment between the look at how many run and the permit."""
    admit = AsyncMemoryGlobalConfig.admit

    async def in_two_steps(config: AsyncMemoryGlobalConfig, asks: Sequence[Ask], patience: float) -> Any:
        held = [len(config._notes._permits._holders.get(ask.key, {})) for ask in asks]
        await asyncio.sleep(0)
        free = [
            msgspec.structs.replace(ask, concurrency=10**6) if number < (ask.concurrency or 0) else ask
            for ask, number in zip(asks, held, strict=True)
        ]
        return await admit(config, free, patience)

    patch.setattr(AsyncMemoryGlobalConfig, "admit", in_two_steps)


@breaks("limits", "config:limits_survive_a_restart")
def forgets_limits_at_stop(patch: pytest.MonkeyPatch) -> None:
    """Gives everything away again after a restart."""
    stop = AsyncMemoryGlobalConfig.stop

    async def forget(config: AsyncMemoryGlobalConfig) -> None:
        if config._started is not None:
            config._started._permits.clear()
        await stop(config)

    patch.setattr(AsyncMemoryGlobalConfig, "stop", forget)


@breaks("apps", "config:limits_of_two_apps_never_meet")
def limits_all_apps_together(patch: pytest.MonkeyPatch) -> None:
    """Counts what all apps of the place were granted."""
    shared = Permits()

    @around(patch, Location, "notes")
    def notes(old: Any, location: Location, app: str) -> Any:
        found = old(location, app)
        found._permits = shared
        return found
