"""Names → tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from qtasks.errors import TaskError, TaskNameTaken
from qtasks.options import TaskOptions
from qtasks.serialization import Signature


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A registered task: its function, and everything that is known of it beforehand."""

    name: str
    function: Callable[..., Any]
    signature: Signature
    options: TaskOptions
    is_async: bool

    @classmethod
    def of(cls, function: Callable[..., Any], name: str | None, options: TaskOptions) -> TaskDefinition:
        """Compile the plan of `function`.

        Raises:
            TaskError: It cannot be a task.
        """
        if not callable(function):
            raise TaskError(f"a task is a function, not {function!r}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TaskError(
                f"{function!r} is a generator function; this version runs plain and async functions"
            )
        task_name = name if name is not None else getattr(function, "__name__", "")
        if not task_name or task_name == "<lambda>" or not task_name.isprintable():
            raise TaskError(f"{function!r} needs a name: @app.task(name=…)")
        call = getattr(function, "__call__", None)  # noqa: B004 - its __call__ may be async
        is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
        return cls(task_name, function, Signature.of(function, name=task_name), options, is_async)


class Registry(Mapping[str, TaskDefinition]):
    """The tasks of one app or router. A name is given once."""

    def __init__(self) -> None:
        self._tasks: dict[str, TaskDefinition] = {}

    def add(self, definition: TaskDefinition) -> None:
        """Register it.

        Raises:
            TaskNameTaken: Another function has the name.
        """
        taken = self._tasks.get(definition.name)
        if taken is not None and taken.function is not definition.function:
            raise TaskNameTaken(
                f"the name {definition.name!r} is taken by {_where(taken.function)};"
                f" give {_where(definition.function)} another one: @app.task(name=…)"
            )
        self._tasks[definition.name] = definition

    def nearest(self, name: str) -> str | None:
        """Return the registered name that looks most like `name`, for an error."""
        near = get_close_matches(name, self._tasks, n=1)
        return near[0] if near else None

    def __getitem__(self, name: str) -> TaskDefinition:
        return self._tasks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the task, or the default; a dict look-up, for the hot path."""
        return self._tasks.get(name, default)


def _where(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "?")
    return f"{module}.{getattr(function, '__qualname__', function)}"
