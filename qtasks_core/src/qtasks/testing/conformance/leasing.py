"""At least once: leases, their renewal and what happens when they end (contract 2)."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from threading import Event, Thread

import msgspec

from qtasks.clock import SYSTEM_CLOCK
from qtasks.models import Delivery, WorkerInfo
from qtasks.status import TaskStatus
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import Hand, World
from qtasks.worker.identity import started, this_worker


class Leasing(Suite):
    """What holds when a worker is silent, and when it is not."""

    async def test_task_of_a_lost_worker_comes_again(self, world: World) -> None:
        """When the lease of a silent worker has ended, another worker gets the task, body intact."""
        here, there = await world.process(), await world.process()
        message = world.message(body=b"body")
        await here.publish(message)
        first = await (await here.worker()).fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)

        again = await (await there.worker()).fetch_one()

        assert (again.id, again.body) == (first.id, b"body")

    async def test_idle_worker_finds_what_a_lost_one_left(self, world: World) -> None:
        """A worker that waits on an idle queue gets a lost task within the lease and one second."""
        process = await world.process(lease=0.4)
        lost, idle = await process.worker(), await process.worker()
        await process.publish(world.message())
        begun = SYSTEM_CLOCK.boot()
        first = await lost.fetch_one()

        again = await idle.fetch_one(within=0.4 + 1.0 * world.ease)

        assert again.id == first.id
        assert SYSTEM_CLOCK.boot() - begun >= 0.3

    async def test_lost_task_does_not_wait_behind_a_backlog(self, world: World) -> None:
        """A task that a lost worker had comes before those that became ready after it."""
        process = await world.process()
        lost, *later = world.messages(4)
        await process.publish(lost)
        await (await process.worker()).fetch_one()
        for message in later:
            await process.publish(message)
        await world.pass_time(world.lease * 1.1 + world.slack)

        assert (await (await process.worker()).fetch_one()).id == lost.id

    async def test_leased_task_is_not_delivered_again(self, world: World) -> None:
        """Until the lease ends, nobody else gets the task."""
        process = await world.process()
        await process.publish(world.message())
        await (await process.worker()).fetch_one()
        await world.pass_time(world.lease * 0.6)

        assert await (await process.worker()).ready_now() == []

    async def test_renewed_task_is_not_delivered_again(self, world: World) -> None:
        """A task that takes many leases stays with its worker as long as that renews."""
        process = await world.process()
        await process.publish(world.message())
        worker, other = await process.worker(), await process.worker()
        delivery = await worker.fetch_one()

        for _ in range(4):
            await world.pass_time(world.lease * 0.6)
            assert list(worker.renew(delivery)) == []
            assert await other.ready_now() == []

        await process.finish(delivery)

    async def test_one_renewal_covers_all_that_is_held(self, world: World) -> None:
        """A worker renews whatever it holds in one call."""
        process = await world.process()
        await process.publish(*world.messages(50))
        worker, other = await process.worker(), await process.worker()
        held = await worker.fetch_number(50)
        await world.pass_time(world.lease * 0.6)

        assert list(worker.renew(*held)) == []

        await world.pass_time(world.lease * 0.6)
        assert await other.ready_now() == []

    async def test_renewal_from_a_thread_while_the_loop_is_blocked(self, world: World) -> None:
        """A body that blocks the loop for several leases keeps its task: a thread renews it."""
        process = await world.process(lease=1.0)
        await process.publish(world.message())
        worker, other = await process.worker(), await process.worker()
        delivery = await worker.fetch_one()

        with _Heartbeat(worker, delivery, every=0.1):
            time.sleep(2.2)  # noqa: ASYNC251  # blocking the loop is what this test is about
            ready = await other.ready_now()

        assert ready == []
        await process.finish(delivery)

    async def test_renewal_tells_what_is_lost(self, world: World) -> None:
        """The heartbeat of a late worker learns what has gone to somebody else, and only that."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker()
        lost = await late.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)
        await other.fetch_one()
        await process.publish(world.message())
        kept = await late.fetch_one()

        assert list(late.renew(lost, kept)) == [(lost.id, lost.token)]

    async def test_late_renewal_keeps_what_nobody_has_taken(self, world: World) -> None:
        """A worker that renews late, before anybody has taken its task, keeps it."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker()
        delivery = await late.fetch_one()
        await world.pass_time(world.lease * 1.1 + world.slack)

        assert list(late.renew(delivery)) == []

        assert await other.ready_now() == []
        await process.finish(delivery)

    async def test_late_renewal_takes_the_loss_back(self, world: World) -> None:
        """A worker that renews late, before anybody has taken its task, has lost nothing by the count."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker("other")
        delivery = await late.fetch_one()
        for _ in range(3):
            await world.pass_time(world.lease * 1.1 + world.slack)
            await other.ready_now()  # whoever looks for ended leases has looked
            assert list(late.renew(delivery)) == []

        record = await process.record(delivery.id)

        assert (record.status, record.losses, record.history) == (TaskStatus.PROCESS, 0, ())
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert (await late.fetch_one()).losses == 1

    async def test_late_renewal_keeps_the_wish(self, world: World) -> None:
        """A wish for a task in hand is kept when its worker renews late, and comes with the next delivery."""
        process = await world.process()
        await process.publish(world.message())
        late, other = await process.worker(), await process.worker("other")
        delivery = await late.fetch_one()
        await process.cancel(delivery.id, reason="why")
        await world.pass_time(world.lease * 1.1 + world.slack)
        await other.ready_now()  # whoever looks for ended leases has looked

        assert list(late.renew(delivery)) == []

        assert (await process.record(delivery.id)).cancel == "why"
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert (await late.fetch_one()).cancel == "why"

    async def test_renewal_is_silent_about_settled_tasks(self, world: World) -> None:
        """A task whose outcome has just been recorded is not reported as lost."""
        process = await world.process()
        await process.publish(world.message())
        worker = await process.worker()
        delivery = await worker.fetch_one()
        await process.finish(delivery)

        assert list(worker.renew(delivery)) == []

    async def test_wall_clock_does_not_touch_leases(self, world: World) -> None:
        """Setting the wall clock forwards ends no lease, setting it back prolongs none."""
        process = await world.process()
        await process.publish(world.message())
        worker, other = await process.worker(), await process.worker()
        delivery = await worker.fetch_one()

        world.set_wall_clock(world.lease * 3)
        assert await other.ready_now() == []

        world.set_wall_clock(world.lease * -6)
        await world.pass_time(world.lease * 1.1 + world.slack)
        assert (await other.fetch_one()).id == delivery.id

    async def test_provably_dead_worker_is_taken_over_at_once(self, world: World) -> None:
        """`take_over` hands out at once what a worker left whose process exists no more."""
        process = await world.process()
        await process.publish(world.message())
        left = await (await process.worker(info=_dead(world))).fetch_one()

        taken = await (await process.worker(take_over=True)).fetch_one(within=1.0 * world.ease)

        assert taken.id == left.id
        assert taken.token.delivery == left.token.delivery + 1

    async def test_living_worker_is_not_taken_over(self, world: World) -> None:
        """`take_over` leaves a worker alone whose process exists, and one of another machine."""
        process = await world.process()
        await process.publish(world.message(), world.message())
        living = await process.worker()
        await living.fetch_one()
        foreign = msgspec.structs.replace(_dead(world), id="elsewhere-1", host="elsewhere.invalid")
        await (await process.worker(info=foreign)).fetch_one()

        assert await (await process.worker(take_over=True)).ready_now() == []

    async def test_nothing_is_taken_over_unasked(self, world: World) -> None:
        """Without `take_over`, a dead worker's tasks come when its lease ends, not before."""
        process = await world.process()
        await process.publish(world.message())
        await (await process.worker(info=_dead(world))).fetch_one()

        assert await (await process.worker()).ready_now() == []


def _dead(world: World) -> WorkerInfo:
    """Describe a worker whose process has ended."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        began = started(child.pid)
    living = this_worker(("default",), 1, world.clock.now())
    return msgspec.structs.replace(
        living, id=f"dead-{child.pid}", pid=child.pid, pid_started=began or living.pid_started
    )


@dataclass
class _Heartbeat:
    """Renews a delivery from a thread of its own."""

    worker: Hand
    delivery: Delivery
    every: float

    def __enter__(self) -> None:
        self._done = Event()
        self._thread = Thread(target=self._beat, daemon=True)
        self._thread.start()

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        keeper = self.worker.process.broker.keeper(self.worker.info)
        while not self._done.wait(self.every):
            keeper.renew([(self.delivery.id, self.delivery.token)])
        keeper.close()
