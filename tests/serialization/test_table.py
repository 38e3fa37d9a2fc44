"""The table of `docs/values.md`: each type, with and without its annotation, sent and returned."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from fractions import Fraction
from ipaddress import ip_address
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pydantic
import pytest
from serialization.values import same

from qtasks.errors import EncodeError
from qtasks.serialization import (
    JSON,
    MSGPACK,
    Signature,
    decode_envelope,
    decode_value,
    encode_envelope,
    encode_value,
)

BOTH = pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda one: one.content_type)
BERLIN = ZoneInfo("Europe/Berlin")
WHEN = datetime(2027, 1, 1, tzinfo=UTC)


class Plain(Enum):
    A = (1, "x")


class Whole(IntEnum):
    A = 1


class Text(StrEnum):
    A = "a"


class Bits(Flag):
    A = 1
    B = 2


@dataclass
class Row:
    when: datetime
    bits: Bits


class Model(pydantic.BaseModel):
    when: datetime
    raw: bytes


class Point(NamedTuple):
    x: int
    y: Decimal


STANDARD: list[Any] = [
    datetime(2026, 10, 25, 2, 30, 0, 123456, fold=1),  # noqa: DTZ001 - naive ones are values too
    datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=BERLIN, fold=1),
    datetime(2027, 1, 1, tzinfo=UTC),
    *(date(2027, 1, 31), time(9, 30, 0, 5, fold=1), timedelta(-1, 2, 3)),
    *(UUID(int=5), Decimal("1E+400"), bytes(range(256)), bytearray(b"\x00\xff")),
    *((1, "a"), (1, (2, (3,))), {1, "a"}, frozenset({(1, b"x")})),
    *({1: "a"}, {(1, 2): "a"}, {None: 1, "None": 2, 1: 3, "1": 4}),
    *(Path("a/b"), 1 + 2j),
    *(math.nan, math.inf, -math.inf, -0.0, 10**400, 2**63, 2**64, -(2**63) - 1, 1e308 * 10),
]
OBJECTS: list[tuple[Any, Any]] = [
    (Plain.A, (1, "x")),
    (Whole.A, 1),
    (Text.A, "a"),
    (Bits.A | Bits.B, 3),
    (Row(WHEN, Bits.B), {"when": WHEN, "bits": 2}),
    (Model(when=WHEN, raw=b"\xff"), {"when": WHEN, "raw": b"\xff"}),
    (Point(1, Decimal(2)), (1, Decimal(2))),
]  # fmt: skip


def short(value: Any) -> str:
    """A name for a value, the same in every process: the order of a set is not."""
    shown = sorted(map(repr, value)) if isinstance(value, set | frozenset) else repr(value)
    return type(value).__name__ + (f"-{shown}"[:30] if not isinstance(value, int) else "")


def both_ways(annotation: Any, value: Any, serializer: Any) -> list[Any]:
    """What arrives of it by position, by keyword, and as a result."""

    def task(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - set below
        return x

    task.__annotations__ = {} if annotation is None else {"x": annotation, "return": annotation}
    signature = Signature.of(task)

    def sent(*args: Any, **kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
        body = encode_envelope(id="i", task="t", args=args, kwargs=kwargs, created=1.0, serializer=serializer)
        return signature.decode(decode_envelope(body))

    result = signature.decode_result(signature.encode_result(value, None, serializer))
    return [sent(value)[0][0], sent(x=value)[1]["x"], result]


@BOTH
@pytest.mark.parametrize("value", STANDARD, ids=short)
def test_standard_types_are_exact(serializer: Any, value: Any) -> None:
    """With and without an annotation."""
    for annotation in (None, type(value), Any):
        assert all(same(read, value) for read in both_ways(annotation, value, serializer))


@BOTH
@pytest.mark.parametrize(("value", "plain"), OBJECTS, ids=short)
def test_objects_are_exact_by_their_annotation(serializer: Any, value: Any, plain: Any) -> None:
    """Without one they are the values that they hold: what the page says, and never something else."""
    assert all(same(read, value) for read in both_ways(type(value), value, serializer))
    listed = list.__class_getitem__(type(value))
    assert all(same(read, [value]) for read in both_ways(listed, [value], serializer))
    assert all(same(read, plain) for read in both_ways(None, value, serializer))


@pytest.mark.parametrize("value", STANDARD, ids=short)
def test_the_bytes_are_strict_json(value: Any) -> None:
    """No bare NaN or Infinity, which other readers refuse."""

    def refuse(text: str) -> None:
        raise AssertionError(text)

    json.loads(encode_value(value), parse_constant=refuse)
    body = encode_envelope(id="i", task="t", args=[value], kwargs={}, created=1.0)
    json.loads(body, parse_constant=refuse)


def _endless() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


def _deep() -> Any:
    value: Any = []
    for _ in range(10_000):
        value = [value]
    return value


async def _coroutine() -> None: ...


def _awaitable() -> Any:
    made = _coroutine()
    made.close()
    return made


class Silent:
    """Its repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


REFUSED: list[tuple[Callable[[], Any], str]] = [
    (lambda: range(3), "range"),
    (lambda: Fraction(1, 2), "Fraction"),
    (lambda: re.compile("a"), "Pattern"),
    (lambda: ip_address("::1"), "IPv6Address"),
    (lambda: PurePosixPath("a"), "PurePosixPath"),
    (Lock, "lock"),
    (lambda: (x for x in "ab"), "generator"),
    (lambda: lambda: 1, "function"),
    (lambda: Lock, "builtin_function_or_method|type"),
    (_awaitable, "coroutine"),
    (Silent, "Silent"),
    (_endless, "deeper than 100 levels, or contains itself"),
    (_deep, "deeper than 100 levels, or contains itself"),
]


@BOTH
@pytest.mark.parametrize(("make", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_travel_is_refused_by_name(serializer: Any, make: Callable[[], Any], said: str) -> None:
    """The error names the argument or the result, and the type; nothing asks for its repr."""
    with pytest.raises(EncodeError, match=rf"argument 2 \('b'\) of task 't' cannot be written: .*({said})"):
        encode_envelope(
            id="i",
            task="t",
            args=[1, make()],
            kwargs={},
            created=1.0,
            names=("a", "b"),
            serializer=serializer,
        )
    with pytest.raises(EncodeError, match=rf"the result of task 'x' cannot be written: .*({said})"):
        encode_value(make(), "the result of task 'x'", serializer=serializer)


def test_an_open_file_is_refused(tmp_path: Path) -> None:
    """It lives in this process only."""
    with (tmp_path / "file").open("w") as file, pytest.raises(EncodeError, match="TextIOWrapper"):
        encode_value(file)


@BOTH
def test_values_of_a_result_are_read_without_the_task(serializer: Any) -> None:
    """Whoever has the bytes reads standard types exactly."""
    assert same(decode_value(encode_value(STANDARD, serializer=serializer)), STANDARD)
