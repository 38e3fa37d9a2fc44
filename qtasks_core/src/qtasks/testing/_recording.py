"""A place in memory that remembers what was sent and what has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from qtasks.config import SETTINGS, QueueConfig
from qtasks.memory import AsyncMemoryBroker
from qtasks.models import GiveBack, Message, Outcome, Record, Settled
from qtasks.protocols import Setup
from qtasks.status import FINAL
from qtasks.testing.setup import TestSetup

LONG_LEASE: Final = 10 * 365 * 86_400.0
"""Seconds. A test that moves its clock by an hour does not mean that the worker was silent for an hour."""


class RecordingBroker(AsyncMemoryBroker):
    """Queues in memory, of which a test can ask what has passed through them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Message] = []
        """What was accepted, in its order; also what has ended since."""
        self.ended: list[Record] = []
        """What has come to a final outcome, in its order, as it was then."""
        self.listeners: set[Callable[[], None]] = set()
        """Who is called after each change."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where it was started last."""

    async def start(self, setup: Setup) -> None:
        """Find the queues of the app. Leases end with the worker, and not with the time of the test."""
        self.loop = asyncio.get_running_loop()
        lasting = copy_of(setup.config, lease=LONG_LEASE)
        await super().start(TestSetup(setup.name, lasting, setup.clock, setup.log))

    async def publish(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Put messages into their queues, and note those that are new."""
        records = await self.storage.get([message.id for message in messages])
        known = {record.id for record in records if record is not None}
        kept_away = await super().publish(messages)
        self.sent += [each for each in messages if each.id not in known and each.id not in kept_away]
        self._tell()
        return kept_away

    async def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Settled]:
        """Record the outcomes, and note what has ended."""
        answers = await super().settle(outcomes)
        pairs = zip(outcomes, answers, strict=True)
        ended = [one.id for one, answer in pairs if answer is Settled.RECORDED and one.status in FINAL]
        self.ended += [record for record in await self.storage.get(ended) if record is not None]
        self._tell()
        return answers

    async def give_back(self, returned: Sequence[GiveBack]) -> None:
        """Return deliveries to their queue without an outcome."""
        await super().give_back(returned)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()


def copy_of(config: QueueConfig, **changes: Any) -> QueueConfig:
    """Return settings like these, but for some."""
    return type(config)(environ_prefix=config.environ_prefix, **values_of(config) | changes)


def values_of(config: QueueConfig) -> dict[str, Any]:
    """Return the value of each setting."""
    return {field: getattr(config, field) for field in SETTINGS}
