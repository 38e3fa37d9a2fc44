"""`InspectStats`: an app and its tasks in words for people, or as JSON for programs."""

from __future__ import annotations

import json as to_json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from qtasks.errors import TaskNotFound
from qtasks.stats.facts import facts_of_app, facts_of_task

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.registry import TaskDefinition

LABEL_WIDTH: Final = 26
"""Characters of the names before the values, in words for people."""
RULE: Final = "-" * 50
NOTHING: Final = "-"


class InspectStats:
    """Describes an app as it is registered here: nothing is asked of the backend."""

    def __init__(self, app: QueueTasks) -> None:
        self._app = app

    def app(self, json: bool = False) -> str:
        """Return the app: where its tasks are, its settings, what it is made of.

        Args:
            json: One JSON object in place of words.
        """
        facts = facts_of_app(self._app)
        return _as_json(facts) if json else _in_words(facts)

    def task(self, task_name: str, json: bool = False) -> str:
        """Return one task: its function, its signature and all its options.

        Raises:
            TaskNotFound: No task of this app has the name.
        """
        facts = facts_of_task(self._definition(task_name))
        return _as_json(facts) if json else _in_words(facts)

    def tasks(self, *task_names: str, json: bool = False) -> str:
        """Return these tasks, or all of them; as JSON it is an array.

        Raises:
            TaskNotFound: No task of this app has one of the names.
        """
        names = task_names or sorted(self._app.tasks)
        every = [facts_of_task(self._definition(name)) for name in names]
        if json:
            return _as_json(every)
        return f"\n{RULE}\n".join(map(_in_words, every)) or "no tasks are registered"

    def _definition(self, name: str) -> TaskDefinition:
        definition: TaskDefinition | None = self._app.tasks.get(name)
        if definition is not None:
            return definition
        near = self._app.tasks.nearest(name)
        hint = f"; did you mean {near!r}?" if near else ""
        raise TaskNotFound(f"the app {self._app.name!r} has no task {name!r}{hint}")


def _as_json(facts: object) -> str:
    return to_json.dumps(facts, indent=2, allow_nan=False)


def _in_words(facts: Mapping[str, Any]) -> str:
    return "\n".join(f"{name:<{LABEL_WIDTH}} {_words(value)}".rstrip() for name, value in facts.items())


def _words(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, dict):
        return "".join(f"\n  {name:<{LABEL_WIDTH}} {_words(inner)}" for name, inner in value.items())
    return str(value).replace("\n", "\n" + " " * (LABEL_WIDTH + 1))
