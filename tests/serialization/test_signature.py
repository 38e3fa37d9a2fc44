# ruff: noqa: UP007, UP045 - annotations of users come in old forms too
"""Arguments arrive in the types that the signature names, each parameter its own."""

from __future__ import annotations

import functools
import json
import logging
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import InitVar, dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NoReturn,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import msgspec
import pytest
from serialization.late_annotations import Holder, echoed, mixed, partly
from serialization.values import EXAMPLES, same
from typing_extensions import TypeAliasType

from qtasks.errors import DecodeError, EncodeError, TaskArgumentError
from qtasks.serialization import (
    Envelope,
    Signature,
    decode_envelope,
    decode_value,
    encode_envelope,
    encode_value,
)

WHEN = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
ID = UUID("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77")


class Colour(Enum):
    RED = "red"
    MIXED = (1, 2)


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    A = "a"


class Bits(Flag):
    A = 1
    B = 2


@dataclass
class Row:
    x: int
    when: datetime | None = None
    path: Path = Path()
    words: set[str] = field(default_factory=set)


@dataclass
class Other:
    x: int
    y: int = 0


class Record(msgspec.Struct):
    rows: list[Row]


class Left(msgspec.Struct, tag="left"):
    x: int


class Right(msgspec.Struct, tag="right"):
    x: int


class Point(NamedTuple):
    x: int
    y: float


class Shape(TypedDict):
    when: datetime


@dataclass
class Parcel:
    """Its fields are such as msgspec alone does not convert."""

    colour: Colour
    sizes: list[complex]
    inside: Row | int
    next: Parcel | None = None
    bits: set[Bits] = field(default_factory=set)
    count: int = field(default=0, init=False)


class Pair(NamedTuple):
    colour: Colour
    size: complex = 1j


class Sheet(TypedDict):
    colour: Colour
    size: NotRequired[complex]


T = TypeVar("T")


@dataclass
class Cell(Generic[T]):
    value: T


class Email(str):
    """Text of a kind."""

    __slots__ = ()


class Session:
    """Something that is given to a task by other means than a message."""


UserId = NewType("UserId", int)
Alias = TypeAliasType("Alias", list[Row])


