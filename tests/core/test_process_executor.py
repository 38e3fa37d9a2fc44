"""Child processes that run one body at a time: what they return, how they die, and that none is left."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from core import process_bodies as bodies
from core import process_router
from core import process_tasks as tasks

from qtasks.asyncio import QueueTasks
from qtasks.errors import TaskError, TaskFailed, UsageError
from qtasks.isolation import MainModule, module_holding
from qtasks.models import Delivery, Failure, Token
from qtasks.serialization import decode_value, encode_envelope
from qtasks.worker.processes import (
    Item,
    ProcessEnd,
    Processes,
    ProcessJob,
    ProcessWork,
    Progress,
    Said,
    check_importable,
    check_memory_limit_supported,
)

TESTS = Path(__file__).parents[1]
LIMIT = 300_000_000
"""Bytes that a process may have; without work it has about 40 MB."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups are asked for")


def work_of(
    body: Callable[..., Any], *args: Any, is_async: bool = False, max_memory: int | None = None, **given: Any
) -> ProcessWork:
    """Return the work of one run."""
    name = given.pop("qualname", body.__name__)
    task_id = given.pop("id", "00000000-0000-0000-0000-000000000001")
    values: dict[str, Any] = {"module": _module_of(body), "qualname": name, "task": name, "url": None}
    kwargs = {key: given.pop(key) for key in ("in_key",) if key in given}
    envelope = encode_envelope(id=task_id, task=name, args=args, kwargs=kwargs, created=0.0)
    delivery = Delivery(task_id, name, "default", 0, b"", Token(1, 1, 1), 0.0, 0.0)
    return ProcessWork(
        **values | given, body=envelope, delivery=delivery, is_async=is_async, max_memory=max_memory
    )


def _module_of(body: Any) -> str:
    module: str = getattr(body, "__wrapped__", body).__module__
    return module


class Bench:
    """The processes of one test, and what bodies have said."""

    def __init__(self) -> None:
        self.processes = Processes(logging.getLogger("tests.processes"))
        self.said: list[Said] = []

    def start(self, body: Callable[..., Any], *args: Any, **how: Any) -> ProcessJob:
        """Begin a run."""
        retry_on = how.pop("retry_on", (Exception,))
        return self.processes.submit(work_of(body, *args, **how), self.said.append, retry_on)

    async def end(self, body: Callable[..., Any], *args: Any, **how: Any) -> ProcessEnd:
        """Return how a run ends."""
        return await end_of(self.start(body, *args, **how))

    async def value(self, body: Callable[..., Any], *args: Any, **how: Any) -> Any:
        """Return the value of a run."""
        end = await self.end(body, *args, **how)
        assert end.value is not None, end.failure
        return decode_value(end.value)

    async def failure(self, body: Callable[..., Any], *args: Any, **how: Any) -> Failure:
        """Return the failure of a run."""
        end = await self.end(body, *args, **how)
        assert end.failure is not None, end
        return end.failure

    async def pid(self, **how: Any) -> int:
        """Return the process that runs the next body."""
        pid: int = (await self.value(bodies.who, **how))[0]
        return pid

    @property
    def items(self) -> list[Any]:
        """What bodies have yielded."""
        return [decode_value(said.value) for said in self.said if isinstance(said, Item)]


async def end_of(job: ProcessJob) -> ProcessEnd:
    """Return the end of a run, in time."""
    async with asyncio.timeout(30):
        return await job.future


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether the process runs: one that is dead and not yet waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


