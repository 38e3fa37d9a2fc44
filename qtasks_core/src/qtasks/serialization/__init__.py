"""Bytes ↔ values: messages, results and failures. `docs/message-format.md` describes the bytes."""

from __future__ import annotations

from qtasks.serialization.envelope import Envelope, decode_envelope, encode_envelope
from qtasks.serialization.failure import decode_failure, describe, encode_failure
from qtasks.serialization.serializers import JSON, MSGPACK
from qtasks.serialization.signature import ArgMeta, Signature
from qtasks.serialization.tags import pack, unpack
from qtasks.serialization.values import decode_value, encode_value

__all__ = [
    "JSON",
    "MSGPACK",
    "ArgMeta",
    "Envelope",
    "Signature",
    "decode_envelope",
    "decode_failure",
    "decode_value",
    "describe",
    "encode_envelope",
    "encode_failure",
    "encode_value",
    "pack",
    "unpack",
]