def annotated(annotation: Any) -> Callable[..., Any]:
    """A function with one annotated parameter `x`, and the same annotation for its result."""

    def task(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - set below
        return x

    task.__annotations__ = {"x": annotation, "return": annotation}
    return task


def through(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """What arrives when this is sent from Python."""
    body = encode_envelope(id="i", task="t", args=args, kwargs=kwargs, created=1.0)
    return Signature.of(function).decode(decode_envelope(body))


def from_json(
    function: Callable[..., Any], args: Any, kwargs: Any = None
) -> tuple[list[Any], dict[str, Any]]:
    """What arrives when another language writes these values."""
    body = json.dumps({"v": 1, "id": "i", "task": "t", "args": args, "kwargs": kwargs or {}}).encode()
    return Signature.of(function).decode(decode_envelope(body))


TYPED: list[tuple[Any, Any]] = [
    (int, 5),
    (int, True),
    (str, "a"),
    (float, 1.5),
    (bool, True),
    (None, None),
    (bytes, b"x"),
    (list, [1]),
    (dict, {"a": 1}),
    (tuple, (1,)),
    (complex, 1j),
    (datetime, WHEN),
    (UUID, ID),
    (Decimal, Decimal("1E+400")),
    (timedelta, timedelta(1, 2, 3)),
    (Path, Path("a")),
    (Path | None, Path("a")),
    (Path | str, Path("a")),
    (Path | str, "a"),
    (list[Path], [Path("a")]),
    (Colour, Colour.RED),
    (Colour, Colour.MIXED),
    (Number, Number.ONE),
    (Word, Word.A),
    (Bits, Bits.A | Bits.B),
    (list[Word], [Word.A]),
    (dict[Word, Number], {Word.A: Number.ONE}),
    (Row, Row(1, WHEN, Path("p"), {"w"})),
    (Row | None, Row(1)),
    (Optional[Row], None),
    (list[Row], [Row(1), Row(2, WHEN)]),
    (dict[int, Row], {1: Row(1)}),
    (Record, Record([Row(1, WHEN)])),
    (Left | Right, Right(1)),
    (Union[Left, Right, None], Left(1)),
    (Point, Point(1, 2.5)),
    (Shape, {"when": WHEN}),
    (tuple[int, datetime], (1, WHEN)),
    (tuple[UUID, ...], (ID, ID)),
    (set[UUID], {ID}),
    (frozenset[date], frozenset({date(2027, 1, 1)})),
    (Sequence[int], (1, 2)),
    (Sequence[int], [1, 2]),
    (Collection[Row], (Row(1),)),
    (AbstractSet[int], frozenset({1})),
    (Iterable[int], (1, 2)),
    (Literal["a", 1], 1),
    (int | str, "5"),
    (int | str, 5),
    (datetime | str, "2027-01-31T09:30:00Z"),
    (datetime | str, WHEN),
    (datetime | date, date(2027, 1, 1)),
    (Decimal | float | None, 1.5),
    (Row | int, 5),
    (Row | int, Row(1)),
    (UserId, UserId(5)),
    (Alias, [Row(1)]),
    (list[Colour], [Colour.MIXED, Colour.RED]),
    (dict[Colour, list[Bits]], {Colour.MIXED: [Bits.A | Bits.B]}),
    (Row | Other, Row(1)),
    (Row | Other, Other(1)),
    (list[Row | Other], [Row(1), Other(1, 2)]),
    (list[Row | int], [Row(1), 5]),
    (dict[str, Row | Record | None], {"a": Row(1), "b": None}),
    (tuple[complex, Path | str], (1j, Path("a"))),
    (Parcel, Parcel(Colour.MIXED, [1j], Row(1), None, {Bits.B})),
    (Parcel, Parcel(Colour.RED, [], 5, Parcel(Colour.RED, [], Row(2)))),
    (Pair, Pair(Colour.MIXED)),
    (Sheet, {"colour": Colour.MIXED}),
    (Sheet, {"colour": Colour.RED, "size": 1j}),
    (Cell[Colour], Cell(Colour.MIXED)),
    (OrderedDict, OrderedDict(a=1)),
    (OrderedDict[str, UUID], OrderedDict(a=ID)),
    (Counter[str], Counter("aab")),
    (defaultdict[str, list[int]], defaultdict(list, {"a": [1]})),
    (Email, Email("a@b")),
    (list[Email], [Email("a@b")]),
    (Annotated[list[Annotated[int, "a"]], "b"], [1]),
    (Annotated[int, "words"], 5),
    (Annotated[int, msgspec.Meta(ge=1)], 5),
    (Annotated[Row, "words"], Row(1)),
    (Any, {1: (2,)}),
    (object, {1: (2,)}),
    (T, (1,)),
    (Session, "anything"),
    (Session | None, "anything"),
    (list[Session], ["anything"]),
    (list[Session | None], ["anything"]),
    (dict[str, Session], {"k": "anything"}),
    (tuple[int, Session], (1, "anything")),
    (type[int], "anything"),
    (Callable[..., int], "anything"),
]


@pytest.mark.parametrize(("annotation", "value"), TYPED, ids=str)
def test_annotated_values_arrive_as_they_were_sent(annotation: Any, value: Any) -> None:
    """Equal and of the same type, given by place or by name, and as a result too."""
    task = annotated(annotation)
    (by_place,), _ = through(task, value)
    by_name = through(task, x=value)[1]["x"]
    result = Signature.of(task).decode_result(Signature.of(task).encode_result(value))
    assert same(by_place, value)
    assert same(by_name, value)
    assert same(result, value)


@pytest.mark.parametrize(
    "value", EXAMPLES, ids=lambda value: repr(value)[:40] if value != 10**5000 else "huge"
)
def test_values_without_annotation_survive(value: Any) -> None:
    """No annotation is needed for standard types."""

    def task(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - that is the point
        return x

    assert same(through(task, value), ([value], {}))


FROM_JSON: list[tuple[Any, Any, Any]] = [
    (float, 5, 5.0),
    (datetime, "2027-01-31T09:30:00Z", WHEN),
    (datetime | None, "2027-01-31T09:30:00Z", WHEN),
    (UUID, str(ID), ID),
    (Decimal, "1.50", Decimal("1.50")),
    (bytes, "eA==", b"x"),
    (Path, "a/b", Path("a/b")),
    (set[int], [1, 2], {1, 2}),
    (tuple[int, str], [1, "a"], (1, "a")),
    (dict[int, str], {"1": "a"}, {1: "a"}),
    (Row, {"x": 1, "when": "2027-01-31T09:30:00Z", "path": "p"}, Row(1, WHEN, Path("p"))),
    (Colour, "red", Colour.RED),
    (complex, 5, 5 + 0j),
    (Row | Other, {"x": 1, "when": "no time", "y": 5}, Other(1, 5)),
]


@pytest.mark.parametrize(("annotation", "sent", "expected"), FROM_JSON, ids=str)
def test_plain_json_becomes_what_the_annotation_says(annotation: Any, sent: Any, expected: Any) -> None:
    """Another language writes what JSON has."""
    assert same(from_json(annotated(annotation), [sent]), ([expected], {}))


WRONG: list[tuple[Any, Any, str]] = [
    (int, "5", "Expected `int`, got `str`"),
    (int, 5.0, "Expected `int`, got `float`"),
    (int, None, "Expected `int`, got `null`"),
    (str, 5, "Expected `str`, got `int`"),
    (bool, 1, "Expected `bool`, got `int`"),
    (float, "1.5", "Expected `float`, got `str`"),
    (float, True, "Expected `float`, got `bool`"),
    (float, 10**400, ""),
    (None, 0, "Expected `null`"),
    (list, {"a": 1}, "Expected `array`"),
    (datetime, "yesterday", "Invalid RFC3339"),
    (UUID, "x", "Invalid UUID"),
    (Path, 5, "Expected `Path`, got `int`"),
    (complex, "1", "Expected `complex`, got `str`"),
    (Colour, "green", "'green' is not a valid Colour"),
    (int | None, "5", "Expected `int`, got `str`"),
    (Annotated[int, msgspec.Meta(ge=1)], 0, ">= 1"),
    (Literal["a"], "b", "Invalid enum value"),
    (list[int], [1, "a"], r"Expected `int`, got `str` - at `x\[1\]`"),
    (Row, {"x": "a"}, r"at `x\.x`"),
    (Row, {}, "missing required field `x`"),
    (Row | Other, {"x": 1}, "fits several types of the union: Row, Other"),
    (list[Row | Other], [{"x": "a"}], r"at `x\[0\]`"),
    (list[Row | Other], [{"x": 1}], r"fits several types of the union: Row, Other - at `x\[0\]`"),
    (list[Colour], ["green"], r"'green' is not a valid Colour - at `x\[0\]`"),
    (Parcel, 5, "Expected `Parcel`, got `int`"),
    (Parcel, {"colour": "red", "sizes": []}, "missing required field `inside`"),
    (Parcel, {"colour": "red", "sizes": ["a"], "inside": 1}, "Expected `complex`, got `str` - at `sizes"),
    (Pair, [1, 2, 3], "at most 2 items"),
    (Sheet, {}, "missing required field `colour`"),
    (Email, 5, "Expected `str`, got `int`"),
    (Shape, {"when": 5.5}, r"at `x\[\.\.\.\]`|at `x\.when`"),
]


@pytest.mark.parametrize(("annotation", "sent", "said"), WRONG, ids=str)
def test_a_value_of_a_wrong_type_is_refused_by_name(annotation: Any, sent: Any, said: str) -> None:
    """The error names the argument, the task and the type; nothing is bent."""
    task = annotated(annotation)
    for args, kwargs in (([sent], {}), ([], {"x": sent})):
        with pytest.raises(DecodeError, match=f"argument 'x' of task 'task': .*{said}"):
            from_json(task, args, kwargs)


def test_a_validator_of_a_user_that_raises_names_the_argument() -> None:
    """Whatever a constructor raises is an error of that argument."""

    @dataclass
    class Strict:
        x: int

        def __post_init__(self) -> None:
            raise KeyError(self.x)

    with pytest.raises(DecodeError, match="argument 'x'"):
        from_json(annotated(Strict), [{"x": 1}])


def test_each_parameter_gets_its_own_conversion() -> None:
    """Unannotated parameters, *args, keyword-only and **kwargs: binding is Python's own."""
    text = "2027-01-31T09:30:00Z"
    args, kwargs = from_json(mixed, ["12345", 5, text, text], {"d": str(ID), "x": "1.5", "b2": "2"})
    assert args == ["12345", 5, WHEN, WHEN]
    assert kwargs == {"d": ID, "x": Decimal("1.5"), "b2": Decimal(2)}
    assert same(from_json(mixed, [text], {"b": 1}), ([text], {"b": 1}))


@pytest.mark.parametrize(
    ("args", "kwargs", "name"),
    [
        ([1, "x"], {}, "'b'"),
        ([1], {"b": "x"}, "'b'"),
        ([1, 2, "2027-01-31T09:30:00Z", "x"], {}, r"'c\[1\]'"),
        ([1, 2], {"d": "x"}, "'d'"),
        ([1, 2], {"more": "x"}, "'more'"),
    ],
)
def test_the_wrong_argument_is_named(args: list[Any], kwargs: dict[str, Any], name: str) -> None:
    """Whichever way it was given, the error names that one."""
    with pytest.raises(DecodeError, match=f"argument {name} of task 'mixed'"):
        from_json(mixed, args, kwargs)


def test_an_annotation_that_cannot_be_resolved_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    """Its values are not converted, a line in the log says so, and the others are."""
    args, _ = from_json(partly, ["any", "2027-01-31T09:30:00Z", [1], str(ID)])
    assert args == ["any", WHEN, [1], ID]
    noted = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(noted) == 3
    for name in ("'a'", "'c'", "'return'"):
        assert any(name in line and "partly" in line and "Hidden" in line for line in noted)


@dataclass
class Early:
    """What was given to the constructor alone cannot be sent."""

    x: InitVar[int]


@pytest.mark.parametrize("annotation", [list[Early], dict[str, Early]], ids=str)
def test_an_annotation_without_conversion_is_noted(annotation: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Where a conversion is meant and cannot be made, the log says so and values arrive as they are."""
    assert same(through(annotated(annotation), [1]), ([[1]], {}))
    assert "'x'" in caplog.text
    assert "not converted" in caplog.text


@pytest.mark.parametrize("annotation", [Session, NoReturn, T, Iterable[int]], ids=str)
def test_annotations_of_another_kind_are_not_noted(annotation: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Users annotate freely; what is no type of values is not worth a line."""
    Signature.of(annotated(annotation))
    assert not caplog.records


def test_methods_partials_wrappers_and_objects_are_typed() -> None:
    """What is called in the end says what the types are."""

    @functools.wraps(Holder.method)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        """Wrap."""

    text = ["2027-01-31T09:30:00Z"]
    assert from_json(Holder().method, text) == ([WHEN], {})
    assert from_json(Holder(), text) == ([WHEN], {})
    assert from_json(functools.partial(Holder.method, Holder()), text) == ([WHEN], {})
    assert from_json(wrapper, [None, *text]) == ([None, WHEN], {})


def test_the_first_parameter_is_left_to_the_worker() -> None:
    """With `skip_first` the arguments of a message begin with the second parameter."""
    body = encode_envelope(id="i", task="t", args=[WHEN.isoformat()], kwargs={}, created=1.0)
    signature = Signature.of(echoed, skip_first=True)
    assert signature.decode(decode_envelope(body)) == ([WHEN], {})


def test_decoding_checks_number_and_names() -> None:
    """A message that was written for another signature is refused in words."""
    with pytest.raises(TaskArgumentError, match="missing 1 required positional argument: 'b'"):
        from_json(mixed, [1])
    with pytest.raises(TaskArgumentError, match="unexpected keyword argument 'y'"):
        from_json(annotated(int), [1], {"y": 2})


def test_defaults_are_left_to_the_function() -> None:
    """What was not sent is not there, and a default is not converted."""

    def task(a: int, b: datetime = "none") -> None:  # type: ignore[assignment]
        """Have a default of another type."""

    assert from_json(task, [1]) == ([1], {})


def test_decoding_leaves_the_message_as_it_was() -> None:
    """The same message is decoded again to the same."""
    body = json.dumps({"v": 1, "id": "i", "task": "t", "args": [str(ID)], "kwargs": {"x": str(ID)}}).encode()

    def task(a: UUID, x: UUID) -> None:
        """Take both ways."""

    envelope: Envelope = decode_envelope(body)
    signature = Signature.of(task)
    assert signature.decode(envelope) == signature.decode(envelope) == ([ID], {"x": ID})
    assert envelope.arguments() == ([str(ID)], {"x": str(ID)})


def test_results_are_self_describing() -> None:
    """Bytes of a result are read without the signature, exactly where the types are standard ones."""
    signature = Signature.of(annotated(Row))
    assert decode_value(signature.encode_result({1: (2,)})) == {1: (2,)}
    assert signature.encode_result(3) == b'{"v":1,"value":3}' == encode_value(3)
    assert json.loads(signature.encode_result({1})) == {"v": 1, "value": {"$set": [1]}, "tagged": True}


def test_a_result_that_does_not_fit_its_annotation_is_given_as_it_is() -> None:
    """Python does not hold a function to its return annotation, so reading does not either."""
    signature = Signature.of(annotated(int))
    assert signature.decode_result(signature.encode_result("text")) == "text"
    assert Signature.of(annotated(Row)).decode_result(encode_value({"y": 1})) == {"y": 1}


def test_a_result_that_cannot_be_stored_names_the_task() -> None:
    """The error names the task, the place and the type."""
    with pytest.raises(
        EncodeError, match=r"the result of task 'task' cannot be written: at \['a'\]: .*Session"
    ):
        Signature.of(annotated(int)).encode_result({"a": Session()})


def test_wrong_bytes_are_no_result() -> None:
    """The return annotation hides no damage."""
    with pytest.raises(DecodeError):
        Signature.of(annotated(int)).decode_result(b"broken")


def test_what_hooks_are_told_of_arguments() -> None:
    """One entry for each argument, in order, with the parameter that takes it."""

    def task(a: Annotated[list[int], "words"], b, *c: str, d: int = 1, **e: UUID) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Every kind of parameter."""

    info = Signature.of(task).args_info([[1], 2, "x", "y"], {"d": 3, "z": ID})
    assert [(one.name, one.value, one.index, one.key, one.is_kwarg) for one in info] == [
        ("a", [1], 0, None, False),
        ("b", 2, 1, None, False),
        ("c", "x", 2, None, False),
        ("c", "y", 3, None, False),
        ("d", 3, None, "d", True),
        ("e", ID, None, "z", True),
    ]
    assert [one.raw_type for one in info] == [list[int], None, str, str, int, UUID]
    assert info[0].annotation == Annotated[list[int], "words"]
    assert [one.origin for one in info] == [list, None, None, None, None, None]