async def pids_in(path: Path) -> list[int]:
    """Return the processes that a body has written down."""
    await until(path.exists)
    return [int(pid) for pid in path.read_text(encoding="ascii").split()]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Processes, which are gone after the test."""
    bench = Bench()
    pids = [await bench.pid()]
    yield bench
    bench.processes.close()
    await until(lambda: not any(map(is_alive, pids)))
    await until(lambda: not any(each.name.startswith("qtasks-process") for each in threading.enumerate()))


# What comes back


async def test_a_body_runs_in_the_main_thread_of_another_process(bench: Bench) -> None:
    """Libraries that insist on the main thread work there."""
    pid, is_main = await bench.value(bodies.who)

    assert pid != os.getpid()
    assert is_main
    assert await bench.value(bodies.add, 1, 2) == 3
    assert await bench.value(bodies.add_later, 1, 2, is_async=True) == 3


async def test_arguments_and_results_have_the_types_of_the_signature(bench: Bench) -> None:
    """The child decodes by the signature, and encodes as results are encoded."""
    assert await bench.value(bodies.moved, bodies.Point(1, 2), 10) == {"x": 11, "y": 12}

    failure = await bench.failure(bodies.moved, "nowhere", 10)
    assert failure.type == "qtasks.errors.DecodeError"
    assert "'point'" in failure.message


async def test_an_idle_process_is_taken_again(bench: Bench) -> None:
    """Also after bodies that failed."""
    first = await bench.pid()
    await bench.failure(bodies.fail, "plain")
    await bench.failure(bodies.fail, "exit")

    assert await bench.pid() == first


async def test_bodies_share_a_loop_and_not_a_context(bench: Bench) -> None:
    """Connections of one body serve the next one; context variables do not pass from one to the other."""
    seen = [await bench.value(bodies.who_and_loop, is_async=True) for _ in range(2)]
    left = [await bench.value(bodies.leave_in_context) for _ in range(2)]

    assert seen[0] == seen[1]
    assert left == ["nothing", "nothing"]


async def test_as_many_processes_as_bodies(bench: Bench, tmp_path: Path) -> None:
    """Two bodies that wait for each other both end."""
    one, other = str(tmp_path / "one"), str(tmp_path / "other")

    pids = await asyncio.gather(bench.value(bodies.meet, one, other), bench.value(bodies.meet, other, one))

    assert len(set(pids)) == 2


@pytest.mark.parametrize("is_async", [False, True])
async def test_items_of_generators_are_told_in_order(bench: Bench, *, is_async: bool) -> None:
    """Each comes by itself, and the list of them is the result."""
    body = bodies.count_later if is_async else bodies.count

    assert await bench.value(body, 300, is_async=is_async) == list(range(300))
    assert bench.items == list(range(300))


async def test_items_come_while_the_body_runs(bench: Bench, tmp_path: Path) -> None:
    """The first one is there before the body goes on."""
    job = bench.start(bodies.count_until, str(tmp_path / "go"))
    await until(lambda: bench.items == [1])
    (tmp_path / "go").touch()
    await end_of(job)

    assert bench.items == [1, 2]


async def test_a_body_that_says_too_much_waits_for_who_listens(bench: Bench) -> None:
    """What is not heard yet does not pile up in the worker."""
    heard, go = [], asyncio.Event()

    async def listen(said: Said) -> None:
        heard.append(said)
        await go.wait()

    job = bench.processes.submit(work_of(bodies.count, 100_000), listen)
    await until(lambda: len(heard) >= 100)
    for _ in range(100):
        await asyncio.sleep(0.001)  # time in which a body without patience says thousands
    waiting = len(heard)
    job.kill()
    go.set()
    await end_of(job)

    assert waiting == 100


# How bodies end


@pytest.mark.parametrize("is_async", [False, True])
async def test_whatever_a_body_raises_is_told(bench: Bench, *, is_async: bool) -> None:
    """No exception ends the process."""
    pid = await bench.pid(is_async=is_async)
    body = bodies.fail_later if is_async else bodies.fail
    for how, error in bodies.RAISED.items():
        end = await bench.end(body, how, is_async=is_async)

        assert end.failure is not None
        as_told = "RuntimeError" if is_async and how == "stop" else type(error).__qualname__
        assert end.failure.type.endswith(as_told)
        assert end.retryable == isinstance(error, Exception)
        assert await bench.pid(is_async=is_async) == pid


async def test_the_traceback_begins_in_the_body(bench: Bench) -> None:
    """Frames of the child itself say nothing to a user."""
    for failure in (
        await bench.failure(bodies.fail, "plain"),
        await bench.failure(bodies.fail_later, "plain", is_async=True),
    ):
        assert failure.message == "no"
        assert failure.traceback.splitlines()[1].strip().startswith(f'File "{bodies.__file__}"')


async def test_a_result_that_cannot_be_stored_is_a_failure(bench: Bench) -> None:
    """It names the task and the type."""
    failure = await bench.failure(bodies.unstorable)

    assert failure.type == "qtasks.errors.EncodeError"
    assert "lock" in failure.message


async def test_a_name_that_is_not_there_is_a_failure(bench: Bench) -> None:
    """A module that has changed since, or that cannot be imported."""
    missing = await bench.failure(bodies.add, 1, 2, qualname="subtract")
    unknown = await bench.failure(bodies.add, 1, 2, module="no_such_module_anywhere")

    assert "subtract" in missing.message
    assert unknown.type == "ModuleNotFoundError"


# How processes end


async def test_an_exit_code_is_named(bench: Bench) -> None:
    """A body that ends its process is an error, and the next one gets another process."""
    first = await bench.pid()
    end = await bench.end(bodies.leave, 3)

    assert end.failure is not None
    assert end.failure.message == "the process of task 'leave' ended itself with exit code 3"
    assert end.retryable
    assert await bench.pid() != first


async def test_a_process_that_dies_is_no_value_error(bench: Bench) -> None:
    """Who tries again only on certain exceptions does not on this one."""
    end = await bench.end(bodies.leave, 3, retry_on=(ValueError,))

    assert not end.retryable


async def test_signals_are_named(bench: Bench) -> None:
    """SIGKILL that nobody of us has sent is most often that of a system without memory."""
    crashed = await bench.failure(bodies.end_by, int(signal.SIGABRT))
    killed = await bench.failure(bodies.end_by, int(signal.SIGKILL))

    assert crashed.message == "the process of task 'end_by' was ended by SIGABRT"
    assert killed.message == "the process of task 'end_by' was ended by SIGKILL, probably out of memory"


async def test_a_process_that_died_idle_is_replaced(bench: Bench) -> None:
    """The next body does not notice."""
    pid = await bench.pid()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))

    assert await bench.pid() != pid


async def test_a_loop_that_ends_under_its_body(bench: Bench) -> None:
    """The body has failed, and its process is replaced; so is one whose loop ended while it was idle."""
    first = await bench.pid(is_async=True)
    failure = await bench.failure(bodies.leave_bomb_and_wait, is_async=True)
    second = await bench.pid(is_async=True)
    await bench.value(bodies.leave_bomb, is_async=True)
    await until(lambda: not is_alive(second))

    assert failure.type == "SystemExit"
    assert len({first, second, await bench.pid(is_async=True)}) == 3


async def test_kill_ends_the_body_and_what_it_has_started(bench: Bench, tmp_path: Path) -> None:
    """At once, and the end says so."""
    job = bench.start(bodies.hold, str(tmp_path / "pids"))
    pids = await pids_in(tmp_path / "pids")
    job.kill()
    end = await end_of(job)

    assert end.failure is not None
    assert end.failure.message == "the process of task 'hold' was killed"
    assert not end.retryable
    assert len(pids) == 2
    await until(lambda: not any(map(is_alive, pids)))
    assert await bench.pid() not in pids


async def test_kill_before_the_process_is_there(bench: Bench, tmp_path: Path) -> None:
    """Nothing of the body runs, and the loop does not wait."""
    job = bench.start(bodies.meet, str(tmp_path / "begun"), str(tmp_path / "never"), is_async=True)
    job.kill()
    end = await end_of(job)

    assert end.failure is not None
    assert "killed" in end.failure.message
    assert not (tmp_path / "begun").exists()


async def test_a_cancelled_future_kills(bench: Bench, tmp_path: Path) -> None:
    """Whoever stops waiting leaves no body behind."""
    job = bench.start(bodies.hold, str(tmp_path / "pids"))
    pids = await pids_in(tmp_path / "pids")
    job.future.cancel()

    await until(lambda: not any(map(is_alive, pids)))
    assert await bench.value(bodies.add, 1, 2) == 3


async def test_kill_after_the_end_spares_the_next_body(bench: Bench) -> None:
    """The process belongs to somebody else by then."""
    job = bench.start(bodies.add, 1, 2)
    await end_of(job)
    pid = await bench.pid()
    job.kill()

    assert await bench.pid() == pid


async def test_close_kills_what_runs(tmp_path: Path) -> None:
    """Nothing is left, and nothing is taken any more."""
    bench = Bench()
    idle, busy = bench.start(bodies.who), bench.start(bodies.hold, str(tmp_path / "pids"))
    pid = decode_value((await end_of(idle)).value or b"")[0]
    pids = await pids_in(tmp_path / "pids")
    bench.processes.close()

    failure = (await end_of(busy)).failure
    assert failure is not None
    assert "killed" in failure.message
    await until(lambda: not any(map(is_alive, [pid, *pids])))
    with pytest.raises(UsageError):
        bench.start(bodies.who)


# Memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts private memory")
@pytest.mark.parametrize("is_async", [False, True])
async def test_too_much_memory_is_an_error(bench: Bench, *, is_async: bool) -> None:
    """The limit holds for this body alone, and its process runs nothing more."""
    body = bodies.take_later if is_async else bodies.take
    how = {"is_async": is_async}
    pid = await bench.pid(max_memory=LIMIT, task="take", **how)
    assert await bench.value(body, 1_000_000, max_memory=LIMIT, task="take", **how) == 1_000_000
    assert await bench.pid(max_memory=LIMIT, task="take", **how) == pid

    end = await bench.end(body, LIMIT, max_memory=LIMIT, task="take", **how)

    assert end.failure is not None
    assert end.failure.type == "MemoryError"
    assert end.retryable
    assert await bench.pid(max_memory=LIMIT, task="take", **how) != pid
    assert await bench.value(body, LIMIT, **how) == LIMIT


async def test_a_limited_task_shares_its_process_with_none(bench: Bench) -> None:
    """What others have left in memory does not count against it."""
    limited = await bench.pid(max_memory=LIMIT, task="one")
    other = await bench.pid(max_memory=LIMIT, task="two")

    assert len({limited, other, await bench.pid()}) == 3


# What a body may do


async def test_signals_of_the_terminal_end_the_worker_alone(bench: Bench) -> None:
    """The process goes on until its worker decides; programs that it starts take signals as usual."""
    assert await bench.value(bodies.survive_signals) == "SIGTERM"


async def test_a_forked_process_does_not_keep_the_connection(bench: Bench, tmp_path: Path) -> None:
    """The end of the body is seen although something that it left behind lives on."""
    job = bench.start(bodies.fork_and_leave, str(tmp_path / "pid"))
    (left,) = await pids_in(tmp_path / "pid")
    try:
        end = await end_of(job)
        assert is_alive(left)
    finally:
        os.kill(left, signal.SIGKILL)

    assert end.failure is not None
    assert end.failure.message.endswith("exit code 5")


async def test_a_body_that_returns_twice_answers_once(bench: Bench) -> None:
    """The forked half ends, as it has nobody to answer to."""
    assert await bench.value(bodies.fork_and_return) == 1
    assert await bench.value(bodies.add, 1, 2) == 3


async def test_the_log_of_a_body_is_that_of_the_worker(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Its lines go through the handlers of the worker."""
    with caplog.at_level(logging.INFO):
        await bench.value(bodies.say, "hello", is_async=True)  # a process that begins at this level

    assert ("bodies.log", logging.INFO, "logged hello") in caplog.record_tuples


