"""What people may see of a call: its arguments without what is secret of them.

A message says itself which of its arguments are secret, for processes that do not know the task.
Where the signature is known too, both count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtasks.errors import DecodeError
from qtasks.serialization.envelope import Envelope
from qtasks.serialization.secret import MASK, Place, masked, places_in, texts_of, with_places
from qtasks.serialization.signature import Signature
from qtasks.serialization.values import shown_value


def headers_with_secrets(
    signature: Signature | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    headers: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    """Return the headers of a message that say which arguments are secret; None where there are none."""
    if signature is None or not signature.secrets:
        return dict(headers) if headers else None
    return with_places(headers, signature.secret_places(args, kwargs))


def hidden_places(envelope: Envelope, signature: Signature | None = None) -> frozenset[Place]:
    """Return the positions and names of the secret arguments of a message.

    Raises:
        DecodeError: Its arguments cannot be read.
    """
    noted = places_in(envelope.headers)
    if signature is None or not signature.secrets:
        return noted
    return noted.union(signature.secret_places(*envelope.arguments()))


def shown_arguments(
    envelope: Envelope, signature: Signature | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """Return args and kwargs as they were sent, with `***` in place of the secret ones.

    Raises:
        DecodeError: They cannot be read.
    """
    args, kwargs = envelope.arguments()
    return masked(args, kwargs, hidden_places(envelope, signature))


def shown_result(data: bytes, signature: Signature | None = None) -> Any:
    """Return a stored result as people may see it: `***` where it is secret.

    Raises:
        DecodeError: These bytes are no result.
    """
    return MASK if signature is not None and signature.secret_result else shown_value(data)


def revealing(envelope: Envelope, signature: Signature | None = None) -> tuple[str, ...]:
    """Return the texts that would give the secret arguments of a message away, for `describe`.

    Never raises: where the arguments cannot be read, all that is in them counts as secret.
    """
    noted = places_in(envelope.headers)
    if not noted and (signature is None or not signature.secrets):
        return ()
    try:
        args, kwargs = envelope.arguments()
        hidden = hidden_places(envelope, signature)
    except DecodeError:
        return texts_of((envelope.args, envelope.kwargs))
    secret = [value for index, value in enumerate(args) if index in hidden]
    return texts_of(secret + [value for name, value in kwargs.items() if name in hidden])
