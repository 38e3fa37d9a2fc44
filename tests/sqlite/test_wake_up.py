"""The bell: who is woken, by what, and how fast."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from conformance.running import EASE
from conformance.seldom import LOOK_SELDOM, look_seldom

from qtasks.config import QueueConfig
from qtasks.errors import BackendUnavailable
from qtasks.models import Report
from qtasks.status import FINAL
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker
from qtasks_sqlite._bell import Bell
from qtasks_sqlite._hearing import Hearing
from qtasks_sqlite._inotify import InotifyEar
from qtasks_sqlite._polling import PollingEar
from qtasks_sqlite._work import News

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux")

OTHER = (
    LOOK_SELDOM
    + """
import asyncio, sys, time
from qtasks.clock import SYSTEM_CLOCK
from qtasks.ids import new_id
from qtasks.models import Message, Outcome
from qtasks.status import TaskStatus
from qtasks.testing.setup import TestSetup
from qtasks.worker.identity import this_worker
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    broker = AsyncSQLiteBroker(sys.argv[1])
    await broker.start(TestSetup("kit", clock=SYSTEM_CLOCK))
    consumer = await broker.open_consumer(this_worker(["default"], 1, time.time()), ["default"])
    print("ready", flush=True)
    while batch := await consumer.fetch(1):
        now = time.time()
        await broker.settle([Outcome(d.id, d.token, TaskStatus.SUCCESS, now, now) for d in batch])
        if batch[0].task == "stop":
            break
    await broker.stop()

asyncio.run(main())
"""
)


@pytest_asyncio.fixture
async def real(url: str) -> AsyncIterator[World]:
    """Give processes on the clock of the system."""

    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(url)

    world = World(make, takes_clock=False, ease=EASE)
    try:
        yield world
    finally:
        await world.close()


def _ear(process: Any) -> Any:
    return process.broker._link.database.hearing.ear


async def _idle(process: Any, worker: Any) -> asyncio.Future[Any]:
    """Return a fetch that sleeps."""
    fetch: asyncio.Future[Any] = asyncio.ensure_future(worker.consumer.fetch(1))
    async with asyncio.timeout(30):
        while not process.broker._link.database.hearing._idle:
            await asyncio.sleep(0.01)
    return fetch


@linux
async def test_round_trip_through_another_process_is_pushed(real: World, script: Any, url: str) -> None:
    """Publish here, run there, and the waiter here is woken: by push both ways."""
    process = await real.process()
    other = script(OTHER, url)
    assert await asyncio.to_thread(other.stdout.readline) == "ready\n"
    for number in range(30):
        message = real.message(task="stop" if number == 29 else "add")
        await process.publish(message)
        assert await real.at_once(process.storage.wait(message.id, FINAL)) is not None

    assert await asyncio.to_thread(other.wait, 30) == 0


@linux
async def test_busy_process_does_not_listen(real: World) -> None:
    """News that nobody here waits for is heard once at most, then no more until somebody does."""
    process = await real.process()
    worker = await process.worker()
    idle = await _idle(process, worker)
    assert _ear(process).wanted == News.READY
    await process.publish(real.message())
    await idle

    await process.publish(real.message())
    async with asyncio.timeout(real.patience):
        while _ear(process).wanted:
            await asyncio.sleep(0.01)

    assert len(await worker.fetch(5)) == 1


async def test_limits_say_how_news_comes(real: World) -> None:
    """A started broker knows how it is woken on this system."""
    process = await real.process()

    assert process.broker.limits.wake_up == _ear(process).wake_up


@linux
async def test_removed_bell_is_made_anew(real: World, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who tidies up the folder delays news by a second at most, once."""
    process = await real.process("kit", lease=60.0)
    worker = await process.worker()
    idle = await _idle(process, worker)
    bell = Path(f"{path}-bell")

    bell.unlink()

    async with asyncio.timeout(30):
        while not bell.exists():
            await asyncio.sleep(0.02)
    await process.publish(real.message())
    await real.soon(idle)

    look_seldom(monkeypatch)
    idle = await _idle(process, await process.worker())
    await process.publish(real.message())
    await real.at_once(idle)


