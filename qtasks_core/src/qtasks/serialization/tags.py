"""Standard types that JSON has not: written as tags, and read back exactly.

A tag is an object of one member whose name begins with `$`, such as `{"$date": "2027-01-31"}`. An
object of a user that looks like one is written as `$dict`, so data never imitates a tag. The table
is in `docs/message-format.md`.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from qtasks.errors import DecodeError, EncodeError
from qtasks.serialization.objects import Level, level_of
from qtasks.serialization.secret import is_secret_class

MAX_DEPTH: Final = 100
"""How deep a value may be nested."""

PLAIN: Final = frozenset({str, int, bool, type(None)})
"""Types of which every value is written as it is."""

_TEXT: Final = frozenset({str})
_LARGEST: Final = 2**64 - 1
_SMALLEST: Final = -(2**63)


class Refused(Exception):
    """A value that cannot be written, with the way to it, innermost step first."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.steps: list[str] = []

    def __str__(self) -> str:
        where = "".join(reversed(self.steps))
        return f"at {where}: {self.args[0]}" if where else str(self.args[0])


def is_plain(values: Iterable[Any], depth: int = MAX_DEPTH) -> bool:
    """Whether JSON can carry every one of these values exactly. Builds nothing: the hot path.

    Not looked at are lone surrogates and the length of numbers, which the encoder itself refuses.
    """
    for value in values:
        kind = type(value)
        if kind in PLAIN:
            continue
        if kind is float:
            if not isfinite(value):
                return False
        elif kind is list:
            if not depth or not is_plain(value, depth - 1):
                return False
        elif kind is not dict or not depth or not _is_plain_dict(value, depth):
            return False
    return True


def _is_plain_dict(value: dict[Any, Any], depth: int) -> bool:
    return _TEXT.issuperset(map(type, value)) and is_plain(value.values(), depth - 1)


def pack(value: Any) -> tuple[Any, bool]:
    """Return the value in plain types, and whether tags were needed for it.

    Raises:
        EncodeError: It holds something that cannot be written; the text says where and of what type.
    """
    packer = Packer()
    return packer.pack_as("the value", value), packer.tagged


def unpack(value: Any) -> Any:
    """Return the value that was packed with tags.

    Raises:
        DecodeError: A tag is unknown, or its content is wrong.
    """
    try:
        return _unpack(value)
    except RecursionError as exc:
        raise DecodeError("the value is nested too deep") from exc


class Packer:
    """Packs values of one message, and notes whether any of them needed a tag."""

    __slots__ = ("hiding", "tagged")

    def __init__(self) -> None:
        self.tagged = False
        self.hiding = False
        """Whether one of the values has something secret in it: a `SecretStr`, or a field that is marked."""

    def pack_as(self, what: str, value: Any, secret: bool = False) -> Any:
        """Return the value in plain types.

        Args:
            what: What errors call it.
            value: The value.
            secret: Errors show nothing of it.

        Raises:
            EncodeError: It cannot be written.
        """
        try:
            return self.pack(value, MAX_DEPTH)
        except Refused as exc:
            if secret:
                raise EncodeError(f"{what}, which is secret, cannot be written: {exc.args[0]}") from None
            raise EncodeError(f"{what} cannot be written: {exc}") from exc
        except Exception as exc:  # noqa: BLE001 - properties, time zones and models of a user run here
            raised = EncodeError(f"{what} cannot be written: it raised {type(exc).__name__}")
            raise raised from (None if secret else exc)

    def pack(self, value: Any, depth: int) -> Any:
        """Return the value in plain types.

        Raises:
            Refused: It cannot be written.
        """
        kind = type(value)
        if kind is bool or value is None:
            return value
        write = _WRITERS.get(kind) or _writer_of(kind)
        if not depth:
            raise Refused(f"it is nested deeper than {MAX_DEPTH} levels, or contains itself")
        return write(self, value, depth - 1)

    def tag(self, name: str, content: Any) -> dict[str, Any]:
        """Return the content under a tag."""
        self.tagged = True
        return {name: content}

    def items(self, values: Iterable[Any], depth: int) -> list[Any]:
        """Return the packed items of a sequence or set."""
        packed = []
        for index, value in enumerate(values):
            try:
                packed.append(self.pack(value, depth))
            except Refused as exc:
                exc.steps.append(f"[{index}]")
                raise
        return packed

    def pairs(self, value: dict[Any, Any], depth: int) -> list[tuple[Any, Any]]:
        """Return the packed keys and values of a dict."""
        packed = []
        for key, content in value.items():
            try:
                packed.append((self.pack(key, depth), self.pack(content, depth)))
            except Refused as exc:
                exc.steps.append(f"[{key!r}]" if type(key) in PLAIN else f"[{type(key).__qualname__}]")
                raise
        return packed


Writer = Callable[[Packer, Any, int], Any]


def _writer_of(kind: type) -> Writer:
    """Return how an object of a class that is not in the table is written.

    Raises:
        Refused: Nobody knows how.
    """
    level = level_of(kind)
    write = _of_base(kind) if level is None else _level_as(level)
    return _secretly(write) if is_secret_class(kind) else write


def _of_base(kind: type) -> Writer:
    for base in kind.__mro__:
        if base in _WRITERS:
            return _WRITERS[base]
    raise Refused(f"an object of type {kind.__module__}.{kind.__qualname__}")


def _level_as(level: Level) -> Writer:
    return lambda packer, value, depth: packer.pack(level(value), depth)


def _secretly(write: Writer) -> Writer:
    def write_secret(packer: Packer, value: Any, depth: int) -> Any:
        packer.hiding = True
        return write(packer, value, depth)

    return write_secret


