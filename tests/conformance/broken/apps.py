"""Apps that share a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryBroker
from qtasks.memory._hub import Hub
from qtasks.memory._item import Item
from qtasks.memory._location import Location
from qtasks.models import Message
from qtasks.status import TaskStatus


@breaks(
    "apps",
    "tasks_of_two_apps_never_meet",
    "one_id_in_two_apps_is_two_tasks",
    "lease_of_one_app_is_not_that_of_another",
    "storage:apps_are_apart",
)
def mixes_apps(patch: pytest.MonkeyPatch) -> None:
    """Keeps the tasks of all apps in one heap."""

    @around(patch, Location, "hub")
    def hub(old: Any, location: Location, _app: str, clock: Any, *, keeps: bool) -> Any:
        return old(location, "all", clock, keeps=keeps)


@breaks("apps", "flush_touches_its_own_app_only")
def flushes_everybody(patch: pytest.MonkeyPatch) -> None:
    """Empties the place when one app is flushed."""
    flush = Hub.flush

    async def flush_all(broker: AsyncMemoryBroker) -> None:
        for hub in broker.location._hubs.values():
            flush(hub)

    patch.setattr(AsyncMemoryBroker, "flush", flush_all)


@breaks("apps", "flush_removes_everything_of_its_app")
def flush_leaves_the_delayed(patch: pytest.MonkeyPatch) -> None:
    """Forgets at a flush that there are tasks with a delay."""
    drop = Hub._drop

    def drop_most(hub: Hub, item: Item) -> None:
        if item.status is not TaskStatus.DELAYED:
            drop(hub, item)

    patch.setattr(Hub, "_drop", drop_most)


@breaks("apps", "flushed_app_goes_on")
def remembers_what_was_flushed(patch: pytest.MonkeyPatch) -> None:
    """Takes a task for known that a flush has removed."""
    known: set[str] = set()

    @around(patch, Hub, "publish")
    def publish(old: Any, hub: Hub, messages: Sequence[Message], *, queued: bool) -> None:
        old(hub, [message for message in messages if message.id not in known], queued=queued)
        known.update(message.id for message in messages)
