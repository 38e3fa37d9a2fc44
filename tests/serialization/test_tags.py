"""Standard types survive the trip exactly, and what cannot survive is refused by name."""

from __future__ import annotations

import json
import math
import socket
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given, settings
from serialization.values import EXAMPLES, VALUES, same

from qtasks.errors import DecodeError, EncodeError
from qtasks.serialization import decode_value, encode_value, pack, unpack
from qtasks.serialization.tags import MAX_DEPTH, is_plain


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    A = "a"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Box:
    inside: Any


class Tagged(msgspec.Struct, tag="t", rename="camel"):
    one_two: Any
    unset: int | msgspec.UnsetType = msgspec.UNSET


class Row(msgspec.Struct, array_like=True, tag=3):
    first: int


class Nowhere(tzinfo):
    def utcoffset(self, _moment: datetime | None) -> None:
        return None

    def dst(self, _moment: datetime | None) -> None:
        return None

    def tzname(self, _moment: datetime | None) -> None:
        return None


@pytest.mark.parametrize(
    "value", EXAMPLES, ids=lambda value: repr(value)[:40] if value != 10**5000 else "huge"
)
def test_an_example_survives(value: Any) -> None:
    """Each value comes back equal and of the same type, through bytes."""
    assert same(decode_value(encode_value(value)), value)


@given(VALUES)
@example({"$set": [1]})
@settings(max_examples=300, deadline=None)
def test_any_standard_value_survives(value: Any) -> None:
    """Whatever is made of standard types comes back equal and of the same types, through bytes."""
    assert same(decode_value(encode_value(value)), value)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_packed_values_are_strict_json(value: Any) -> None:
    """What is packed is plain: a strict writer and reader of JSON give it back unchanged."""
    packed, tagged = pack(value)
    text = json.dumps(packed, allow_nan=False)
    read = json.loads(text)
    assert same(unpack(read) if tagged else read, value)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_plain_values_are_not_changed(value: Any) -> None:
    """Where the quick look says plain, packing changes nothing and needs tags for big numbers at most."""
    if is_plain((value,)):
        packed, _ = pack(value)
        assert same(json.loads(json.dumps(value)), value)
        assert "$int" in json.dumps(packed) or "$dict" in json.dumps(packed) or same(packed, value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Colour.RED, "red"),
        (Number.ONE, 1),
        (Word.A, "a"),
        ({Word.A: 1, Colour.BLUE: 2}, {"a": 1, "blue": 2}),
        (Box([1]), {"inside": [1]}),
        (Tagged(1), {"type": "t", "oneTwo": 1}),
        (Tagged(1, 2), {"type": "t", "oneTwo": 1, "unset": 2}),
        (Row(7), [3, 7]),
        (OrderedDict(a=1), {"a": 1}),
    ],
)
def test_objects_are_written_as_what_they_hold(value: Any, plain: Any) -> None:
    """Objects of user classes are plain values, of exactly the builtin types, and need no tags."""
    packed, tagged = pack(value)
    assert same(packed, plain)
    assert not tagged


def test_values_inside_objects_stay_exact() -> None:
    """What an object holds is tagged by the same rules."""
    assert same(decode_value(encode_value(Box({(1, b"x")}))), {"inside": {(1, b"x")}})
    assert same(decode_value(encode_value(Point(1, 2))), (1, 2))


