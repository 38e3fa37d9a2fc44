"""An object of a user's class, made of its fields, whichever library the class comes from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, Required, get_origin

from qtasks.serialization.fields import is_named_tuple, is_typed_dict
from qtasks.serialization.pydantic_types import words_of

Make = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field: what the constructor calls it, and what makes its value."""

    name: str
    parameter: str | None
    """None where the constructor does not take it."""
    needed: bool
    make: Make | None


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a class."""

    kind: Any
    fields: tuple[Field, ...]
    is_dict: bool
    sets_others: bool
    """Whether fields that the constructor does not take are set after it."""

    def make(self, value: Any) -> Any:
        """Return an object of the class.

        Raises:
            ValueError: A field is missing or of a wrong type.
            TypeError: It is no object.
        """
        if not self.is_dict and type(value) is self.kind:
            return value
        given = self._given(value)
        made: Any = self.kind(**dict(self._parameters(given)))
        if self.sets_others:
            for field in self.fields:
                if field.parameter is None and field.name in given:
                    object.__setattr__(made, field.name, _made(field, given[field.name]))
        return made

    def _given(self, value: Any) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        if isinstance(value, (list, tuple)) and is_named_tuple(self.kind):
            if len(value) > len(self.fields):
                raise ValueError(f"Expected at most {len(self.fields)} items, got {len(value)}")
            return dict(zip((field.name for field in self.fields), value, strict=False))
        raise TypeError(f"Expected `{self.kind.__qualname__}`, got `{type(value).__name__}`")

    def _parameters(self, given: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        for field in self.fields:
            if field.parameter is None:
                continue
            if field.name in given:
                yield field.parameter, _made(field, given[field.name])
            elif field.needed:
                raise ValueError(f"Object missing required field `{field.name}`")


def shape_of(kind: Any, hints: Mapping[str, Any], compiled: Callable[[Any], Make | None]) -> Shape:
    """Return how objects of a class are made; `compiled` makes of a field's type what makes its value."""
    makers = {name: compiled(hint) for name, hint in hints.items()}
    if is_typed_dict(kind):
        fields = tuple(Field(name, name, _is_needed(kind, name, hints[name]), makers[name]) for name in hints)
        return Shape(kind, fields, is_dict=True, sets_others=False)
    if is_named_tuple(kind):
        fields = tuple(
            Field(name, name, name not in kind._field_defaults, makers.get(name)) for name in kind._fields
        )
        return Shape(kind, fields, is_dict=False, sets_others=False)
    if hasattr(kind, "__attrs_attrs__"):
        return Shape(kind, tuple(_of_attrs(kind, makers)), False, not hasattr(kind, "__attrs_post_init__"))
    return Shape(kind, tuple(_of_dataclass(kind, makers)), False, not hasattr(kind, "__post_init__"))


def _is_needed(kind: Any, name: str, hint: Any) -> bool:
    """Whether a key is needed: the class does not know it where its annotations are text."""
    origin = get_origin(hint)
    return origin is Required or (origin is not NotRequired and name in kind.__required_keys__)


def _of_attrs(kind: Any, makers: Mapping[str, Make | None]) -> Iterable[Field]:
    for field in kind.__attrs_attrs__:
        parameter = (field.alias or field.name.lstrip("_")) if field.init else None
        needed = getattr(field.default, "name", "") == "NOTHING"
        yield Field(field.name, parameter, needed, makers.get(field.name))


def _of_dataclass(kind: Any, makers: Mapping[str, Make | None]) -> Iterable[Field]:
    for field in dataclasses.fields(kind):
        needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        yield Field(field.name, field.name if field.init else None, needed, makers.get(field.name))


def _made(field: Field, value: Any) -> Any:
    if field.make is None:
        return value
    try:
        return field.make(value)
    except Exception as exc:  # constructors and validators of a user run here
        words = words_of(exc)
        if "`$[0]" in words:
            raise ValueError(words.replace("`$[0]", f"`{field.name}")) from exc
        raise ValueError(f"{words} - at `{field.name}`") from exc
