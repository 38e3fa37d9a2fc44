"""Both faces, threads and loops of other people, and bodies that do not end."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import pytest
from cases import programs
from cases.apps import Place, ends, until, working

import qtasks
from qtasks.errors import UsageError
from qtasks.plugins import ExecuteBefore, Plugin, hookimpl
from qtasks.worker import interrupting

MIXED = """
app = qtasks.QueueTasks("mixed", broker_url=sys.argv[1], plugins=False)

@app.task
def nothing(number: int) -> None: ...

async def send() -> None:
    await app.engine.add_task("nothing", 1)

async def in_a_loop() -> str:
    try:
        nothing.add_task(1)
    except qtasks.errors.UsageError:
        return "refused"
    return "sent"

for number in range(100):
    nothing.add_task(number)
with ThreadPoolExecutor(20) as pool:
    list(pool.map(nothing.add_task, range(60)))
app.disconnect()
asyncio.run(send())
assert asyncio.run(in_a_loop()) == "refused"
for number in range(20):
    nothing.add_task(number)
app.disconnect()
asyncio.run(send())
nothing.add_task(0)
print(app.counts().total)
"""


def test_the_blocking_face_works_any_number_of_times(url: str) -> None:
    """From one thread, from twenty, and before and after asynchronous use; no warning up to the exit."""
    ended = programs.run(MIXED, url)

    assert (ended.code, ended.out, ended.err) == (0, "183\n", "")


def _start(app: qtasks.QueueTasks) -> threading.Thread:
    worker = threading.Thread(target=app.run_forever, name="worker")
    worker.start()
    deadline = time.monotonic() + 30
    while app.engine.home is None or app.worker.info is None:
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)
    return worker


@pytest.fixture
def embedded(url: str) -> Iterator[tuple[qtasks.QueueTasks, Callable[[], threading.Thread]]]:
    """A blocking app, and what starts its worker in a thread."""
    app = qtasks.QueueTasks("embedded", broker_url=url, plugins=False)
    app.config.grace = 2.0
    yield app, lambda: _start(app)
    app.disconnect()


Embedded = tuple[qtasks.QueueTasks, Callable[[], threading.Thread]]


def _calls(app: qtasks.QueueTasks, task: Any) -> list[Callable[[], object]]:
    return [
        lambda: app.add_task("nothing"),
        lambda: app.add_task("nothing", timeout=30),
        lambda: task.result(timeout=30),
        task.wait,
        lambda: app.get(task.id),
        lambda: app.requeue(task.id),
        lambda: app.cancel(task.id),
        app.counts,
    ]


def _refusals(calls: list[Callable[[], object]]) -> list[str]:
    texts = []
    for call in calls:
        with pytest.raises(UsageError) as caught:
            call()
        texts.append(str(caught.value))
    return texts


async def test_blocking_calls_in_a_loop_are_refused_at_once(url: str) -> None:
    """Sending, waiting and asking name the asynchronous face, and leave no coroutine behind."""
    app = qtasks.QueueTasks("blocking", broker_url=url, plugins=False)

    @app.task
    def nothing() -> None: ...

    task = await asyncio.to_thread(nothing.add_task)
    began = time.monotonic()
    texts = _refusals([nothing.add_task, *_calls(app, task)])
    gc.collect()

    assert time.monotonic() - began < 15
    assert all("qtasks.asyncio" in text for text in texts)
    await asyncio.to_thread(app.disconnect)


def test_an_async_body_that_makes_a_blocking_call_hurts_itself_alone(embedded: Embedded) -> None:
    """The call is refused inside the body, a blocking body may make it, and the worker goes on."""
    app, start = embedded

    @app.task
    def nothing() -> int:
        return 0

    @app.task
    async def wrong() -> list[str]:
        return _refusals([nothing.add_task, *_calls(app, outer)])

    @app.task
    def right() -> int:
        return nothing.add_task().result(timeout=30)

    outer = nothing.add_task()
    worker = start()
    try:
        began = time.monotonic()
        refused = wrong.add_task().result(timeout=30)
        assert len(refused) == 9
        assert all("qtasks.asyncio" in text for text in refused)
        assert time.monotonic() - began < 15
        assert right.add_task().result(timeout=30) == 0
    finally:
        app.stop()
        worker.join(30)
    assert not worker.is_alive()


BOUND: ContextVar[str] = ContextVar("bound", default="nobody")
LEFT: ContextVar[str] = ContextVar("left", default="nothing")


class Binding(Plugin):
    """Binds the id of the task, as plugins for logs do."""

    @hookimpl
    async def worker_execute_before(self, event: ExecuteBefore) -> None:
        """Bind it before the body."""
        BOUND.set(event.task_broker.id)


async def test_each_body_has_a_context_of_its_own(place: Place) -> None:
    """What a hook binds reaches bodies of all four kinds; what one of them sets reaches no other body."""
    app = place.app(max_tasks_process=8)
    app.add_plugin(Binding())

    def look() -> tuple[str, str, str]:
        left = LEFT.get()
        LEFT.set("a trace")
        return BOUND.get(), left, LEFT.get()

    @app.task
    async def on_the_loop() -> tuple[str, str, str]:
        before = look()
        await asyncio.sleep(0)
        return (BOUND.get(), before[1], LEFT.get())

    @app.task
    def in_a_thread() -> tuple[str, str, str]:
        return look()

    @app.task
    async def yielding_on_the_loop() -> AsyncIterator[tuple[str, str, str]]:
        before = look()
        yield before
        await asyncio.sleep(0)
        yield (BOUND.get(), before[1], LEFT.get())

    @app.task
    def yielding_in_a_thread() -> Iterator[tuple[str, str, str]]:
        before = look()
        yield before
        yield (BOUND.get(), before[1], LEFT.get())

    bodies: list[Any] = [on_the_loop, in_a_thread, yielding_on_the_loop, yielding_in_a_thread]
    async with working(app):
        done = await ends(await app.add_tasks(body.bind() for _ in range(100) for body in bodies))

    for number, task in enumerate(done):
        right = (task.id, "nothing", "a trace")
        assert task.value() == (right if number % 4 < 2 else [right, right])
    assert (BOUND.get(), LEFT.get()) == ("nobody", "nothing")


def test_a_worker_in_a_thread_starts_twice_and_keeps_its_limits(embedded: Embedded) -> None:
    """Off the main thread no signal handler changes, time limits hold, and a second start works."""
    app, start = embedded
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    @app.task(max_time=0.1)
    def slow() -> None:
        while True:
            time.sleep(0.005)

    @app.task
    def quick() -> str:
        return threading.current_thread().name

    for _ in range(2):
        worker = start()
        try:
            assert "max_time" in (slow.add_task(timeout=30).error or "")
            assert quick.add_task().result(timeout=30).startswith("qtasks-task")
            assert {number: signal.getsignal(number) for number in handlers} == handlers
        finally:
            app.stop()
            worker.join(30)
        assert not worker.is_alive()


async def test_handlers_are_restored_each_time(place: Place) -> None:
    """A worker in the main thread gives the signals back when it stops, and may start again."""
    app = place.app()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    @app.task
    async def nothing() -> int:
        return 1

    for _ in range(2):
        async with working(app):
            assert await (await nothing.add_task()).result(timeout=30) == 1
        assert {number: signal.getsignal(number) for number in handlers} == handlers


SERVER = """
app = qtasks.asyncio.QueueTasks("server", broker_url=sys.argv[1], plugins=False)
app.log.setLevel("ERROR")
should_exit = False

