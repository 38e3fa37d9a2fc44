"""Names → tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from qtasks.errors import ConfigError, TaskError, TaskNameTaken
from qtasks.executors import TaskExecutor
from qtasks.isolation import check_importable, check_memory_limit_supported
from qtasks.names import check_task_name
from qtasks.options import Executor, TaskOptions
from qtasks.printable import short_repr
from qtasks.serialization import Signature


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A registered task: its function, and everything that is known of it beforehand."""

    name: str
    function: Callable[..., Any]
    signature: Signature
    options: TaskOptions
    is_async: bool
    """Whether calling it gives something to await, or an asynchronous generator."""
    is_generator: bool
    executor: Executor | type[TaskExecutor]
    """Where the body runs."""
    is_simple: bool
    """Whether running it is calling it: on the loop or in a thread, and nothing else to do."""

    @classmethod
    def of(cls, function: Callable[..., Any], name: str | None, options: TaskOptions) -> TaskDefinition:
        """Compile the plan of `function`.

        Raises:
            TaskError: It cannot be a task.
        """
        if not callable(function):
            raise TaskError(f"a task is a function, not {short_repr(function)}")
        task_name = name if name is not None else getattr(function, "__name__", "")
        if name is None and (not task_name or task_name == "<lambda>"):
            raise TaskError(f"{function!r} needs a name: @app.task(name=…)")
        check_task_name(task_name)
        call = getattr(function, "__call__", None)  # noqa: B004 - its __call__ may be async
        is_async = _is_async(function) or _is_async(call)
        is_generator = _is_generator(function) or _is_generator(call)
        executor = options.executor or (Executor.LOOP if is_async else Executor.THREAD)
        _check_kind(task_name, options, executor, function, is_generator=is_generator)
        signature = Signature.of(function, skip_first=options.echo, name=task_name)
        _check_names(task_name, options, signature)
        is_simple = not is_generator and _is_simple(options, executor, is_async=is_async)
        made = cls(task_name, function, signature, options, is_async, is_generator, executor, is_simple)
        check_endable(made, options.max_time)
        return made


def check_endable(task: TaskDefinition, max_time: float | None) -> None:
    """Raise ConfigError where nothing could end the body after `max_time`: it is the loop while it runs."""
    if max_time is None or task.executor is not Executor.LOOP or task.is_async or task.is_generator:
        return
    if _is_async(inspect.unwrap(task.function)):
        return  # a wrapper that gives a coroutine, which can be cancelled
    raise ConfigError(
        f"max_time cannot end the plain function of task {task.name!r} on the loop; use executor='thread',"
        f" executor='process' or an async def"
    )


def bound_by_place(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call to a task that is not known here: positional ones by their place."""
    return {str(place): value for place, value in enumerate(args)} | dict(kwargs)


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _takes_itself(function: Callable[..., Any]) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):  # one that does not tell its parameters
        return True
    return first is not None and first.kind in {
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    }


def _is_simple(options: TaskOptions, executor: object, *, is_async: bool) -> bool:
    usual = executor is (Executor.LOOP if is_async else Executor.THREAD)
    around = options.echo or options.decode or options.middlewares_before or options.middlewares_after
    return usual and not around


def _check_names(name: str, options: TaskOptions, signature: Signature) -> None:
    """Raise ConfigError where an option names a parameter that the task does not have."""
    wanted = [] if options.unique is None else list(options.unique.args or ())
    if options.limited is not None and isinstance(options.limited.by, str):
        wanted.append(options.limited.by)
    for one in wanted:
        if one not in signature.parameters:
            known = ", ".join(signature.parameters) or "none"
            raise ConfigError(f"task {name!r} has no parameter {one!r}; its parameters: {known}")


def _check_kind(
    name: str,
    options: TaskOptions,
    executor: object,
    function: Callable[..., Any],
    *,
    is_generator: bool,
) -> None:
    if options.generate_handler is not None and not is_generator:
        raise TaskError(f"generate_handler of task {name!r} needs a function that yields")
    if options.echo and not _takes_itself(function):
        raise TaskError(f"task {name!r} has echo=True, and no first parameter to be given itself as")
    if executor is Executor.PROCESS:
        check_importable(function)
        if options.max_memory is not None:
            check_memory_limit_supported()


class Registry(Mapping[str, TaskDefinition]):
    """The tasks of one app or router. A name is given once."""

    def __init__(self) -> None:
        self._tasks: dict[str, TaskDefinition] = {}

    def add(self, definition: TaskDefinition) -> None:
        """Register it.

        Raises:
            TaskNameTaken: Another function has the name.
        """
        self.check(definition)
        self._tasks[definition.name] = definition

    def check(self, definition: TaskDefinition) -> None:
        """Do nothing where it can be registered.

        Raises:
            TaskNameTaken: Another function has the name.
        """
        taken = self._tasks.get(definition.name)
        if taken is not None and taken.function is not definition.function:
            raise TaskNameTaken(
                f"the name {definition.name!r} is taken by {_where(taken.function)};"
                f" give {_where(definition.function)} another one: @app.task(name=…)"
            )

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
