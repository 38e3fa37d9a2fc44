"""Annotations that msgspec cannot convert by itself, and what converts them.

Inside of another annotation such a part is replaced by a class of its own: msgspec calls its hook for
a class that it does not know, and the hook finds in that class how the value is made.
"""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Callable
from enum import Enum, Flag
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from qtasks.serialization.build import Shape, shape_of
from qtasks.serialization.fields import has_fields, is_named_tuple, is_typed_dict, lacks_annotations, types_of
from qtasks.serialization.pydantic_types import make_by_pydantic

Make = Callable[[Any], Any]
Compile = Callable[[Any], Make | None]
"""From an annotation to what converts a value; None takes every value."""

_STANDARD: Final = (str, int, float, bytes, bytearray, list, dict, tuple, set, frozenset)
_UNIONS: Final = (Union, types.UnionType)


class Special(type):
    """The class of the classes that stand in an annotation for what msgspec cannot convert."""

    make: Make

    def __instancecheck__(cls, _value: object) -> bool:
        return True


def special_for(annotation: Any, compiled: Compile) -> Make | None:
    """Return what makes a value of this very annotation, or None where msgspec does it."""
    make = make_by_pydantic(annotation)
    if make is not None:
        return make
    if annotation is complex:
        return _complex
    if get_origin(annotation) in _UNIONS and not _is_native(annotation):
        return compiled(annotation) or _as_it_is
    return _for_class(annotation, compiled)


def _for_class(annotation: Any, compiled: Compile) -> Make | None:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        member: Make = annotation
        return member
    if (base := _standard_base(annotation)) is not None:
        return _subclass(annotation, compiled(base))
    if has_fields(get_origin(annotation) or annotation) and is_special(annotation):
        return _Fields(annotation, compiled)
    return None


def replaced(annotation: Any, compiled: Compile) -> Any:
    """Return the annotation with every special part in it replaced."""
    if not is_special(annotation):
        return annotation
    if not _is_native_enum(annotation) and (make := special_for(annotation, compiled)) is not None:
        return Special("Special", (), {"make": staticmethod(make)})
    arguments = tuple(replaced(one, compiled) for one in get_args(annotation))
    return _with_arguments(annotation, arguments)


def is_special(annotation: Any, seen: set[Any] | None = None) -> bool:
    """Whether the annotation, or anything that can be reached from it, is special."""
    seen = set() if seen is None else seen
    if _is_special_itself(annotation):
        return True
    if get_origin(annotation) is not Literal and any(is_special(one, seen) for one in get_args(annotation)):
        return True
    kind = get_origin(annotation) or annotation
    if not has_fields(kind) or isinstance(kind, type(msgspec.Struct)) or annotation in seen:
        return False
    seen.add(annotation)
    return lacks_annotations(kind) or any(is_special(hint, seen) for hint in types_of(annotation).values())


def _is_special_itself(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return not _is_native_enum(annotation)
    if annotation is complex or _standard_base(annotation) is not None:
        return True
    if get_origin(annotation) in _UNIONS and not _is_native(annotation):
        return True
    return make_by_pydantic(annotation) is not None


def _is_native_enum(annotation: Any) -> bool:
    if not isinstance(annotation, type) or not issubclass(annotation, Enum) or issubclass(annotation, Flag):
        return False
    kinds = {type(member.value) for member in annotation}
    return kinds in ({str}, {int})


def _is_native(union: Any) -> bool:
    try:
        msgspec.json.Decoder(union)
    except Exception:  # noqa: BLE001 - names that cannot be resolved raise anything
        return False
    return True


def _standard_base(annotation: Any) -> Any:
    """Return the standard type that the class adds to, with the same arguments, or None."""
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type) or kind.__module__ == "builtins" or issubclass(kind, Enum):
        return None
    if is_named_tuple(kind) or is_typed_dict(kind):
        return None
    base = next((one for one in _STANDARD if issubclass(kind, one)), None)
    arguments = get_args(annotation)
    if base is None or not arguments:
        return base
    return _generic(base, arguments) if _fits(base, arguments) else base


def _fits(base: Any, arguments: tuple[Any, ...]) -> bool:
    return len(arguments) == (2 if base is dict else 1) and base in {dict, list, set, frozenset}


def _subclass(annotation: Any, base: Make | None) -> Make:
    kind = get_origin(annotation) or annotation

    def make(value: Any) -> Any:
        if type(value) is kind:
            return value
        plain = value if base is None else base(value)
        if kind is defaultdict:
            return defaultdict(_factory(annotation), plain)
        return kind(plain)

    return make


def _factory(annotation: Any) -> Any:
    """Return what a `defaultdict[str, list[int]]` makes: its values say so, as the factory cannot be sent."""
    arguments = get_args(annotation)
    made = get_origin(arguments[1]) or arguments[1] if arguments else None
    return made if callable(made) else None


def _complex(value: Any) -> complex:
    if type(value) in {int, float, complex}:
        return complex(value)
    raise TypeError(f"Expected `complex`, got `{type(value).__name__}`")


def _as_it_is(value: Any) -> Any:
    return value


class _Fields:
    """Makes an object of a class whose fields msgspec cannot all convert.

    They are compiled at the first value: a class may hold itself.
    """

    def __init__(self, annotation: Any, compiled: Compile) -> None:
        self._annotation = annotation
        self._compiled = compiled
        self._shape: Shape | None = None

    def __call__(self, value: Any) -> Any:
        if self._shape is None:
            kind = get_origin(self._annotation) or self._annotation
            self._shape = shape_of(kind, types_of(self._annotation), self._compiled)
        return self._shape.make(value)


def _generic(kind: Any, arguments: tuple[Any, ...]) -> Any:
    return kind[arguments if len(arguments) != 1 else arguments[0]]


def _with_arguments(annotation: Any, arguments: tuple[Any, ...]) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return Annotated[(arguments[0], *annotation.__metadata__)]
    if origin in _UNIONS:
        return Union[arguments]  # noqa: UP007 - of a list that is known only now
    if hasattr(annotation, "copy_with"):
        return annotation.copy_with(arguments)
    return _generic(origin, arguments)
