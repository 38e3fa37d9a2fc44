"""Messages: every field survives, and whatever is no message is refused with a DecodeError."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serialization.values import EXAMPLES, VALUES, same

from qtasks.errors import DecodeError, EncodeError
from qtasks.serialization import JSON, MSGPACK, Envelope, decode_envelope, encode_envelope

ID = "01a212f7-1a53-71ce-b708-9e9135be186d"


def written(*args: Any, **kwargs: Any) -> bytes:
    """A message with these arguments."""
    return encode_envelope(id=ID, task="add", args=args, kwargs=kwargs, created=5.5)


@pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda one: one.content_type)
def test_every_field_survives(serializer: Any) -> None:
    """A reader gets every field as it was given."""
    fields: dict[str, Any] = {
        "queue": "slow",
        "priority": 9,
        "due": 6.5,
        "expires": 7.5,
        "unique": "key",
        "epoch": 2,
        "attempt": 3,
        "retry": 0,
        "max_time": 1.5,
        "headers": {"trace": [1, {"a": None}]},
    }
    body = encode_envelope(
        id=ID, task="add", args=(1, "a"), kwargs={"k": {2}}, created=5.5, serializer=serializer, **fields
    )
    read = decode_envelope(body)
    fixed = {"v": 1, "id": ID, "task": "add", "created": 5.5, "type": serializer.content_type, "tagged": True}
    assert {name: getattr(read, name) for name in (*fields, *fixed)} == fields | fixed
    assert read.arguments() == ([1, "a"], {"k": {2}})
    assert read.payload is None


def test_fields_at_their_default_take_no_bytes() -> None:
    """The bytes of a plain call hold what it says and nothing else, in this order."""
    assert written(1, 2) == b'{"v":1,"id":"%s","task":"add","args":[1,2],"created":5.5}' % ID.encode()
    read = decode_envelope(written(1, 2))
    assert (read.queue, read.priority, read.type, read.tagged) == ("default", 0, "json", False)
    assert (read.due, read.expires, read.unique, read.retry, read.max_time, read.headers) == (None,) * 6
    assert (read.epoch, read.attempt, read.kwargs) == (1, 1, {})


def test_each_token_part_is_written_alone() -> None:
    """An epoch without a further attempt is written, and the other way round."""
    for epoch, attempt in ((2, 1), (1, 2)):
        body = encode_envelope(id=ID, task="t", args=(), kwargs={}, created=0.0, epoch=epoch, attempt=attempt)
        assert (decode_envelope(body).epoch, decode_envelope(body).attempt) == (epoch, attempt)


@given(st.lists(VALUES, max_size=4), st.dictionaries(st.text(max_size=5), VALUES, max_size=3), st.booleans())
@settings(max_examples=200, deadline=None)
def test_arguments_survive(args: list[Any], kwargs: dict[str, Any], packed: bool) -> None:
    """Whatever standard values are sent, in either format, they arrive equal and of the same types."""
    serializer = MSGPACK if packed else JSON
    body = encode_envelope(id=ID, task="t", args=args, kwargs=kwargs, created=1.0, serializer=serializer)
    read = decode_envelope(body)
    assert same(read.arguments(), (args, kwargs))


@pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda one: one.content_type)
def test_examples_survive_together(serializer: Any) -> None:
    """One message carries them all."""
    body = encode_envelope(
        id=ID, task="t", args=EXAMPLES, kwargs={"k": EXAMPLES}, created=1.0, serializer=serializer
    )
    assert same(decode_envelope(body).arguments(), (EXAMPLES, {"k": EXAMPLES}))


def test_plain_arguments_need_no_tags() -> None:
    """Plain data is written as it is, also where it looks like a tag."""
    body = written({"$set": [1]}, [1.5, None, {"a": True}], 10**30, k="v")
    assert json.loads(body)["args"] == [{"$set": [1]}, [1.5, None, {"a": True}], 10**30]
    assert "tagged" not in json.loads(body)
    assert decode_envelope(body).arguments() == (
        [{"$set": [1]}, [1.5, None, {"a": True}], 10**30],
        {"k": "v"},
    )


def test_messagepack_is_told_by_its_first_byte() -> None:
    """A body of the other format is read without being told which it is."""
    body = encode_envelope(id=ID, task="t", args=(1,), kwargs={}, created=1.0, serializer=MSGPACK)
    assert body[0] >= 0x80
    assert msgspec.msgpack.decode(body)["type"] == "msgpack"
    assert decode_envelope(body).arguments() == ([1], {})


@pytest.mark.parametrize(
    ("names", "said"), [((), r"argument 2 of task 'add'"), (("a", "b"), r"argument 2 \('b'\) of task 'add'")]
)
def test_the_positional_argument_is_named(names: tuple[str, ...], said: str) -> None:
    """An argument that cannot be written is named by its place, and by its name where that is known."""
    with pytest.raises(EncodeError, match=said + r" cannot be written: at \['x'\]: .*function"):
        encode_envelope(
            id=ID, task="add", args=(1, {"x": test_arguments_survive}), kwargs={}, created=1.0, names=names
        )


def test_the_keyword_argument_is_named() -> None:
    """An argument that is given by keyword is named by it."""
    with pytest.raises(EncodeError, match=r"argument 'b' of task 'add'.*lone surrogate"):
        written(1, a=2, b="\ud800")


@pytest.mark.parametrize("field", ["id", "task", "queue", "unique"])
def test_surrogates_outside_of_arguments_are_refused(field: str) -> None:
    """No field can carry text that is no Unicode."""
    fields: dict[str, Any] = {"id": ID, "task": "t"} | {field: "\ud800"}
    with pytest.raises(EncodeError):
        encode_envelope(args=(), kwargs={}, created=1.0, **fields)


@pytest.mark.parametrize("header", [{1}, float("nan"), b"x", {1: 2}])
def test_headers_are_plain(header: Any) -> None:
    """Headers hold what every language can read; the error names them."""
    with pytest.raises(EncodeError, match="'trace'"):
        encode_envelope(id=ID, task="t", args=(), kwargs={}, created=1.0, headers={"trace": header})


GOOD = {"v": 1, "id": ID, "task": "add", "args": [1]}
WRONG: list[tuple[str, Any]] = [
    ("v", None),
    ("v", "1"),
    ("v", 1.5),
    ("id", 5),
    ("task", None),
    ("args", "abc"),
    ("args", {"0": 1}),
    ("args", None),
    ("kwargs", [1]),
    ("kwargs", None),
    ("queue", 1),
    ("priority", "high"),
    ("priority", 10),
    ("priority", -1),
    ("created", "now"),
    ("type", 1),
    ("tagged", 1),
    ("payload", "no base64!"),
    ("due", "soon"),
    ("expires", True),
    ("unique", 5),
    ("epoch", 0),
    ("attempt", -1),
    ("retry", -1),
    ("retry", "x"),
    ("max_time", 0),
    ("headers", []),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_field_of_a_wrong_type_is_refused(field: str, value: Any) -> None:
    """Each field is checked, in both formats, and named."""
    wrong = GOOD | {field: value}
    for body in (json.dumps(wrong).encode(), msgspec.msgpack.encode(wrong)):
        with pytest.raises(DecodeError, match=field):
            decode_envelope(body)
    decode_envelope(json.dumps(GOOD).encode())


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_field_is_refused(field: str) -> None:
    """Version, id, name and arguments are there, or it is no message."""
    body = json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()
    with pytest.raises(DecodeError, match=field):
        decode_envelope(body)


DEEP = 5_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b'{"v":1,"id":"\xff"}',
        b"null",
        b"1",
        b"[]",
        b"[1,2,3]",
        b'"text"',
        b"{}",
        b"{",
        json.dumps(GOOD).encode()[:-3],
        json.dumps(GOOD).encode() + b"x",
        b"\x80",
        b"\xc1",
        b"\xdf\xff\xff\xff\xff",
        msgspec.msgpack.encode(GOOD)[:-1],
        b"[" * DEEP,
        b'{"v":1,"unknown":' + b"[" * DEEP,
        b'{"v":1,"id":"x","task":"t","args":' + b"[" * DEEP,
        b'{"v":1,"id":"x","task":"t","args":[' + b'{"a":' * (DEEP // 5),
        b"\x82\xa1v\x01\xa4args" + b"\x91" * DEEP,
        b'{"v":1,"id":"x","task":"t","args":[1' + b"0" * 5000 + b"]}",
        None,
        5,
        "hello",
    ],
    ids=lambda body: repr(body[:24]) if isinstance(body, bytes) else repr(body),
)
def test_what_is_no_message_is_refused(body: Any) -> None:
    """Whatever lies in a queue is refused with a DecodeError and nothing else."""
    with pytest.raises(DecodeError, match="no message of QTasks"):
        decode_envelope(body)


@given(
    st.binary(max_size=200)
    | st.binary(max_size=50).map(lambda tail: msgspec.msgpack.encode(GOOD)[:-3] + tail)
)
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No bytes raise anything but a DecodeError."""
    with suppress(DecodeError):
        assert isinstance(decode_envelope(body), Envelope)


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode])
@pytest.mark.parametrize("other", [{}, {"args": "changed"}, {"task": None}])
def test_a_newer_version_is_named(encode: Any, other: dict[str, Any]) -> None:
    """A message of a newer version is refused with a text that says so, whatever its fields are."""
    with pytest.raises(DecodeError, match=r"format 2.*update"):
        decode_envelope(encode(GOOD | {"v": 2} | other))


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_refused(version: int) -> None:
    """There was no version before 1."""
    with pytest.raises(DecodeError, match=f"no version {version}"):
        decode_envelope(json.dumps(GOOD | {"v": version}).encode())


def test_unknown_fields_are_ignored() -> None:
    """A field of a later day does not stop a reader of today."""
    read = decode_envelope(json.dumps(GOOD | {"later": [{"a": 1}]}).encode())
    assert read.arguments() == ([1], {})


def test_wrong_tags_are_found_when_the_arguments_are_read() -> None:
    """The message itself is good; its arguments are not."""
    read = decode_envelope(json.dumps(GOOD | {"args": [{"$set": 1}], "tagged": True}).encode())
    with pytest.raises(DecodeError, match=r"\$set"):
        read.arguments()
