"""Message format v1: the envelope that a task travels in. `docs/message-format.md` describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from qtasks.errors import DecodeError, EncodeError
from qtasks.protocols import Serializer
from qtasks.serialization.secret import Place, places_in, with_places
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
    result_ttl: Annotated[float, Meta(ge=0)] | None = None
    """Seconds, in place of what the task says."""
    headers: dict[str, Any] | None = None
    """What plugins have added: plain values. `secret` lists the places of secret arguments."""

    def __repr__(self) -> str:
        """Show no values: some of them may be secret."""
        return f"<Envelope {self.task} {self.id}>"

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Return args and kwargs as they were sent, not yet converted to what the task's signature says.

        Raises:
            DecodeError: A tag in them is wrong, or their serializer is not in use here.
        """
        args, kwargs = self.args, self.kwargs
        if self.payload is not None:
            args, kwargs = _opened(self.type, self.payload)
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
    id: str,  # noqa: A002 - the name of the field
    task: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
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
    result_ttl: float | None = None,
    headers: dict[str, Any] | None = None,
    serializer: Serializer = JSON,
    names: Sequence[str] = (),
    limit: int | None = None,
) -> bytes:
    """Return the bytes of a message: the keywords are the fields of `Envelope`.

    Beside them, `serializer` writes the arguments, `names` are those of the positional parameters,
    for errors, and `limit` is the largest number of bytes.

    Raises:
        EncodeError: An argument cannot be written, or the message is too large; the text names it.
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
    if max_time is not None or result_ttl is not None:
        _tell_seconds(envelope, max_time, result_ttl)
    if headers:
        envelope.headers = _plain_headers(headers)
    return _written(envelope, serializer, names, limit)


def _tell_seconds(envelope: Envelope, max_time: float | None, result_ttl: float | None) -> None:
    """Write them as numbers with a point: a whole number of seconds may be too long for other languages."""
    envelope.max_time = None if max_time is None else float(max_time)
    envelope.result_ttl = None if result_ttl is None else float(result_ttl)


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


def _written(envelope: Envelope, serializer: Serializer, names: Sequence[str], limit: int | None) -> bytes:
    body = None
    if is_plain(envelope.args) and is_plain(envelope.kwargs.values()):
        try:
            body = _bytes_of(envelope, serializer)
        except UNWRITABLE:
            body = None  # a lone surrogate, or a whole number that is too long: look closer, and name it
    if body is None:
        body = _packed(envelope, serializer, names)
    if limit is not None and len(body) > limit:
        raise EncodeError(_too_large(envelope, len(body), limit, names))
    return body


def _packed(envelope: Envelope, serializer: Serializer, names: Sequence[str]) -> bytes:
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
    packer, task = Packer(), envelope.task
    args, kwargs = envelope.args, envelope.kwargs
    secret = places_in(envelope.headers) if envelope.headers else ()
    envelope.args = [
        packer.pack_as(_position(index, names, task), value, index in secret)
        for index, value in enumerate(args)
    ]
    envelope.kwargs = {
        name: packer.pack_as(_keyword(name, task), value, name in secret) for name, value in kwargs.items()
    }
    envelope.tagged = packer.tagged
    if packer.hiding:
        places: list[Place] = [index for index, value in enumerate(args) if _hides(value)]
        places += [name for name, value in kwargs.items() if _hides(value)]
        envelope.headers = with_places(envelope.headers, places)


def _hides(value: Any) -> bool:
    packer = Packer()
    packer.pack_as("the value", value)
    return packer.hiding


def _position(index: int, names: Sequence[str], task: str) -> str:
    name = f" ({names[index]!r})" if index < len(names) else ""
    return f"argument {index + 1}{name} of task {task!r}"


def _keyword(name: str, task: str) -> str:
    return f"argument {name!r} of task {task!r}"


def _too_large(envelope: Envelope, size: int, limit: int, names: Sequence[str]) -> str:
    sizes: dict[Place, int] = {place: len(_to_json(value)) for place, value in enumerate(envelope.args)}
    sizes |= {name: len(_to_json(value)) for name, value in envelope.kwargs.items()}
    text = f"the message of task {envelope.task!r} has {size} bytes, and the limit is {limit}"
    if sizes:
        largest = max(sizes, key=lambda place: sizes[place])
        if isinstance(largest, str):
            what = _keyword(largest, envelope.task)
        else:
            what = _position(largest, names, envelope.task)
        text = f"{text} (config.max_message_size): {what} is the largest with {sizes[largest]}"
    return f"{text}. Keep large data elsewhere and send its name, or raise the limit"


def _plain_headers(headers: dict[str, Any]) -> dict[str, Any]:
    packer = Packer()
    plain = {name: packer.pack_as(f"header {name!r}", value) for name, value in headers.items()}
    if packer.tagged:
        raise EncodeError(f"headers of a message are plain JSON values, and these are not: {sorted(headers)}")
    return plain


def _opened(name: str, payload: bytes) -> tuple[list[Any], dict[str, Any]]:
    read = serializer_named(name).decode(payload)
    try:
        args, kwargs = read
        return list(args), {str.__str__(key): value for key, value in kwargs.items()}
    except (TypeError, ValueError, AttributeError) as exc:
        raise DecodeError(
            f"the serializer {name!r} gave a {type(read).__name__} in place of args and kwargs"
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
