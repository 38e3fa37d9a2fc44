"""What is secret of a call and of a result, and how it is kept out of what people read.

The backend keeps secret values as they are: a worker needs them. Lists, views, logs and the text of
errors show `***` in their place.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, get_args, get_origin

from qtasks.serialization.fields import has_fields, types_of
from qtasks.serialization.objects import level_of

MASK: Final = "***"
"""What stands where a secret would."""

SHORTEST: Final = 4
"""Characters of the shortest text that is looked for in errors; shorter ones are in every text."""

MOST: Final = 1_000
"""Texts that are looked for; an error of a call with more of them is hidden as a whole."""

Place = int | str
"""The position of an argument, counted from 0, or its name."""


class Secret:
    """Marks a parameter or a result as secret: `password: Annotated[str, Secret]`.

    Its value travels as any other does. Wherever QTasks shows arguments, results or errors to people,
    it shows `***`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret()"


def is_secret(annotation: Any) -> bool:
    """Whether the annotation, or anything inside of it, is marked, or is a `SecretStr` of pydantic."""
    return _marks(annotation, set())


@lru_cache(maxsize=1_000)
def is_secret_class(kind: type) -> bool:
    """Whether objects of the class are secret whatever the annotation says: by a field, or as `SecretStr`."""
    return _marks(kind, set())


def masked(
    args: Sequence[Any], kwargs: Mapping[str, Any], hidden: Collection[Place]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments as people may see them."""
    if not hidden:
        return list(args), dict(kwargs)
    shown = [MASK if index in hidden else value for index, value in enumerate(args)]
    return shown, {name: MASK if name in hidden else value for name, value in kwargs.items()}


def places_in(headers: Mapping[str, Any] | None) -> frozenset[Place]:
    """Return what the headers of a message say is secret; whatever else is there counts for nothing."""
    noted = headers.get("secret") if headers else None
    if not isinstance(noted, list):
        return frozenset()
    return frozenset(place for place in noted if isinstance(place, str) or type(place) is int)


def with_places(headers: Mapping[str, Any] | None, places: Iterable[Place]) -> dict[str, Any] | None:
    """Return the headers with these places added to those that are secret; None where there are none."""
    together = places_in(headers).union(places)
    if not together:
        return dict(headers) if headers else None
    return {**(headers or {}), "secret": sorted(together, key=lambda one: (isinstance(one, str), one))}


def texts_of(values: Iterable[Any]) -> tuple[str, ...]:
    """Return the texts that would give these values away, the longest first.

    These are the values as text, those inside of containers and objects included, in the forms in
    which errors show text: as it is, line by line, and as `repr` and JSON write it.
    """
    found: set[str] = set()
    for value in values:
        try:
            found.update(_texts(value, 100))
        except Exception:  # noqa: BLE001, S112 - code of the user; what raises shows nothing of itself
            continue
    return tuple(sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True))


def scrubbed(text: str, secrets: Sequence[str]) -> str:
    """Return the text with each of the secrets replaced; `secrets` comes from `texts_of`."""
    if len(secrets) > MOST:
        return MASK
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _marks(annotation: Any, seen: set[Any]) -> bool:
    if annotation is Secret or hasattr(annotation, "get_secret_value"):
        return True
    if get_origin(annotation) is Annotated and any(_is_mark(one) for one in annotation.__metadata__):
        return True
    if type(annotation).__name__ in {"NewType", "TypeAliasType"}:
        new = annotation not in seen
        seen.add(annotation)
        return new and _marks(getattr(annotation, "__supertype__", None) or annotation.__value__, seen)
    if any(_marks(inner, seen) for inner in get_args(annotation)):
        return True
    kind = get_origin(annotation) or annotation
    if not has_fields(kind) or kind in seen:
        return False
    seen.add(kind)
    return any(_marks(hint, seen) for hint in types_of(kind).values())


def _is_mark(extra: object) -> bool:
    return extra is Secret or isinstance(extra, Secret)


def _texts(value: Any, depth: int) -> Iterator[str]:
    if value is None or isinstance(value, bool) or not depth:
        return
    if isinstance(value, str):
        yield from _forms(str.__str__(value))
    elif isinstance(value, (bytes, bytearray)):
        yield from _forms(bytes(value).decode("utf-8", "replace"))
        yield repr(bytes(value))[2:-1]
        yield repr(b"'\"" + bytes(value))[5:-1]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner, depth - 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _texts(inner, depth - 1)
    elif (opened := level_of(type(value))) is not None:
        yield from _texts(opened(value), depth - 1)
    else:
        yield str(value)
        yield repr(value)


def _forms(text: str) -> Iterator[str]:
    yield text
    for written in (repr, ascii):
        yield written(text)[1:-1]
        yield written("'\"" + text)[4:-1]  # as part of a text with both quotes, where one is escaped
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield from text.splitlines()
