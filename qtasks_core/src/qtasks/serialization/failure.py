"""An exception in words. No class of it is ever imported or rebuilt by a reader."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from traceback import TracebackException
from types import TracebackType
from typing import Final

import msgspec

from qtasks.errors import DecodeError
from qtasks.models import Failure
from qtasks.serialization.secret import scrubbed
from qtasks.serialization.serializers import UNREADABLE

MESSAGE_LIMIT: Final = 10_000
"""Characters of a message that are kept."""

TRACEBACK_LIMIT: Final = 50_000
"""Characters of a traceback that are kept, most of them from its end."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Failure).decode


def describe(exc: BaseException, secrets: Sequence[str] = ()) -> Failure:
    """Return the exception in words. Never raises, whatever the exception does when it is looked at.

    Args:
        exc: The exception.
        secrets: Texts that must not be shown, from `revealing`; `***` stands in their place.
    """
    message = scrubbed(_attempt(lambda: str(exc) or repr(exc)), secrets)
    trace = scrubbed(_attempt(lambda: _traceback(exc)), secrets)
    return Failure(
        _attempt(lambda: _type_name(type(exc))),
        _shortened(message, MESSAGE_LIMIT, MESSAGE_LIMIT),
        _shortened(trace, TRACEBACK_LIMIT, TRACEBACK_LIMIT // 5),
    )


def encode_failure(failure: Failure) -> bytes:
    """Return the bytes that a failure is stored as."""
    return _encode(failure)


def decode_failure(data: bytes) -> Failure:
    """Return the failure.

    Raises:
        DecodeError: These bytes are none.
    """
    try:
        return _decode(data)
    except UNREADABLE as exc:
        raise DecodeError(f"this is no failure of QTasks: {exc}") from exc


def _attempt(text: Callable[[], str]) -> str:
    try:
        return _clean(text())
    except BaseException as exc:  # noqa: BLE001 - methods of a user's exception run here
        return f"<not readable: {type(exc).__name__}>"


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which no message can carry."""
    return text.encode("utf-8", "backslashreplace").decode()


def _type_name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _traceback(exc: BaseException) -> str:
    return "".join(
        TracebackException(type(exc), exc, _below_worker(exc.__traceback__), compact=True).format()
    )


def _below_worker(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame that is not the worker's own."""
    while trace is not None and _is_ours(trace.tb_frame.f_globals.get("__name__")):
        trace = trace.tb_next
    return trace


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.startswith("qtasks.") and not module.startswith("qtasks.demo")


def _shortened(text: str, limit: int, head: int) -> str:
    """Return the text, cut out of its middle where it is too long: `head` characters of its begin stay."""
    if len(text) <= limit:
        return text
    tail = limit - head
    left_out = f"\n… {len(text) - limit} characters are left out …\n"
    return text[:head] + left_out + text[len(text) - tail :]
