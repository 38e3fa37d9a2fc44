"""Keys that keep second tasks away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryBroker, AsyncMemoryStorage
from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.memory._leases import Holder
from qtasks.memory._unique import Keys
from qtasks.models import Message, UniqueKey
from qtasks.status import FINAL, WAITING, TaskStatus


def change_key(patch: pytest.MonkeyPatch, **change: Any) -> None:
    """Let every look at a key be made with something else in its place."""

    @around(patch, Hub, "_first")
    def first(old: Any, hub: Hub, unique: UniqueKey) -> Any:
        return old(hub, msgspec.structs.replace(unique, **change))


@breaks(
    "unique",
    "second_task_with_a_key_is_kept_away",
    "two_of_one_call_are_first_and_second",
    "others_of_the_call_are_accepted",
    "one_of_many_publishers_wins",
    "keys_survive_a_restart",
    "key_is_kept_through_a_loss",
    "storage:added_task_is_kept_away_by_its_key",
    "storage:one_of_many_adders_wins",
)
def knows_no_keys(patch: pytest.MonkeyPatch) -> None:
    """Accepts every task."""
    patch.setattr(Hub, "_first", lambda *_args: None)


@breaks("unique", "repeated_publish_is_not_kept_away_by_itself", "known_id_is_not_kept_away_by_a_later_task")
def looks_at_the_key_before_the_id(patch: pytest.MonkeyPatch) -> None:
    """Takes a repeated publish for a second task."""
    publish = AsyncMemoryBroker.publish

    async def look_first(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> Any:
        hub = broker._running[0]
        kept = {m.id: first for m in messages if m.unique and (first := hub._first(m.unique))}
        return {**kept, **await publish(broker, [m for m in messages if m.id not in kept])}

    patch.setattr(AsyncMemoryBroker, "publish", look_first)


@breaks("unique", "two_of_one_call_are_first_and_second")
def looks_once_in_a_call(patch: pytest.MonkeyPatch) -> None:
    """Does not see the tasks of the same call."""
    publish = AsyncMemoryBroker.publish

    async def look_once(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> Any:
        hub = broker._running[0]
        kept = {m.id: first for m in messages if m.unique and (first := hub._first(m.unique))}
        with pytest.MonkeyPatch.context() as blind:
            blind.setattr(Hub, "_first", lambda *_args: None)
            await publish(broker, [m for m in messages if m.id not in kept])
        return kept

    patch.setattr(AsyncMemoryBroker, "publish", look_once)


@breaks("unique", "others_of_the_call_are_accepted")
def refuses_the_whole_call(patch: pytest.MonkeyPatch) -> None:
    """Accepts nothing of a call in which one task is kept away."""
    publish = AsyncMemoryBroker.publish

    async def all_or_none(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> Any:
        hub = broker._running[0]
        kept = {m.id: first for m in messages if m.unique and (first := hub._first(m.unique))}
        return kept or await publish(broker, messages)

    patch.setattr(AsyncMemoryBroker, "publish", all_or_none)


@breaks("unique", "keys_are_compared_exactly")
def compares_keys_that_look_alike(patch: pytest.MonkeyPatch) -> None:
    """Makes no difference between capital and small letters."""

    @around(patch, Hub, "publish")
    def publish(old: Any, hub: Hub, messages: Sequence[Message], *, queued: bool) -> Any:
        return old(hub, [_with_small_key(message) for message in messages], queued=queued)


def _with_small_key(message: Message) -> Message:
    if message.unique is None:
        return message
    small = msgspec.structs.replace(message.unique, key=message.unique.key.lower())
    return msgspec.structs.replace(message, unique=small)


@breaks(
    "unique",
    "record_tells_its_key",
    "requeued_task_is_never_kept_away",
    "storage:requeue_clears_the_record",
)
def hides_the_key(patch: pytest.MonkeyPatch) -> None:
    """Shows records without their key."""

    @around(patch, Item, "record")
    def record(old: Any, item: Item) -> Any:
        return msgspec.structs.replace(old(item), unique=None)


@breaks("unique", "one_of_many_publishers_wins")
def looks_before_it_writes(patch: pytest.MonkeyPatch) -> None:
    """Takes a moment between the look at the key and the record, in which another comes."""
    publish = AsyncMemoryBroker.publish

    async def in_two_steps(broker: AsyncMemoryBroker, messages: Sequence[Message]) -> Any:
        hub = broker._running[0]
        kept = {m.id: first for m in messages if m.unique and (first := hub._first(m.unique))}
        await asyncio.sleep(0)
        with pytest.MonkeyPatch.context() as blind:
            blind.setattr(Hub, "_first", lambda *_args: None)
            await publish(broker, [m for m in messages if m.id not in kept])
        return kept

    patch.setattr(AsyncMemoryBroker, "publish", in_two_steps)


@breaks("unique", "states_of_the_second_decide", "ended_task_keeps_others_away_where_it_is_asked")
def has_states_of_its_own(patch: pytest.MonkeyPatch) -> None:
    """Keeps others away while the first has not ended, whatever was asked."""
    change_key(patch, states=WAITING | {TaskStatus.PROCESS})


@breaks("unique", "delayed_and_retried_tasks_keep_others_away")
def sees_ready_and_running_tasks_only(patch: pytest.MonkeyPatch) -> None:
    """Forgets the key of a task that waits for its moment."""
    change_key(patch, states=frozenset({TaskStatus.NEW, TaskStatus.PROCESS}) | FINAL)


@breaks(
    "unique",
    "key_is_free_after_the_end",
    "key_is_free_after_a_cancel",
    "states_of_the_second_decide",
    "storage:added_task_is_kept_away_by_its_key",
)
def keeps_the_key_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """Lets a task that has ended keep others away for ever."""
    change_key(patch, states=frozenset(TaskStatus))


@breaks("unique", "ended_task_keeps_others_away_where_it_is_asked", "key_is_free_when_the_record_expires")
def keeps_the_key_of_what_is_gone(patch: pytest.MonkeyPatch) -> None:
    """Locks a key beside the records, and never unlocks it."""
    locked: dict[str, str] = {}

    @around(patch, Keys, "first")
    def first(old: Any, keys: Keys, unique: UniqueKey) -> Any:
        found = old(keys, unique)
        if found is not None:
            locked[unique.key] = found
        return found or locked.get(unique.key)


@breaks("unique", "of_several_that_keep_others_away_the_youngest_is_told")
def tells_the_oldest(patch: pytest.MonkeyPatch) -> None:
    """Names the task that was sent first, whatever has become of it."""
    patch.setattr("qtasks.memory._unique._age", lambda item: -item.message.created_at)


@breaks("unique", "only_younger_tasks_count_where_it_is_asked")
def counts_tasks_of_any_age(patch: pytest.MonkeyPatch) -> None:
    """Does not look at `since`."""
    change_key(patch, since=None)


@breaks("unique", "only_younger_tasks_count_where_it_is_asked")
def counts_from_the_next_moment(patch: pytest.MonkeyPatch) -> None:
    """Leaves out the task that was created at the very moment."""

    @around(patch, Keys, "first")
    def first(old: Any, keys: Keys, unique: UniqueKey) -> Any:
        since = None if unique.since is None else unique.since + 1e-6
        return old(keys, msgspec.structs.replace(unique, since=since))


@breaks("unique", "key_is_kept_through_a_loss")
def loses_the_key_with_the_worker(patch: pytest.MonkeyPatch) -> None:
    """Frees the key of a task whose worker is lost."""

    @around(patch, Hub, "_lose_all")
    def lose_all(old: Any, hub: Hub, holder: Holder, now: float) -> None:
        lost = list(holder.items.values())
        old(hub, holder, now)
        for item in lost:
            if item.message.unique is not None:
                hub._keys.remove(item, item.message.unique, item.status)
                item.message = msgspec.structs.replace(item.message, unique=None)


@breaks("unique", "requeued_task_is_never_kept_away")
def keeps_a_requeued_task_away(patch: pytest.MonkeyPatch) -> None:
    """Refuses a requeue where another has the key by now."""
    requeue = AsyncMemoryStorage.requeue

    async def refuse(storage: AsyncMemoryStorage, ids: Sequence[str]) -> Any:
        hub = storage._hub
        kept = [i for i in ids if (unique := hub._items[i].message.unique) and hub._first(unique)]
        return await requeue(storage, ["" if task_id in kept else task_id for task_id in ids])

    patch.setattr(AsyncMemoryStorage, "requeue", refuse)


@breaks("unique", "requeued_task_is_never_kept_away")
def requeue_frees_the_key(patch: pytest.MonkeyPatch) -> None:
    """Lets a requeued task keep nobody away."""

    @around(patch, Item, "reopen")
    def reopen(old: Any, item: Item, now: float) -> None:
        old(item, now)
        item.message = msgspec.structs.replace(item.message, unique=None)


@breaks("unique", "keys_survive_a_restart")
def forgets_keys_at_stop(patch: pytest.MonkeyPatch) -> None:
    """Keeps keys in the memory of the process."""
    stop = AsyncMemoryStorage.stop

    async def forget(storage: AsyncMemoryStorage) -> None:
        if storage._started is not None:
            storage._started._keys = Keys()
        await stop(storage)

    patch.setattr(AsyncMemoryStorage, "stop", forget)


@breaks("apps", "keys_of_two_apps_never_meet")
def shares_keys_between_apps(patch: pytest.MonkeyPatch) -> None:
    """Has one set of keys for the whole place."""
    shared = Keys()

    @around(patch, Hub, "__init__")
    def init(old: Any, hub: Hub, *args: Any, **kwargs: Any) -> None:
        old(hub, *args, **kwargs)
        hub._keys = shared
