"""Small facts are told to who watches them, and can be taken back (contract 8)."""

from __future__ import annotations

import asyncio

import pytest

from qtasks.errors import BackendUnavailable
from qtasks.protocols import GlobalConfig
from qtasks.testing.conformance._elsewhere import config_elsewhere, vary
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Watching(Suite):
    """What `remove` and `watch` promise."""

    async def test_removed_value_is_gone(self, world: World) -> None:
        """What was removed is None and in no group; its neighbours stay, and it can be set again."""
        here, there = await _two(world)
        await here.set("group", "key", 1)
        await here.set("group", "other", 2)
        await here.set("second", "key", 3)

        await there.remove("group", "key")

        assert await here.get("key", "group") is None
        assert dict(await here.get_all("group")) == {"other": 2}
        assert dict(await here.get_all("second")) == {"key": 3}
        await here.set("group", "key", 4)
        assert await there.get("key", "group") == 4

    async def test_removal_of_nothing_is_no_error(self, world: World) -> None:
        """Removing what is not there, or once more, changes nothing."""
        config, _ = await _two(world)
        await config.set("group", "key", 1)

        await config.remove("group", "other")
        await config.remove("nothing", "key")

        assert dict(await config.get_all("group")) == {"key": 1}

    async def test_difference_is_told_at_once(self, world: World) -> None:
        """Who knows something else than what is there gets the whole group without waiting."""
        config, _ = await _two(world)
        group = {"a": 1, "b": [2, {"c": None}]}
        for key, value in group.items():
            await config.set("group", key, value)

        for known in ({}, {"a": 1}, {"a": 2, "b": group["b"]}, {**group, "d": 1}):
            assert dict(await world.at_once(config.watch("group", known))) == group
        assert dict(await world.at_once(config.watch("empty", {"a": 1}))) == {}

    async def test_change_is_pushed(self, world: World) -> None:
        """Who watches in another process is told within half a second, whatever the change."""
        here, there = await _two(world)
        known: dict[str, int] = {}
        for key, value in (("a", 1), ("b", 2), ("a", 3)):
            waiting = asyncio.ensure_future(there.watch("group", known))
            await world.still_waits(waiting)

            await here.set("group", key, value)

            known = {**known, key: value}
            assert dict(await world.at_once(waiting)) == known

    async def test_removal_is_pushed(self, world: World) -> None:
        """Who watches in another process is told when a value is removed, and when all are flushed."""
        here, there = await _two(world)
        await here.set("group", "a", 1)
        await here.set("group", "b", 2)
        waiting = asyncio.ensure_future(there.watch("group", {"a": 1, "b": 2}))
        await world.still_waits(waiting)

        await here.remove("group", "a")
        assert dict(await world.at_once(waiting)) == {"b": 2}

        waiting = asyncio.ensure_future(there.watch("group", {"b": 2}))
        await world.still_waits(waiting)
        await here.flush()
        assert dict(await world.at_once(waiting)) == {}

    async def test_what_is_known_is_not_told(self, world: World) -> None:
        """A value that is set to what it was, and changes of other groups, end no watch."""
        here, there = await _two(world)
        await here.set("group", "key", [1])
        waiting = asyncio.ensure_future(there.watch("group", {"key": [1]}))
        await world.still_waits(waiting)

        await here.set("group", "key", [1])
        await here.set("other", "key", 2)
        await here.remove("group", "nothing")

        await world.still_waits(waiting)
        await here.set("group", "key", [1, 2])
        assert dict(await world.at_once(waiting)) == {"key": [1, 2]}

    async def test_no_change_is_missed(self, world: World) -> None:
        """However changes and watches meet, the last value is heard; two hundred meetings."""
        here, there = await _two(world)
        changing = asyncio.ensure_future(_count(here, 200))
        known: dict[str, int] = {}
        while known.get("key") != 200:
            news = dict(await world.soon(there.watch("group", known)))
            assert news.get("key", 0) > known.get("key", 0)
            known = news
        await changing

    async def test_watcher_beside_one_at_rest_is_told(self, world: World) -> None:
        """Of two who watch in one process each is told at once, also where the other waits; 200 changes."""
        config: GlobalConfig = await world.component()
        resting = asyncio.ensure_future(config.watch("rest", {}))
        known: dict[str, int] = {}
        async with config_elsewhere(world) as (there, elsewhere):
            for number in range(200):
                waiting = asyncio.ensure_future(config.watch("group", known))
                setting = elsewhere.begin(there.set("group", "key", number))
                await vary(number)

                known = dict(await world.at_once(waiting))
                await setting
                assert known == {"key": number}
        await config.set("rest", "key", 1)
        assert dict(await world.at_once(resting)) == {"key": 1}

    async def test_stop_ends_a_watch(self, world: World) -> None:
        """Who watches while the config is stopped is told so, also where another one is open at the place."""
        configs = [await world.component(app) for app in ("kit", "kit", "other")]
        for config in configs:
            waiting = asyncio.ensure_future(config.watch("group", {}))
            await world.still_waits(waiting)

            await config.stop()

            with pytest.raises(BackendUnavailable):
                await world.soon(waiting)

    async def test_every_watcher_is_told(self, world: World) -> None:
        """Fifty who watch one group in two processes are all told."""
        here, there = await _two(world)
        waiting = [asyncio.ensure_future((here, there)[i % 2].watch("group", {})) for i in range(50)]
        await world.still_waits(waiting[0])

        await here.set("group", "key", 1)

        told = await world.soon(asyncio.gather(*waiting))
        assert [dict(group) for group in told] == [{"key": 1}] * 50

    async def test_changes_of_another_app_are_not_told(self, world: World) -> None:
        """A group of the same name in another app is another group."""
        shop, mail = await world.component("shop"), await world.component("mail")
        await shop.set("group", "key", 1)
        waiting = asyncio.ensure_future(shop.watch("group", {"key": 1}))
        await world.still_waits(waiting)

        await mail.set("group", "key", 2)
        await mail.remove("group", "key")

        await world.still_waits(waiting)
        await shop.set("group", "key", 3)
        assert dict(await world.at_once(waiting)) == {"key": 3}


async def _two(world: World) -> tuple[GlobalConfig, GlobalConfig]:
    return await world.component(), await world.component()


async def _count(config: GlobalConfig, number: int) -> None:
    for i in range(1, number + 1):
        for _ in range(i % 5):
            await asyncio.sleep(0)
        await config.set("group", "key", i)
