"""Settings and the registry of workers."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.mutating import around, breaks

from qtasks.clock import SYSTEM_CLOCK
from qtasks.memory import AsyncMemoryGlobalConfig
from qtasks.memory._location import Location
from qtasks.memory._notes import Notes


@breaks("config", "config:announcement_runs_out")
def never_forgets_a_worker(patch: pytest.MonkeyPatch) -> None:
    """Shows workers that are long gone."""

    @around(patch, Notes, "workers")
    def workers(old: Any, notes: Notes, boot: float) -> Any:
        return old(notes, boot - 1_000)


@breaks("config", "config:flush_touches_its_own_app_only")
def shares_settings(patch: pytest.MonkeyPatch) -> None:
    """Keeps the settings of all apps together."""

    @around(patch, Location, "notes")
    def notes(old: Any, location: Location, _app: str) -> Any:
        return old(location, "all")


@breaks("config", "config:kept_value_is_nobodys_object")
def keeps_the_object_itself(patch: pytest.MonkeyPatch) -> None:
    """Hands out the list that it keeps."""
    kept: dict[tuple[str, str], Any] = {}
    patch.setattr(Notes, "set", lambda _notes, group, key, value: kept.update({(group, key): value}))
    patch.setattr(Notes, "get", lambda _notes, group, key: kept.get((group, key)))


@breaks("config", "registry_is_beside_the_broker", "config:announced_worker_is_known")
def keeps_the_registry_to_itself(patch: pytest.MonkeyPatch) -> None:
    """Knows only the workers that its own process has announced."""
    patch.setattr(Location, "notes", lambda *_args: Notes())


@breaks("config", "config:values_survive_a_restart")
def forgets_settings_at_stop(patch: pytest.MonkeyPatch) -> None:
    """Loses the settings when a process stops."""

    async def stop(config: AsyncMemoryGlobalConfig) -> None:
        if config._started is not None:
            config._started.clear()

    patch.setattr(AsyncMemoryGlobalConfig, "stop", stop)


@breaks("config", "config:last_value_counts")
def keeps_the_first_value(patch: pytest.MonkeyPatch) -> None:
    """Does not replace a setting."""

    @around(patch, Notes, "set")
    def keep_first(old: Any, notes: Notes, group: str, key: str, value: Any) -> None:
        if notes.get(group, key) is None:
            old(notes, group, key, value)


@breaks("config", "config:value_comes_back")
def keeps_everything_as_text(patch: pytest.MonkeyPatch) -> None:
    """Gives a number back as text."""

    @around(patch, Notes, "get")
    def get(old: Any, notes: Notes, group: str, key: str) -> Any:
        value = old(notes, group, key)
        return str(value) if isinstance(value, int) else value


@breaks("config", "config:unknown_key_is_none", "config:group_comes_whole")
def mixes_groups(patch: pytest.MonkeyPatch) -> None:
    """Keeps one group for all."""

    @around(patch, Notes, "set")
    def set_for_all(old: Any, notes: Notes, _group: str, key: str, value: Any) -> None:
        old(notes, "all", key, value)

    patch.setattr(Notes, "get", lambda notes, _group, key: notes.group("all").get(key))
    old_group = Notes.group
    patch.setattr(Notes, "group", lambda notes, _group: old_group(notes, "all"))


@breaks("config", "config:wall_clock_does_not_touch_announcements")
def announces_on_the_wall_clock(patch: pytest.MonkeyPatch) -> None:
    """Forgets living workers when somebody sets the clock."""

    async def workers(config: AsyncMemoryGlobalConfig) -> Any:
        skew = config._clock.now() - SYSTEM_CLOCK.now()
        return config._notes.workers(SYSTEM_CLOCK.boot() + skew)

    patch.setattr(AsyncMemoryGlobalConfig, "workers", workers)


@breaks("config", "config:withdrawn_worker_is_forgotten")
def keeps_who_has_left(patch: pytest.MonkeyPatch) -> None:
    """Shows a worker that said goodbye until its announcement runs out."""
    patch.setattr(Notes, "withdraw", lambda *_args: None)
