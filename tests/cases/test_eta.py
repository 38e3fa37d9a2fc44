"""Tasks that wait for their moment, in the backend and in every time zone."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cases import programs
from cases.apps import Place, ends, until, working
from processes.place import Place as ProcessPlace
from processes.place import Process

from qtasks.errors import ConfigError
from qtasks.options import CallOptions
from qtasks.producer import Call

TOMORROW = 86_400.0
BARELY = 0.001
"""The resolution with which the two clocks are compared here."""


def _memory_of(process: Process) -> int:
    """Return the bytes that a process has in memory (proc(5))."""
    (line,) = [
        line
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    ]
    return int(line.split()[1]) * 1024


async def _at_once(place: ProcessPlace, name: str) -> None:
    tasks = [await place.client.add_task("count", f"{name}-{number}") for number in range(10)]
    for task in tasks:
        await task.result(30)


async def test_delayed_tasks_take_no_memory_of_a_worker(processes: ProcessPlace) -> None:
    """10,000 tasks of tomorrow with a kilobyte each: a worker is as small as without, and works at once."""
    before = await processes.worker()
    await _at_once(processes, "before")
    alone = _memory_of(before)
    before.kill()
    later = CallOptions(delay=TOMORROW)
    await processes.client.add_tasks(Call("count", ("x" * 1000,), {}, later) for _ in range(10_000))

    after = await processes.worker()
    await _at_once(processes, "after")

    assert _memory_of(after) - alone < 5 * 1024 * 1024
    assert (await processes.client.counts()).by_status == {"delayed": 10_000, "success": 20}


async def test_delayed_tasks_take_no_slot(place: Place) -> None:
    """Beside 2,000 tasks of tomorrow a worker with one slot holds nothing, and what is ready runs at once."""
    app = place.app(max_tasks_process=1)

    @app.task
    async def number(one: int) -> int:
        return one

    await app.add_tasks(number.options(delay=TOMORROW).bind(one) for one in range(2000))
    async with working(app):
        tasks = [await number.add_task(one) for one in range(10)]
        assert [task.value() for task in await ends(tasks)] == list(range(10))
        parts = app.worker._parts
        assert parts is not None
        await until(lambda: len(parts.held) == 0)


async def test_what_becomes_due_goes_to_whoever_is_free(place: Place) -> None:
    """Of ten tasks that are due together a worker that started later runs about half."""
    apps = [place.app(max_tasks_process=1) for _ in range(2)]
    ran: list[int] = []

    def body_of(which: int) -> None:
        @apps[which].task(name="nap")
        async def nap() -> None:
            ran.append(which)
            await asyncio.sleep(0.05)

    body_of(0)
    body_of(1)
    async with working(apps[0]):
        tasks = await apps[0].add_tasks(Call("nap", (), {}, CallOptions(delay=3.0)) for _ in range(10))
        due = time.monotonic() + 3.0
        assert (await apps[0].add_task("nap", timeout=30)).status == "success"
        assert time.monotonic() < due
        async with working(apps[1]):
            await ends(tasks)

    assert ran[0] == 0
    assert {ran[1:].count(0), ran[1:].count(1)} <= {3, 4, 5, 6, 7}


async def test_a_moment_is_the_same_in_every_zone(place: Place) -> None:
    """The two half past one of an autumn night are an hour apart, and a zone changes nothing of a moment."""
    app = place.app()

    @app.task
    async def nothing() -> None: ...

    async def due(moment: datetime) -> datetime | None:
        return (await (await nothing.options(eta=moment).add_task()).refresh()).due

    home, year = ZoneInfo("America/New_York"), datetime.now(UTC).year + 1
    first_sunday = next(day for day in range(1, 8) if datetime(year, 11, day, tzinfo=home).weekday() == 6)
    night = datetime(year, 11, first_sunday, 1, 30, tzinfo=home)
    early, late = await due(night), await due(night.replace(fold=1))
    assert early is not None
    assert late is not None
    assert late - early == timedelta(hours=1)
    assert early == datetime(year, 11, first_sunday, 5, 30, tzinfo=UTC)
    for zone in ("UTC", "Asia/Kolkata", "Pacific/Chatham"):
        assert await due(early.astimezone(ZoneInfo(zone))) == early


async def test_a_time_without_a_zone_is_refused(place: Place) -> None:
    """It is told where it is given, whatever the zone of the machine, and nothing is sent."""
    app = place.app()

    @app.task
    async def nothing() -> None: ...

    for naive in (datetime.now(), datetime(2030, 1, 1), datetime.now(UTC).replace(tzinfo=None)):  # noqa: DTZ001, DTZ005
        with pytest.raises(ConfigError, match="time zone"):
            nothing.options(eta=naive)
    assert (await app.counts()).total == 0


PRODUCER = """
import asyncio, json, sys, time
from datetime import datetime, timedelta, UTC
from zoneinfo import ZoneInfo
from processes.shop import app, count
app.use_url(sys.argv[1])
assert time.strftime("%z") in {"-0500", "-0400"}, time.tzname

async def main() -> None:
    async with app:
        sent = {}
        moment = datetime.now(UTC) + timedelta(seconds=0.7)
        await count.options(delay=0.7).add_task("delay")
        sent["delay"] = time.time() + 0.7
        for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
            await count.options(eta=moment.astimezone(ZoneInfo(zone))).add_task(zone)
            sent[zone] = moment.timestamp()
        print(json.dumps(sent))

asyncio.run(main())
"""


async def test_sender_and_worker_may_live_in_different_zones(processes: ProcessPlace) -> None:
    """From New York to Kolkata each delay and each moment is kept: never early, and not hours late."""
    await processes.worker(TZ="Asia/Kolkata")
    producer = processes.run([sys.executable, "-c", PRODUCER, processes.url], TZ="America/New_York")
    assert await producer.end(30) == 0, producer.log
    offset = time.time() - time.monotonic()

    for key, due in json.loads(producer.log).items():
        begun = await processes.began(key)
        early = 0.05 if key == "delay" else 0.0  # that moment was noted after the sending
        assert -BARELY - early <= begun.at - (due - offset) < 15
    assert set(processes.runs().values()) == {1}


AT_HOME = """
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo
from qtasks.errors import ConfigError
app = qtasks.asyncio.QueueTasks("at home", broker_url=sys.argv[1], plugins=False)
app.log.setLevel("ERROR")
assert time.strftime("%z") != "+0000"

@app.task
async def moment() -> float:
    return time.time()

async def main() -> None:
    work = asyncio.create_task(app.run())
    try:
        moment.options(eta=datetime.now() + timedelta(seconds=5))
    except ConfigError:
        print("refused")
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    tasks = [await moment.options(delay=(due - datetime.now(UTC)).total_seconds()).add_task()]
    for zone in (None, ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo")):
        tasks.append(await moment.options(eta=due.astimezone(zone)).add_task())
    print(json.dumps([await task.result(30) - due.timestamp() for task in tasks]))
    await app.stop()
    await work

asyncio.run(main())
"""


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_the_zone_of_the_machine_moves_nothing(url: str, zone: str) -> None:
    """Delays and moments of any zone are kept, and a time without a zone is refused."""
    ended = programs.run(AT_HOME, url, TZ=zone)

    assert (ended.code, ended.err) == (0, "")
    refused, late = ended.out.splitlines()
    assert refused == "refused"
    assert all(-BARELY - 0.05 <= one < 15 for one in json.loads(late))
