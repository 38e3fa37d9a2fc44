"""Which task comes next."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
from cases.apps import Place, ends, until, working
from processes.place import Place as ProcessPlace
from processes.place import until as told
from processes.shop import nap


async def test_an_urgent_task_does_not_wait_for_what_came_before(place: Place) -> None:
    """With one slot and 150 waiting tasks the urgent one comes next: nothing is fetched ahead."""
    app = place.app(max_tasks_process=1)
    order: list[str] = []

    @app.task
    async def low(number: int) -> None:
        order.append(f"{number}")
        await asyncio.sleep(0.002)

    @app.task(priority=9)
    async def high() -> None:
        order.append("high")

    tasks = await app.add_tasks(low.bind(number) for number in range(150))
    async with working(app):
        await until(lambda: len(order) >= 20)
        urgent = await high.add_task()
        before = len(order)
        await urgent.wait(timeout=30)
        assert order.index("high") <= before + 2
        await ends(tasks)

    assert [one for one in order if one != "high"] == [f"{number}" for number in range(150)]


@pytest.mark.parametrize("slots", [1, 5])
async def test_the_larger_number_is_the_more_urgent_one(place: Place, slots: int) -> None:
    """On every backend 9 comes before 5 and 5 before 0, also where they were sent the other way round."""
    app = place.app(max_tasks_process=slots)
    order: list[int] = []

    @app.task
    async def note(level: int) -> None:
        order.append(level)

    tasks = await app.add_tasks(note.options(priority=p).bind(p) for _ in range(10) for p in (0, 5, 9))
    async with working(app):
        await ends(tasks)

    assert order == [9] * 10 + [5] * 10 + [0] * 10


async def test_a_task_that_fails_at_once_does_not_starve_the_others(place: Place) -> None:
    """Without limit and without waits between its tries it stands in line behind what waits already."""
    app = place.app(max_tasks_process=1)
    ran: list[str] = []

    @app.task(retry=10**6, backoff=0)
    async def failing() -> None:
        ran.append("failing")
        raise OSError("again")

    @app.task
    async def healthy(number: int) -> None:
        ran.append(f"{number}")

    await failing.add_task()
    tasks = await app.add_tasks(healthy.bind(number) for number in range(100))
    async with working(app):
        await ends(tasks)
        at_the_end = ran[: ran.index("99")]

    assert [one for one in at_the_end if one != "failing"] == [f"{number}" for number in range(99)]
    assert at_the_end.count("failing") <= 3


async def test_the_usual_wait_bounds_what_a_failing_task_costs(place: Place) -> None:
    """With the default waits a task that always fails is tried once in the first second."""
    app = place.app(max_tasks_process=1)
    tries: list[float] = []

    @app.task(retry=10**6)
    async def failing() -> None:
        tries.append(time.monotonic())
        raise OSError("again")

    async with working(app):
        await failing.add_task()
        await until(lambda: len(tries) == 2)

    assert tries[1] - tries[0] >= 1.0


async def test_what_was_sent_first_is_run_first(place: Place) -> None:
    """500 numbered tasks, some sent one by one and some together, run in their order on one slot."""
    app = place.app(max_tasks_process=1)
    order: list[int] = []

    @app.task
    async def note(number: int) -> None:
        order.append(number)

    tasks = [await note.add_task(number) for number in range(100)]
    tasks += await app.add_tasks(note.bind(number) for number in range(100, 400))
    async with working(app):
        tasks += [await note.add_task(number) for number in range(400, 500)]
        await ends(tasks, 50)

    assert order == list(range(500))


async def test_a_stop_in_the_middle_keeps_the_order_of_the_others(place: Place) -> None:
    """The interrupted task alone may change its place; what was untouched runs in its order."""
    interrupted, order, began = 50, list[int](), asyncio.Event()
    first, second = place.app(max_tasks_process=1, grace=0.0), place.app(max_tasks_process=1)

    async def note(number: int) -> None:
        if number == interrupted and not began.is_set():
            began.set()
            await asyncio.Event().wait()
        order.append(number)

    for app in (first, second):
        app.task(note)
    tasks = [await first.add_task("note", number) for number in range(100)]
    async with working(first):
        await asyncio.wait_for(began.wait(), 30)
    assert order == list(range(50))
    async with working(second):
        await ends(tasks)

    assert [number for number in order if number != interrupted] == [
        n for n in range(100) if n != interrupted
    ]
    assert order.count(interrupted) == 1


async def test_the_order_outlives_a_restart(processes: ProcessPlace) -> None:
    """SIGTERM in the middle of 200 numbered tasks and a new process: numbers go up in both."""
    await processes.client.add_tasks(nap.bind(f"{number}", 0.02) for number in range(200))
    worker = await processes.worker("--concurrency", 1)
    await told(lambda: len(processes.lines()) >= 20)
    worker.send(signal.SIGTERM)
    assert await worker.end() == 0
    done = len(processes.lines())
    assert done < 200, "the restart came too late"
    await processes.worker("--concurrency", 1)
    await processes.drained()

    assert [line.key for line in processes.lines()] == [f"{number}" for number in range(200)]
