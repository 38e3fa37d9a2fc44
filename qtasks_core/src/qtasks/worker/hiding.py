"""What one run must not show: the texts that give its secret arguments, or its secret result, away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtasks.serialization import Envelope, Signature, headers_with_secrets, revealing
from qtasks.serialization.secret import MOST, places_in, scrubbed, texts_of


class Secrets:
    """The secret values of one run.

    A body sees its arguments as its annotations say, and as plugins and middlewares have left them;
    so what is told here counts beside what the message holds.
    """

    __slots__ = ("_envelope", "_found", "_read", "_signature", "_told")

    def __init__(self, envelope: Envelope, signature: Signature) -> None:
        self._envelope = envelope
        self._signature = signature
        self._told: list[Any] = []
        self._read = 0
        self._found: set[str] | None = None

    @classmethod
    def of(cls, envelope: Envelope, signature: Signature) -> Secrets | None:
        """Return the secrets of a run; None where nothing of it is secret."""
        headers = envelope.headers
        if signature.secrets or signature.secret_result or (headers is not None and places_in(headers)):
            return cls(envelope, signature)
        return None

    def tell_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Add the secret ones of these arguments."""
        for place in self._signature.secret_places(args, kwargs):
            self._told.append(args[place] if isinstance(place, int) else kwargs[place])

    def tell_result(self, value: Any) -> None:
        """Add what the body returned or yielded, where that is secret."""
        if self._signature.secret_result:
            self._told.append(value)

    def headers(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the headers of a message with these arguments that say which of them are secret."""
        noted = (self._envelope.headers or {}).get("secret")
        known = None if noted is None else {"secret": noted}
        return headers_with_secrets(self._signature, args, kwargs, known)

    def texts(self) -> tuple[str, ...]:
        """Return the texts that must not be shown, the longest first."""
        found = self._found
        if found is None:
            found = self._found = set(revealing(self._envelope, self._signature))
        told = self._told[self._read :]
        self._read += len(told)
        for value in told:
            if len(found) > MOST:  # all is hidden, whatever follows
                break
            found.update(texts_of((value,)))
        return tuple(sorted(found, key=len, reverse=True))


def hidden(text: str, secrets: Secrets | None) -> str:
    """Return the text with `***` in place of each secret."""
    return text if secrets is None else scrubbed(text, secrets.texts())


def texts_in(secrets: Secrets | None) -> tuple[str, ...]:
    """Return the texts that must not be shown."""
    return () if secrets is None else secrets.texts()
