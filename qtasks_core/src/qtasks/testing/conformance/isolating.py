"""Apps that share a place never meet."""

from __future__ import annotations

from qtasks.status import FINAL
from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance._world import World


class Isolating(Suite):
    """What the name of an app promises."""

    async def test_tasks_of_two_apps_never_meet(self, world: World) -> None:
        """A worker of one app gets no task of another, and its storage knows none."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        await shop.publish(message)

        assert await (await mail.worker()).ready_now() == []
        assert list(await mail.storage.get([message.id])) == [None]
        assert (await shop.storage.counts()).total == 1
        assert await world.soon(mail.storage.wait(message.id, FINAL)) is None

    async def test_one_id_in_two_apps_is_two_tasks(self, world: World) -> None:
        """Two apps may use the same id."""
        shop, mail = await world.process("shop"), await world.process("mail")
        message = world.message()
        await shop.publish(message)
        await mail.publish(message)

        delivery = await (await shop.worker()).fetch_one()
        await shop.finish(delivery, result=b"shop")

        assert (await mail.record(message.id)).result is None
        assert (await (await mail.worker()).fetch_one()).id == message.id

    async def test_flush_removes_everything_of_its_app(self, world: World) -> None:
        """After a flush of broker and storage nothing waits, nothing is held, nothing is known."""
        process = await world.process()
        ended, worker = await process.finished(), await process.worker()
        messages = [*world.messages(3), world.message(due=world.clock.now() + world.lease)]
        await process.publish(*messages)
        held = await worker.fetch_one()

        await process.broker.flush()
        await process.storage.flush()

        await world.pass_time(world.lease * 1.2)
        assert await worker.ready_now() == []
        ids = [ended.id, held.id, *(message.id for message in messages)]
        assert set(await process.storage.get(ids)) == {None}

    async def test_flush_touches_its_own_app_only(self, world: World) -> None:
        """A flush of one app leaves tasks, records and settings of another at the same place alone."""
        shop, mail = await world.process("shop"), await world.process("mail")
        ended, message = await mail.finished(), world.message()
        await mail.publish(message)
        await mail.storage.global_config.set("group", "key", 1)

        await shop.broker.flush()
        await shop.storage.flush()
        await shop.storage.global_config.flush()

        assert [d.id for d in await (await mail.worker()).ready_now()] == [message.id]
        assert (await mail.record(ended.id)).status in FINAL
        assert await mail.storage.global_config.get("key", "group") == 1

    async def test_flushed_app_goes_on(self, world: World) -> None:
        """After a flush the same processes publish and fetch as before, also ids that were there."""
        process = await world.process()
        worker, message = await process.worker(), world.message()
        await process.publish(message)
        await worker.fetch_one()
        await process.broker.flush()
        await process.storage.flush()

        await process.publish(message)

        assert (await worker.fetch_one()).id == message.id

    async def test_lease_of_one_app_is_not_that_of_another(self, world: World) -> None:
        """A renewal in one app keeps nothing in another, even under the same worker id."""
        shop, mail = await world.process("shop"), await world.process("mail")
        await mail.publish(world.message())
        there = await mail.worker()
        delivery = await there.fetch_one()
        here = await shop.worker(info=there.info)
        await world.pass_time(world.lease * 0.6)
        here.renew(delivery)
        await world.pass_time(world.lease * 0.6)

        assert (await (await mail.worker()).fetch_one()).id == delivery.id
