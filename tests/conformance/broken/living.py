"""The life of the components, and what they say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conformance.mutating import breaks

from qtasks.memory import AsyncMemoryBroker, AsyncMemoryGlobalConfig, AsyncMemoryStorage
from qtasks.memory.broker import LIMITS
from qtasks.protocols import Setup


@breaks("joining", "storage_joins_no_broker_of_another_place")
def joins_strangers(patch: pytest.MonkeyPatch) -> None:
    """Believes that every broker writes its records."""
    patch.setattr(AsyncMemoryStorage, "joins", lambda *_args: True)


@breaks("joining", "storage_joins_as_declared")
def joins_nobody(patch: pytest.MonkeyPatch) -> None:
    """Does not know its own broker."""
    patch.setattr(AsyncMemoryStorage, "joins", lambda *_args: False)


@breaks("life", "stop_without_a_start_does_nothing")
def broker_stops_only_after_a_start(patch: pytest.MonkeyPatch) -> None:
    """Raises when it is stopped before it was started."""

    async def stop(broker: AsyncMemoryBroker) -> None:
        assert broker._running

    patch.setattr(AsyncMemoryBroker, "stop", stop)


@breaks("life", "storage:stop_without_a_start_does_nothing")
def storage_stops_only_after_a_start(patch: pytest.MonkeyPatch) -> None:
    """Raises when it is stopped before it was started."""

    async def stop(storage: AsyncMemoryStorage) -> None:
        assert storage._hub

    patch.setattr(AsyncMemoryStorage, "stop", stop)


@breaks("life", "config:stop_without_a_start_does_nothing")
def config_stops_only_after_a_start(patch: pytest.MonkeyPatch) -> None:
    """Raises when it is stopped before it was started."""

    async def stop(config: AsyncMemoryGlobalConfig) -> None:
        assert config._notes

    patch.setattr(AsyncMemoryGlobalConfig, "stop", stop)


@breaks("life", "second_start_is_no_error")
def starts_once(patch: pytest.MonkeyPatch) -> None:
    """Refuses a second start."""
    start = AsyncMemoryBroker.start

    async def start_once(broker: AsyncMemoryBroker, setup: Setup) -> None:
        assert broker._started is None
        await start(broker, setup)

    patch.setattr(AsyncMemoryBroker, "start", start_once)


@breaks("limits", "limits_are_numbers_to_rely_on")
def promises_a_day(patch: pytest.MonkeyPatch) -> None:
    """Has a longest delay of one day."""
    limits = replace(LIMITS, longest_delay=86_400.0)
    patch.setattr(AsyncMemoryBroker, "limits", property(lambda _broker: limits))