@app.task
async def nothing() -> int:
    return 1

def handle_exit(number, frame):
    global should_exit
    should_exit = True

async def serve():
    # As web servers do: first their signal handlers, then the start of what lives inside, then requests.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle_exit)
    worker = asyncio.create_task(app.run())
    assert await (await nothing.add_task()).result(timeout=30) == 1
    os.kill(os.getpid(), signal.Signals[sys.argv[2]])
    asked = time.monotonic()
    while not should_exit and time.monotonic() < asked + 3:
        await asyncio.sleep(0.01)
    print("the server has heard it" if should_exit else "the server has heard nothing")
    await app.stop()
    await worker
    assert signal.getsignal(signal.SIGTERM) is handle_exit

asyncio.run(serve())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_server_with_a_worker_inside_hears_its_signals(url: str, name: str) -> None:
    """The handlers of the program around a worker are called as well, so that one signal stops both."""
    ended = programs.run(SERVER, url, name)

    assert (ended.code, ended.out, ended.err) == (0, "the server has heard it\n", "")


async def test_bodies_past_their_limit_leave_the_worker_useful(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four bodies that overstay their limit, three of them stubborn, are told as timed out and replaced."""
    monkeypatch.setattr(interrupting, "ABANDON_AFTER", 0.2)
    app = place.app(max_tasks_process=2)
    release, thread_release, running, together = asyncio.Event(), threading.Event(), 0, 0

    @app.task(max_time=0.2, retry=2, backoff=0.01)
    def blocked() -> None:
        thread_release.wait(30)  # one call into C, which nothing interrupts

    @app.task(max_time=0.2)
    async def stubborn() -> None:
        nonlocal running, together
        running += 1
        together = max(together, running)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        running -= 1

    @app.task(max_time=0.2)
    async def slow() -> None:
        await release.wait()

    @app.task
    async def short(number: int) -> int:
        return number

    ticks: list[float] = []

    async def periodic() -> None:
        while True:
            ticks.append(time.monotonic())
            await asyncio.sleep(0.02)

    rhythm = asyncio.create_task(periodic())
    async with working(app):
        stuck = [await blocked.add_task(), await stubborn.add_task()]
        stuck += [await stubborn.add_task(), await slow.add_task()]
        began = time.monotonic()
        tasks = [await short.add_task(number) for number in range(10)]
        assert [task.value() for task in await ends(tasks)] == list(range(10))
        done = await ends(stuck, 30)
        assert time.monotonic() - began < 20
        assert [task.status for task in done] == ["error"] * 4
        assert all("max_time" in (task.error or "") for task in done)
        assert done[0].attempts == 1, "what may still be running is not run a second time"
        assert together == 2
        release.set()
        thread_release.set()
        await until(lambda: running == 0)
    rhythm.cancel()
    pauses = [after - before for before, after in pairwise(ticks)]
    assert max(pauses) < 5
