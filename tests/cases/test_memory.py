"""What is done leaves nothing behind: no rows, no objects, no descriptors."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from contextlib import closing

import pytest
from cases import programs
from cases.apps import Place, ends, until, until_seen, working
from processes.place import Place as ProcessPlace

from qtasks.errors import TaskNotFound
from qtasks.memory import AsyncMemoryBroker


def _rows(place: ProcessPlace) -> dict[str, int]:
    """Return how many rows each table of the file has."""
    with closing(sqlite3.connect(place.path, timeout=30)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in tables if not name.startswith("sqlite_")]
        return {name: file.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


async def test_done_tasks_leave_no_trace(place: Place) -> None:
    """2,000 tasks whose records expire after a moment: afterwards none is counted, found or kept."""
    app = place.app()

    @app.task(result_ttl=0.3)
    async def small(number: int) -> int:
        return number

    async with working(app):
        tasks = await app.add_tasks(small.bind(number) for number in range(2000))

        async def none_left() -> bool:
            return (await app.counts()).total == 0

        await until_seen(none_left)

    for task in tasks[::500]:
        with pytest.raises(TaskNotFound):
            await app.get(task.id)
    if isinstance(app.broker, AsyncMemoryBroker):
        hub = app.broker.location.hub(app.name, app.clock, keeps=True)
        assert (len(hub._items), len(hub._removals)) == (0, 0)


async def test_a_file_is_as_empty_after_many_tasks_as_before(processes: ProcessPlace) -> None:
    """Failures and successes of a worker process leave no row in any table once they have expired."""
    worker = await processes.worker(QTASKS_RESULT_TTL=0.3)
    before = _rows(processes)
    for number in range(100):
        await processes.client.add_task("count", f"{number}")
    await processes.client.add_task("count")  # one that fails

    async def empty() -> bool:
        return _rows(processes) == before

    await until_seen(empty)
    assert worker.process.poll() is None


async def test_nothing_is_trimmed_that_was_not_run(place: Place) -> None:
    """5,000 tasks that lay there before the first worker came are all run."""
    app = place.app(max_tasks_process=100)
    ran = 0

    @app.task(result_ttl=0.1)
    async def small() -> None:
        nonlocal ran
        ran += 1

    await app.add_tasks(small.bind() for _ in range(5_000))
    async with working(app):
        await until(lambda: ran == 5_000, 30)


async def test_killed_workers_leave_nothing_behind(processes: ProcessPlace) -> None:
    """Six workers killed in the middle of a task each: all tasks run, and their leases and names are gone."""
    gate = processes.gate()
    doomed = [processes.start("--concurrency", 1) for _ in range(6)]
    tasks = [await processes.client.add_task("hold", f"{number}", gate) for number in range(6)]
    for number in range(6):
        await processes.began(f"{number}", seconds=30)
    assert _rows(processes)["holder"] == 6
    for one in doomed:
        one.kill()
    (processes.folder / "gate").unlink()

    survivor = await processes.worker()
    assert [await task.result(30) for task in tasks] == [survivor.pid] * 6

    async def tidy() -> bool:
        rows = _rows(processes)
        return (rows["holder"], rows["registry"]) == (1, 1)

    await until_seen(tidy, 30)
    assert await processes.unfinished() == {}


class Marker:
    """Something that can be watched while it dies."""


@pytest.mark.parametrize("kind", ["async", "thread"])
@pytest.mark.parametrize("retry", [0, 1])
async def test_a_failure_keeps_no_frame_alive(place: Place, kind: str, retry: int) -> None:
    """Local variables of 60 failed bodies die with them, also those of causes and contexts."""
    app = place.app(max_tasks_process=4)
    markers: list[weakref.ref[Marker]] = []

    def body() -> None:
        marker, ballast = Marker(), bytearray(1_000_000)
        markers.append(weakref.ref(marker))
        try:
            dict[str, str]()["first"]
        except KeyError as exc:
            raise ValueError(f"{len(ballast)} {marker is not None}") from exc

    async def on_the_loop() -> None:
        body()

    app.task(name="bad", retry=retry, backoff=0)(on_the_loop if kind == "async" else body)

    @app.task
    async def good() -> None: ...

    async with working(app):
        tasks = [await app.add_task("bad") for _ in range(60)]
        assert {task.status for task in await ends(tasks)} == {"error"}
        await good.add_task(timeout=30)
        assert len(markers) == 60 * (1 + retry)

        def gone() -> bool:
            gc.collect()
            return all(marker() is None for marker in markers)

        await until(gone, 30.0)  # a thread may still be at its last line


COLLECTED = """
app = qtasks.asyncio.QueueTasks("collected", broker_url=sys.argv[1], plugins=False)
app.log.setLevel("ERROR")
gc.set_threshold(1)
stop = threading.Event()

