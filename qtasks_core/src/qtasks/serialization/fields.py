"""The fields of a user's class with their types, whichever library made it.

A class is recognised by its attributes, so that no library is imported for it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Final, get_origin, get_type_hints

_MARKS: Final = ("__dataclass_fields__", "__attrs_attrs__", "__struct_fields__", "__pydantic_fields__")


def has_fields(kind: Any) -> bool:
    """Whether it is a dataclass, an attrs class, a struct, a model, a NamedTuple or a TypedDict."""
    if not isinstance(kind, type):
        return False
    return any(hasattr(kind, mark) for mark in _MARKS) or is_named_tuple(kind) or is_typed_dict(kind)


def is_named_tuple(kind: type) -> bool:
    """Whether it is a NamedTuple."""
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_typed_dict(kind: type) -> bool:
    """Whether it is a TypedDict."""
    return issubclass(kind, dict) and hasattr(kind, "__required_keys__")


def lacks_annotations(kind: type) -> bool:
    """Whether it is an attrs class with a field that is not annotated: msgspec cannot make it."""
    annotated = {name for base in kind.__mro__ for name in inspect.get_annotations(base)}
    return any(field.name not in annotated for field in getattr(kind, "__attrs_attrs__", ()))


def types_of(annotation: Any) -> dict[str, Any]:
    """Return the fields of a class, or of a generic one with its arguments, with their types.

    A field whose type cannot be resolved is left out.
    """
    kind = get_origin(annotation) or annotation
    hints: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        hints.update(_own(base))
    hints.update(_of_attrs(kind, hints))
    hints.update(_of_pydantic(kind))
    given = dict(zip(getattr(kind, "__parameters__", ()), getattr(annotation, "__args__", ()), strict=False))
    return {name: _filled(hint, given) for name, hint in hints.items()} if given else hints


def _own(base: type) -> Iterator[tuple[str, Any]]:
    names = dict(vars(sys.modules.get(base.__module__, sys)))
    for name, annotation in inspect.get_annotations(base).items():
        holder = SimpleNamespace(__annotations__={"it": annotation})
        try:
            resolved = get_type_hints(holder, names, dict(vars(base)), include_extras=True)
        except Exception:  # noqa: BLE001, S112 - an annotation is code of the user
            continue
        yield name, resolved["it"]


def _of_attrs(kind: type, known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what attrs alone knows: the types of `attr.ib(type=…)`."""
    for field in getattr(kind, "__attrs_attrs__", ()):
        if field.name not in known and not isinstance(field.type, (str, type(None))):
            yield field.name, field.type


def _of_pydantic(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield what pydantic has resolved, names of the place where the class was made included."""
    for name, field in (getattr(kind, "__pydantic_fields__", None) or {}).items():
        extras = tuple(getattr(field, "metadata", ()))
        yield name, Annotated[(field.annotation, *extras)] if extras else field.annotation


def _filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    """Return the hint with its type variables replaced."""
    if hint in given:
        return given[hint]
    parameters = getattr(hint, "__parameters__", ())
    if isinstance(hint, type) or not parameters:
        return hint
    return hint[tuple(given.get(one, one) for one in parameters)]
