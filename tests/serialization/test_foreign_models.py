"""Models of other libraries are recognised by their attributes; QTasks imports none of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar

import annotated_types
import attr
import attrs
import pydantic
import pytest
from serialization.values import same

from qtasks.errors import DecodeError
from qtasks.serialization import (
    JSON,
    MSGPACK,
    Signature,
    decode_envelope,
    encode_envelope,
)

WHEN = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)
BOTH = pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda one: one.content_type)
T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    MIXED = (1, 2)


class Model(pydantic.BaseModel):
    user_name: str = pydantic.Field(alias="userName")
    when: datetime | None = None
    words: frozenset[str] = frozenset()
    more: Any = None


class Other(pydantic.BaseModel):
    other: int


class Box(pydantic.BaseModel, Generic[T]):
    value: T


@pydantic.dataclasses.dataclass
class Checked:
    count: int = pydantic.Field(gt=0)
    model: Model | None = None


class Login(pydantic.BaseModel):
    password: pydantic.SecretStr
    token: pydantic.SecretBytes


@dataclass
class Holder:
    model: Model
    url: pydantic.AnyUrl
    secret: pydantic.SecretStr | None = None


class Names(pydantic.RootModel[list[str]]):
    pass


class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = "dog"
    barks: bool


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"
    purrs: int


Pet = Annotated[Dog | Cat, pydantic.Field(discriminator="kind")]


class Options(TypedDict):
    size: Annotated[int, pydantic.Field(gt=0)]


@attrs.define
class Inside:
    colour: Colour


@attrs.define
class Thing:
    """Its fields need more than msgspec."""

    number: int = attrs.field(validator=attrs.validators.gt(0))
    _others: list[Inside] = attrs.field(factory=list)
    inside: Inside | None = None
    other: int = attrs.field(default=0, alias="alias")
    twice: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.twice = 2 * self.number


@attrs.define
class Plain:  # noqa: PLW1641 - nobody asks for its hash
    """msgspec alone makes it."""

    when: datetime | None = WHEN
    more: Any = None

    def __eq__(self, other: object) -> bool:
        return same((self.when, self.more), (other.when, other.more)) if isinstance(other, Plain) else False


@attrs.frozen(kw_only=False)
class Frozen:
    x: int
    model: Model


@attr.s
class Classic:  # type: ignore[no-untyped-def]
    """As attrs classes were written once."""

    x = attr.ib(type=int)
    y = attr.ib()  # type: ignore[var-annotated]


@attr.s
class Typed:
    x = attr.ib(type=datetime)


def task_with(annotation: Any) -> Signature:
    """The signature of a task with one parameter `x` and a result of this annotation."""

    def task(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - set below
        return x

    task.__annotations__ = {"x": annotation, "return": annotation}
    return Signature.of(task)


def through(annotation: Any, value: Any, serializer: Any = JSON) -> Any:
    """What arrives of the value at a parameter with this annotation."""
    body = encode_envelope(id="i", task="t", args=[value], kwargs={}, created=1.0, serializer=serializer)
    ((read,), _) = task_with(annotation).decode(decode_envelope(body))
    return read


def as_result(annotation: Any, value: Any, serializer: Any) -> Any:
    """What a caller gets of it as a result."""
    signature = task_with(annotation)
    return signature.decode_result(signature.encode_result(value, None, serializer))


def test_no_library_is_imported() -> None:
    """Reading and writing messages loads neither of them."""
    code = "import sys, qtasks.serialization; print({'pydantic', 'attr', 'attrs'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


@BOTH
@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Model, Model(userName="a", when=WHEN)),
        (Model | int, Model(userName="a")),
        (Model | Other, Other(other=1)),
        (Box[int], Box[int](value=1)),
        (Box[Model], Box[Model](value=Model(userName="a"))),
        (list[Box[Any]], [Box[Any](value=(1, {b"x"}))]),
        (Checked, Checked(1, Model(userName="a"))),
        (list[Checked | None], [Checked(2), None]),
        (Login, Login(password=pydantic.SecretStr("open"), token=pydantic.SecretBytes(b"x"))),
        (Holder, Holder(Model(userName="a"), pydantic.AnyUrl("http://a/b"), pydantic.SecretStr("s"))),
        (Names, Names(["a", "b"])),
        (pydantic.SecretStr, pydantic.SecretStr("open")),
        (pydantic.SecretBytes | None, pydantic.SecretBytes(b"\xff")),
        (pydantic.AnyUrl, pydantic.AnyUrl("http://example.org/a?b=c")),
        (list[pydantic.HttpUrl], [pydantic.HttpUrl("http://example.org/")]),
        (dict[str, pydantic.HttpUrl | None], {"a": pydantic.HttpUrl("http://example.org/"), "b": None}),
        (pydantic.ByteSize, pydantic.ByteSize(5)),
        (Annotated[int, pydantic.Field(gt=0)], 1),
        (Annotated[datetime, pydantic.Field(description="words")], WHEN),
        (Annotated[list[int], pydantic.Field(max_length=2)], [1, 2]),
        (list[Annotated[int, pydantic.Field(gt=0)]], [1, 2]),
        (pydantic.PositiveInt | None, 5),
        (Pet, Dog(barks=True)),
        (list[Pet], [Cat(purrs=1), Dog(barks=True)]),
        (Options, {"size": 5}),
        (attrs.make_class("Made", {"x": attrs.field(type=int)}, slots=False), None),
        (Thing, Thing(1, inside=Inside(Colour.MIXED))),
        (Thing, Thing(2, [Inside(Colour.RED)], alias=3)),
        (list[Plain], [Plain(), Plain(WHEN, (1, {b"x"}))]),
        (Plain | None, Plain(None, [()])),
        (dict[str, Frozen], {"a": Frozen(1, Model(userName="a"))}),
        (Classic, Classic(1, "a")),
        (Typed, Typed(WHEN)),
    ],
    ids=lambda one: repr(one)[:50],
)  # fmt: skip
def test_objects_arrive_by_their_annotation(serializer: Any, annotation: Any, value: Any) -> None:
    """Equal and of the same type, also inside of other types; results follow the same table."""
    value = annotation(5) if value is None else value
    assert same(through(annotation, value, serializer), value)
    assert same(as_result(annotation, value, serializer), value)


@pytest.mark.parametrize(
    ("annotation", "value", "said"),
    [
        (Annotated[int, pydantic.Field(gt=0)], 0, "greater than 0$"),
        (Annotated[int, pydantic.Field(gt=0)], "5", "Expected `int`, got `str`"),
        (Annotated[int, annotated_types.Gt(0)], 0, "greater than 0"),
        (list[Annotated[int, pydantic.Field(gt=0)]], [1, 0], r"greater than 0 - at `x\[1\]`"),
        (dict[str, pydantic.PositiveInt], {"a": 0}, "greater than 0 - at `x"),
        (Options, {"size": 0}, "greater than 0 - at `size`"),
        (pydantic.PositiveInt | None, -1, "greater than 0"),
        (Checked, {"count": 0}, "greater than 0 - at `count`"),
        (Model, {"userName": 5}, "valid string - at `userName`"),
        (list[Model], [{}], r"required - at `user_?[nN]ame` - at `x\[0\]`"),
        (pydantic.HttpUrl, "no url", "valid URL"),
        (Thing, {"number": 0}, "must be > 0"),
        (
            Thing,
            {"number": 1, "inside": {"colour": "green"}},
            "not a valid Colour - at `colour`; .* - at `inside`",
        ),
        (Frozen, {"x": 1}, "missing required field `model`"),
        (Plain, 5, "Expected `object`, got `int`"),
    ],
    ids=str,
)
def test_wrong_objects_are_refused_by_name(annotation: Any, value: Any, said: str) -> None:
    """Constraints and validators count, the argument is named, and no text leads elsewhere."""
    with pytest.raises(DecodeError, match=f"argument 'x' of task 'task': .*{said}") as caught:
        through(annotation, value)
    assert "http" not in str(caught.value)


def test_names_and_aliases_are_both_read() -> None:
    """Python sends a model by its names, and another program may send its aliases."""
    assert through(Model, {"userName": "a"}) == through(Model, {"user_name": "a"}) == Model(userName="a")


def test_a_validator_decides_what_it_reads() -> None:
    """It sees the value before any other conversion."""

    def parse(value: Any) -> int:
        return len(value)

    assert through(Annotated[int, pydantic.BeforeValidator(parse)], "abc") == 3
    assert through(pydantic.Json[list[int]], "[1,2]") == [1, 2]


def test_without_annotation_objects_arrive_as_plain_values() -> None:
    """As the page of values says."""
    sent = [Model(userName="a", when=WHEN), Thing(1), pydantic.HttpUrl("http://a/"), pydantic.SecretStr("s")]
    assert through(Any, sent) == [
        {"user_name": "a", "when": WHEN, "words": frozenset(), "more": None},
        {"number": 1, "_others": [], "inside": None, "other": 0, "twice": 2},
        "http://a/",
        "s",
    ]


def test_a_field_that_is_set_later_arrives() -> None:
    """Of an attrs class whose fields need more than msgspec, one without a place in the constructor too."""

    @attrs.define
    class Late:
        colour: Colour
        state: int = attrs.field(default=0, init=False)

    sent = Late(Colour.MIXED)
    sent.state = 7
    assert same(through(Late, sent), sent)


def test_constraints_without_pydantic_are_words() -> None:
    """Where the program has not imported pydantic, nobody is there to check them, and it is not imported."""
    code = """
import sys
from typing import Annotated
import annotated_types
from qtasks.serialization import Signature, decode_envelope, encode_envelope

def task(x: Annotated[int, annotated_types.Gt(0)]): ...

body = encode_envelope(id="i", task="t", args=[0], kwargs={}, created=1.0)
print(Signature.of(task).decode(decode_envelope(body)), "pydantic" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "([0], {}) False\n"
