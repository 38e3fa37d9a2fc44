"""Finding and removing records (contracts 8 and 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from conformance.mutating import breaks

from qtasks.memory import AsyncMemoryStorage
from qtasks.memory._hub import Hub
from qtasks.models import Query


def replace_method(patch: pytest.MonkeyPatch, name: str, new: Any) -> None:
    """Put another method of the storage in place, which gets the old one first."""
    old = getattr(AsyncMemoryStorage, name)

    async def method(storage: AsyncMemoryStorage, *args: Any) -> Any:
        return await new(old, storage, *args)

    patch.setattr(AsyncMemoryStorage, name, method)


async def once_for_each_app(old: Any, storage: AsyncMemoryStorage, *args: Any) -> list[Any]:
    """Return what a method answers for each app of the place."""
    own, answers = storage._started, []
    for hub in storage.location._hubs.values():
        storage._started = hub
        answers.append(await old(storage, *args))
    storage._started = own
    return answers


@breaks(
    "8",
    "youngest_is_found_first",
    "found_are_at_most_so_many",
    "pages_are_the_whole",
    "storage:records_are_found_and_deleted",
)
def finds_the_oldest_first(patch: pytest.MonkeyPatch) -> None:
    """Begins with what was created first."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        found = await old(storage, msgspec.structs.replace(query, limit=10**6))
        return found[::-1][: query.limit]

    replace_method(patch, "find", find)


@breaks("8", "found_record_is_the_record")
def finds_a_summary(patch: pytest.MonkeyPatch) -> None:
    """Leaves results out of what it finds."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        return [msgspec.structs.replace(record, result=None) for record in await old(storage, query)]

    replace_method(patch, "find", find)


@breaks("8", "found_by_status", "storage:records_are_found_and_deleted")
def finds_in_every_status(patch: pytest.MonkeyPatch) -> None:
    """Does not look at the status."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        return await old(storage, msgspec.structs.replace(query, statuses=None))

    replace_method(patch, "find", find)


@breaks("8", "found_by_status")
def takes_no_status_for_every_status(patch: pytest.MonkeyPatch) -> None:
    """Finds everything where nothing is wanted."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        return await old(storage, msgspec.structs.replace(query, statuses=query.statuses or None))

    replace_method(patch, "find", find)


@breaks("8", "found_by_queue_and_task")
def finds_names_that_look_alike(patch: pytest.MonkeyPatch) -> None:
    """Makes no difference between capital and small letters."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        everything = await old(storage, msgspec.structs.replace(query, queue=None, task=None))
        queue, task = query.queue, query.task
        return [
            record
            for record in everything
            if (queue is None or record.queue.lower() == queue.lower())
            and (task is None or record.task.lower() == task.lower())
        ]

    replace_method(patch, "find", find)


@breaks("8", "pages_are_the_whole")
def goes_on_by_the_moment_alone(patch: pytest.MonkeyPatch) -> None:
    """Leaves out the rest of what was created together with the last one of a page."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        after = None if query.after is None else (query.after[0], "")
        return await old(storage, msgspec.structs.replace(query, after=after))

    replace_method(patch, "find", find)


@breaks("8", "pages_of_a_filter")
def filters_what_a_page_holds(patch: pytest.MonkeyPatch) -> None:
    """Takes a page of everything, and shows of it what was asked for."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        page = await old(storage, msgspec.structs.replace(query, queue=None))
        return [record for record in page if query.queue is None or record.queue == query.queue]

    replace_method(patch, "find", find)


@breaks("8", "pages_of_a_status_are_the_whole")
def begins_again_where_statuses_are_named(patch: pytest.MonkeyPatch) -> None:
    """Gives the first page again and again where a query names statuses."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        after = query.after if query.statuses is None else None
        return await old(storage, msgspec.structs.replace(query, after=after))

    replace_method(patch, "find", find)


@breaks("8", "new_tasks_disturb_no_page")
def goes_on_by_number(patch: pytest.MonkeyPatch) -> None:
    """Skips as many records as it has shown."""
    shown = 0

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        nonlocal shown
        everything = await old(storage, msgspec.structs.replace(query, after=None, limit=10**6))
        shown = 0 if query.after is None else shown
        page = everything[shown : shown + query.limit]
        shown += len(page)
        return page

    replace_method(patch, "find", find)


@breaks("8", "found_are_at_most_so_many")
def finds_without_a_limit(patch: pytest.MonkeyPatch) -> None:
    """Returns everything at once."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        return await old(storage, msgspec.structs.replace(query, limit=10**6))

    replace_method(patch, "find", find)


@breaks("11", "expired_record_is_not_found")
def finds_what_has_expired(patch: pytest.MonkeyPatch) -> None:
    """Shows records until somebody tidies up."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        with pytest.MonkeyPatch.context() as blind:
            blind.setattr(Hub, "_expire", lambda *_args: None)
            return await old(storage, query)

    replace_method(patch, "find", find)


@breaks("apps", "records_of_another_app_are_not_found")
def finds_in_every_app(patch: pytest.MonkeyPatch) -> None:
    """Shows the records of all apps of the place."""

    async def find(old: Any, storage: AsyncMemoryStorage, query: Query) -> Any:
        return [record for found in await once_for_each_app(old, storage, query) for record in found]

    replace_method(patch, "find", find)


@breaks(
    "11",
    "delete_removes_what_has_ended",
    "deleted_record_ends_the_wait",
    "deleted_id_is_unknown",
    "ended_task_keeps_others_away_where_it_is_asked",
    "storage:records_are_found_and_deleted",
)
def deletes_nothing(patch: pytest.MonkeyPatch) -> None:
    """Says that it has removed records, and keeps them."""

    async def delete(_old: Any, _storage: AsyncMemoryStorage, ids: Sequence[str]) -> int:
        return len(set(ids))

    replace_method(patch, "delete", delete)


@breaks("11", "delete_removes_what_has_ended", "delete_leaves_what_has_not_ended")
def counts_what_it_is_asked_for(patch: pytest.MonkeyPatch) -> None:
    """Tells as many records as there were ids."""

    async def delete(old: Any, storage: AsyncMemoryStorage, ids: Sequence[str]) -> int:
        await old(storage, ids)
        return len(ids)

    replace_method(patch, "delete", delete)


@breaks("11", "delete_leaves_what_has_not_ended", "storage:records_are_found_and_deleted")
def deletes_whatever_is_named(patch: pytest.MonkeyPatch) -> None:
    """Removes what waits and what runs."""

    async def delete(_old: Any, storage: AsyncMemoryStorage, ids: Sequence[str]) -> int:
        hub = storage._hub
        items = [hub._items[task_id] for task_id in dict.fromkeys(ids) if task_id in hub._items]
        for item in items:
            hub.drop(item)
        return len(items)

    replace_method(patch, "delete", delete)


@breaks("apps", "delete_touches_its_own_app_only")
def deletes_in_every_app(patch: pytest.MonkeyPatch) -> None:
    """Removes records of this id from all apps of the place."""

    async def delete(old: Any, storage: AsyncMemoryStorage, ids: Sequence[str]) -> int:
        return max(int(number) for number in await once_for_each_app(old, storage, ids))

    replace_method(patch, "delete", delete)
