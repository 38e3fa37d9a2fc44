"""The keywords of `@app.task` and `@router.task`, turned into a definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from qtasks.config import is_whole
from qtasks.errors import ConfigError
from qtasks.executors import TaskExecutor, TaskMiddleware, check_executor
from qtasks.options import OPTION_NAMES, Ack, Executor, TaskOptions, check_extra, retry_policy
from qtasks.printable import short_repr
from qtasks.rates import Limited
from qtasks.registry import TaskDefinition
from qtasks.unique import Unique

_PLAIN: Final = ("queue", "priority", "max_time", "expires", "result_ttl", "description", "max_memory")
_CALLABLES: Final = ("decode", "generate_handler")
_MIDDLEWARES: Final = ("middlewares_before", "middlewares_after")
_LIMITS: Final = ("rate_limit", "concurrency", "limit_by")
_BACKOFF: Final = {
    "backoff": "delay",
    "backoff_factor": "factor",
    "backoff_cap": "cap",
    "backoff_jitter": "jitter",
}


def define(function: Callable[..., Any], name: str | None, keywords: Mapping[str, Any]) -> TaskDefinition:
    """Make the definition of a task; keywords that are no options become its `extra`.

    An option that is None is as if it were not said.

    Raises:
        ConfigError: An option has a wrong value, or a keyword is nearly an option.
        TaskError: The function cannot be a task.
    """
    rest = {key: value for key, value in keywords.items() if value is not None or key not in OPTION_NAMES}
    options: dict[str, Any] = {key: rest.pop(key) for key in _PLAIN if key in rest}
    options |= {key: _callable(key, rest.pop(key)) for key in _CALLABLES if key in rest}
    options |= {key: _middlewares(key, rest.pop(key)) for key in _MIDDLEWARES if key in rest}
    options["limited"] = Limited.of(*(rest.pop(key, None) for key in _LIMITS))
    options["retry"] = _retry(rest)
    options["tags"] = _tags(rest.pop("tags", ()))
    options["echo"] = _flag("echo", rest.pop("echo", False))
    options["executor"] = _executor(rest.pop("executor", None))
    options["ack"] = _ack(rest.pop("ack", Ack.LATE))
    options["unique"] = Unique.of(rest.pop("unique", None))
    options.setdefault("description", (function.__doc__ or "").strip())
    if not isinstance(options["description"], str):
        raise ConfigError(f"description is text, not {short_repr(options['description'])}")
    _check_memory(options)
    check_extra(rest)
    return TaskDefinition.of(function, name, TaskOptions(extra=rest, **options))


def _retry(rest: dict[str, Any]) -> Any:
    backoff = {field: rest.pop(key) for key, field in _BACKOFF.items() if key in rest}
    return retry_policy(rest.pop("retry", 0), rest.pop("retry_on_exc", None), backoff)


def _callable(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ConfigError(f"{name} is a function, not {short_repr(value)}")
    return value


def _middlewares(name: str, value: Any) -> tuple[type[TaskMiddleware], ...]:
    if value is not None and not isinstance(value, (type, list, tuple)):
        raise ConfigError(f"{name} is a list of classes, not {short_repr(value)}")
    kinds = (value,) if isinstance(value, type) else tuple(value or ())
    for kind in kinds:
        check_middleware(name, kind)
    return kinds


def check_middleware(name: str, kind: Any) -> None:
    """Raise ConfigError unless it is a class that a middleware can be made of."""
    if not (isinstance(kind, type) and issubclass(kind, TaskMiddleware)):
        raise ConfigError(
            f"{name} takes subclasses of qtasks.executors.TaskMiddleware, not {short_repr(kind)}"
        )
    base: Any = TaskMiddleware
    if kind.__init__ is base.__init__ and kind.__call__ is base.__call__:
        raise ConfigError(f"{name}: {kind.__name__} changes nothing: it has no method __call__ of its own")


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Sequence) and not isinstance(value, (set, frozenset)):
        raise ConfigError(f"tags are a list of words, not {short_repr(value)}")
    tags = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(tag, str) for tag in tags):
        raise ConfigError(f"tags are a list of words, not {short_repr(value)}")
    return tags


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is True or False, not {short_repr(value)}")
    return value


def _executor(value: Any) -> Executor | type[TaskExecutor] | None:
    if value is None:
        return None
    if isinstance(value, type) and issubclass(value, TaskExecutor):
        check_executor(value)
        return value
    try:
        return Executor(value)
    except ValueError:
        raise ConfigError(
            f"executor is 'loop', 'thread', 'process' or a subclass of qtasks.executors.TaskExecutor,"
            f" not {short_repr(value)}"
        ) from None


def _ack(value: Any) -> Ack:
    try:
        return Ack(value)
    except ValueError:
        raise ConfigError(f"ack is 'late' or 'early', not {short_repr(value)}") from None


def _check_memory(options: Mapping[str, Any]) -> None:
    memory = options.get("max_memory")
    if memory is None:
        return
    if options["executor"] is not Executor.PROCESS:
        raise ConfigError("max_memory limits a process: it needs executor='process'")
    if not is_whole(memory, 1):
        raise ConfigError(f"max_memory is a whole number of bytes, not {short_repr(memory)}")
