"""The life of the components, and what they say of themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from qtasks.errors import BackendUnavailable
from qtasks.models import WorkerInfo
from qtasks.protocols import Storage
from qtasks.status import FINAL
from qtasks.testing.conformance._suite import Make, Suite
from qtasks.testing.conformance._world import World


class Living(Suite):
    """What `start`, `stop` and the properties promise."""

    async def test_stop_without_a_start_does_nothing(self, make: Make) -> None:
        """A component that was never started can be stopped."""
        broker = await make()

        await broker.stop()
        await broker.storage.stop()
        await broker.storage.global_config.stop()

    async def test_second_start_is_no_error(self, world: World) -> None:
        """A component that is started twice works, and so does one that is stopped twice."""
        process = await world.process()
        await process.start()
        message = world.message()
        await process.publish(message)

        assert (await (await process.worker()).fetch_one()).id == message.id

        await process.stop()
        await process.stop()

    async def test_stopped_component_can_start_again(self, world: World) -> None:
        """After a stop the same objects start again and find what was there."""
        process = await world.process()
        message = world.message()
        await process.publish(message)
        await process.stop()

        await process.start()

        assert (await (await process.worker()).fetch_one()).id == message.id

    async def test_stop_ends_every_wait(self, world: World) -> None:
        """Who waits, listens or watches while its app stops is told so, whoever else is at the place."""
        processes = [await world.process(app) for app in ("kit", "kit", "other")]
        for process in processes:
            await process.publish(message := world.message())
            waiting = [asyncio.ensure_future(wait) for wait in _waits(process.storage, message.id)]
            for each in waiting:
                await world.still_waits(each)

            await process.stop()

            for each in waiting:
                with pytest.raises(BackendUnavailable):
                    await world.soon(each)

    async def test_storage_joins_as_declared(self, world: World) -> None:
        """`joins` is true exactly where broker and storage are of one place."""
        process = await world.process()

        assert process.storage.joins(process.broker) is not self.separate_storage

    async def test_storage_joins_no_broker_of_another_place(self, world: World) -> None:
        """A broker that has its tasks elsewhere is not joined."""
        process = await world.process()

        assert process.storage.joins(_Stranger()) is False  # type: ignore[arg-type]

    async def test_limits_are_numbers_to_rely_on(self, make: Make) -> None:
        """A backend says what it promises before it is started: delays of eight years, ten priorities."""
        limits = (await make()).limits

        assert limits.longest_delay >= 8 * 365.25 * 86_400
        assert limits.priority_levels == 10
        assert 0 < limits.delay_lateness <= 1
        assert limits.wake_up

    async def test_registry_is_beside_the_broker(self, world: World) -> None:
        """The config of the storage knows the workers that any process of the app announced."""
        here, there = await world.process(), await world.process()
        info: WorkerInfo = (await here.worker()).info

        await here.storage.global_config.announce(info, ttl=world.lease)

        assert list(await there.storage.global_config.workers()) == [info]


def _waits(storage: Storage, task_id: str) -> list[Coroutine[Any, Any, object]]:
    """Return every way to wait for something that does not come."""
    return [
        storage.wait(task_id, FINAL),
        storage.listen(task_id, 0, 0),
        storage.global_config.watch("group", {}),
    ]


class _Stranger:
    """A broker of some other package."""

    name = None
    storage = None
