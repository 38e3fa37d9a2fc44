"""Message format v1: the envelope that a task travels in. `docs/message-format.md` describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from qtasks.errors import DecodeError, EncodeError
from qtasks.protocols import Serializer
from qtasks.serialization.serializers import JSON, MSGPACK, UNREADABLE, UNWRITABLE, serializer_named
from qtasks.serialization.tags import Packer, is_plain, unpack

VERSION: Final = 1

Count = Annotated[int, Meta(ge=1)]


class Envelope(msgspec.Struct, omit_defaults=True):
    """A message as it is written. Fields that have their default are left out of the bytes.

    Files outlive versions, so every field of v1 is here from its first day, and a field that is not
    known is ignored.
    """

    v: int
    id: str
    task: str
    args: list[Any]
    kwargs: dict[str, Any] = msgspec.field(default_factory=dict)
    queue: str = "default"
    priority: Annotated[int, Meta(ge=0, le=9)] = 0
    created: float = 0.0
    """Seconds since the epoch, like `due` and `expires`."""
    type: str = "json"
    """Who has written the arguments: `json`, `msgpack` or the name of a serializer."""
    tagged: bool = False
    """Whether the arguments hold tags. Without it, what looks like a tag is data."""
    payload: bytes | None = None
    """The arguments as another serializer has written them: one list of args and kwargs."""
    due: float | None = None
    expires: float | None = None
    unique: str | None = None
    epoch: Count = 1
    attempt: Count = 1
    retry: Annotated[int, Meta(ge=0)] | None = None
    """Runs after the first one, in place of what the task says."""
    max_time: Annotated[float, Meta(gt=0)] | None = None
    """Seconds, in place of what the task says."""
    headers: dict[str, Any] | None = None
    """What plugins have added: plain values."""

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Return args and kwargs as they were sent, not yet converted to what the task's signature says.

        Raises:
            DecodeError: A tag in them is wrong, or their serializer is not installed.
        """
        args, kwargs = self.args, self.kwargs
        if self.payload is not None:
            args, kwargs = _opened(serializer_named(self.type), self.payload)
        if not self.tagged:
            return args, kwargs
        return [unpack(value) for value in args], {name: unpack(value) for name, value in kwargs.items()}


class _Head(msgspec.Struct):
    """What every version of the format begins with."""

    v: int


_to_json = msgspec.json.Encoder().encode
_to_msgpack = msgspec.msgpack.Encoder().encode
_from_json = msgspec.json.Decoder(Envelope).decode
_from_msgpack = msgspec.msgpack.Decoder(Envelope).decode
_head_from_json = msgspec.json.Decoder(_Head).decode
_head_from_msgpack = msgspec.msgpack.Decoder(_Head).decode


def encode_envelope(
    *,
    id: str,  # noqa: A002 - the name of the field
    task: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    created: float,
    queue: str = "default",
    priority: int = 0,
    due: float | None = None,
    expires: float | None = None,
    unique: str | None = None,
    epoch: int = 1,
    attempt: int = 1,
    retry: int | None = None,
    max_time: float | None = None,
    headers: dict[str, Any] | None = None,
    serializer: Serializer = JSON,
    names: Sequence[str] = (),
) -> bytes:
    """Return the bytes of a message: the keywords are the fields of `Envelope`.

    Beside them, `serializer` writes the arguments, and `names` are those of the positional parameters,
    for errors.

    Raises:
        EncodeError: An argument cannot be written; the text names it.
    """
    envelope = Envelope(VERSION, id, task, list(args), dict(kwargs), queue, priority, created)
    # Most messages have none of these, and the constructor would look at each of them.
    if due is not None:
        envelope.due = due
    if expires is not None:
        envelope.expires = expires
    if unique is not None:
        envelope.unique = unique
    if epoch != 1 or attempt != 1:
        envelope.epoch, envelope.attempt = epoch, attempt
    if retry is not None:
        envelope.retry = retry
    if max_time is not None:
        envelope.max_time = max_time
    if headers:
        envelope.headers = _plain_headers(headers)
    return _written(envelope, serializer, names)


def decode_envelope(body: bytes) -> Envelope:
    """Return the message that these bytes are.

    Raises:
        DecodeError: They are no message of version 1, whatever they are.
    """
    packed = _is_msgpack(body)
    try:
        envelope = _from_msgpack(body) if packed else _from_json(body)
    except UNREADABLE as exc:
        raise DecodeError(_newer(body) or f"this is no message of QTasks: {exc}") from exc
    if envelope.v != VERSION:
        raise DecodeError(_newer(body) or f"there is no version {envelope.v} of the message format")
    return envelope


def _written(envelope: Envelope, serializer: Serializer, names: Sequence[str]) -> bytes:
    if is_plain(envelope.args) and is_plain(envelope.kwargs.values()):
        try:
            return _bytes_of(envelope, serializer)
        except UNWRITABLE:
            pass  # a lone surrogate, or a whole number that is too long: look closer, and name it
    _pack_arguments(envelope, names)
    try:
        return _bytes_of(envelope, serializer)
    except UNWRITABLE as exc:
        raise EncodeError(f"the message of task {envelope.task!r} cannot be written: {exc}") from exc


def _bytes_of(envelope: Envelope, serializer: Serializer) -> bytes:
    if serializer is JSON:
        return _to_json(envelope)
    envelope.type = serializer.content_type
    if serializer is MSGPACK:
        return _to_msgpack(envelope)
    payload = serializer.encode([envelope.args, envelope.kwargs])
    return _to_json(msgspec.structs.replace(envelope, args=[], kwargs={}, payload=payload))


def _pack_arguments(envelope: Envelope, names: Sequence[str]) -> None:
    packer = Packer()
    envelope.args = [
        packer.pack_as(_position(index, names, envelope.task), value)
        for index, value in enumerate(envelope.args)
    ]
    envelope.kwargs = {
        name: packer.pack_as(f"argument {name!r} of task {envelope.task!r}", value)
        for name, value in envelope.kwargs.items()
    }
    envelope.tagged = packer.tagged


def _position(index: int, names: Sequence[str], task: str) -> str:
    name = f" ({names[index]!r})" if index < len(names) else ""
    return f"argument {index + 1}{name} of task {task!r}"


def _plain_headers(headers: dict[str, Any]) -> dict[str, Any]:
    packer = Packer()
    plain = {name: packer.pack_as(f"header {name!r}", value) for name, value in headers.items()}
    if packer.tagged:
        raise EncodeError(f"headers of a message are plain JSON values, and these are not: {sorted(headers)}")
    return plain


def _opened(serializer: Serializer, payload: bytes) -> tuple[list[Any], dict[str, Any]]:
    try:
        args, kwargs = serializer.decode(payload)
        return list(args), dict(kwargs)
    except DecodeError:
        raise
    except Exception as exc:  # the code of a third party
        raise DecodeError(
            f"the serializer {serializer.content_type!r} cannot read the arguments: {exc}"
        ) from exc


def _is_msgpack(body: bytes) -> bool:
    """Whether the first byte begins a map of MessagePack; JSON text of an object begins with `{`."""
    return isinstance(body, bytes) and body[:1] >= b"\x80"


def _newer(body: bytes) -> str | None:
    """Return what to say of a message that a newer version has written, else None."""
    try:
        head = _head_from_msgpack(body) if _is_msgpack(body) else _head_from_json(body)
    except UNREADABLE:
        return None
    if head.v <= VERSION:
        return None
    return f"the message has format {head.v}, and this version of QTasks reads only {VERSION}: update it here"