async def test_without_inotify_news_comes_by_polling(script: Any, url: str) -> None:
    """On a system without inotify everything works by polling, and the limits say so."""
    process = script(
        LOOK_SELDOM
        + """
import asyncio, sys
from qtasks.status import FINAL
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    async def make():
        return AsyncSQLiteBroker(sys.argv[1])
    world = World(make, takes_clock=False, ease=20.0)
    sys.platform = "other"
    process = await world.process()
    assert process.broker.limits.wake_up.startswith("polling"), process.broker.limits
    worker = await process.worker()
    for _ in range(3):
        idle = asyncio.ensure_future(worker.consumer.fetch(1))
        await asyncio.sleep(0.3)
        message = world.message()
        await process.publish(message)
        waiting = asyncio.ensure_future(process.storage.wait(message.id, FINAL))
        (delivery,) = await world.at_once(idle)
        await process.finish(delivery)
        assert (await world.at_once(waiting)) is not None
    await world.close()

asyncio.run(main())
""",
        url,
    )

    _, err = await asyncio.to_thread(process.communicate, timeout=30)

    assert (process.returncode, err) == (0, "")


async def test_news_of_another_process_is_heard_by_polling(real: World, url: str, script: Any) -> None:
    """`data_version` shows what other processes have committed."""
    process = await real.process()
    heard = asyncio.Event()
    ear = PollingEar(
        process.broker._link.database._version,  # type: ignore[attr-defined]
        lambda _news: heard.set(),
        News.READY,
    )
    await heard.wait()
    await asyncio.sleep(0.2)
    heard.clear()
    other = script(
        """
import asyncio, sys
from qtasks.testing.conformance import World
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    async def make():
        return AsyncSQLiteBroker(sys.argv[1])
    world = World(make)
    await (await world.process()).publish(world.message())
    await world.close()

asyncio.run(main())
""",
        url,
    )

    async with asyncio.timeout(30):
        await heard.wait()
    ear.close()
    assert await asyncio.to_thread(other.wait, 30) == 0