def _write_str(_packer: Packer, value: str, _depth: int) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as exc:
            raise Refused(f"text with a lone surrogate at position {exc.start}") from exc
    return str.__str__(value)


def _write_int(packer: Packer, value: int, _depth: int) -> Any:
    return int(value) if _SMALLEST <= value <= _LARGEST else packer.tag("$int", hex(value))


def _write_float(packer: Packer, value: float, _depth: int) -> Any:
    return float(value) if isfinite(value) else packer.tag("$float", repr(float(value)))


def _write_dict(packer: Packer, value: dict[Any, Any], depth: int) -> Any:
    pairs = packer.pairs(value, depth)
    if not all(type(key) is str for key, _ in pairs):
        return packer.tag("$dict", [[key, content] for key, content in pairs])
    named = dict(pairs)
    if len(named) != len(pairs):
        raise Refused("a dict with two keys that are written alike")
    imitates = len(named) == 1 and next(iter(named)).startswith("$")
    return packer.tag("$dict", [[key, content] for key, content in pairs]) if imitates else named


def _write_datetime(packer: Packer, value: datetime, _depth: int) -> Any:
    return packer.tag("$datetime", _moment(value))


def _write_time(packer: Packer, value: time, _depth: int) -> Any:
    return packer.tag("$time", _moment(value))


def _moment(value: datetime | time) -> Any:
    zone = _zone(value)
    if value.tzinfo is not None and zone is None and value.utcoffset() is None:
        raise Refused("a time whose zone has neither a name nor an offset")
    return [value.isoformat(), value.fold, zone] if zone or value.fold else value.isoformat()


def _zone(value: datetime | time) -> str | None:
    return value.tzinfo.key if isinstance(value.tzinfo, ZoneInfo) else None


def _write_path(packer: Packer, value: Path, depth: int) -> Any:
    return packer.tag("$path", packer.pack(str(value), depth))


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _list_as(name: str) -> Writer:
    return lambda packer, value, depth: packer.tag(name, packer.items(value, depth))


def _text_as(name: str, text: Callable[[Any], Any]) -> Writer:
    return lambda packer, value, _depth: packer.tag(name, text(value))


_WRITERS: Final[dict[type, Writer]] = {
    str: _write_str,
    int: _write_int,
    float: _write_float,
    list: Packer.items,
    dict: _write_dict,
    tuple: _list_as("$tuple"),
    set: _list_as("$set"),
    frozenset: _list_as("$frozenset"),
    bytes: _text_as("$bytes", _base64),
    bytearray: _text_as("$bytearray", _base64),
    datetime: _write_datetime,
    date: _text_as("$date", date.isoformat),
    time: _write_time,
    timedelta: _text_as("$timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    UUID: _text_as("$uuid", str),
    Decimal: _text_as("$decimal", str),
    Path: _write_path,
    complex: lambda packer, value, depth: packer.tag(
        "$complex", packer.items((value.real, value.imag), depth)
    ),
}


def _unpack(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_unpack(item) for item in value]
    if kind is not dict:
        return value
    if len(value) == 1:
        ((name, content),) = value.items()
        if type(name) is str and name.startswith("$"):
            return _read(name, content)
    return {name: _unpack(content) for name, content in value.items()}


def _read(name: str, content: Any) -> Any:
    read = _READERS.get(name)
    if read is None:
        raise DecodeError(f"unknown tag {name!r}: written by a newer version of QTasks?")
    try:
        return read(content)
    except (DecodeError, RecursionError):
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError) as exc:
        raise DecodeError(f"wrong content of the tag {name!r}: {exc}") from exc


def _text(content: Any) -> str:
    if type(content) is not str:
        raise TypeError(f"expected text, got {type(content).__name__}")
    return content


def _items(content: Any) -> list[Any]:
    if type(content) is not list:
        raise TypeError(f"expected a list, got {type(content).__name__}")
    return [_unpack(item) for item in content]


def _read_float(content: Any) -> float:
    if content not in {"nan", "inf", "-inf"}:
        raise ValueError(f"expected nan, inf or -inf, got {content!r}")
    return float(content)


Moment = TypeVar("Moment", datetime, time)


def _read_moment(parse: Callable[[str], Moment], content: Any) -> Moment:
    if type(content) is not list:
        return parse(_text(content))
    text, fold, zone = content
    value = parse(_text(text)).replace(fold=fold)
    return value if zone is None else value.replace(tzinfo=ZoneInfo(_text(zone)))


def _read_dict(content: Any) -> dict[Any, Any]:
    pairs = _items(content)
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key comes twice")
    return value


def _read_timedelta(content: Any) -> timedelta:
    days, seconds, microseconds = content
    return timedelta(days, seconds, microseconds)


def _read_complex(content: Any) -> complex:
    real, imaginary = _items(content)
    return complex(real, imaginary)


def _read_bytes(content: Any) -> bytes:
    return binascii.a2b_base64(_text(content), strict_mode=True)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "$int": lambda content: int(_text(content), 16),
    "$float": _read_float,
    "$complex": _read_complex,
    "$decimal": lambda content: Decimal(_text(content)),
    "$bytes": _read_bytes,
    "$bytearray": lambda content: bytearray(_read_bytes(content)),
    "$date": lambda content: date.fromisoformat(_text(content)),
    "$datetime": lambda content: _read_moment(datetime.fromisoformat, content),
    "$time": lambda content: _read_moment(time.fromisoformat, content),
    "$timedelta": _read_timedelta,
    "$uuid": lambda content: UUID(_text(content)),
    "$path": lambda content: Path(_text(content)),
    "$tuple": lambda content: tuple(_items(content)),
    "$set": lambda content: set(_items(content)),
    "$frozenset": lambda content: frozenset(_items(content)),
    "$dict": _read_dict,
}