# Tasks with their app


async def test_a_body_tells_its_progress(bench: Bench) -> None:
    """In the order in which it says it."""
    assert await bench.value(tasks.report, 0.5, is_async=True) == 1
    assert bench.said == [Progress(0.25, None), Progress(0.5, "nearly")]


async def test_a_body_can_cancel_its_task(bench: Bench) -> None:
    """The reason comes back, and it is no failure."""
    end = await bench.end(tasks.give_up, "too late")

    assert (end.cancelled, end.failure, end.value) == ("too late", None, None)


async def test_a_body_can_ask_plugins(bench: Bench) -> None:
    """What it gives them comes to the worker, if it can travel."""
    end = await bench.end(tasks.ask_plugins, {1, 2})
    assert decode_value(end.trigger or b"") == {"value": {1, 2}}


async def test_a_body_hears_that_the_worker_stops(bench: Bench) -> None:
    """While it runs, and one that comes later from its begin."""
    job = bench.start(tasks.until_stopped)
    await until(lambda: len(bench.said) == 1)
    bench.processes.say_stopping()

    assert decode_value((await end_of(job)).value or b"") == "stopped"
    assert await bench.value(tasks.until_stopped) == "stopped"


async def test_the_context_reaches_the_backend_of_the_worker(bench: Bench, tmp_path: Path) -> None:
    """Not the one that the module names."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    async with QueueTasks("tests", broker_url=url, plugins=False) as app:
        for _ in range(2):
            task = await app.add_task("named")
            for body, is_async in ((tasks.own_name, True), (tasks.own_name_blocking, False)):
                how = {"is_async": is_async, "url": url, "id": str(task.uuid)}
                assert await bench.value(body, **how) == "named new"


async def test_the_options_of_the_task_hold(bench: Bench) -> None:
    """What is tried again, and the handler of what is yielded."""
    assert not (await bench.end(tasks.fail, in_key=False)).retryable
    assert (await bench.end(tasks.fail, in_key=True)).retryable
    assert await bench.value(tasks.count, 3) == [0, 1, 2, 30]


async def test_a_function_that_was_registered_by_a_call(bench: Bench) -> None:
    """Its module says which task it is."""
    assert await bench.value(tasks.plain, task="by call") == "by call"


async def test_the_app_of_a_router(bench: Bench) -> None:
    """The module that makes the app is imported too, where it is told."""
    home = module_holding(tasks.app)
    assert home is not None
    how: dict[str, Any] = {"module": "core.process_router", "is_async": True}
    failure = await bench.failure(process_router.router.tasks["name_of_app"].function, **how)

    assert "does not know its app" in failure.message
    assert await bench.value(process_router.router.tasks["name_of_app"].function, **how, home=home) == "tests"


# Workers as scripts


SCRIPT = """
import asyncio, logging, os, sys
from qtasks.models import Delivery, Token
from qtasks.serialization import encode_envelope
from qtasks.worker.processes import Processes, ProcessWork