async def test_idle_worker_costs_next_to_nothing(real: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle consumer asks the file about once a second, and for nothing in between."""
    process = await real.process("kit", lease=30.0)
    worker = await process.worker()
    idle = await _idle(process, worker)
    database, asked = process.broker._link.database, 0  # type: ignore[attr-defined]

    def counted(ask: Any) -> Any:
        def count(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            return ask(*arguments)

        return count

    for name in ("read", "write", "_version"):
        monkeypatch.setattr(database, name, counted(getattr(database, name)))
    began = time.monotonic()
    await asyncio.sleep(2)
    looks = time.monotonic() - began + 1

    await worker.consumer.close()
    await idle
    assert asked <= 4 * looks  # a look, a claim, another look, and now and then what has expired


async def test_many_waiters_are_answered(real: World) -> None:
    """Hundreds who wait at once are all told, each its own record."""
    process = await real.process()
    messages = real.messages(300)
    await process.publish(*messages)
    waiting = [asyncio.ensure_future(process.storage.wait(m.id, FINAL)) for m in messages]
    worker = await process.worker()
    for delivery in await worker.fetch_number(300, limit=100):
        await process.finish(delivery, result=delivery.id.encode())

    records = await real.soon(asyncio.gather(*waiting))

    assert [r and r.result for r in records] == [m.id.encode() for m in messages]


async def test_safety_look_finds_what_was_not_rung(url: str, ask: Any) -> None:
    """An outcome that nobody has rung for is seen within `result_time_interval`."""

    async def make() -> AsyncSQLiteBroker:
        return AsyncSQLiteBroker(url)

    world = World(make, takes_clock=False)
    try:
        process = await world.process()
        process.setup.config = QueueConfig(result_time_interval=0.1)
        message = world.message()
        await process.publish(message)
        waiting = asyncio.ensure_future(process.storage.wait(message.id, FINAL))
        async with asyncio.timeout(world.patience):
            while not _ear(process).wanted & News.FINAL:
                await asyncio.sleep(0.01)
        ask("UPDATE task SET status = 'success', turn = NULL, remove_at = 1e12, finished_at = 1")

        record = await world.soon(waiting)
        assert record is not None
        assert record.finished_at == 1
    finally:
        await world.close()


@linux
async def test_bell_that_is_missing_when_somebody_begins_to_listen(real: World, path: Path) -> None:
    """Who begins to wait after the bell was removed gets a new one, and is woken."""
    process = await real.process()
    message, worker = real.message(), await process.worker()
    bell = Path(f"{path}-bell")
    bell.unlink()

    idle = await _idle(process, worker)
    assert bell.exists()
    await process.publish(message)
    (delivery,) = await idle
    bell.unlink()
    waiting = asyncio.ensure_future(process.storage.wait(message.id, FINAL))
    while not _ear(process).wanted & News.FINAL:
        await asyncio.sleep(0)
    await process.finish(delivery)

    assert (await real.at_once(waiting)) is not None


@linux
async def test_bell_that_cannot_be_made_is_done_without(
    real: World, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there can be no bell news comes by polling, and by the bell again when there can be one."""
    process = await real.process("kit", lease=60.0)
    worker = await process.worker()
    bell = Path(f"{path}-bell")
    bell.unlink()
    bell.mkdir()

    idle = await _idle(process, worker)
    async with asyncio.timeout(30):
        while not process.broker.limits.wake_up.startswith("polling"):
            await asyncio.sleep(0.02)
    await process.publish(real.message())
    await real.soon(idle)
    with monkeypatch.context() as patch:
        look_seldom(patch)
        idle = await _idle(process, await process.worker())
        await process.publish(real.message())
        await real.at_once(idle)

    bell.rmdir()
    idle = await _idle(process, worker)
    async with asyncio.timeout(30):
        while not bell.is_file():
            await asyncio.sleep(0.02)
    assert process.broker.limits.wake_up.startswith("push")
    await process.publish(real.message())
    await idle


async def test_bell_is_not_closed_while_it_is_rung(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of a closed file may soon be that of another one, which must not be written to."""
    path.touch()
    bell = Bell(str(path))
    bell.open()
    rings, may_go_on = threading.Event(), threading.Event()
    write = os.pwrite

    def slow(*arguments: Any) -> int:
        rings.set()
        assert may_go_on.wait(30)
        return write(*arguments)

    monkeypatch.setattr(os, "pwrite", slow)
    ringing = asyncio.ensure_future(asyncio.to_thread(bell.ring, News.READY))
    assert await asyncio.to_thread(rings.wait, 30)

    closing = asyncio.ensure_future(asyncio.to_thread(bell.close))
    done, _ = await asyncio.wait({closing}, timeout=0.1)
    assert not done

    may_go_on.set()
    await asyncio.gather(ringing, closing)
    assert Path(bell.path).read_bytes() == b"\n"


async def test_polling_goes_on_after_an_error() -> None:
    """An error of the question is no news; an error of who is told ends it until somebody listens again."""
    answers: list[Any] = [1, RuntimeError("odd"), 2, 3, 3]
    heard: list[News] = []

    async def version() -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    def hear(news: News) -> None:
        heard.append(news)
        if len(heard) == 3:
            raise RuntimeError("who is told fails")

    ear = PollingEar(version, hear, News.READY)
    task = ear._task
    assert task is not None
    async with asyncio.timeout(30):
        with pytest.raises(RuntimeError, match="fails"):
            await task
        assert (len(heard), ear.wanted) == (3, News.NONE)

        ear.want(News.FINAL)
        while len(heard) < 4:
            await asyncio.sleep(0.01)
    assert heard[3] is News.FINAL
    ear.close()


async def test_waiters_do_not_hang_when_the_look_fails(real: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody has thought of ends the waiting of all, and the next one waits as ever."""
    process = await real.process()
    process.setup.config = QueueConfig(result_time_interval=0.05)
    message = real.message()
    await process.publish(message)

    def check(_hearing: Hearing) -> None:
        raise RuntimeError("odd")

    with monkeypatch.context() as patch:
        patch.setattr(Hearing, "check", check)
        waiting = [asyncio.ensure_future(process.storage.wait(message.id, FINAL)) for _ in range(2)]
        answers = await real.soon(asyncio.gather(*waiting, return_exceptions=True))
    assert [type(answer) for answer in answers] == [BackendUnavailable, BackendUnavailable]

    last = asyncio.ensure_future(process.storage.wait(message.id, FINAL))
    await process.finish(await (await process.worker()).fetch_one())
    assert (await real.soon(last)) is not None


CANCELS = """
import asyncio, sys
from qtasks.clock import SYSTEM_CLOCK
from qtasks.models import Cancel, Report, Token
from qtasks.testing.setup import TestSetup
from qtasks_sqlite import AsyncSQLiteBroker

async def main() -> None:
    broker = AsyncSQLiteBroker(sys.argv[1])
    setup = TestSetup("kit", clock=SYSTEM_CLOCK)
    for part in (broker.storage.global_config, broker.storage, broker):
        await part.start(setup)
    for line in sys.stdin:
        what, task_id = line.split()
        if what == "cancel":
            await broker.storage.cancel([Cancel(task_id, "asked")])
        elif what == "report":
            await broker.storage.report([Report(task_id, Token(1, 1, 1), items=(b"item",))])
        else:
            await broker.storage.global_config.set("group", task_id, 1)
        print("done", flush=True)
    for part in (broker, broker.storage, broker.storage.global_config):
        await part.stop()

asyncio.run(main())
"""


@linux
@pytest.mark.parametrize("kind", [kind for kind in News if kind is not News.NONE])
async def test_each_kind_of_news_is_heard_alone(path: Path, kind: News) -> None:
    """Who listens for one kind of news is woken by that kind, and by no other."""
    path.touch()
    bell, heard = Bell(str(path)), asyncio.Event()
    bell.open()
    told: list[News] = []

    def hear(news: News) -> None:
        told.append(news)
        heard.set()

    ear = InotifyEar(bell.path, hear, kind)
    try:
        for other in News:
            if other is not kind:
                bell.ring(other)
        bell.ring(kind)
        async with asyncio.timeout(30):
            await heard.wait()
    finally:
        ear.close()
        bell.close()

    assert told == [kind]


@linux
async def test_other_processes_are_heard_at_once(
    real: World, script: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wish, an item and a setting of another process are pushed to who waits for them."""
    look_seldom(monkeypatch)
    process = await real.process()
    worker, config = await process.worker(), process.storage.global_config
    message = real.message()
    await process.publish(message)
    await worker.fetch_one()
    other = script(CANCELS, url)
    waiting = {
        "report": asyncio.ensure_future(process.storage.listen(message.id, 0, 0)),
        "cancel": asyncio.ensure_future(worker.consumer.signals()),
        "set": asyncio.ensure_future(config.watch("group", {})),
    }
    for what, call in waiting.items():
        await real.still_waits(call)
        other.stdin.write(f"{what} {message.id}\n")
        other.stdin.flush()
        assert await asyncio.to_thread(other.stdout.readline) == "done\n"
        await real.at_once(call)
    _, err = await asyncio.to_thread(other.communicate, timeout=30)
    assert (other.returncode, err) == (0, "")


@linux
async def test_busy_worker_listens_to_signals_alone(real: World) -> None:
    """A worker that waits for signals is not woken by tasks that come and end."""
    process = await real.process()
    worker = await process.worker()
    await process.publish(*real.messages(2))
    first, second = await worker.fetch_number(2)
    signals = asyncio.ensure_future(worker.consumer.signals())
    await real.still_waits(signals)
    await process.publish(real.message())
    await process.finish(first)
    await process.storage.report([Report(second.id, second.token, items=(b"item",))])

    async with asyncio.timeout(real.patience):
        while _ear(process).wanted != News.SIGNAL:
            await asyncio.sleep(0.01)
    await real.still_waits(signals)

    assert _ear(process).wanted == News.SIGNAL
    await process.cancel(second.id)
    assert [signal.id for signal in await real.soon(signals)] == [second.id]


async def test_wish_that_nobody_rang_for_is_found(
    real: World, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for signals looks by himself now and then."""
    process = await real.process()
    worker = await process.worker()
    await process.publish(real.message())
    delivery = await worker.fetch_one()
    monkeypatch.setattr(_ear(process), "safety", 0.1)
    signals = asyncio.ensure_future(worker.consumer.signals())
    await real.still_waits(signals)

    ask("UPDATE task SET cancel = 'silently' WHERE id = ?", delivery.id)

    assert [(s.id, s.reason) for s in await real.soon(signals)] == [(delivery.id, "silently")]


async def test_signals_alone_are_not_asked_for() -> None:
    """A worker waits for signals all the time: where there is no inotify, nobody asks for them alone."""
    asked: list[int] = []

    async def version() -> int:
        asked.append(1)
        return len(asked)

    heard: list[News] = []
    ear = PollingEar(version, heard.append, News.SIGNAL)
    await asyncio.sleep(0.05)
    assert asked == []

    ear.heard_here(News.SIGNAL)
    ear.want(News.SIGNAL | News.READY)
    async with asyncio.timeout(30):
        while len(heard) < 2:
            await asyncio.sleep(0.01)
    ear.want(News.SIGNAL)
    async with asyncio.timeout(30):
        while ear._task is not None:
            await asyncio.sleep(0.01)

    assert heard[:2] == [News.SIGNAL, News.SIGNAL | News.READY]
    assert ear.wanted == News.SIGNAL
    ear.close()


async def test_who_waits_is_told_of_the_stop(real: World) -> None:
    """Calls that wait for settings or items end at once with an error when the file is closed."""
    process = await real.process()
    message = real.message()
    await process.publish(message)
    waiting = [
        asyncio.ensure_future(process.storage.global_config.watch("group", {})),
        asyncio.ensure_future(process.storage.listen(message.id, 0, 0)),
    ]
    for call in waiting:
        await real.still_waits(call)

    await process.stop()

    answers = await real.at_once(asyncio.gather(*waiting, return_exceptions=True))
    assert [type(answer) for answer in answers] == [BackendUnavailable, BackendUnavailable]
