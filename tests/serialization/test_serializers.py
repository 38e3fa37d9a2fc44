"""Serializers of others are used where they are named; what they do wrong is an error with their name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import installed
import msgspec
import pytest
from installed import Site
from serialization.values import EXAMPLES, same

from qtasks.errors import ConfigError, DecodeError, EncodeError
from qtasks.serialization import (
    JSON,
    MSGPACK,
    Signature,
    decode_envelope,
    decode_value,
    encode_envelope,
    encode_value,
    serializers,
    use_serializer,
)

MODULE = """
import marshal

class Marshal:
    content_type = "another name"

    def encode(self, value):
        return marshal.dumps(value)

    def decode(self, data):
        return marshal.loads(data)

class Wrong:
    answer = None

    def encode(self, value):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    decode = encode

class Mute(Exception):
    def __str__(self):
        raise RuntimeError

class Demanding(Marshal):
    def __init__(self, needed):
        pass

INSTANCE, WRONG, NOTHING = Marshal(), Wrong(), object()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of distributions, one of which offers serializers."""
    monkeypatch.setattr(serializers, "_in_use", dict(serializers._in_use))
    with installed.site(tmp_path) as made:
        made.module("foreign_serializer", MODULE)
        names = {
            "marshal": "Marshal", "instance": "INSTANCE", "wrong": "WRONG", "nothing": "NOTHING",
            "demanding": "Demanding", "broken": "ABSENT",
        }  # fmt: skip
        points = {name: f"foreign_serializer:{attribute}" for name, attribute in names.items()}
        made.install("foreign", "qtasks.serializers", pickle="pickle:Unpickler", **points)
        yield made


def message(*args: Any, serializer: Any, **kwargs: Any) -> bytes:
    """A message of this serializer."""
    return encode_envelope(id="i", task="t", args=args, kwargs=kwargs, created=1.0, serializer=serializer)


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_ours_are_always_in_use(name: str) -> None:
    """No package is looked up for them."""
    assert use_serializer(name) is {"json": JSON, "msgpack": MSGPACK}[name]


@pytest.mark.parametrize("name", ["marshal", "instance"])
@pytest.mark.usefixtures("site")
def test_a_foreign_serializer_travels_inside_json(name: str) -> None:
    """Its bytes go as base64, under the name of its entry point, be it a class or an object."""
    body = message(1, {2}, k="v", serializer=use_serializer(name))
    fields = json.loads(body)
    assert (fields["type"], fields["args"]) == (name, [])
    assert "kwargs" not in fields
    assert decode_envelope(body).arguments() == ([1, {2}], {"k": "v"})


@pytest.mark.usefixtures("site")
def test_every_value_survives_a_foreign_serializer() -> None:
    """Tags are applied before, so it needs to know plain values only; results too."""
    serializer = use_serializer("marshal")
    assert same(decode_envelope(message(*EXAMPLES, serializer=serializer)).arguments(), (EXAMPLES, {}))
    assert same(decode_value(encode_value(EXAMPLES, serializer=serializer)), EXAMPLES)


@pytest.mark.usefixtures("site")
def test_a_result_says_who_wrote_it() -> None:
    """A reader that does not know of serializers finds no value, rather than a wrong one."""
    stored = json.loads(encode_value({"a": 1}, serializer=use_serializer("marshal")))
    assert stored.keys() == {"v", "type", "payload"}
    assert stored["type"] == "marshal"


@pytest.mark.parametrize(
    "value",
    [*EXAMPLES, {"rows": [1, "a"]}],
    ids=lambda value: repr(value)[:30] if value != 10**5000 else "huge",
)
def test_results_in_messagepack(value: Any) -> None:
    """They are told by their first byte, and hold the same fields."""
    data = encode_value(value, serializer=MSGPACK)
    assert data[0] >= 0x80
    assert msgspec.msgpack.decode(data)["type"] == "msgpack"
    assert same(decode_value(data), value)


def test_the_signature_passes_the_serializer_on() -> None:
    """What the worker calls."""

    def task() -> int:
        return 1

    assert Signature.of(task).encode_result(3, None, MSGPACK) == encode_value(3, serializer=MSGPACK)


@pytest.mark.usefixtures("site")
def test_what_is_installed_is_not_yet_in_use() -> None:
    """A message does not choose whose code it is read by: somebody must have named the serializer."""
    body = json.dumps({"v": 1, "id": "i", "task": "t", "args": [], "type": "pickle", "payload": "gARLAS4="})
    assert pickle.loads(b"\x80\x04K\x01.") == 1, "the payload is one"
    with pytest.raises(
        DecodeError, match=r"'pickle', which this process does not use: set config.serializer"
    ):
        decode_envelope(body.encode()).arguments()
    with pytest.raises(DecodeError, match="marshal"):
        decode_value(b'{"v":1,"type":"marshal","payload":"AAAA"}')


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("marshall", r"no installed package offers 'marshall'.*did you mean 'marshal'"),
        ("broken", "ABSENT"),
        ("demanding", "making it raised TypeError"),
        ("nothing", "object has no encode and decode"),
    ],
)
@pytest.mark.usefixtures("site")
def test_what_cannot_be_used_is_an_error_of_the_setting(name: str, said: str) -> None:
    """It comes at the start, and names the setting."""
    with pytest.raises(ConfigError, match=f"serializer='{name}': .*{said}"):
        use_serializer(name)


@pytest.mark.parametrize(
    "answer", [ValueError("no"), KeyError("k"), RecursionError(), MemoryError()], ids=repr
)
@pytest.mark.usefixtures("site")
def test_whatever_a_serializer_raises_names_it(answer: Exception) -> None:
    """In a message and in a result, writing and reading."""
    from foreign_serializer import WRONG  # type: ignore[import-not-found]  # written just now

    serializer, WRONG.answer = use_serializer("wrong"), answer
    said = f"serializer 'wrong' raised {type(answer).__name__}"
    with pytest.raises(EncodeError, match=f"task 't' cannot be written: .*{said}"):
        message(1, serializer=serializer)
    with pytest.raises(EncodeError, match=f"the result cannot be written: .*{said}"):
        encode_value(1, "the result", serializer=serializer)
    with pytest.raises(DecodeError, match=said):
        decode_value(b'{"v":1,"type":"wrong","payload":"AAAA"}')
    with pytest.raises(DecodeError, match=said):
        decode_envelope(b'{"v":1,"id":"i","task":"t","args":[],"type":"wrong","payload":"AAAA"}').arguments()


@pytest.mark.parametrize("answer", [None, "text", bytearray(b"x"), 5])
@pytest.mark.usefixtures("site")
def test_only_bytes_are_taken(answer: Any) -> None:
    """Anything else would not come back as it was."""
    from foreign_serializer import WRONG

    serializer, WRONG.answer = use_serializer("wrong"), answer
    said = f"returned {type(answer).__name__} in place of bytes"
    with pytest.raises(EncodeError, match=f"'wrong' {said}"):
        message(1, serializer=serializer)
    with pytest.raises(EncodeError, match=f"'wrong' {said}"):
        encode_value(1, serializer=serializer)


@pytest.mark.parametrize("answer", [None, [], [1], [1, {}], [[], []], [[], {}, 1], [[], {1: 2}], "ab"])
@pytest.mark.usefixtures("site")
def test_arguments_of_another_form_are_refused(answer: Any) -> None:
    """A serializer that gives back something else than it was given is named."""
    from foreign_serializer import WRONG

    use_serializer("wrong")
    WRONG.answer = answer
    read = decode_envelope(b'{"v":1,"id":"i","task":"t","args":[],"type":"wrong","payload":"AAAA"}')
    with pytest.raises(DecodeError, match=r"'wrong' gave a \w+ in place of args and kwargs"):
        read.arguments()


@pytest.mark.usefixtures("site")
def test_an_exception_without_text_is_named() -> None:
    """Its type is all there is."""
    from foreign_serializer import WRONG, Mute

    serializer, WRONG.answer = use_serializer("wrong"), Mute()
    with pytest.raises(EncodeError, match="'wrong' raised Mute"):
        encode_value(1, serializer=serializer)


@pytest.mark.parametrize("serializer", [JSON, MSGPACK], ids=lambda one: one.content_type)
def test_the_serializers_alone(serializer: Any) -> None:
    """Each gives plain values back, and refuses others with errors of QTasks."""
    value = {"a": [1, 2.5, None, True, "ж"]}
    assert serializer.decode(serializer.encode(value)) == value
    with pytest.raises(EncodeError):
        serializer.encode(object())
    with pytest.raises(DecodeError):
        serializer.decode(b"\xc1")
