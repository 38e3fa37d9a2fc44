"""What is known of an app and of a task before anything runs, as plain values for JSON."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from qtasks.config import SETTINGS
from qtasks.serialization import MASK

if TYPE_CHECKING:
    from qtasks.app import QueueTasks
    from qtasks.options import TaskOptions
    from qtasks.registry import TaskDefinition

_READ_APART: Final = frozenset({"retry", "unique", "limited", "executor"})
"""Fields of the options that are shown in other words than their own."""


class _Words(str):
    """Text that stands in a signature as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def facts_of_app(app: QueueTasks) -> dict[str, Any]:
    """Return what an app is made of, and its settings."""
    from importlib.metadata import version  # slow to import, and only asked for here

    parts = {
        "broker": app.broker,
        "storage": app.storage,
        "global_config": app.storage.global_config,
        "worker": app.worker,
        "starter": app.starter,
    }
    return {
        "name": app.name,
        "version": version("qtasks"),
        "place": app.place,
        "tasks": sorted(app.tasks),
        "routers": len(app.routers),
        "plugins": [plugin.name for plugin in app.plugins],
        "middlewares_before": _plain(app.middlewares_before),
        "middlewares_after": _plain(app.middlewares_after),
        **{name: None if part is None else type(part).__name__ for name, part in parts.items()},
        "config": {field: _plain(getattr(app.config, field)) for field in SETTINGS},
    }


def facts_of_task(definition: TaskDefinition) -> dict[str, Any]:
    """Return a task with every option that `@app.task` knows."""
    options = definition.options
    return {
        "name": definition.name,
        "function": _name_of(definition.function),
        "signature": signature_in_words(definition),
        "is_async": definition.is_async,
        "is_generator": definition.is_generator,
        "executor": _plain(definition.executor),
        **{
            field.name: _plain(getattr(options, field.name))
            for field in fields(options)
            if field.name not in _READ_APART
        },
        **_retry(options),
        **_limits(options),
        "unique": _unique(options),
    }


def signature_in_words(definition: TaskDefinition) -> str:
    """Return the parameters as the function declares them; the default of a secret one is hidden."""
    try:
        signature = inspect.signature(definition.function)
    except (TypeError, ValueError):  # some functions that are written in C do not tell
        return "(*args, **kwargs)"
    parameters = list(signature.parameters.values())[int(definition.options.echo) :]
    secrets = definition.signature.secrets
    shown = [_shown(parameter, parameter.name in secrets) for parameter in parameters]
    returned = _annotation(signature.return_annotation)
    return str(signature.replace(parameters=shown, return_annotation=returned))


def _shown(parameter: inspect.Parameter, is_secret: bool) -> inspect.Parameter:
    has_default = parameter.default is not inspect.Parameter.empty
    default = _Words(MASK) if is_secret and has_default else parameter.default
    return parameter.replace(annotation=_annotation(parameter.annotation), default=default)


def _annotation(annotation: Any) -> Any:
    return _Words(annotation) if isinstance(annotation, str) else annotation


def _retry(options: TaskOptions) -> dict[str, Any]:
    policy = options.retry
    return {
        "retry": policy.retries,
        "retry_on_exc": _plain(policy.on),
        "backoff": policy.delay,
        "backoff_factor": policy.factor,
        "backoff_cap": policy.cap,
        "backoff_jitter": policy.jitter,
    }


def _limits(options: TaskOptions) -> dict[str, Any]:
    limited = options.limited
    interval = None if limited is None else limited.interval
    return {
        "rate_limit": None if interval is None else 1.0 / interval,
        "concurrency": None if limited is None else limited.concurrency,
        "limit_by": None if limited is None else _plain(limited.by),
    }


def _unique(options: TaskOptions) -> dict[str, Any] | None:
    unique = options.unique
    if unique is None:
        return None
    names = ("key", "args", "ttl")
    states = sorted(map(str, unique.states))
    return {**{name: _plain(getattr(unique, name)) for name in names}, "states": states}


def _plain(value: Any) -> Any:
    """Return a value that JSON can carry: classes and functions by their names, other objects as text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (Sequence, set, frozenset)) and not isinstance(value, (bytes, bytearray)):
        return [_plain(inner) for inner in value]
    return _name_of(value) if callable(value) else repr(value)


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__qualname__", None)
    if name is None:
        return repr(function)
    module = getattr(function, "__module__", None)
    return name if module in {None, "builtins"} else f"{module}.{name}"
