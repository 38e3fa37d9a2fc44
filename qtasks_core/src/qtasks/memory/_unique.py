"""Which tasks have which unique key, in which state."""

from __future__ import annotations

from qtasks.memory._item import Item
from qtasks.models import UniqueKey
from qtasks.status import FINAL, TaskStatus


class Keys:
    """The tasks that have a unique key, so arranged that those that have ended cost no look.

    Whoever calls it has made sure that the task has a key.
    """

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, TaskStatus], dict[str, Item]] = {}

    def add(self, item: Item, unique: UniqueKey) -> None:
        """Know a task in its present state."""
        self._tasks.setdefault((unique.key, item.status), {})[item.message.id] = item

    def remove(self, item: Item, unique: UniqueKey, status: TaskStatus) -> None:
        """Know it no more in this state."""
        tasks = self._tasks.get((unique.key, status))
        if tasks is not None and tasks.pop(item.message.id, None) is not None and not tasks:
            del self._tasks[unique.key, status]

    def first(self, unique: UniqueKey) -> str | None:
        """Return the id of the task that keeps a second one away.

        One that has not ended goes first, then the youngest.
        """
        for states in (unique.states - FINAL, unique.states & FINAL):
            found = [item for status in states if (item := self._youngest(unique, status)) is not None]
            if found:
                return max(found, key=_age).message.id
        return None

    def _youngest(self, unique: UniqueKey, status: TaskStatus) -> Item | None:
        for item in reversed(self._tasks.get((unique.key, status), {}).values()):
            if unique.since is None or item.message.created_at >= unique.since:
                return item
        return None


def _age(item: Item) -> tuple[float, str]:
    return item.message.created_at, item.message.id
