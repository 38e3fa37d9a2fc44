"""One level of an object of a user's class, as plain values.

A dataclass, a msgspec struct, an attrs class, a pydantic model, another type of pydantic and a member of
an enum are written as the values that they hold. They come back as objects through the annotation of the
parameter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import msgspec

Level = Callable[[Any], Any]


def level_of(kind: type) -> Level | None:
    """Return how an object of this class is opened by one level, or None where it is not known."""
    if issubclass(kind, Enum):
        return _enum
    if issubclass(kind, msgspec.Struct):
        return _struct
    for mark, level in _MARKS:
        if hasattr(kind, mark):
            return level
    return _adapted if hasattr(kind, "__get_pydantic_core_schema__") and "pydantic" in sys.modules else None


def _enum(value: Any) -> Any:
    return value.value


def _struct(value: Any) -> Any:
    kind = type(value)
    config = kind.__struct_config__
    pairs = zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
    fields = {sent: getattr(value, name) for sent, name in pairs}
    if config.array_like:
        return [*([] if config.tag is None else [config.tag]), *fields.values()]
    tag = {} if config.tag is None else {config.tag_field: config.tag}
    return tag | {name: field for name, field in fields.items() if field is not msgspec.UNSET}


def _dataclass(value: Any) -> Any:
    return {name: getattr(value, name) for name in _field_names(value)}


def _field_names(value: Any) -> list[str]:
    from dataclasses import fields  # only who sends dataclasses pays

    return [field.name for field in fields(value)]


def _attrs(value: Any) -> Any:
    return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}


def _pydantic(value: Any) -> Any:
    return type(value).__pydantic_serializer__.to_python(value, mode="python", round_trip=True)


def _revealed(value: Any) -> Any:
    return value.get_secret_value()


def _adapted(value: Any) -> Any:
    """Return a type of pydantic, such as `AnyUrl`, as pydantic would write it in JSON."""
    return sys.modules["pydantic"].TypeAdapter(type(value)).dump_python(value, mode="json")


_MARKS: Final[tuple[tuple[str, Level], ...]] = (
    ("get_secret_value", _revealed),
    ("__dataclass_fields__", _dataclass),
    ("__attrs_attrs__", _attrs),
    ("__pydantic_root_model__", _pydantic),
)
"""The attributes by which a class is recognised, so that its library need not be installed. `SecretStr`
comes first: its own serializer would write it without its secret."""