def here(text):
    print("body", text, __name__, sys.stdin.read() == "", sys.argv[1:], flush=True)

def hold(path):
    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)
    while True:
        asyncio.run(asyncio.sleep(1))

def work(name, arg):
    body = encode_envelope(id="1", task=name, args=[arg], kwargs={}, created=0.0)
    delivery = Delivery("1", name, "default", 0, b"", Token(1, 1, 1), 0.0, 0.0)
    return ProcessWork(module=__name__, qualname=name, task=name, body=body, url=None, max_memory=None,
                       delivery=delivery, is_async=False)

async def main():
    processes = Processes(logging.getLogger())
    end = await processes.submit(work("here", "1"), print).future
    assert end.failure is None, end
    if len(sys.argv) > 1:
        await asyncio.gather(*(processes.submit(work("hold", path), print).future for path in sys.argv[1:]))
    processes.close()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A worker, with its bodies in the same file."""
    path = tmp_path / "the_app.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


@pytest.mark.parametrize("started_as", ["script", "module"])
@pytest.mark.parametrize("stdin", ["closed", "null"])
def test_bodies_of_a_script(script: Path, started_as: str, stdin: str) -> None:
    """`python app.py` and `python -m app`: the main module is imported, not started again."""
    how = [script.name] if started_as == "script" else ["-m", script.stem]
    close = "0<&-" if stdin == "closed" else "0</dev/null"
    run = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {close}', "sh", sys.executable, *how],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    name = "__mp_main__" if started_as == "script" else "the_app"
    assert run.stdout.splitlines() == [f"body 1 {name} True []"]


async def test_a_killed_worker_leaves_no_orphan(script: Path, tmp_path: Path) -> None:
    """Its processes end with it, busy or not."""
    paths = [tmp_path / "one", tmp_path / "two"]
    worker = subprocess.Popen(  # noqa: ASYNC220 - it takes a moment
        [sys.executable, script, *paths], stdout=subprocess.DEVNULL
    )
    try:
        pids = [pid for path in paths for pid in await pids_in(path)]
        assert all(map(is_alive, pids))
    finally:
        worker.kill()
        worker.wait()

    await until(lambda: not any(map(is_alive, pids)))


APP = """
import os, sys
from qtasks.asyncio import QueueTasks

