"""All promises of the small facts that processes share."""

from __future__ import annotations

from typing import Any

import msgspec

from qtasks.models import WorkerInfo
from qtasks.protocols import GlobalConfig
from qtasks.testing.conformance._suite import Make
from qtasks.testing.conformance._world import World
from qtasks.testing.conformance.limiting import Limiting
from qtasks.testing.conformance.watching import Watching
from qtasks.worker.identity import this_worker

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**62, 1.5, "", "слово", [], [1, [2, {"a": None}]], {}),
    {"key": [1, 2.5, "x"], "": {"nested": True}},
)


class ConfigConformance(Watching, Limiting):
    """Subclass it, and let the fixture `make` give configs of one place, fresh and not started."""

    async def test_value_comes_back(self, world: World) -> None:
        """Every JSON value comes back as it was, in another process too."""
        here, there = await _two(world)
        for value in VALUES:
            await here.set("group", "key", value)

            got = await there.get("key", "group")

            assert (got, type(got)) == (value, type(value))

    async def test_unknown_key_is_none(self, world: World) -> None:
        """What was never set is None, and a group that was never used is empty."""
        config, _ = await _two(world)
        await config.set("group", "key", 1)

        assert await config.get("other", "group") is None
        assert await config.get("key", "other") is None
        assert dict(await config.get_all("other")) == {}

    async def test_last_value_counts(self, world: World) -> None:
        """Setting a key again replaces its value, whoever does it."""
        here, there = await _two(world)
        await here.set("group", "key", {"a": 1})

        await there.set("group", "key", [2])

        assert await here.get("key", "group") == [2]

    async def test_group_comes_whole(self, world: World) -> None:
        """A group is all of its keys, and none of another group."""
        here, there = await _two(world)
        await here.set("one", "a", 1)
        await here.set("one", "b", [2])
        await here.set("two", "a", 3)

        assert dict(await there.get_all("one")) == {"a": 1, "b": [2]}

    async def test_kept_value_is_nobodys_object(self, world: World) -> None:
        """Changing a list after it was set, or after it was read, changes nothing that is kept."""
        config, _ = await _two(world)
        value = [1]
        await config.set("group", "key", value)
        value.append(2)
        (await config.get("key", "group")).append(3)

        assert await config.get("key", "group") == [1]

    async def test_values_survive_a_restart(self, world: World) -> None:
        """What was set is there when the process that set it has stopped."""
        config: GlobalConfig = await world.component()
        await config.set("group", "key", 1)
        await config.stop()

        assert await (await world.component()).get("key", "group") == 1

    async def test_announced_worker_is_known(self, world: World) -> None:
        """Every process knows the workers that were announced, with all that they said."""
        here, there = await _two(world)
        first, second = _worker(world, "first"), _worker(world, "second")

        await here.announce(first, ttl=world.lease)
        await there.announce(second, ttl=world.lease)

        known = {worker.id: worker for worker in await here.workers()}
        assert known == {"first": first, "second": second}

    async def test_announcement_runs_out(self, world: World) -> None:
        """A worker that does not announce itself again is forgotten, one that does is not."""
        config, _ = await _two(world)
        await config.announce(_worker(world, "silent"), ttl=world.lease)
        await config.announce(_worker(world, "alive"), ttl=world.lease)
        await world.pass_time(world.lease * 0.6)
        await config.announce(_worker(world, "alive"), ttl=world.lease)

        assert sorted(worker.id for worker in await config.workers()) == ["alive", "silent"]

        await world.pass_time(world.lease * 0.6)
        assert [worker.id for worker in await config.workers()] == ["alive"]

    async def test_withdrawn_worker_is_forgotten(self, world: World) -> None:
        """A worker that says goodbye is known no more; saying it twice is no error."""
        here, there = await _two(world)
        await here.announce(_worker(world, "w"), ttl=world.lease)

        await there.withdraw("w")
        await there.withdraw("w")

        assert list(await here.workers()) == []

    async def test_wall_clock_does_not_touch_announcements(self, world: World) -> None:
        """Setting the wall clock forwards makes no living worker disappear."""
        config, _ = await _two(world)
        await config.announce(_worker(world, "w"), ttl=world.lease)

        world.set_wall_clock(world.lease * 3)

        assert [worker.id for worker in await config.workers()] == ["w"]

    async def test_flush_touches_its_own_app_only(self, world: World) -> None:
        """A flush forgets settings and workers of its app, and none of another at the same place."""
        shop, mail = await world.component("shop"), await world.component("mail")
        for config in (shop, mail):
            await config.set("group", "key", 1)
            await config.announce(_worker(world, "w"), ttl=world.lease)

        await shop.flush()

        assert await shop.get("key", "group") is None
        assert list(await shop.workers()) == []
        assert await mail.get("key", "group") == 1
        assert [worker.id for worker in await mail.workers()] == ["w"]

    async def test_stop_without_a_start_does_nothing(self, make: Make) -> None:
        """A config that was never started can be stopped."""
        config = await make()

        await config.stop()


async def _two(world: World) -> tuple[GlobalConfig, GlobalConfig]:
    return await world.component(), await world.component()


def _worker(world: World, worker_id: str) -> WorkerInfo:
    info = this_worker(("default", "other"), 3, world.clock.now())
    return msgspec.structs.replace(info, id=worker_id)
