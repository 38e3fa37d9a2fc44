"""Leases in the file: what is lost, what is kept, and what is taken over."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from qtasks.errors import ConfigError
from qtasks.models import Settled
from qtasks.status import TaskStatus
from qtasks.testing.conformance import World
from qtasks.worker.identity import this_worker
from qtasks_sqlite import AsyncSQLiteBroker

Ask = Callable[..., list[tuple[Any, ...]]]


async def test_renewal_is_one_row(world: World, ask: Ask) -> None:
    """However much a worker holds, a renewal changes its own row and no task."""
    process = await world.process()
    await process.publish(*world.messages(50))
    worker = await process.worker()
    held = await worker.fetch(50)
    before = ask("SELECT id, updated_at, holder FROM task ORDER BY id")
    ((until,),) = ask("SELECT until FROM holder")
    await world.pass_time(5)

    assert worker.renew(*held) == []

    assert ask("SELECT id, updated_at, holder FROM task ORDER BY id") == before
    ((later,),) = ask("SELECT until FROM holder")
    assert later >= until + 5


async def test_late_outcome_takes_a_recovered_task_out_of_the_queue(world: World, ask: Ask) -> None:
    """Recovered and not fetched again: the late outcome is recorded, and nobody gets the task."""
    process = await world.process()
    await process.publish(world.message())
    delivery = await (await process.worker()).fetch_one()
    other = await process.worker("empty")
    await world.pass_time(world.lease + 1)
    waiting = asyncio.ensure_future(other.consumer.fetch(1))
    while ask("SELECT status FROM task") != [("new",)]:
        await asyncio.sleep(0.01)

    assert list(await process.settle(process.outcome(delivery))) == [Settled.RECORDED]

    record = await process.record(delivery.id)
    assert (record.status, record.losses) == (TaskStatus.SUCCESS, 1)
    assert [event.end for event in record.history] == ["lost"]
    await other.consumer.close()
    assert await waiting == []
    assert await (await process.worker()).ready_now() == []


async def test_claims_keep_the_lease_alive(world: World) -> None:
    """A worker that fetches is not silent: a fresh delivery has a whole lease."""
    process = await world.process()
    worker, other = await process.worker(), await process.worker("other")
    await world.pass_time(world.lease * 0.9)
    await process.publish(world.message())
    delivery = await worker.fetch_one()
    await world.pass_time(world.lease * 0.9)

    assert await other.ready_now() == []

    assert (await process.record(delivery.id)).status is TaskStatus.PROCESS


async def test_worker_whose_lease_was_taken_away_registers_again(world: World, ask: Ask) -> None:
    """After a long stop a worker gets new deliveries under a new lease, and learns what it lost."""
    process = await world.process()
    await process.publish(world.message())
    stopped, other = await process.worker(), await process.worker()
    lost = await stopped.fetch_one()
    ((old,),) = ask("SELECT holder FROM task")
    await world.pass_time(world.lease + 1)
    assert (await other.fetch_one()).id == lost.id
    await process.publish(world.message())

    fresh = await stopped.fetch_one()

    ((new,),) = ask("SELECT holder FROM task WHERE id = ?", fresh.id)
    assert new > old
    assert stopped.renew(lost, fresh) == [(lost.id, lost.token)]


async def test_nothing_is_claimed_under_a_lease_that_is_gone(world: World, ask: Ask) -> None:
    """A claim of a worker that others hold for dead waits until it has registered again."""
    process = await world.process()
    worker = await process.worker()
    await process.publish(*world.messages(2))
    first = await worker.fetch_one()
    ask("DELETE FROM holder")

    second = await worker.fetch_one()

    held = "SELECT holder IN (SELECT id FROM holder) FROM task WHERE id = ?"
    assert (ask(held, first.id), ask(held, second.id)) == ([(0,)], [(1,)])


async def test_number_of_a_holder_is_never_used_again(world: World, ask: Ask) -> None:
    """A task left by a removed holder cannot fall to a new one by a repeated number."""
    process = await world.process()
    await process.worker()
    ((first,),) = ask("SELECT id FROM holder")
    ask("DELETE FROM holder")

    await process.worker()

    assert ask("SELECT id > ? FROM holder", first) == [(1,)]


async def test_orphan_is_recovered(world: World, ask: Ask) -> None:
    """A task whose holder is gone without a trace becomes ready with the next recovery."""
    process = await world.process()
    await process.publish(world.message())
    gone, other = await process.worker(), await process.worker()
    delivery = await gone.fetch_one()
    ask("DELETE FROM holder WHERE worker = ?", gone.info.id)
    await world.pass_time(world.lease + 1)

    again = await other.fetch_one()

    assert (again.id, again.losses) == (delivery.id, 1)


async def test_lease_of_an_earlier_boot_has_ended(world: World, ask: Ask) -> None:
    """The clock of another boot says nothing now: what it leased is ready at once."""
    process = await world.process()
    await process.publish(world.message())
    before, after = await process.worker(), await process.worker()
    delivery = await before.fetch_one()
    ask("UPDATE holder SET clock = 'another-boot', until = until + 1e6 WHERE worker = ?", before.info.id)

    assert (await after.fetch_one()).id == delivery.id


async def test_lease_from_the_future_has_ended(world: World, ask: Ask) -> None:
    """Where boots have no names, a renewal that has not happened yet shows that the clock began anew."""
    process = await world.process()
    await process.publish(world.message())
    before, after = await process.worker(), await process.worker()
    delivery = await before.fetch_one()
    ask(
        "UPDATE holder SET clock = '', renewed = renewed + 1e6, until = until + 1e6 WHERE worker = ?",
        before.info.id,
    )

    assert (await after.fetch_one()).id == delivery.id


async def test_take_over_leaves_the_living_alone(world: World) -> None:
    """Taking over finds the process that is gone, and not the one that lives."""
    process = await world.process()
    await process.publish(*world.messages(2))
    alive = await process.worker()
    info = this_worker(["default"], 1, world.clock.now())
    dead = await process.worker(info=msgspec.structs.replace(info, pid_started="0"))
    kept, lost = await alive.fetch_one(), await dead.fetch_one()

    taking = await process.worker(take_over=True)

    assert [delivery.id for delivery in await taking.ready_now()] == [lost.id]
    assert alive.renew(kept) == []


async def test_two_apps_in_one_file_never_meet(world: World) -> None:
    """A worker of one app neither fetches nor recovers what is of another, even with one id."""
    shop, mail = await world.process("shop"), await world.process("mail")
    message = world.message()
    await shop.publish(message)
    await mail.publish(message)
    delivery = await (await shop.worker()).fetch_one()
    await world.pass_time(world.lease + 1)

    worker = await mail.worker()
    assert [d.id for d in await worker.ready_now()] == [message.id]

    assert (await shop.record(delivery.id)).status is TaskStatus.PROCESS


async def test_storage_in_one_file_shares_one_engine(world: World) -> None:
    """All components of one file in one loop stand on one writing and one reading connection."""
    one, two = await world.process(), await world.process("other")
    brokers = [process.broker for process in (one, two)]
    engines = {id(broker._link.database) for broker in brokers if isinstance(broker, AsyncSQLiteBroker)}

    assert len(engines) == 1


async def test_more_queues_than_sqlite_can_join_are_refused(world: World) -> None:
    """Five hundred queues of one worker work, one more is an error that says so."""
    process = await world.process()
    names = [f"queue-{number}" for number in range(501)]
    await process.publish(world.message(queue=names[499]))

    assert len(await (await process.worker(*names[:500])).fetch()) == 1
    with pytest.raises(ConfigError, match="500"):
        await process.worker(*names)


async def test_history_keeps_the_last_hundred_lines(world: World) -> None:
    """A task that comes back for ever does not grow for ever."""
    process = await world.process()
    message = world.message()
    await process.publish(message)
    worker = await process.worker()
    for _ in range(105):
        await process.finish(await worker.fetch_one(), TaskStatus.RETRY)

    record = await process.record(message.id)

    assert [event.token.delivery for event in record.history] == list(range(6, 106))


async def test_claim_that_waited_gives_a_whole_lease(world: World, path: Path, ask: Ask) -> None:
    """The lease counts from the moment when the claim has the lock, however long it has waited."""
    process = await world.process()
    worker = await process.worker()
    await process.publish(*world.messages(2))
    await worker.fetch_one()
    await world.pass_time(0.5)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        fetch = asyncio.ensure_future(worker.consumer.fetch(1))
        done, _ = await asyncio.wait({fetch}, timeout=0.2)
        assert not done
        await world.pass_time(world.lease * 0.5)
        other.execute("COMMIT")
        assert len(await fetch) == 1

    ((until,),) = ask("SELECT until FROM holder")
    assert until == pytest.approx(world.clock.boot() + world.lease, abs=world.lease / 4)


async def test_lease_is_never_shortened(world: World, ask: Ask) -> None:
    """Whoever of claim and keeper comes late does not take back what the other one has given."""
    process = await world.process()
    await process.publish(*world.messages(2))
    worker = await process.worker()
    delivery = await worker.fetch_one()
    keeper = process.broker.keeper(worker.info)
    keeper.renew([(delivery.id, delivery.token)])
    await world.pass_time(1)
    ask("UPDATE holder SET renewed = renewed + 9, until = until + 9")
    before = ask("SELECT renewed, until FROM holder")

    keeper.renew([(delivery.id, delivery.token)])
    assert ask("SELECT renewed, until FROM holder") == before
    # A worker that is known registers again, which is what a claim does to prolong the lease.
    await process.worker(info=worker.info)
    assert ask("SELECT renewed, until FROM holder") == before
    keeper.close()


async def test_recovery_that_waited_spares_the_living(world: World, path: Path, ask: Ask) -> None:
    """A lease that was renewed after somebody has looked, and before he acts, has not ended."""
    process = await world.process()
    await process.publish(world.message())
    alive, other = await process.worker(), await process.worker()
    await alive.fetch_one()
    ask("INSERT INTO holder (app, worker, clock, renewed, until, info) VALUES ('kit', 'dead', '', 0, 1, '')")
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        fetch = asyncio.ensure_future(other.consumer.fetch(1))
        done, _ = await asyncio.wait({fetch}, timeout=0.2)
        assert not done
        await world.pass_time(5)
        boot = world.clock.boot()
        renewal = "UPDATE holder SET renewed = ?, until = ? WHERE worker = ?"
        lock.execute(renewal, (boot, boot + world.lease, alive.info.id))
        lock.execute("COMMIT")
    async with asyncio.timeout(world.patience):
        while ask("SELECT * FROM holder WHERE worker = 'dead'"):
            await asyncio.sleep(0.01)

    assert ask("SELECT count(*) FROM holder WHERE worker = ?", alive.info.id) == [(1,)]
    assert ask("SELECT losses FROM task") == [(0,)]
    await other.consumer.close()
    await fetch


NAMESPACE = """
import asyncio, sys
import msgspec
from qtasks.clock import SYSTEM_CLOCK
from qtasks.models import WorkerInfo
from qtasks.testing.conformance import World
from qtasks.worker.identity import is_gone
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(sys.argv[1])
    world = World(make, takes_clock=False)
    process = await world.process("kit", lease=30.0)
    worker = await process.worker()
    assert await worker.ready_now() == []
    print(SYSTEM_CLOCK.boot(), is_gone(msgspec.json.decode(sys.argv[2], type=WorkerInfo)))
    await world.close()

