"""Limits that all workers share: so many at a time, so long between two starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from qtasks.clock import SYSTEM_CLOCK
from qtasks.models import Answer, Ask, WorkerInfo
from qtasks.protocols import GlobalConfig
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World
from qtasks.worker.identity import this_worker


class Limiting(Suite):
    """What `admit` and `release` promise."""

    async def test_so_many_run_at_a_time(self, world: World) -> None:
        """Permits are granted up to the limit, by two processes together; what is refused holds nothing."""
        here, there = await _two(world)

        answers = [*await here.admit(_asks("k", "abc", at_a_time=3), 0)]
        answers += await there.admit(_asks("k", "de", at_a_time=3, worker="two"), 0)

        assert [answer.granted for answer in answers] == [True, True, True, False, False]
        assert [answer.wait for answer in answers[:3]] == [0, 0, 0]
        assert all(answer.wait >= 0 for answer in answers)
        await there.release("two", ["d", "e"])
        assert await _granted(there, "f", at_a_time=3, worker="two") is False

    async def test_asks_of_one_call_see_each_other(self, world: World) -> None:
        """Answers come in the order of the asks, each after the effect of those before it."""
        config, _ = await _two(world)
        asks = [
            *_asks("one", "ab", at_a_time=1),
            *_asks("two", "cd", at_a_time=1),
            *_asks("one", "a", at_a_time=1),
        ]

        answers = await config.admit(asks, 0)

        assert [answer.granted for answer in answers] == [True, False, True, False, True]
        assert list(await config.admit([], 0)) == []

    async def test_released_permit_can_be_taken(self, world: World) -> None:
        """A permit that is given back is free for another task, in another process too."""
        here, there = await _two(world)
        await here.admit(_asks("k", "ab", at_a_time=2), 0)
        assert await _granted(there, "c", at_a_time=2, worker="two") is False

        await here.release("one", ["a"])

        assert await _granted(there, "c", at_a_time=2, worker="two") is True
        assert await _granted(there, "d", at_a_time=2, worker="two") is False

    async def test_release_is_of_own_permits_only(self, world: World) -> None:
        """Nothing happens where a worker gives back what it does not hold, or what nobody knows."""
        config, _ = await _two(world)
        await config.admit(_asks("k", "a", at_a_time=1), 0)

        await config.release("two", ["a"])
        await config.release("one", ["b"])
        await config.release("nobody", [])

        assert await _granted(config, "c", at_a_time=1) is False
        await config.release("one", ["a"])
        await config.release("one", ["a"])
        assert await _granted(config, "c", at_a_time=1) is True
        assert await _granted(config, "d", at_a_time=1) is False

    async def test_release_frees_every_permit_of_a_task(self, world: World) -> None:
        """A task that has permits under two keys gives both back in one call."""
        here, there = await _two(world)
        asks = [Ask(key, "a", "one", concurrency=1) for key in ("first", "second")]
        assert [answer.granted for answer in await here.admit(asks, 0)] == [True, True]

        await here.release("one", ["a"])

        others = [Ask(key, "b", "two", concurrency=1) for key in ("first", "second")]
        assert [answer.granted for answer in await there.admit(others, 0)] == [True, True]

    async def test_repeated_ask_is_one_permit(self, world: World) -> None:
        """A worker that asks again for its task after a lost answer is granted it, and holds one permit."""
        config, _ = await _two(world)
        for _ in range(3):
            assert await _granted(config, "a", at_a_time=2) is True

        assert await _granted(config, "b", at_a_time=2) is True
        assert await _granted(config, "c", at_a_time=2) is False
        await config.release("one", ["a"])
        assert await _granted(config, "c", at_a_time=2) is True

    async def test_permit_moves_with_its_task(self, world: World) -> None:
        """A task that has come to another worker takes its permit along: the first one holds it no more."""
        here, there = await _two(world)
        assert await _granted(here, "a", at_a_time=1) is True

        assert await _granted(there, "a", at_a_time=1, worker="two") is True

        await here.release("one", ["a"])
        assert await _granted(here, "b", at_a_time=1) is False
        await there.release("two", ["a"])
        assert await _granted(here, "b", at_a_time=1) is True

    async def test_permits_end_with_the_announcement(self, world: World) -> None:
        """What a worker held is free when its announcement has run out, and not before."""
        config, _ = await _two(world)
        await config.admit(_asks("k", "ab", at_a_time=2), 0)
        await world.pass_time(world.lease * 0.6)
        await config.announce(_worker(world, "two"), world.lease)
        assert await _granted(config, "c", at_a_time=2, worker="two") is False

        await world.pass_time(world.lease * 0.6)

        assert await _granted(config, "c", at_a_time=2, worker="two") is True
        assert await _granted(config, "d", at_a_time=2, worker="two") is True
        assert await _granted(config, "e", at_a_time=2, worker="two") is False

    async def test_announced_worker_keeps_its_permits(self, world: World) -> None:
        """A permit lasts as long as its worker announces itself, however long that is."""
        config, _ = await _two(world)
        await config.admit(_asks("k", "a", at_a_time=1), 0)

        for _ in range(4):
            await world.pass_time(world.lease * 0.6)
            await config.announce(_worker(world, "one"), world.lease)
            await config.announce(_worker(world, "two"), world.lease)

            assert await _granted(config, "b", at_a_time=1, worker="two") is False

    async def test_permits_end_with_the_withdrawal(self, world: World) -> None:
        """What a worker held is free when it has said goodbye."""
        here, there = await _two(world)
        await here.admit(_asks("k", "a", at_a_time=1), 0)

        await here.withdraw("one")

        assert await _granted(there, "b", at_a_time=1, worker="two") is True

    async def test_ask_brings_its_limit(self, world: World) -> None:
        """The numbers of an ask count, also where others have asked with other ones before."""
        config, _ = await _two(world)
        await config.admit(_asks("k", "ab", at_a_time=2), 0)

        assert await _granted(config, "c", at_a_time=1) is False
        assert await _granted(config, "c", at_a_time=3) is True
        assert await _granted(config, "d", at_a_time=3) is False

    async def test_keys_are_limited_apart(self, world: World) -> None:
        """What one key has used up concerns no other one, and an ask without a limit is granted."""
        config, _ = await _two(world)
        both = [Ask("one", "a", "one", concurrency=1, interval=60.0)]
        await config.admit(both, 0)

        for key in ("two", "ONE", "one ", "ключ"):
            asks = [Ask(key, "b", "one", concurrency=1, interval=60.0)]
            assert list(await config.admit(asks, 0)) == [Answer(granted=True)]
        assert list(await config.admit([Ask("one", "c", "one")], 0)) == [Answer(granted=True)]

    async def test_starts_are_evenly_spaced(self, world: World) -> None:
        """Starts under an interval are reserved one interval after the other, from now on."""
        config, _ = await _two(world)

        begun = SYSTEM_CLOCK.boot()
        answers = await config.admit(_asks("k", "abcd", interval=2.5), patience=60)

        assert [answer.granted for answer in answers] == [True] * 4
        assert [answer.wait for answer in answers] == _waits_since(begun, 0, 2.5, 5, 7.5)

    async def test_starts_of_two_processes_are_evenly_spaced(self, world: World) -> None:
        """Whichever process asks, and however much later, a start is one interval after the one before."""
        here, there = await _two(world)
        starts: list[tuple[float, float]] = []
        for number, config in enumerate((here, there, there, here)):
            before = world.clock.now()
            (answer,) = await config.admit(_asks("k", str(number), interval=1.0), patience=60)
            starts.append((before + answer.wait, world.clock.now() + answer.wait))
            await world.pass_time(0.25)

        for number, (earliest, latest) in enumerate(starts):
            assert earliest - 0.01 <= starts[0][1] + number
            assert latest + 0.01 >= starts[0][0] + number

    async def test_unused_starts_are_not_saved_up(self, world: World) -> None:
        """After a quiet time one may start at once, and the next one an interval later."""
        config, _ = await _two(world)
        await config.admit(_asks("k", "a", interval=0.5), patience=0)
        await world.pass_time(1.2)

        begun = SYSTEM_CLOCK.boot()
        answers = await config.admit(_asks("k", "bcd", interval=0.5), patience=60)

        assert [answer.wait for answer in answers] == _waits_since(begun, 0, 0.5, 1.0)

    async def test_wall_clock_that_is_set_back_holds_nobody_up(self, world: World) -> None:
        """An hour back is no hour of refusals: a start is free again within a minute and two intervals."""
        config, _ = await _two(world)
        await config.admit(_asks("k", "a", interval=1.0), 0)

        world.set_wall_clock(-3600)

        (answer,) = await config.admit(_asks("k", "b", interval=1.0), 0)
        assert answer.granted or answer.wait <= 62

    async def test_start_beyond_patience_is_refused(self, world: World) -> None:
        """A start that lies further away than patience reaches is refused, with the seconds until then."""
        config, _ = await _two(world)

        begun = SYSTEM_CLOCK.boot()
        answers = await config.admit(_asks("k", "abcd", interval=10.0), patience=15)

        assert [answer.granted for answer in answers] == [True, True, False, False]
        assert [answer.wait for answer in answers] == _waits_since(begun, 0, 10, 20, 20)

    async def test_refused_start_takes_nothing(self, world: World) -> None:
        """However often one was refused, the start comes when it was said, and may be had then."""
        config, _ = await _two(world)
        interval = world.lease + 1.0 * world.ease
        asks = _asks("k", "b", interval=interval)
        await config.admit(_asks("k", "a", interval=interval), patience=0)
        refused = [(await config.admit(asks, patience=0))[0] for _ in range(5)]
        assert [answer.granted for answer in refused] == [False] * 5
        assert all(0 < answer.wait <= interval for answer in refused)

        await world.pass_time(refused[-1].wait + world.slack)

        (granted,) = await config.admit(asks, patience=0)
        assert granted == Answer(granted=True)

    async def test_full_limit_takes_no_start(self, world: World) -> None:
        """Who is refused because too many run does not use up a start."""
        config, _ = await _two(world)
        await config.admit([Ask("k", "a", "one", concurrency=1, interval=10.0)], 60)
        asks = [Ask("k", task_id, "one", concurrency=1, interval=10.0) for task_id in "bcd"]
        assert [answer.granted for answer in await config.admit(asks, 60)] == [False] * 3

        await config.release("one", ["a"])

        (answer,) = await config.admit(asks[:1], 60)
        assert answer.granted is True
        assert 0 < answer.wait <= 10

    async def test_refused_start_takes_no_permit(self, world: World) -> None:
        """Who is refused because of the interval is not counted among those that run."""
        config, _ = await _two(world)
        interval = world.lease / 2
        asks = [Ask("k", task_id, "one", concurrency=2, interval=interval) for task_id in "abc"]
        assert [answer.granted for answer in await config.admit(asks, 0)] == [True, False, False]

        await world.pass_time(interval + 0.05)

        (answer,) = await config.admit([Ask("k", "d", "one", concurrency=2, interval=interval)], 0)
        assert answer.granted is True

    async def test_many_ask_at_once(self, world: World) -> None:
        """Of forty that ask at the same moment in two processes, as many are granted as may be."""
        here, there = await _two(world)
        calls = [(here, there)[i % 2].admit(_asks("k", [f"t{i}"], at_a_time=7), 0) for i in range(40)]
        answers = await asyncio.gather(*calls)
        assert sum(answer.granted for (answer,) in answers) == 7

        calls = [(here, there)[i % 2].admit(_asks("i", [f"t{i}"], interval=10.0), 1e6) for i in range(40)]
        answers = await asyncio.gather(*calls)

        waits = sorted(answer.wait for (answer,) in answers)
        assert waits == pytest.approx([10.0 * i for i in range(40)], abs=5)

    async def test_limits_survive_a_restart(self, world: World) -> None:
        """A restart of every process gives no start and no permit away."""
        before = await world.component()
        await _announce(world, before)
        await before.admit([Ask("k", "a", "one", concurrency=1)], 0)
        await before.admit([Ask("i", "a", "one", interval=60.0)], 0)
        await before.stop()

        after = await world.component()

        assert await _granted(after, "b", at_a_time=1, worker="two") is False
        (answer,) = await after.admit([Ask("i", "b", "two", interval=60.0)], 0)
        assert answer.granted is False

    async def test_limits_of_two_apps_never_meet(self, world: World) -> None:
        """What one app has used up, and its flush, concern no other app at the same place."""
        shop, mail = await world.component("shop"), await world.component("mail")
        asks = [Ask("k", "a", "one", concurrency=1), Ask("i", "a", "one", interval=60.0)]
        for config in (shop, mail):
            await _announce(world, config)
            assert [answer.granted for answer in await config.admit(asks, 0)] == [True, True]

        await shop.flush()
        await _announce(world, shop)

        others = [msgspec.structs.replace(ask, task_id="b") for ask in asks]
        assert [answer.granted for answer in await mail.admit(others, 0)] == [False, False]
        assert [answer.granted for answer in await shop.admit(others, 0)] == [True, True]


async def _two(world: World) -> tuple[GlobalConfig, GlobalConfig]:
    """Return the configs of two processes that know the workers `one` and `two`."""
    here, there = await world.component(), await world.component()
    await _announce(world, here)
    return here, there


async def _announce(world: World, config: GlobalConfig) -> None:
    for name in ("one", "two"):
        await config.announce(_worker(world, name), world.lease)


def _worker(world: World, name: str) -> WorkerInfo:
    return msgspec.structs.replace(this_worker(("default",), 3, world.clock.now()), id=name)


def _waits_since(begun: float, *waits: float) -> Any:
    """Return what equals these waits, but for the time that the call has taken."""
    return pytest.approx(waits, abs=SYSTEM_CLOCK.boot() - begun + 0.01)


def _asks(
    key: str,
    task_ids: Sequence[str],
    *,
    at_a_time: int | None = None,
    interval: float | None = None,
    worker: str = "one",
) -> list[Ask]:
    return [Ask(key, task_id, worker, at_a_time, interval) for task_id in task_ids]


async def _granted(config: GlobalConfig, task_id: str, *, at_a_time: int, worker: str = "one") -> bool:
    (answer,) = await config.admit(_asks("k", [task_id], at_a_time=at_a_time, worker=worker), 0)
    return answer.granted
