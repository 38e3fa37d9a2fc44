"""Results as bytes that say of themselves who wrote them, and whether they hold tags."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from qtasks.errors import DecodeError, EncodeError
from qtasks.protocols import Serializer
from qtasks.serialization.secret import MASK
from qtasks.serialization.serializers import JSON, MSGPACK, UNREADABLE, UNWRITABLE, serializer_named
from qtasks.serialization.tags import Packer, is_plain, unpack


class _Stored(msgspec.Struct, omit_defaults=True):
    """Most results: JSON, and nothing to say of them."""

    v: int
    value: Any
    tagged: bool = False


class _Full(msgspec.Struct, omit_defaults=True):
    """Every field that a result may have."""

    v: int
    value: Any = UNSET
    """Not there where another serializer has written it."""
    tagged: bool = False
    type: str = "json"
    payload: bytes | None = None
    secret: bool = False


_to_json = msgspec.json.Encoder().encode
_to_msgpack = msgspec.msgpack.Encoder().encode
_from_json = msgspec.json.Decoder(_Stored).decode
_full_from_json = msgspec.json.Decoder(_Full).decode
_full_from_msgpack = msgspec.msgpack.Decoder(_Full).decode


def encode_value(
    value: Any,
    what: str = "the value",
    limit: int | None = None,
    serializer: Serializer = JSON,
    secret: bool = False,
) -> bytes:
    """Return the bytes that a result is stored as.

    Args:
        value: The result.
        what: What errors call it.
        limit: The largest number of bytes; None is any.
        serializer: Who writes it.
        secret: Views show `***` in its place. A `SecretStr` in it, or an object with a field that is
            marked, is secret of itself.

    Raises:
        EncodeError: It cannot be stored; the text says what in it and of what type. Or it is too large.
    """
    try:
        if is_plain((value,)) and serializer is JSON and not secret:
            data = _to_json(_Stored(1, value))
        else:
            data = _written(value, what, serializer, secret)
    except UNWRITABLE:  # a lone surrogate, or a whole number that is too long: look closer, and name it
        data = _written(value, what, serializer, secret)
    if limit is not None and len(data) > limit:
        raise EncodeError(
            f"{what} has {len(data)} bytes, and the limit is {limit} (config.max_result_size). "
            "Keep large data elsewhere and return its name, or raise the limit"
        )
    return data


def decode_value(data: bytes) -> Any:
    """Return the value as it was stored.

    Raises:
        DecodeError: These bytes are no result of version 1, or their serializer is not in use here.
    """
    try:
        stored = _from_json(data)
    except UNREADABLE:
        return _value_of(_opened(data))
    if stored.v != 1:
        raise DecodeError(_unknown_format(stored.v))
    return unpack(stored.value) if stored.tagged else stored.value


def shown_value(data: bytes) -> Any:
    """Return the value as people may see it: `***` where it is secret.

    Raises:
        DecodeError: As in `decode_value`.
    """
    stored = _opened(data)
    return MASK if stored.secret else _value_of(stored)


def _written(value: Any, what: str, serializer: Serializer, secret: bool) -> bytes:
    packer = Packer()
    packed = packer.pack_as(what, value, secret=secret)
    stored = _Full(1, packed, packer.tagged, secret=secret or packer.hiding)
    try:
        return _bytes_of(stored, serializer)
    except UNWRITABLE as exc:
        raise EncodeError(f"{what} cannot be written: {exc}") from exc


def _bytes_of(stored: _Full, serializer: Serializer) -> bytes:
    if serializer is JSON:
        return _to_json(stored)
    stored.type = serializer.content_type
    if serializer is MSGPACK:
        return _to_msgpack(stored)
    payload = serializer.encode(stored.value)
    return _to_json(msgspec.structs.replace(stored, value=UNSET, payload=payload))


def _opened(data: bytes) -> _Full:
    try:
        return _full_from_msgpack(data) if data[:1] >= b"\x80" else _full_from_json(data)
    except UNREADABLE as exc:
        raise DecodeError(f"this is no result of QTasks: {exc}") from exc


def _value_of(stored: _Full) -> Any:
    if stored.v != 1:
        raise DecodeError(_unknown_format(stored.v))
    value = stored.value
    if stored.payload is not None:
        value = serializer_named(stored.type).decode(stored.payload)
    elif value is UNSET:
        raise DecodeError("this is no result of QTasks: it has neither `value` nor `payload`")
    return unpack(value) if stored.tagged else value


def _unknown_format(version: int) -> str:
    return f"the result has format {version}, and this version of QTasks reads only 1: update it"