app = QueueTasks("tests", broker_url=sys.argv[1], plugins=False)

@app.task(executor="process")
def who():
    return os.getpid(), __name__

@app.task(executor="process", max_time=2.0)
def hold(path):
    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)
    while True:
        pass

"""


@asynccontextmanager
async def worker_of(folder: Path, end: str) -> AsyncIterator[tuple[QueueTasks, int]]:
    """Run a script with an app, and give a client of it and its process."""
    (folder / "the_app.py").write_text(APP + end, encoding="utf-8")
    url = f"sqlite:///{folder / 'tasks.db'}"
    worker = subprocess.Popen([sys.executable, "the_app.py", url], cwd=folder)  # noqa: ASYNC220 - a moment
    try:
        async with QueueTasks("tests", broker_url=url, plugins=False) as app:
            yield app, worker.pid
    finally:
        worker.terminate()
        await asyncio.to_thread(worker.wait)


async def test_an_app_runs_its_tasks_in_processes(tmp_path: Path) -> None:
    """From the call to the result, and one that takes too long is killed."""
    async with worker_of(tmp_path, 'if __name__ == "__main__":\n    app.run_forever()\n') as (app, pid):
        done = await app.add_task("who", timeout=30)
        slow = await app.add_task("hold", str(tmp_path / "pid"))
        (held,) = await pids_in(tmp_path / "pid")
        with pytest.raises(TaskFailed, match="longer than its max_time"):
            await slow.result(timeout=30)

        assert done.returning is not None
        child, name = done.returning
        assert child != pid
        assert name == "__mp_main__"
        await until(lambda: not is_alive(held))


async def test_a_script_without_its_guard_is_told(tmp_path: Path) -> None:
    """The process does not become a second worker."""
    async with worker_of(tmp_path, "app.run_forever()\n") as (app, _):
        done = await app.add_task("who", timeout=30)

        assert done.failure is not None
        assert "Guard it" in done.failure.message


# What can be run


@pytest.mark.parametrize(
    "function",
    [lambda: None, partial(bodies.add, 1), bodies.Point(1, 2).__eq__],
    ids=["lambda", "partial", "method"],
)
def test_what_cannot_be_imported_is_refused(function: Callable[..., Any]) -> None:
    """At registration, with what to do."""
    with pytest.raises(TaskError, match="top of a module"):
        check_importable(function)


def test_a_function_inside_a_function_is_refused() -> None:
    """Another process cannot reach it."""

    def inner() -> None: ...

    with pytest.raises(TaskError, match="top of a module"):
        check_importable(inner)
    check_importable(bodies.add)


def test_a_main_module_without_a_file_is_refused() -> None:
    """What is typed into `python` or given by -c is in no file."""
    code = (
        "from qtasks.worker.processes import check_importable\n"
        "def task(): ...\n"
        "try:\n    check_importable(task)\nexcept Exception as exc:\n    print(exc)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "write it into a module" in run.stdout


@pytest.mark.parametrize("way", ["by name", "from a file"])
def test_a_main_module_can_be_imported_as_it_was_started(way: str, tmp_path: Path) -> None:
    """By the name that `python -m` was given, or from its file."""
    script = tmp_path / "the_program.py"
    script.write_text("from qtasks.isolation import MainModule\nprint(MainModule.here())\n")
    started = ["-m", script.stem] if way == "by name" else [script.name]

    run = subprocess.run([sys.executable, *started], cwd=tmp_path, capture_output=True, text=True, check=True)

    main = MainModule(name=script.stem) if way == "by name" else MainModule(file=str(script))
    assert run.stdout.strip() == str(main)


def test_memory_limits_are_supported_where_they_are_kept() -> None:
    """Linux keeps them; macOS says yes and does not."""
    with suppress(UsageError):
        check_memory_limit_supported()
        assert sys.platform not in {"darwin", "win32"}
        return
    assert sys.platform != "linux"
