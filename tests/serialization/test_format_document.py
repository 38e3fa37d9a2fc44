"""`docs/message-format.md` tells the truth: its bytes are read by anybody, and written back equal."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from qtasks.errors import DecodeError
from qtasks.serialization import (
    Envelope,
    decode_envelope,
    decode_failure,
    decode_value,
    encode_envelope,
    encode_failure,
    encode_value,
    shown_arguments,
)
from qtasks.serialization.tags import _READERS
from qtasks.serialization.values import _Full, _opened

DOCUMENT = (Path(__file__).parents[2] / "docs" / "message-format.md").read_text()


def blocks(kind: str) -> list[bytes]:
    """The bytes in the blocks of this kind."""
    return [
        text.strip().encode()
        for text in re.findall(rf"^```json {kind}\n(.*?)```", DOCUMENT, re.DOTALL | re.MULTILINE)
    ]


@pytest.mark.parametrize("body", [b for b in blocks("message") if b"payload" not in b])
def test_documented_messages_are_written_and_read(body: bytes) -> None:
    """Plain JSON sees the same fields as we do, and the same call gives the same bytes."""
    plain: dict[str, Any] = json.loads(body)
    envelope = decode_envelope(body)
    for name in plain.keys() - {"args", "kwargs"}:
        assert getattr(envelope, name) == plain[name]
    args, kwargs = envelope.arguments()
    fields = {name: plain[name] for name in plain.keys() - {"v", "args", "kwargs", "type", "tagged"}}
    assert encode_envelope(args=args, kwargs=kwargs, **fields) == body


def test_there_are_documented_messages() -> None:
    """The page has a plain one, a full one, a secret one, a tagged one and a foreign one."""
    assert len(blocks("message")) == 5
    full = set.union(*(set(json.loads(body)) for body in blocks("message")))
    assert full == set(Envelope.__struct_fields__)


def test_the_tagged_message_means_what_the_page_says() -> None:
    """Its tags are the values of the table."""
    (body,) = (body for body in blocks("message") if b"tagged" in body)
    assert decode_envelope(body).arguments() == (
        [
            UUID("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77"),
            datetime(2027, 1, 31, 9, 30, tzinfo=UTC),
            (1, Decimal("19.90")),
        ],
        {},
    )


def test_the_foreign_message_is_read() -> None:
    """Its payload is base64 of what the serializer wrote."""
    (body,) = (body for body in blocks("message") if b"payload" in body)
    envelope = decode_envelope(body)
    assert (envelope.type, envelope.payload) == ("xml", b"<row/>")
    assert msgspec.json.encode(envelope) == body


@pytest.mark.parametrize("body", blocks("result"))
def test_documented_results_are_written_and_read(body: bytes) -> None:
    """The same value gives the same bytes."""
    assert encode_value(decode_value(body), secret=b"secret" in body) == body
    assert len(blocks("result")) == 3


def test_the_documented_foreign_result_is_read() -> None:
    """It names its serializer, and has no value that an older reader could take for the result."""
    (body,) = blocks("foreign result")
    stored = _opened(body)
    assert (stored.type, stored.payload, stored.value) == ("xml", b"<row/>", msgspec.UNSET)
    assert msgspec.json.encode(stored) == body
    with pytest.raises(DecodeError, match="'xml', which this process does not use"):
        decode_value(body)


def test_the_documented_secret_is_hidden() -> None:
    """Its headers name the places."""
    (body,) = (body for body in blocks("message") if b"secret" in body)
    assert shown_arguments(decode_envelope(body)) == (["ann", "***"], {})


def test_the_documented_failure_is_written_and_read() -> None:
    """The same failure gives the same bytes."""
    (body,) = blocks("failure")
    failure = decode_failure(body)
    assert {"type": failure.type, "message": failure.message, "traceback": failure.traceback} == json.loads(
        body
    )
    assert json.loads(encode_failure(failure)) == json.loads(body)


def test_every_tag_and_field_is_documented() -> None:
    """The tables have a row for each, and none too many."""
    tags = {
        name
        for row in re.findall(r"^\| (`\$.*?) \|", DOCUMENT, re.MULTILINE)
        for name in re.findall(r"`(.*?)`", row)
    }
    assert tags == set(_READERS)
    fields = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT, re.MULTILINE)
    assert fields == [*Envelope.__struct_fields__, *_Full.__struct_fields__]


def test_the_documented_program_writes_a_message() -> None:
    """The example of another language gives a message that we read."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    envelope = decode_envelope(names["body"])
    assert (envelope.task, envelope.arguments()) == ("add", ([1, 2], {}))
    UUID(envelope.id)
