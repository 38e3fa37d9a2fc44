"""The annotations of a function as types, each resolved by itself."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final, get_type_hints

_log: Final = logging.getLogger("qtasks")


def annotations_of(function: Callable[..., Any], task: str) -> dict[str, Any]:
    """Return the annotations by parameter, with `return` for the result.

    One that cannot be resolved, such as a name that is imported for type checkers only, is left out
    with a line in the log; the others count.
    """
    inner = _innermost(function)
    raw = getattr(inner, "__annotations__", None) or {}
    names = getattr(inner, "__globals__", {})
    hints = {}
    for parameter, annotation in raw.items():
        try:
            hints[parameter] = _resolved(annotation, names)
        except Exception as exc:  # noqa: BLE001 - an annotation is code of the user
            _log.warning(
                "task %s: the annotation of %r cannot be resolved (%s), so its values are not converted",
                task, parameter, exc,
            )  # fmt: skip
    return hints


def _resolved(annotation: Any, names: Mapping[str, Any]) -> Any:
    holder = SimpleNamespace(__annotations__={"it": annotation})
    return get_type_hints(holder, dict(names), include_extras=True)["it"]


def _innermost(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the plain function below wrappers, partials, methods and callable objects."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function):
            function = function.__func__
        elif (wrapped := getattr(function, "__wrapped__", None)) is not None:
            function = wrapped
        elif not inspect.isroutine(function) and not isinstance(function, type):
            function = type(function).__call__
        else:
            return function
