"""How plain values become bytes: JSON and MessagePack here, others through entry points."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from qtasks.errors import BackendError, ConfigError, DecodeError, EncodeError
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


class NamedSerializer:
    """A serializer of an installed package, under the name that messages call it by.

    Whatever it raises or returns, only errors of QTasks come out, and they name it.
    """

    __slots__ = ("_serializer", "content_type")

    def __init__(self, name: str, serializer: Any) -> None:
        self.content_type = name
        self._serializer = serializer

    def encode(self, value: Any) -> bytes:
        """Return the bytes.

        Raises:
            EncodeError: The serializer raised, or did not return bytes.
        """
        try:
            data = self._serializer.encode(value)
        except Exception as exc:  # the code of a third party
            raise EncodeError(f"the serializer {self.content_type!r} raised {_said(exc)}") from exc
        if not isinstance(data, bytes):
            raise EncodeError(
                f"the serializer {self.content_type!r} returned {type(data).__name__} in place of bytes"
            )
        return data

    def decode(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            DecodeError: The serializer raised.
        """
        try:
            return self._serializer.decode(data)
        except Exception as exc:  # the code of a third party
            raise DecodeError(f"the serializer {self.content_type!r} raised {_said(exc)}") from exc


JSON: Final = JsonSerializer()
MSGPACK: Final = MsgpackSerializer()

_json: type[Serializer] = JsonSerializer
_msgpack: type[Serializer] = MsgpackSerializer
_named: type[Serializer] = NamedSerializer

_in_use: Final[dict[str, Serializer]] = {"json": JSON, "msgpack": MSGPACK}
"""What this process reads. A message must not choose whose code it is read by: a package whose
serializer is pickle could be installed here for another reason."""


def use_serializer(name: str) -> Serializer:
    """Return the serializer with this name, and let this process read what it has written.

    Raises:
        ConfigError: No installed package offers it, or what is offered is broken.
    """
    known = _in_use.get(name)
    if known is not None:
        return known
    from qtasks import discovery  # only a foreign serializer is looked up

    try:
        found = discovery.load(discovery.SERIALIZERS, name)
        made = found() if isinstance(found, type) else found
    except BackendError as exc:
        raise ConfigError(f"serializer={name!r}: {exc}") from exc
    except Exception as exc:  # its constructor
        raise ConfigError(f"serializer={name!r}: making it raised {_said(exc)}") from exc
    if not (callable(getattr(made, "encode", None)) and callable(getattr(made, "decode", None))):
        raise ConfigError(f"serializer={name!r}: its {type(made).__name__} has no encode and decode")
    _in_use[name] = NamedSerializer(name, made)
    return _in_use[name]


def serializer_named(name: str) -> Serializer:
    """Return the serializer that a message or a result names.

    Raises:
        DecodeError: This process was not told to use it.
    """
    known = _in_use.get(name)
    if known is None:
        raise DecodeError(
            f"it was written by the serializer {name!r}, which this process does not use: "
            f"set config.serializer to {name!r}, or call qtasks.serialization.use_serializer({name!r})"
        )
    return known


def _said(exc: Exception) -> str:
    try:
        return f"{type(exc).__name__}: {exc}"
    except Exception:  # noqa: BLE001 - an exception whose text raises
        return type(exc).__name__
