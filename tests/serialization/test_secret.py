# ruff: noqa: ARG001 - signatures are what matters here
"""What is secret is not shown: in views, in errors, in the text of a failure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NamedTuple, NewType, TypedDict

import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from qtasks.errors import DecodeError, EncodeError, TaskArgumentError
from qtasks.serialization import (
    JSON,
    MSGPACK,
    Secret,
    Signature,
    decode_envelope,
    decode_value,
    describe,
    encode_envelope,
    encode_value,
    headers_with_secrets,
    hidden_places,
    masked,
    revealing,
    shown_arguments,
    shown_result,
)
from qtasks.serialization.failure import MESSAGE_LIMIT
from qtasks.serialization.secret import MOST

BOTH = pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda one: one.content_type)


def log_in(
    user: str,
    password: Annotated[str, Secret],
    /,
    *codes: Annotated[int, Secret()],
    tries: int = 1,
    **more: Annotated[str, Secret],
) -> Annotated[str, Secret]:
    """Every kind of parameter."""
    return password


class Colour(Enum):
    RED = "crimson"


@dataclass
class Login:
    user: str
    password: Annotated[str, Secret]
    next: Login | None = None


class Struct(msgspec.Struct):
    logins: list[Login]


@attrs.define
class Attrs:
    key: Annotated[str, Secret]


class Pair(NamedTuple):
    key: Annotated[str, Secret]


class Options(TypedDict):
    key: Annotated[str, Secret]


class Model(pydantic.BaseModel):
    key: pydantic.SecretStr


class Outer(pydantic.BaseModel):
    key: Annotated[str, Secret]
    model: Model | None = None


class Open(pydantic.BaseModel):
    key: str
    other: Annotated[str, "words"]
    again: Open | None = None


HIDDEN = pydantic.SecretStr("sesame")
Key = NewType("Key", Annotated[str, Secret])
Alias = TypeAliasType("Alias", Annotated[str, Secret])


def signature_of(annotation: Any) -> Signature:
    """The signature of a task with one parameter `x` and a result of this annotation."""

    def task(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - set below
        return x

    task.__annotations__ = {"x": annotation, "return": annotation}
    return Signature.of(task)


def message(signature: Signature | None, *args: Any, serializer: Any = JSON, **kwargs: Any) -> bytes:
    """A message, as a producer writes it."""
    return encode_envelope(
        id="i", task="t", args=args, kwargs=kwargs, created=1.0, serializer=serializer,
        headers=headers_with_secrets(signature, args, kwargs, {"trace": 1}),
        names=() if signature is None else signature.names,
    )  # fmt: skip


def failed(text: str) -> ValueError:
    """An exception as it is after a body has raised it."""
    try:
        raise ValueError(text)  # noqa: TRY301 - it needs a traceback
    except ValueError as exc:
        return exc


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, Secret],
        Annotated[str, Secret()],
        Annotated[str, "words", Secret],
        Annotated[list[str], Secret],
        list[Annotated[str, Secret]],
        Annotated[str, Secret] | None,
        dict[str, tuple[Annotated[str, Secret], int]],
        *(
            Key,
            Alias,
            list[Alias],
            Login,
            Struct,
            list[Login],
            Attrs,
            Pair,
            Options,
            Model,
            Outer,
            Model | None,
        ),
        *(pydantic.SecretStr, pydantic.SecretBytes, list[pydantic.SecretStr | None]),
    ],
    ids=str,
)
def test_the_mark_is_found_wherever_it_stands(annotation: Any) -> None:
    """Around the type, inside of it, in a field of a class, or by a type that hides what it holds."""
    signature = signature_of(annotation)
    assert signature.secrets == {"x"}
    assert signature.secret_result


@pytest.mark.parametrize(
    "annotation", [str, Annotated[str, "words"], list[Open], Open, None, Any, Colour, "Lost"]
)
def test_what_is_not_marked_is_shown(annotation: Any) -> None:
    """Other annotations are not secret, classes that hold themselves included."""
    signature = signature_of(annotation)
    assert not signature.secrets
    assert not signature.secret_result
    assert signature.secret_places(["a"], {}) == []


def test_each_place_of_a_call_is_known() -> None:
    """By position, by the star, by keyword and by the two stars."""
    signature = Signature.of(log_in)
    assert signature.secrets == {"password", "codes", "more"}
    assert signature.secret_places(["a", "b", 1, 2], {"tries": 3, "pin": "x"}) == [1, 2, 3, "pin"]
    assert signature.secret_places(["a"], {}) == []


@BOTH
def test_the_message_says_what_is_secret(serializer: Any) -> None:
    """So a process that does not know the task hides it too."""
    envelope = decode_envelope(
        message(Signature.of(log_in), "ann", "sesame", 1234, serializer=serializer, pin="5678")
    )
    assert envelope.headers == {"trace": 1, "secret": [1, 2, "pin"]}
    assert shown_arguments(envelope) == (["ann", "***", "***"], {"pin": "***"})
    assert envelope.arguments() == (["ann", "sesame", 1234], {"pin": "5678"})


def test_the_signature_says_it_where_the_message_does_not() -> None:
    """A task that was sent by name, or from another language."""
    envelope = decode_envelope(message(None, "ann", "sesame"))
    assert envelope.headers == {"trace": 1}
    assert shown_arguments(envelope) == (["ann", "sesame"], {})
    assert shown_arguments(envelope, Signature.of(log_in)) == (["ann", "***"], {})
    assert hidden_places(envelope, Signature.of(log_in)) == {1}


@BOTH
@pytest.mark.parametrize(
    "value",
    [
        HIDDEN,
        [Model(key=HIDDEN)],
        {"a": (HIDDEN,)},
        Login("ann", "sesame"),
        [Struct([Login("ann", "sesame")])],
        Attrs("sesame"),
        {"a": Pair("sesame")},
        Outer(key="sesame"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_hides_itself_is_secret_without_a_signature(serializer: Any, value: Any) -> None:
    """In arguments and in results: a `SecretStr`, and an object with a field that is marked."""
    envelope = decode_envelope(message(None, 1, value, serializer=serializer, k=value))
    assert envelope.headers == {"trace": 1, "secret": [1, "k"]}
    assert shown_arguments(envelope) == ([1, "***"], {"k": "***"})
    data = encode_value(value, serializer=serializer)
    assert shown_result(data) == "***"
    assert "sesame" in repr(decode_value(data))


@BOTH
def test_a_secret_result_is_hidden(serializer: Any) -> None:
    """By what is stored, and by the signature; the caller gets it."""
    signature = Signature.of(log_in)
    for value in ("sesame", {"sesame"}):
        data = signature.encode_result(value, None, serializer)
        assert shown_result(data) == "***"
        assert signature.decode_result(data) == value
    open_ = encode_value("sesame", serializer=serializer)
    assert (shown_result(open_), shown_result(open_, signature)) == ("sesame", "***")


@pytest.mark.parametrize("noted", ["text", 5, None, {"a": 1}, [None, [1], 1.0, True]])
def test_a_header_of_another_form_hides_nothing(noted: Any) -> None:
    """Another program may use the name."""
    body = json.dumps({"v": 1, "id": "i", "task": "t", "args": [1, 2], "headers": {"secret": noted}})
    assert shown_arguments(decode_envelope(body.encode())) == ([1, 2], {})


def test_headers_without_secrets_are_left_alone() -> None:
    """And there are none where there is nothing to say."""
    signature = signature_of(str)
    assert headers_with_secrets(signature, ["a"], {}) is None
    assert headers_with_secrets(None, ["a"], {}, {}) is None
    assert headers_with_secrets(None, ["a"], {}, {"a": 1}) == {"a": 1}
    assert headers_with_secrets(Signature.of(log_in), ["a"], {}) is None
    assert masked((1, 2), {"a": 3}, ()) == ([1, 2], {"a": 3})


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Annotated[Colour, Secret], "sesame"),
        (Annotated[int, Secret, pydantic.Field(gt=10**9)], 12345678),
        (Annotated[list[int], Secret], ["sesame"]),
        (Login, {"user": "ann", "password": ["sesame"]}),
        (Model, {"key": ["sesame"]}),
    ],
    ids=str,
)
def test_a_wrong_type_shows_no_value(annotation: Any, value: Any) -> None:
    """Neither the text nor the traceback, however it was given."""
    signature = signature_of(annotation)
    for args, kwargs in (([value], {}), ([], {"x": value})):
        body = encode_envelope(id="i", task="t", args=args, kwargs=kwargs, created=1.0)
        with pytest.raises(
            DecodeError, match="argument 'x' of task 'task', which is secret, is not of"
        ) as caught:
            signature.decode(decode_envelope(body))
        failure = describe(caught.value)
        assert "sesame" not in failure.message + failure.traceback
        assert "12345678" not in failure.message + failure.traceback


def test_stars_show_no_value() -> None:
    """The parameter with the star is asked, not the one whose name the keyword could be."""
    signature = Signature.of(log_in)
    for args, kwargs, name in ((["a", "b", "sesame"], {}, r"codes\[0\]"), (["a", "b"], {"user": 5}, "user")):
        body = encode_envelope(id="i", task="t", args=args, kwargs=kwargs, created=1.0)
        with pytest.raises(DecodeError, match=f"argument '{name}' of task 'log_in', which is secret"):
            signature.decode(decode_envelope(body))


def test_what_cannot_be_written_shows_no_value() -> None:
    """The type is named, and not the way to it, which may be made of keys."""
    signature = signature_of(Annotated[dict[str, Any], Secret])
    with pytest.raises(
        EncodeError, match=r"argument 1 \('x'\) of task 't', which is secret, .*function"
    ) as caught:
        message(signature, {"sesame": failed})
    assert "sesame" not in str(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(EncodeError, match="the result of task 'task', which is secret") as caught:
        signature.encode_result({"sesame": failed})
    assert "sesame" not in str(caught.value)


def test_errors_of_number_and_name_show_no_value() -> None:
    """They speak of parameters."""
    for args, kwargs in ((["a"], {}), (["sesame", "sesame"], {"password": "sesame"})):
        with pytest.raises(TaskArgumentError) as caught:
            signature_of(Annotated[str, Secret]).check([*args, "sesame"], kwargs)
        assert "sesame" not in str(caught.value)


SECRETS: list[tuple[Any, str]] = [
    ("sesame", "sesame"),
    ("it's\nsecret", "it's\nsecret"),
    ("it's\nsecret", repr("it's\nsecret")),
    ("straße", json.dumps("straße")),
    ("first line\nsecond line", "| first line\n| second line"),
    (b"sesame", "sesame"),
    (b"\xff\x00\xfe", repr(b"\xff\x00\xfe")),
    (12345, "12345"),
    (1234.5, "1234.5"),
    (Decimal("1234.50"), "1234.50"),
    (["sesame", ("inner", {"k": "deeper"})], "sesame inner deeper"),
    ({"key": "sesame"}, "sesame"),
    (Login("annabel", "sesame"), "annabel:sesame"),
    (HIDDEN, "sesame"),
    (Colour.RED, "crimson"),
]


@BOTH
@pytest.mark.parametrize(("value", "text"), SECRETS, ids=str)
def test_a_failure_does_not_give_secrets_away(serializer: Any, value: Any, text: str) -> None:
    """Whatever the body says of them, in text and traceback, causes included."""
    signature = signature_of(Annotated[Any, Secret])
    secrets = revealing(decode_envelope(message(signature, value, serializer=serializer)), signature)
    assert secrets
    error = failed(f"cannot log in with {text}!")
    error.__cause__ = failed(f"because of {text}")
    failure = describe(error, secrets)
    shown = failure.message + failure.traceback
    assert "***" in failure.message
    assert all(secret not in shown for secret in secrets)
    assert failure.message.startswith("cannot log in with ")
    assert "in failed" in failure.traceback, "the way is still shown"


def test_a_secret_is_hidden_before_the_text_is_cut() -> None:
    """A piece of it would be as good as all of it."""
    secret = "s" * 100
    failure = describe(failed("x" * (MESSAGE_LIMIT - 50) + secret), (secret,))
    assert "sss" not in failure.message


def test_short_values_are_not_looked_for() -> None:
    """They are in every text; the page says so."""
    signature = signature_of(Annotated[Any, Secret])
    for value in ("abc", 123, True, None, "", [1, "b"]):
        assert revealing(decode_envelope(message(signature, value)), signature) == ()
    assert revealing(decode_envelope(message(None, "sesame"))) == ()


def test_too_many_secrets_hide_the_whole_text() -> None:
    """Looking for each of them would take too long."""
    failure = describe(failed("text"), tuple(f"secret {n}" for n in range(MOST + 1)))
    assert (failure.type, failure.message, failure.traceback) == ("ValueError", "***", "***")


def test_arguments_that_cannot_be_read_are_secret_as_a_whole() -> None:
    """Their error shows what was sent, so all of it is looked for."""
    body = {"v": 1, "id": "i", "task": "t", "args": [{"$int": "sesame"}], "tagged": True}
    envelope = decode_envelope(json.dumps(body).encode())
    signature = signature_of(Annotated[Any, Secret])
    with pytest.raises(DecodeError, match="sesame") as caught:
        signature.decode(envelope)
    failure = describe(caught.value, revealing(envelope, signature))
    assert "sesame" not in failure.message + failure.traceback


def test_a_value_that_raises_is_passed_over() -> None:
    """The others are found."""

    class Silent:
        def __str__(self) -> str:
            raise RuntimeError

    from qtasks.serialization.secret import texts_of

    assert texts_of([Silent(), "sesame"]) == ("sesame",)


def test_reprs_show_no_value() -> None:
    """What ends up in logs by accident."""
    signature = Signature.of(log_in)
    envelope = decode_envelope(message(signature, "ann", "sesame"))
    shown = repr(envelope) + repr(signature.args_info(["ann", "sesame"], {"pin": "5678"})) + repr(Secret())
    assert "sesame" not in shown
    assert "5678" not in shown
    assert "'ann'" in shown
    assert [one.secret for one in signature.args_info(["ann", "sesame"], {"tries": 1})] == [
        False,
        True,
        False,
    ]


def test_what_raises_while_it_is_written_shows_no_value() -> None:
    """The exception of the user's code is left out, as its text may hold the value."""

    @dataclass
    class Raising:
        word: str

        def __getattribute__(self, name: str) -> Any:
            if name == "word":
                raise ValueError("no sesame today")
            return super().__getattribute__(name)

    for signature, said in ((signature_of(Annotated[Any, Secret]), False), (signature_of(Any), True)):
        with pytest.raises(EncodeError, match="it raised ValueError") as caught:
            message(signature, Raising("x"))
        assert ("sesame" in describe(caught.value).traceback) is said
