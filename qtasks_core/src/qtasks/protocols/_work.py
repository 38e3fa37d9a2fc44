"""What works on tasks, and what writes their values."""

from __future__ import annotations

from typing import Any, Protocol

from qtasks.protocols._broker import Broker
from qtasks.protocols._component import Setup


class Serializer(Protocol):
    """Bytes from values made of None, bool, int, float, str, list and dict, and back."""

    @property
    def content_type(self) -> str:
        """What the envelope says of the bytes, such as `json`."""
        ...

    def encode(self, value: Any) -> bytes:
        """Return the bytes.

        Raises:
            EncodeError: The value is none of these.
        """
        ...

    def decode(self, data: bytes) -> Any:
        """Return the value.

        Raises:
            DecodeError: These bytes are nothing of ours.
        """
        ...


class Worker(Protocol):
    """Fetches, runs and settles."""

    @property
    def broker(self) -> Broker:
        """Where the tasks come from."""
        ...

    async def start(self, setup: Setup) -> None:
        """Begin to fetch."""
        ...

    async def stop(self, grace: float | None = None) -> None:
        """Stop fetching, wait up to `grace` seconds for what runs, give back the rest."""
        ...


class Starter(Protocol):
    """The life cycle: starts config, storage, broker, worker in this order, stops in reverse."""

    async def run(self) -> None:
        """Start everything, wait until told to stop, stop everything."""
        ...

    def request_stop(self) -> None:
        """Ask `run` to end gracefully; a second time hurries."""
        ...
