"""From an annotation to the conversion of values, compiled once.

msgspec does the work. Beside it stand what it has not: paths, pydantic models (recognised by their
attributes, so pydantic need not be installed), enums of any values, and unions of any types.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Final,
    Never,
    NoReturn,
    ParamSpecArgs,
    ParamSpecKwargs,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

import msgspec
from msgspec.inspect import CustomType, type_info

from qtasks.errors import DecodeError

_EXACT: Final = frozenset(
    {
        *(str, int, float, bool, complex, type(None), bytes, bytearray),
        *(datetime, date, time, timedelta, UUID, Decimal, list, dict, tuple, set, frozenset),
    }
)
"""Types of which a value needs no second look where the annotation is just that type."""

_ABSTRACT: Final = frozenset({Collection, Sequence, AbstractSet})
"""What a tuple or a frozenset may be meant by, and msgspec would make a list or a set of."""


_ANYTHING: Final = (Any, object, NoReturn, Never)
_VARIABLES: Final = (TypeVar, ParamSpecArgs, ParamSpecKwargs)


class Unsupported(Exception):
    """An annotation that no value can be converted by."""


@dataclass(frozen=True, slots=True)
class Converter:
    """How a value becomes what an annotation says."""

    exact: frozenset[type]
    """A value of exactly such a type is right as it is."""
    change: Callable[[Any], Any]
    """Raises a ValueError or TypeError for a value that is not right and cannot be made right."""

    def __call__(self, value: Any, name: str) -> Any:
        """Return the value in the annotated type; `name` stands for it in an error.

        Raises:
            DecodeError: It is of another type.
        """
        if type(value) in self.exact:
            return value
        try:
            return self.change(value)
        except Exception as exc:  # constructors and validators of a user run here
            raise DecodeError(str(exc).replace("`$[0]", f"`{name}")) from exc


def converter_for(annotation: Any) -> Converter | None:
    """Return the conversion that an annotation asks for; None takes every value as it is.

    Classes that nothing is known of (sessions, clients and the like) take every value: they are
    given to a task by other means than a message.

    Raises:
        Unsupported: The annotation means something, and no conversion can be made of it.
    """
    annotation = _plain(annotation)
    if annotation in _ANYTHING or isinstance(annotation, _VARIABLES):
        return None
    if annotation is None:
        annotation = type(None)
    if get_origin(annotation) in {Union, types.UnionType}:
        return _union(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Converter(frozenset(), lambda value: _member(annotation, value))
    if annotation is complex:
        return Converter(frozenset({complex}), _complex)
    return _by_msgspec(annotation)


def _plain(annotation: Any) -> Any:
    """Return the annotation without a NewType, and without what says nothing about conversion."""
    while True:
        if hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif get_origin(annotation) is Annotated and not _constrains(annotation):
            annotation = get_args(annotation)[0]
        else:
            return annotation


def _constrains(annotation: Any) -> bool:
    return any(isinstance(extra, msgspec.Meta) for extra in annotation.__metadata__)


def _union(members: Sequence[Any]) -> Converter | None:
    converters = [converter_for(member) for member in members]
    known = [converter for converter in converters if converter is not None]
    if len(known) < len(converters):
        return None
    exact = frozenset[type]().union(*(converter.exact for converter in known))
    return Converter(exact, lambda value: _first_that_fits(known, value))


def _first_that_fits(members: Sequence[Converter], value: Any) -> Any:
    fitting, reasons = [], []
    for member in members:
        try:
            fitting.append(member.change(value))
        except (ValueError, TypeError) as exc:
            reasons.append(str(exc))
    if not fitting:
        raise ValueError("; ".join(dict.fromkeys(reasons)))
    if len(fitting) > 1 and isinstance(value, dict):
        names = ", ".join(type(one).__qualname__ for one in fitting)
        raise ValueError(f"it fits several types of the union: {names}")
    return fitting[0]


def _member(enum: type[Enum], value: Any) -> Enum:
    return enum(value)


def _complex(value: Any) -> complex:
    if type(value) in {int, float}:
        return complex(value)
    raise TypeError(f"Expected `complex`, got `{type(value).__name__}`")


def _by_msgspec(annotation: Any) -> Converter | None:
    try:
        unknown = any(not _is_known(custom.cls) for custom in _customs(type_info(annotation)))
        if unknown:
            return None
        # The struct keeps the compiled type: converting by the bare annotation compiles it each time.
        holder = msgspec.defstruct("Argument", [("value", annotation)], array_like=True)
        msgspec.json.Decoder(holder)
    except Exception as exc:  # names that cannot be resolved raise anything
        raise Unsupported(str(exc)) from exc
    exact = frozenset({annotation} & _EXACT) if isinstance(annotation, type) else frozenset[type]()
    if annotation is int:
        exact = frozenset({int, bool})
    change = _same_kind if (get_origin(annotation) or annotation) in _ABSTRACT else _change
    return Converter(exact, lambda value: change(holder, value))


def _change(holder: type[Any], value: Any) -> Any:
    return msgspec.convert((value,), holder, str_keys=True, dec_hook=_make).value


def _same_kind(holder: type[Any], value: Any) -> Any:
    changed = _change(holder, value)
    kind = type(value)
    return kind(changed) if kind in {tuple, set, frozenset} else changed


def _customs(info: Any) -> Iterator[CustomType]:
    """Yield the classes that msgspec knows nothing of, also inside containers and unions."""
    if isinstance(info, CustomType):
        yield info
    inner: Iterable[Any] = getattr(info, "item_types", ()) or getattr(info, "types", ())
    for part in (
        *inner,
        *(getattr(info, name, None) for name in ("item_type", "key_type", "value_type", "type")),
    ):
        if part is not None:
            yield from _customs(part)


def _is_known(kind: Any) -> bool:
    return isinstance(kind, type) and (issubclass(kind, Path) or hasattr(kind, "__pydantic_validator__"))


def _make(kind: Any, value: Any) -> Any:
    """Make an object of a class that msgspec has not: its hook."""
    kind = get_origin(kind) or kind
    if isinstance(value, kind):
        return value
    if hasattr(kind, "__pydantic_validator__"):
        return kind.__pydantic_validator__.validate_python(value)
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value)
    raise ValueError(f"Expected `{kind.__qualname__}`, got `{type(value).__name__}`")
