"""A stop from inside the program: what runs may end, what waits stays, and what cannot end goes back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from cases import programs
from cases.apps import Place, ends, until, working

from qtasks.worker import engine


class Bodies:
    """Bodies that last until they are released."""

    def __init__(self) -> None:
        self.began: list[int] = []
        self.release = threading.Event()

    async def on_the_loop(self, number: int) -> int:
        """Wait as an async body does."""
        self.began.append(number)
        while not self.release.is_set():
            await asyncio.sleep(0.005)
        return number

    def in_a_thread(self, number: int) -> int:
        """Wait as a blocking body does."""
        self.began.append(number)
        while not self.release.is_set():
            time.sleep(0.005)
        return number

    async def clinging(self, number: int) -> int:
        """Refuse to be cancelled."""
        self.began.append(number)
        while not self.release.is_set():
            try:
                await asyncio.sleep(0.005)
            except asyncio.CancelledError:
                continue
        return number

    def deaf(self, number: int) -> int:
        """Be in one call into C, which nothing interrupts."""
        self.began.append(number)
        self.release.wait(60)
        return number


@pytest.fixture
def bodies() -> Bodies:
    """What the bodies of a test write down, and what they wait for."""
    return Bodies()


def _body(bodies: Bodies, name: str) -> Callable[..., Any]:
    body: Callable[..., Any] = getattr(bodies, name)
    return body


@pytest.mark.parametrize("kind", ["on_the_loop", "in_a_thread"])
async def test_a_stop_lets_what_runs_end_and_leaves_what_waits(
    place: Place, bodies: Bodies, kind: str
) -> None:
    """Four bodies end well after the stop was asked for, none begins, and what was queued is untouched."""
    app = place.app(max_tasks_process=4, grace=10.0)
    app.task(name="body")(_body(bodies, kind))
    work = asyncio.create_task(app.run())
    async with app:
        running = [await app.add_task("body", number) for number in range(4)]
        await until(lambda: len(bodies.began) == 4)
        queued = [await app.add_task("body", number) for number in range(4, 24)]

        await app.stop()
        bodies.release.set()
        await asyncio.wait_for(work, 30)

        assert [(await task.refresh()).value() for task in running] == list(range(4))
        after = [(await task.refresh()).record for task in queued]
        assert {(record.status, record.token.delivery, record.history) for record in after} == {
            ("new", 0, ())
        }
        assert sorted(bodies.began) == list(range(4))


@pytest.mark.parametrize("kind", ["on_the_loop", "in_a_thread", "clinging", "deaf"])
async def test_past_the_grace_a_stop_ends_whatever_runs(
    place: Place, bodies: Bodies, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is gone soon after its grace, the body counts as not tried, and the next worker runs it."""
    monkeypatch.setattr(engine, "CANCEL_TIME", 0.3)
    first, second = place.app(grace=0.2), place.app()
    for app in (first, second):
        app.task(name="body", retry=2)(_body(bodies, kind))
    task = await second.add_task("body", 1)
    work = asyncio.create_task(first.run())
    await until(lambda: bodies.began)

    asked = time.monotonic()
    await first.stop()
    await asyncio.wait_for(work, 30)
    assert time.monotonic() - asked >= 0.2
    given_back = await task.refresh()
    bodies.release.set()
    async with working(second):
        done = await task.wait(timeout=30)

    assert (given_back.status, given_back.attempts, given_back.losses) == ("new", 0, 0)
    assert (done.value(), done.attempts) == (1, 1)
    assert [event.end for event in done.record.history] == ["stopped"]
    assert bodies.began == [1, 1]


async def test_a_second_request_hurries_and_more_do_no_harm(place: Place, bodies: Bodies) -> None:
    """With a grace of a minute the second request gives the task back now; five more change nothing."""
    app = place.app(grace=60.0)
    app.task(name="body")(bodies.on_the_loop)
    task = await app.add_task("body", 1)
    work = asyncio.create_task(app.run())
    await until(lambda: bodies.began)

    for _ in range(7):
        await app.stop()
    await asyncio.wait_for(work, 30)

    after = await task.refresh()
    assert (after.status, after.attempts, after.losses) == ("new", 0, 0)
    bodies.release.set()
    async with working(app):
        assert await task.result(timeout=30) == 1


@pytest.mark.parametrize("turns", range(0, 40, 4))
async def test_a_stop_during_the_start_leaves_nothing(place: Place, bodies: Bodies, turns: int) -> None:
    """However early it is asked for, the worker ends, holds no task, and is in no registry."""
    app = place.app()
    app.task(name="body")(bodies.on_the_loop)
    bodies.release.set()
    tasks = [await app.add_task("body", number) for number in range(3)]
    work = asyncio.create_task(app.run())
    for _ in range(turns):
        await asyncio.sleep(0)
    await until(lambda: app.starter is not None)
    await app.stop()
    await asyncio.wait_for(work, 30)

    async with app:
        assert not await app.ping()
        assert {(await task.refresh()).status for task in tasks} <= {"new", "success"}
    async with working(app):
        assert [task.value() for task in await ends(tasks)] == [0, 1, 2]


STUBBORN = """
from qtasks.worker import engine
engine.CANCEL_TIME = 0.3
logging.getLogger("asyncio").setLevel("CRITICAL")  # it tells of the body that has not ended
url, names, numbers = sys.argv[1:]
app = qtasks.QueueTasks("stubborn", broker_url=url, plugins=False)
app.log.setLevel("CRITICAL")
app.config.grace = 0.3
began = threading.Semaphore(0)

@app.task
async def polite() -> None:
    began.release()
    await asyncio.sleep(60)

@app.task
async def clinging() -> None:
    began.release()
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue

@app.task
def deaf() -> None:
    began.release()
    threading.Event().wait(60)

def send_signals() -> None:
    for _ in names.split():
        began.acquire()
    print(time.monotonic(), flush=True)
    for number in numbers.split():
        os.kill(os.getpid(), signal.Signals[number])
        time.sleep(0.001)

for name in names.split():
    app.add_task(name)
threading.Thread(target=send_signals, daemon=True).start()
app.run_forever()
"""


@pytest.mark.parametrize("numbers", ["SIGTERM", "SIGINT SIGINT", "SIGTERM SIGINT", "SIGTERM SIGTERM SIGTERM"])
def test_a_program_is_gone_soon_after_its_signals(url: str, numbers: str) -> None:
    """Sent once, twice or three times within milliseconds, whatever its bodies do: it never hangs."""
    ended = programs.run(STUBBORN, url, "polite clinging deaf", numbers)

    assert time.monotonic() - float(ended.out) < 30
    assert (ended.code, ended.err) == (0, "")
