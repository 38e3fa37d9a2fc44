"""How plain values become bytes: JSON and MessagePack here, others through entry points."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from qtasks.errors import BackendError, DecodeError, EncodeError
from qtasks.protocols import Serializer

UNWRITABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)
"""What an encoder raises for a value that its format cannot carry."""

UNREADABLE: Final = (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError, MemoryError)
"""What a decoder raises for bytes that it cannot read."""


class JsonSerializer:
    """JSON: readable everywhere, whole numbers of any size. The default."""

    content_type = "json"

    def encode(self, value: Any) -> bytes:
        """Return the JSON text.

        Raises:
            EncodeError: The value is not plain.
        """
        try:
            return msgspec.json.encode(value)
        except UNWRITABLE as exc:
            raise EncodeError(f"no JSON can be made of it: {exc}") from exc

    def decode(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            DecodeError: It is no JSON.
        """
        try:
            return msgspec.json.decode(data)
        except UNREADABLE as exc:
            raise DecodeError(f"this is no JSON: {exc}") from exc


class MsgpackSerializer:
    """MessagePack: smaller and faster than JSON, not readable by eye."""

    content_type = "msgpack"

    def encode(self, value: Any) -> bytes:
        """Return the MessagePack bytes.

        Raises:
            EncodeError: The value is not plain, or a whole number needs more than 64 bits.
        """
        try:
            return msgspec.msgpack.encode(value)
        except UNWRITABLE as exc:
            raise EncodeError(f"no MessagePack can be made of it: {exc}") from exc

    def decode(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            DecodeError: It is no MessagePack.
        """
        try:
            return msgspec.msgpack.decode(data)
        except UNREADABLE as exc:
            raise DecodeError(f"this is no MessagePack: {exc}") from exc


JSON: Final = JsonSerializer()
MSGPACK: Final = MsgpackSerializer()

_json: type[Serializer] = JsonSerializer
_msgpack: type[Serializer] = MsgpackSerializer


def serializer_named(content_type: str) -> Serializer:
    """Return the serializer that a message names.

    Raises:
        DecodeError: It is not installed here.
    """
    from qtasks import discovery  # only a foreign serializer is looked up

    try:
        found: Serializer = discovery.load(discovery.SERIALIZERS, content_type)
    except BackendError as exc:
        raise DecodeError(f"the message was written by the serializer {content_type!r}: {exc}") from exc
    return found
