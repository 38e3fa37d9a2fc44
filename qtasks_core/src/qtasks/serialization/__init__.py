"""Bytes ↔ values: messages, results and failures. `docs/message-format.md` describes the bytes."""

from __future__ import annotations

from qtasks.serialization.display import (
    headers_with_secrets,
    hidden_places,
    revealing,
    shown_arguments,
    shown_result,
)
from qtasks.serialization.envelope import Envelope, decode_envelope, encode_envelope
from qtasks.serialization.failure import decode_failure, describe, encode_failure
from qtasks.serialization.secret import MASK, Secret, masked
from qtasks.serialization.serializers import JSON, MSGPACK, use_serializer
from qtasks.serialization.signature import ArgMeta, Signature
from qtasks.serialization.tags import pack, unpack
from qtasks.serialization.values import decode_value, encode_value

__all__ = [
    "JSON",
    "MASK",
    "MSGPACK",
    "ArgMeta",
    "Envelope",
    "Secret",
    "Signature",
    "decode_envelope",
    "decode_failure",
    "decode_value",
    "describe",
    "encode_envelope",
    "encode_failure",
    "encode_value",
    "headers_with_secrets",
    "hidden_places",
    "masked",
    "pack",
    "revealing",
    "shown_arguments",
    "shown_result",
    "unpack",
    "use_serializer",
]