def collect() -> None:
    while not stop.is_set():
        gc.collect()
        time.sleep(0.01)

@app.task
async def on_the_loop(number: int) -> int:
    await asyncio.sleep(0)
    return number

@app.task
def in_a_thread(number: int) -> int:
    return number

async def main() -> None:
    work = asyncio.create_task(app.run())
    bodies = (on_the_loop, in_a_thread)
    tasks = await app.add_tasks(bodies[number % 2].bind(number) for number in range(150))
    assert [await task.result(30) for task in tasks] == list(range(150))
    await app.stop()
    await work

collector = threading.Thread(target=collect)
collector.start()
asyncio.run(main())
stop.set()
collector.join()
"""


@pytest.mark.timeout(120)
def test_no_task_of_a_loop_is_collected_before_its_end(url: str) -> None:
    """With the collector at work all the time every task is done and nothing is said on stderr."""
    ended = programs.run(COLLECTED, url)

    assert (ended.code, ended.out, ended.err) == (0, "", "")


DESCRIPTORS = """
app = qtasks.QueueTasks("descriptors", broker_url=sys.argv[1], plugins=False)

@app.task
def nothing(number: int) -> None: ...

def opened() -> int:
    return len(os.listdir("/proc/self/fd"))

def threads() -> int:
    return threading.active_count()

nothing.add_task(0)
first = opened(), threads()
for number in range(100):
    nothing.add_task(number)
with ThreadPoolExecutor(20) as pool:
    list(pool.map(nothing.add_task, range(100)))
assert (opened(), threads()) == first, (opened(), threads(), first)
app.disconnect()

async def main() -> None:
    async with app.engine:
        await app.engine.add_task("nothing", 0)
        first = opened()
        for number in range(100):
            await app.engine.add_task("nothing", number)
        await asyncio.gather(*(app.engine.add_task("nothing", number) for number in range(100)))
        assert opened() == first, (opened(), first)

asyncio.run(main())
print(opened() <= first[0])
"""


def test_sending_opens_nothing_that_stays(url: str) -> None:
    """By both faces, from one thread and from twenty: as many descriptors as after the first sending."""
    ended = programs.run(DESCRIPTORS, url)

    assert (ended.code, ended.out, ended.err) == (0, "True\n", "")


QUEUES = """
def worker(count: int) -> int:
    app = qtasks.asyncio.QueueTasks("queues", broker_url=sys.argv[1], plugins=False)
    app.log.setLevel("ERROR")
    app.config.queues = tuple(f"queue{number}" for number in range(count))

    @app.task
    async def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def main() -> int:
        work = asyncio.create_task(app.run())
        calls = [opened.options(queue=name).bind() for name in app.config.queues]
        most = max([await task.result(30) for task in await app.add_tasks(calls)])
        await app.stop()
        await work
        return most

    return asyncio.run(main())

few, many = worker(1), worker(50)
print(many - few)
"""


def test_a_worker_needs_no_connection_for_each_queue(url: str) -> None:
    """With fifty queues it has as many descriptors open as with one."""
    ended = programs.run(QUEUES, url)

    assert (ended.code, ended.out, ended.err) == (0, "0\n", "")
