"""The keywords of `@app.task` and `@router.task`, turned into a definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from qtasks.options import TaskOptions, check_extra, retry_policy
from qtasks.registry import TaskDefinition

_PLAIN: Final = ("queue", "priority", "max_time", "expires", "result_ttl", "tags", "description")
_BACKOFF: Final = {
    "backoff": "delay",
    "backoff_factor": "factor",
    "backoff_cap": "cap",
    "backoff_jitter": "jitter",
}


def define(function: Callable[..., Any], name: str | None, keywords: dict[str, Any]) -> TaskDefinition:
    """Make the definition of a task; keywords that are no options become its `extra`.

    Raises:
        ConfigError: An option has a wrong value, or a keyword is nearly an option.
        TaskError: The function cannot be a task.
    """
    rest = dict(keywords)
    backoff = {field: rest.pop(key) for key, field in _BACKOFF.items() if key in rest}
    retry = retry_policy(rest.pop("retry", 0), rest.pop("retry_on_exc", None), backoff)
    plain = {key: rest.pop(key) for key in _PLAIN if key in rest}
    plain["tags"] = tuple(plain.get("tags", ()))
    plain.setdefault("description", (function.__doc__ or "").strip())
    check_extra(rest)
    return TaskDefinition.of(function, name, TaskOptions(retry=retry, extra=rest, **plain))
