"""Small facts that are watched and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.memory import AsyncMemoryGlobalConfig
from qtasks.memory._notes import Notes


@breaks("config", "config:removed_value_is_gone", "config:removal_is_pushed")
def removes_nothing(patch: pytest.MonkeyPatch) -> None:
    """Keeps what is to be removed."""
    patch.setattr(Notes, "remove", lambda *_args: None)


@breaks(
    "config",
    "config:removed_value_is_gone",
    "config:removal_is_pushed",
    "config:removal_of_nothing_is_no_error",
)
def removes_the_group(patch: pytest.MonkeyPatch) -> None:
    """Takes the neighbours of a value away with it."""

    @around(patch, Notes, "remove")
    def remove(old: Any, notes: Notes, group: str, _key: str) -> None:
        for key in notes.group(group):
            old(notes, group, key)


@breaks("config", "config:removal_of_nothing_is_no_error")
def stumbles_over_what_is_not_there(patch: pytest.MonkeyPatch) -> None:
    """Raises where there is nothing to remove."""

    @around(patch, Notes, "remove")
    def remove(old: Any, notes: Notes, group: str, key: str) -> None:
        assert key in notes.group(group)
        old(notes, group, key)


@breaks("config", "config:removal_is_pushed")
def removes_in_silence(patch: pytest.MonkeyPatch) -> None:
    """Tells nobody that a value is gone."""

    def remove(notes: Notes, group: str, key: str) -> None:
        notes._groups.get(group, {}).pop(key, None)

    patch.setattr(Notes, "remove", remove)


@breaks("config", "config:difference_is_told_at_once")
def waits_for_the_next_change(patch: pytest.MonkeyPatch) -> None:
    """Does not look at what somebody knows who begins to watch."""

    async def watch(config: AsyncMemoryGlobalConfig, name: str, _known: Any) -> Any:
        now = await config.get_all(name)
        while await config.get_all(name) == now:
            await asyncio.sleep(0.01)
        return await config.get_all(name)

    patch.setattr(AsyncMemoryGlobalConfig, "watch", watch)


@breaks("config", "config:difference_is_told_at_once")
def tells_the_difference_only(patch: pytest.MonkeyPatch) -> None:
    """Leaves out of a group what is known."""
    watch = AsyncMemoryGlobalConfig.watch

    async def watch_for_news(
        config: AsyncMemoryGlobalConfig, name: str, known: Mapping[str, Any]
    ) -> dict[str, Any]:
        group = await watch(config, name, known)
        return {key: value for key, value in group.items() if known.get(key) != value}

    patch.setattr(AsyncMemoryGlobalConfig, "watch", watch_for_news)


@breaks(
    "config",
    "config:change_is_pushed",
    "config:removal_is_pushed",
    "config:every_watcher_is_told",
    "config:what_is_known_is_not_told",
    "config:changes_of_another_app_are_not_told",
)
def tells_no_watcher(patch: pytest.MonkeyPatch) -> None:
    """Leaves watchers to find out by themselves."""
    patch.setattr(Notes, "_ring", lambda *_args: None)


@breaks("config", "config:every_watcher_is_told")
def tells_one_watcher(patch: pytest.MonkeyPatch) -> None:
    """Wakes the first of those who watch a group."""

    @around(patch, Notes, "_ring")
    def ring(old: Any, notes: Notes, group: str | None) -> None:
        everybody = dict(notes._watchers)
        for watcher in list(everybody)[1:]:
            del notes._watchers[watcher]
        old(notes, group)
        notes._watchers.update(everybody)


@breaks("config", "config:what_is_known_is_not_told")
def tells_of_every_write(patch: pytest.MonkeyPatch) -> None:
    """Takes a value that is set to what it was for a change."""
    writes = count()
    last: dict[str, int] = {}

    @around(patch, Notes, "set")
    def set_value(old: Any, notes: Notes, group: str, *rest: Any) -> None:
        last[group] = next(writes)
        old(notes, group, *rest)

    async def watch(config: AsyncMemoryGlobalConfig, name: str, known: Mapping[str, Any]) -> Any:
        begun = last.get(name)
        while await config.get_all(name) == known and last.get(name) == begun:
            await asyncio.sleep(0)
        return await config.get_all(name)

    patch.setattr(AsyncMemoryGlobalConfig, "watch", watch)


@breaks("config", "config:no_change_is_missed")
def misses_a_change_now_and_then(patch: pytest.MonkeyPatch) -> None:
    """Tells of nothing after a hundred changes."""
    told = count(1)

    @around(patch, Notes, "_ring")
    def ring(old: Any, notes: Notes, group: str | None) -> None:
        if next(told) < 100:
            old(notes, group)


@breaks("apps", "config:changes_of_another_app_are_not_told")
def watches_every_app(patch: pytest.MonkeyPatch) -> None:
    """Tells of a group of this name in any app of the place."""

    async def watch(config: AsyncMemoryGlobalConfig, name: str, known: Mapping[str, Any]) -> Any:
        while True:
            for notes in config.location._notes.values():
                if notes.group(name) != known:
                    return notes.group(name)
            await asyncio.sleep(0)

    patch.setattr(AsyncMemoryGlobalConfig, "watch", watch)