class Silent:
    """Its repr raises, so an error must not ask for it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


def _coroutine() -> Any:
    async def body() -> None: ...

    made = body()
    made.close()
    return made


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Silent, "Silent"),
        (threading.Lock, "lock"),
        (lambda: iter([1]), "iterator"),
        (lambda: (x for x in "ab"), "generator"),
        (lambda: len, "builtin_function_or_method"),
        (lambda: print, "builtin_function_or_method"),
        (lambda: Box, "type"),
        (_coroutine, "coroutine"),
        (lambda: range(3), "range"),
        (lambda: deque([1]), "deque"),
        (lambda: memoryview(b"x"), "memoryview"),
        (lambda: ValueError("x"), "ValueError"),
        (lambda: ..., "ellipsis"),
        (lambda: msgspec.UNSET, "UnsetType"),
    ],
)
def test_unsupported_types_are_refused_by_name(make: Callable[[], Any], name: str) -> None:
    """The error says of what type it is and where, at any depth."""
    with pytest.raises(EncodeError, match=name):
        encode_value(make())
    with pytest.raises(EncodeError, match=rf"at \[1\]\['key'\]\['inside'\]: .*{name}"):
        encode_value([0, {"key": Box(make())}])


def test_a_socket_is_refused() -> None:
    """A live resource is no value."""
    with socket.socket() as live, pytest.raises(EncodeError, match="socket"):
        encode_value({"s": (live,)})


def _cycle() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


def _dict_cycle() -> Any:
    loop: dict[str, Any] = {}
    loop["me"] = (loop,)
    return loop


def _box_cycle() -> Any:
    box = Box(None)
    box.inside = box
    return box


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("make", [_cycle, _dict_cycle, _box_cycle, lambda: _nested(10_000)])
def test_cycles_and_depth_are_refused(make: Callable[[], Any]) -> None:
    """What never ends, or nearly, is refused at once."""
    with pytest.raises(EncodeError, match="nested deeper than"):
        encode_value(make())


def test_the_greatest_depth_works_both_ways() -> None:
    """One level less than too deep is written and read, with tags at every level too."""
    assert decode_value(encode_value(_nested(MAX_DEPTH))) == _nested(MAX_DEPTH)
    with pytest.raises(EncodeError, match="nested deeper"):
        encode_value(_nested(MAX_DEPTH + 1))
    value: Any = ()
    for _ in range(MAX_DEPTH // 2):
        value = ({1: value},)
    with pytest.raises(EncodeError, match="nested deeper"):
        encode_value([value, (value,)])
    assert same(decode_value(encode_value(value[0])), value[0])


@pytest.mark.parametrize("value", ["\ud800", ["a\udfff"], {"\ud800": 1}, {"k": ("\ud800",)}])
def test_lone_surrogates_are_refused(value: Any) -> None:
    """Text that is no Unicode cannot travel, and the error says what it is."""
    with pytest.raises(EncodeError, match="lone surrogate"):
        encode_value(value)


def test_keys_that_become_one_are_refused() -> None:
    """Two keys that are written alike would lose one of their values."""
    with pytest.raises(EncodeError, match="written alike"):
        encode_value({Colour.RED: 1, "red": 2})


@pytest.mark.parametrize("value", [time(1, tzinfo=Nowhere()), datetime(2027, 1, 1, tzinfo=Nowhere())])
def test_a_zone_without_name_and_offset_is_refused(value: Any) -> None:
    """Nothing of such a zone could be written, so it would be lost."""
    with pytest.raises(EncodeError, match="neither a name nor an offset"):
        encode_value(value)


def test_a_value_that_raises_is_refused() -> None:
    """An exception of user code becomes the refusal, and is its cause."""

    class Broken(Nowhere):
        def utcoffset(self, _moment: datetime | None) -> None:
            raise ZeroDivisionError

    with pytest.raises(EncodeError, match="ZeroDivisionError") as caught:
        encode_value([datetime(2027, 1, 1, tzinfo=Broken())])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    "packed",
    [
        {"$unknown": 1},
        {"$set": [[1]]},
        {"$set": 1},
        {"$set": "ab"},
        {"$tuple": {"a": 1}},
        {"$bytes": "no base64!"},
        {"$bytes": 1},
        {"$date": "2027-02-30"},
        {"$date": 5},
        {"$datetime": ["2027-01-01", 0]},
        {"$datetime": ["2027-01-01", 5, None]},
        {"$datetime": ["2027-01-01", 0, "No/Where"]},
        {"$datetime": ["2027-01-01", 0, "../etc/passwd"]},
        {"$time": ["25:00", 0, None]},
        {"$timedelta": ["a", 0, 0]},
        {"$timedelta": [10**12, 0, 0]},
        {"$timedelta": [1]},
        {"$uuid": "x"},
        {"$uuid": None},
        {"$decimal": "one"},
        {"$decimal": 1.5},
        {"$int": "zz"},
        {"$int": 5},
        {"$float": "1.5"},
        {"$float": []},
        {"$complex": [1]},
        {"$complex": [1, 2, 3]},
        {"$path": 5},
        {"$dict": [[1]]},
        {"$dict": [[{"$set": []}, 1]]},
        {"$dict": [["a", 1], ["a", 2]]},
        [{"deep": {"$set": 1}}],
        {"$tuple": [{"$unknown": 1}]},
    ],
)
def test_wrong_tags_are_refused(packed: Any) -> None:
    """A tag with wrong content is an error, wherever it stands; nothing is guessed."""
    with pytest.raises(DecodeError, match=r"\$"):
        unpack(packed)


def test_too_deep_tags_are_refused() -> None:
    """Deep nesting from outside is an error of the message, not of the interpreter."""
    packed: Any = 1
    for _ in range(5_000):
        packed = {"$tuple": [packed]}
    with pytest.raises(DecodeError, match="deep"):
        unpack(packed)


def test_untagged_data_is_never_taken_for_tags() -> None:
    """Without the mark, what looks like a tag is data, also when it would be a wrong tag."""
    value = {"$set": 1, "list": [{"$unknown": 1}]}
    body = msgspec.json.encode({"v": 1, "value": [value, {"$date": "x"}]})
    assert decode_value(body) == [value, {"$date": "x"}]


def test_subclasses_are_written_as_their_base() -> None:
    """A subclass of a standard type loses only its class."""

    class Text(str):
        __slots__ = ()

    class Whole(int):
        pass

    class Real(float):
        pass

    class Moment(datetime):
        pass

    sent = [Text("a"), Whole(2), Real(1.5), Real("nan"), Moment(2027, 1, 1, tzinfo=UTC)]
    read = decode_value(encode_value(sent))
    assert same(read[:3], ["a", 2, 1.5])
    assert math.isnan(read[3])
    assert same(read[4], datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"5",
        b"[]",
        b'"x"',
        b"{}",
        b'{"v":1}',
        b'{"value":1}',
        b'{"v":"1","value":1}',
        b"\xff",
        b"[" * 100_000,
        None,
    ],
)
def test_bytes_that_are_no_result_are_refused(data: Any) -> None:
    """Only a result of version 1 is read."""
    with pytest.raises(DecodeError, match="no result"):
        decode_value(data)


def test_a_result_of_a_newer_version_is_refused() -> None:
    """The text says that it is newer."""
    with pytest.raises(DecodeError, match="format 2"):
        decode_value(b'{"v":2,"value":1}')
