# ruff: noqa: PLE0307, TRY301 - exceptions that misbehave are the point
"""An exception becomes words, whatever it is, and the words are read where its class is not known."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from qtasks.errors import DecodeError, TaskArgumentError
from qtasks.models import Failure
from qtasks.serialization import Signature, decode_envelope, decode_failure, describe, encode_failure
from qtasks.serialization.failure import MESSAGE_LIMIT, TRACEBACK_LIMIT


class Demanding(Exception):
    """Its constructor cannot be called again."""

    def __init__(self, a: int, *, b: int) -> None:
        super().__init__(f"a={a} b={b}")


class KeywordsOnly(Exception):
    """It has no text."""

    def __init__(self, *, status: int) -> None:
        self.status = status


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Exiting(Exception):
    def __str__(self) -> str:
        sys.exit(3)


def _raises(_self: object) -> Any:
    raise ValueError("not to be looked at")


Strange = type(
    "Strange", (Exception,), dict.fromkeys(("__notes__", "__cause__", "__class__"), property(_raises))
)
"""Its attributes raise."""


def raised(make: Callable[[], BaseException]) -> BaseException:
    """The exception as it is after it was raised."""
    try:
        raise make()
    except BaseException as exc:  # noqa: BLE001 - all of them
        return exc


@pytest.mark.parametrize(
    ("make", "name", "message"),
    [
        (lambda: ValueError("wrong"), "ValueError", "wrong"),
        (lambda: Demanding(1, b=2), f"{__name__}.Demanding", "a=1 b=2"),
        (lambda: KeywordsOnly(status=404), f"{__name__}.KeywordsOnly", "KeywordsOnly()"),
        (lambda: json.JSONDecodeError("no JSON", "doc", 0), "json.decoder.JSONDecodeError", "no JSON"),
        (lambda: FileNotFoundError(2, "none", "f"), "FileNotFoundError", "[Errno 2] none: 'f'"),
        (lambda: KeyError("k"), "KeyError", "'k'"),
        (lambda: SystemExit(3), "SystemExit", "3"),
        (KeyboardInterrupt, "KeyboardInterrupt", "KeyboardInterrupt()"),
        (GeneratorExit, "GeneratorExit", "GeneratorExit()"),
        (asyncio.CancelledError, "asyncio.exceptions.CancelledError", "CancelledError()"),
        (Mute, f"{__name__}.Mute", "not readable: RuntimeError"),
        (Exiting, f"{__name__}.Exiting", "not readable: SystemExit"),
        (lambda: Strange("odd"), f"{__name__}.Strange", "odd"),
        (lambda: ValueError("\ud800"), "ValueError", "\\ud800"),
        (
            lambda: ExceptionGroup("all", [ValueError("one"), KeyError("two")]),
            "ExceptionGroup",
            "all (2 sub-exceptions)",
        ),
    ],
)
def test_any_exception_becomes_words(make: Callable[[], BaseException], name: str, message: str) -> None:
    """Type, text and traceback are there and survive the bytes, whatever the exception does."""
    failure = describe(raised(make))
    assert failure.type == name
    assert message in failure.message
    assert failure.traceback
    assert decode_failure(encode_failure(failure)) == failure


def test_the_traceback_shows_the_way() -> None:
    """Frames, causes, notes and inner exceptions of groups are in it."""

    def body() -> None:
        try:
            raise KeyError("first")
        except KeyError as exc:
            error = ValueError("second")
            error.add_note("a note")
            raise ExceptionGroup("group", [error]) from exc

    try:
        body()
    except ExceptionGroup as exc:
        text = describe(exc).traceback
    for part in (
        "in body",
        "KeyError: 'first'",
        "direct cause",
        "ValueError: second",
        "a note",
        "ExceptionGroup: group",
    ):
        assert part in text


def _below(exc: BaseException) -> BaseException:
    """The exception without the frame of the test, as if the worker were the outermost."""
    assert exc.__traceback__ is not None
    return exc.with_traceback(exc.__traceback__.tb_next)


def test_frames_of_the_worker_are_left_out() -> None:
    """The traceback begins with the body; frames of QTasks below the body stay."""
    frame: dict[str, Any] = {"__name__": "qtasks.worker.run"}
    exec("def run(body):\n    return body()", frame)

    def body() -> None:
        decode_envelope(b"broken")

    with pytest.raises(DecodeError) as caught:
        frame["run"](body)
    error = _below(caught.value)
    shown = describe(error).traceback.rpartition("Traceback")[2]
    assert "in run" not in shown
    assert shown.index("in body") < shown.index("in decode_envelope")
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_frame.f_code.co_name == "run", "the exception itself keeps its frames"


def test_an_error_of_the_worker_alone_has_no_frames() -> None:
    """Where no body was reached, only the words are left."""
    with pytest.raises(TaskArgumentError) as caught:
        Signature.of(lambda: None, name="t").check((1,), {})
    expected = "qtasks.errors.TaskArgumentError: t() takes 0 positional arguments but 1 was given\n"
    assert describe(_below(caught.value)).traceback == expected


def test_a_body_of_the_demo_is_shown() -> None:
    """The demo lies inside of QTasks, and its tasks are bodies all the same."""
    frame: dict[str, Any] = {"__name__": "qtasks.demo.tasks"}
    exec("def body():\n    raise ValueError('x')", frame)
    with pytest.raises(ValueError, match="x") as caught:
        frame["body"]()
    assert "in body" in describe(_below(caught.value)).traceback


def test_endless_recursion_is_described() -> None:
    """A RecursionError has a traceback of bounded size."""

    def body(n: int) -> int:
        return body(n + 1)

    try:
        body(0)
    except RecursionError as exc:
        failure = describe(exc)
    assert failure.type == "RecursionError"
    assert "in body" in failure.traceback
    assert len(failure.traceback) < TRACEBACK_LIMIT


def test_long_texts_are_cut() -> None:
    """Of a huge message the beginning stays; of the traceback both ends."""
    failure = describe(raised(lambda: ValueError("begin" + "x" * 5_000_000 + "end")))
    assert failure.message.startswith("beginxxx")
    assert len(failure.message) < MESSAGE_LIMIT + 100
    assert f"… {5_000_008 - MESSAGE_LIMIT} characters are left out …" in failure.message
    assert failure.traceback.startswith("Traceback")
    assert failure.traceback.endswith("xend\n")
    assert len(failure.traceback) < TRACEBACK_LIMIT + 100
    short = describe(raised(lambda: ValueError("x" * MESSAGE_LIMIT)))
    assert short.message == "x" * MESSAGE_LIMIT


def test_a_failure_is_read_where_its_class_is_unknown() -> None:
    """Reading imports nothing of the task."""
    data = encode_failure(Failure("nowhere.to.be.found.MyError", "text", "trace"))
    code = f"from qtasks.serialization import decode_failure as d; f = d({data!r}); print(f.type, f.message)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "nowhere.to.be.found.MyError text\n"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"type":1,"message":"x"}', b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_failure_are_refused(data: bytes) -> None:
    """Only a failure is read."""
    with pytest.raises(DecodeError, match="no failure"):
        decode_failure(data)