asyncio.run(main())
"""


def _in_a_time_namespace() -> tuple[str, ...]:
    """Return what runs a command in a time namespace whose boot clock is far ahead."""
    command = ("unshare", "--time", "--boottime", "1000000", "--")
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("this system has no time namespaces, or does not give them to this user")
    return command


async def test_time_namespace_does_not_matter(url: str, script: Any, ask: Ask) -> None:
    """A worker in a container with a clock of its own takes from nobody, and its lease ends as all do."""
    command = _in_a_time_namespace()
    world = World(lambda: asyncio.sleep(0, AsyncSQLiteBroker(url)), takes_clock=False)
    process = await world.process("kit", lease=30.0)
    await process.publish(world.message())
    worker = await process.worker()
    delivery = await worker.fetch_one()
    info = msgspec.json.encode(worker.info).decode()

    there = script(NAMESPACE, url, info, before=command)
    out, err = await asyncio.to_thread(there.communicate, timeout=30)

    assert err == ""
    boot, is_gone = out.split()
    assert float(boot) > world.clock.boot() + 900_000
    assert is_gone == "False"
    ends = [until for (until,) in ask("SELECT until FROM holder")]
    assert len(ends) == 2
    assert all(0 < end - world.clock.boot() <= 30 for end in ends)
    assert worker.renew(delivery) == []
    await world.close()
