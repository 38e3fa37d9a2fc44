"""A message or a result that is too large is refused in words, and the next one works."""

from __future__ import annotations

from typing import Any

import pytest

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


def message(*args: Any, limit: int | None, serializer: Any = JSON, **kwargs: Any) -> bytes:
    """A message of a task with the parameters `a` and `b`."""
    return encode_envelope(
        id="i", task="t", args=args, kwargs=kwargs, created=1.0, names=("a", "b"), limit=limit,
        serializer=serializer,
    )  # fmt: skip


@BOTH
@pytest.mark.parametrize("size", [100_000, 1_000_000, 20_000_000])
@pytest.mark.parametrize("kind", [str, bytes])
def test_large_values_arrive(serializer: Any, size: int, kind: Any) -> None:
    """Without a limit nothing is too large."""
    value = "ж" * (size // 2) if kind is str else bytes(size)
    assert decode_envelope(message(value, limit=None, serializer=serializer)).arguments() == ([value], {})
    assert decode_value(encode_value(value, serializer=serializer)) == value


@BOTH
def test_a_large_message_is_refused_and_the_next_one_is_not(serializer: Any) -> None:
    """The error names the size, the limit, the largest argument with its size, and what to do."""
    said = (
        r"the message of task 't' has \d{7} bytes, and the limit is 1000000 \(config.max_message_size\): "
        r"argument 2 \('b'\) of task 't' is the largest with 1\d{6}\. Keep large data elsewhere"
    )
    with pytest.raises(EncodeError, match=said):
        message("a" * 1000, "b" * 1_000_000, c="c", limit=1_000_000, serializer=serializer)
    assert message("a", "b", limit=1_000_000, serializer=serializer)


def test_a_large_keyword_and_a_large_tagged_value_are_named() -> None:
    """However the value is given, and whatever it is."""
    with pytest.raises(EncodeError, match="argument 'c' of task 't' is the largest with 2002"):
        message(1, c="c" * 2000, limit=1000)
    with pytest.raises(EncodeError, match=r"argument 1 \('a'\) of task 't' is the largest with 26"):
        message(b"a" * 2000, {1}, limit=1000)


def test_a_message_that_is_large_without_arguments() -> None:
    """There is no argument to name."""
    with pytest.raises(EncodeError, match=r"has \d+ bytes, and the limit is 10\. Keep"):
        message(limit=10)


@BOTH
def test_the_limit_itself_is_allowed(serializer: Any) -> None:
    """One byte less is not."""
    body = message("a", limit=None, serializer=serializer)
    assert message("a", limit=len(body), serializer=serializer) == body
    with pytest.raises(EncodeError):
        message("a", limit=len(body) - 1, serializer=serializer)
    data = encode_value({1}, serializer=serializer)
    assert encode_value({1}, limit=len(data), serializer=serializer) == data
    with pytest.raises(EncodeError):
        encode_value({1}, limit=len(data) - 1, serializer=serializer)


def test_a_large_result_is_refused() -> None:
    """The error names the task, the size, the limit and what to do."""

    def task() -> str:
        return ""

    said = (
        r"the result of task 'task' has 2\d{3} bytes, and the limit is 1000 \(config.max_result_size\)\. Keep"
    )
    with pytest.raises(EncodeError, match=said):
        Signature.of(task).encode_result("x" * 2000, 1000)
    assert Signature.of(task).encode_result("x", 1000)


def test_no_value_is_shown() -> None:
    """It could be secret, and it is large."""
    with pytest.raises(EncodeError) as caught:
        message("sesame" * 1000, limit=1000)
    assert "sesame" not in str(caught.value)
