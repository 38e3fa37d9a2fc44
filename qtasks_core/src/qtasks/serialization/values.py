"""Results as bytes that say of themselves whether they hold tags."""

from __future__ import annotations

from typing import Any

import msgspec

from qtasks.errors import DecodeError, EncodeError
from qtasks.serialization.serializers import UNREADABLE, UNWRITABLE
from qtasks.serialization.tags import Packer, is_plain, unpack


class _Stored(msgspec.Struct, omit_defaults=True):
    v: int
    value: Any
    tagged: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Stored).decode


def encode_value(value: Any, what: str = "the value") -> bytes:
    """Return the bytes that a result is stored as; `what` names it in an error.

    Raises:
        EncodeError: It cannot be stored; the text says what in it and of what type.
    """
    if is_plain((value,)):
        try:
            return _encode(_Stored(1, value))
        except UNWRITABLE:
            pass  # a lone surrogate, or a whole number that is too long: look closer, and name it
    packer = Packer()
    packed = packer.pack_as(what, value)
    try:
        return _encode(_Stored(1, packed, packer.tagged))
    except UNWRITABLE as exc:
        raise EncodeError(f"{what} cannot be written: {exc}") from exc


def decode_value(data: bytes) -> Any:
    """Return the value as it was stored.

    Raises:
        DecodeError: These bytes are no result of version 1.
    """
    try:
        stored = _decode(data)
    except UNREADABLE as exc:
        raise DecodeError(f"this is no result of QTasks: {exc}") from exc
    if stored.v != 1:
        raise DecodeError(
            f"the result has format {stored.v}, and this version of QTasks reads only 1: update it"
        )
    return unpack(stored.value) if stored.tagged else stored.value
