"""From an annotation to the conversion of values, compiled once.

msgspec does the work, with paths beside it, unions of any types, and the special types.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Final,
    Never,
    NoReturn,
    NotRequired,
    ParamSpecArgs,
    ParamSpecKwargs,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

import msgspec
from msgspec.inspect import CustomType, type_info
from typing_extensions import ReadOnly

from qtasks.errors import DecodeError
from qtasks.serialization.fields import has_fields, types_of
from qtasks.serialization.pydantic_types import (
    Make,
    base_of,
    extras_of,
    make_by_pydantic,
    only_constrains,
    words_of,
)
from qtasks.serialization.special import Special, is_special, replaced, special_for

_EXACT: Final = frozenset(
    {
        *(str, int, float, bool, complex, type(None), bytes, bytearray),
        *(datetime, date, time, timedelta, UUID, Decimal, list, dict, tuple, set, frozenset),
    }
)
"""Types of which a value needs no second look where the annotation is just that type."""

_ABSTRACT: Final = frozenset({Collection, Sequence, AbstractSet})
"""What a tuple or a frozenset may be meant by, and msgspec would make a list or a set of."""


_QUALIFIERS: Final = (Required, NotRequired, ReadOnly)
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
            raise DecodeError(words_of(exc).replace("`$[0]", f"`{name}")) from exc

    def inside(self, value: Any) -> Any:
        """Return the value in the annotated type; what it raises says nothing of the place."""
        return value if type(value) in self.exact else self.change(value)


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
    if extras_of(annotation) and only_constrains(annotation):
        return _constrained(annotation)
    make = _special(annotation)
    if make is None:
        return _by_msgspec(annotation)
    return Converter(frozenset({complex}) if annotation is complex else frozenset(), make)


def _special(annotation: Any) -> Make | None:
    try:
        return special_for(annotation, _inside)
    except Unsupported:
        raise
    except Exception as exc:  # pydantic looks at the annotation of a user
        raise Unsupported(str(exc)) from exc


def _inside(annotation: Any) -> Make | None:
    converter = converter_for(annotation)
    return None if converter is None else converter.inside


def _constrained(annotation: Any) -> Converter:
    """Let our own rules decide about the type, and pydantic about the constraints.

    Pydantic alone would take text for a number.
    """
    check = _special(annotation)
    first = None if is_special(base_of(annotation)) else converter_for(base_of(annotation))
    if first is None or check is None:
        return Converter(frozenset(), check or _as_it_is)
    inside, constrained = first.inside, check
    return Converter(frozenset(), lambda value: constrained(inside(value)))


def _as_it_is(value: Any) -> Any:
    return value


def _plain(annotation: Any) -> Any:
    """Return the annotation without a NewType, and without what says nothing about conversion."""
    while True:
        if hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # that of typing or of typing_extensions
            annotation = annotation.__value__
        elif get_origin(annotation) in _QUALIFIERS or _says_nothing(annotation):
            annotation = get_args(annotation)[0]
        else:
            return annotation


def _says_nothing(annotation: Any) -> bool:
    if get_origin(annotation) is not Annotated or extras_of(annotation):
        return False
    return not any(isinstance(extra, msgspec.Meta) for extra in annotation.__metadata__)


def _union(members: Sequence[Any]) -> Converter | None:
    converters = [converter_for(member) for member in members]
    known = [converter for converter in converters if converter is not None]
    if len(known) < len(converters):
        return None
    exact = frozenset[type]().union(*(converter.exact for converter in known))
    fields = [_field_names(member) for member in members]
    if not any(fields):
        return Converter(exact, lambda value: _first_that_fits(known, value))
    named = list(zip(known, fields, strict=True))
    return Converter(exact, lambda value: _closest_that_fits(named, value))


def _field_names(member: Any) -> frozenset[str]:
    kind = get_origin(member) or member
    return frozenset(types_of(member)) if has_fields(kind) else frozenset()


def _closest_that_fits(members: Sequence[tuple[Converter, frozenset[str]]], value: Any) -> Any:
    """Try the only class first that has all of these fields.

    Trying all of them would take twice as long with each level of a class that holds such a union.
    """
    if isinstance(value, dict):
        closest = [member for member, fields in members if value.keys() <= fields]
        if len(closest) == 1:
            with suppress(ValueError, TypeError):
                return closest[0].change(value)
    return _first_that_fits([member for member, _ in members], value)


def _first_that_fits(members: Sequence[Converter], value: Any) -> Any:
    fitting, reasons = [], []
    for member in members:
        try:
            fitting.append(member.change(value))
        except (ValueError, TypeError) as exc:
            reasons.append(words_of(exc))
    if not fitting:
        raise ValueError("; ".join(dict.fromkeys(reasons)))
    if len(fitting) > 1 and isinstance(value, dict):
        names = ", ".join(type(one).__qualname__ for one in fitting)
        raise ValueError(f"it fits several types of the union: {names}")
    return fitting[0]


def _by_msgspec(annotation: Any) -> Converter | None:
    try:
        known = replaced(annotation, _inside)
        if any(not _is_known(custom.cls) for custom in _customs(type_info(known))):
            return None
        # The struct keeps the compiled type: converting by the bare annotation compiles it each time.
        holder = msgspec.defstruct("Argument", [("value", known)], array_like=True)
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
    return isinstance(kind, Special) or (
        isinstance(kind, type) and (issubclass(kind, Path) or hasattr(kind, "__pydantic_validator__"))
    )


def _make(kind: Any, value: Any) -> Any:
    """Make an object of a class that msgspec has not: its hook."""
    if isinstance(kind, Special):
        try:
            return kind.make(value)
        except Exception as exc:  # constructors and validators of a user run here
            raise ValueError(words_of(exc)) from exc
    kind = get_origin(kind) or kind
    if isinstance(value, kind):
        return value
    if (make := make_by_pydantic(kind)) is not None:
        return make(value)
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value)
    raise ValueError(f"Expected `{kind.__qualname__}`, got `{type(value).__name__}`")
