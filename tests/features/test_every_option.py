"""Every option of a task and of a call, and every setting, changes what it says.

An option that has no entry here fails its test: nothing is accepted and ignored.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from core.conftest import _working
from core.process_bodies import take, who
from features.conftest import until

from qtasks.asyncio import QueueTasks, Task
from qtasks.config import SETTINGS, QueueConfig
from qtasks.errors import EncodeError, PluginError, ResultTimeout, WorkerExhausted
from qtasks.executors import TaskExecutor, TaskMiddleware
from qtasks.options import OPTION_NAMES, CallOptions
from qtasks.plugins import TaskAdding, hookimpl
from qtasks.testing import FakeClock
from qtasks.worker.identity import this_worker

Effect = Callable[[QueueTasks], Awaitable[None]]

OPTIONS: Final[dict[str, Effect]] = {}
CALL_OPTIONS: Final[dict[str, Effect]] = {}
FIELDS: Final[dict[str, Effect]] = {}


def shows(effects: dict[str, Effect], *names: str) -> Callable[[Effect], Effect]:
    """Register what shows the effect of these options."""

    def register(effect: Effect) -> Effect:
        effects.update(dict.fromkeys(names, effect))
        return effect

    return register


@pytest.fixture
async def app() -> AsyncIterator[QueueTasks]:
    """An app in memory, whose clock a test may move."""
    app = QueueTasks("tests", "memory://", plugins=False, clock=FakeClock())
    app.config.lease, app.config.grace = 1.0, 5.0
    yield app
    await app.disconnect()


@pytest.mark.parametrize("name", sorted(OPTION_NAMES))
async def test_an_option_of_a_task(app: QueueTasks, name: str) -> None:
    """`@app.task(…)`: the option changes what it says."""
    await OPTIONS[name](app)


@pytest.mark.parametrize("name", [field.name for field in fields(CallOptions)])
async def test_an_option_of_a_call(app: QueueTasks, name: str) -> None:
    """`.options(…)`: the option changes what it says, for this call alone."""
    await CALL_OPTIONS[name](app)


@pytest.mark.parametrize("name", sorted(SETTINGS))
async def test_a_setting(app: QueueTasks, name: str) -> None:
    """`app.config`: the field changes what it says."""
    await FIELDS[name](app)


async def ended(app: QueueTasks, call: Any) -> Task[Any]:
    """Run one call and return the finished task."""
    async with _working(app):
        return await (await app.add_task(call)).wait(10)


def clock(app: QueueTasks) -> FakeClock:
    """Return the clock of the app."""
    assert isinstance(app.clock, FakeClock)
    return app.clock


def note() -> None:
    """Do nothing."""


@shows(OPTIONS, "name")
async def _name(app: QueueTasks) -> None:
    app.task(name="other")(note)
    assert list(app.tasks) == ["other"]


@shows(OPTIONS, "queue")
async def _queue(app: QueueTasks) -> None:
    assert (await app.task(queue="slow")(note).add_task()).queue == "slow"
    assert [queue.name for queue in await app.queues.info()] == ["slow"]


@shows(OPTIONS, "priority")
async def _priority(app: QueueTasks) -> None:
    low, high = app.task(name="low", priority=1)(note), app.task(name="high", priority=8)(note)
    await low.add_task()
    await high.add_task()
    assert [task.task_name for task in await app.queues.peek("default")] == ["high", "low"]


@shows(OPTIONS, "max_time")
async def _max_time(app: QueueTasks) -> None:
    @app.task(max_time=0.05)
    async def on_loop() -> None:
        await asyncio.sleep(60)

    @app.task(max_time=0.05)
    def in_thread() -> None:
        while True:
            time.sleep(0.005)

    for task in (on_loop, in_thread):
        assert "TimeoutError" in ((await ended(app, task.bind())).error or "")


def failing(app: QueueTasks, **options: Any) -> tuple[Any, list[float]]:
    """Return a task that fails each time, and the moments of its runs."""
    runs: list[float] = []

    async def fail() -> None:
        runs.append(app.clock.now())
        raise KeyError("gone")

    return app.task(**options)(fail), runs


@shows(OPTIONS, "retry")
async def _retry(app: QueueTasks) -> None:
    task, runs = failing(app, retry=2, backoff=0)
    assert ((await ended(app, task.bind())).attempts, len(runs)) == (3, 3)


@shows(OPTIONS, "retry_on_exc")
async def _retry_on_exc(app: QueueTasks) -> None:
    """Subclasses count: a KeyError is a LookupError."""
    for number, (kinds, expected) in enumerate([([LookupError], 2), ([OSError], 1)]):
        task, runs = failing(app, name=f"fail{number}", retry=1, retry_on_exc=kinds, backoff=0)
        await ended(app, task.bind())
        assert len(runs) == expected


@shows(OPTIONS, "backoff", "backoff_factor", "backoff_cap", "backoff_jitter")
async def _backoff(app: QueueTasks) -> None:
    task, _ = failing(app, retry=4, backoff=100, backoff_factor=3, backoff_cap=1000, backoff_jitter=0)
    waits = []
    async with _working(app):
        handle = await task.add_task()
        for _ in range(4):
            waiting = await handle.wait(5, until={handle.status.RETRY})
            assert waiting.due is not None
            waits.append(round((waiting.due - waiting.updated_at).total_seconds()))
            clock(app).advance(1001)
            await _changed(handle, waiting)
    assert waits == [100, 300, 900, 1000]
    jittery, _ = failing(app, name="jitter", retry=1, backoff=100, backoff_jitter=1)
    async with _working(app):
        handle = await jittery.add_task()
        waiting = await handle.wait(5, until={handle.status.RETRY})
        assert waiting.due is not None
        assert 100 <= (waiting.due - waiting.updated_at).total_seconds() <= 200
        await handle.cancel()


async def _changed(handle: Task[Any], before: Task[Any]) -> None:
    """Wait until the task has had another delivery, or has ended."""
    async with asyncio.timeout(5):
        while True:
            now = await handle.refresh()
            if now.is_final or (now.token > before.token and now.status is not handle.status.PROCESS):
                return
            await asyncio.sleep(0.002)


@shows(OPTIONS, "expires")
async def _expires(app: QueueTasks) -> None:
    handle = await app.task(expires=5)(note).add_task()
    clock(app).advance(6)
    async with _working(app):
        done = await handle.wait(5)
    assert (done.status, (done.reason or "").startswith("expired")) == ("dead", True)


@shows(OPTIONS, "result_ttl")
async def _result_ttl(app: QueueTasks) -> None:
    done = await ended(app, app.task(result_ttl=5)(note).bind())
    clock(app).advance(6)
    assert await app.read(done.id) is None


@shows(OPTIONS, "tags", "description")
async def _tags(app: QueueTasks) -> None:
    task = app.task(tags=["a", "b"], description="what for")(note)
    assert (task.tags, task.description) == (("a", "b"), "what for")
    from qtasks.stats import AsyncStats

    shown = (await AsyncStats(app).inspect()).task("note")
    assert "what for" in str(shown)


@shows(OPTIONS, "echo")
async def _echo(app: QueueTasks) -> None:
    @app.task(echo=True)
    async def me(self: Any, a: int) -> str:
        return f"{self.ctx.task_name} {a}"

    assert (await ended(app, me.bind(1))).returning == "me 1"


@shows(OPTIONS, "executor")
async def _executor(app: QueueTasks) -> None:
    class Other(TaskExecutor):
        async def execute(self) -> Any:
            return "otherwise"

    def thread() -> str:
        return threading.current_thread().name

    assert (await ended(app, app.task(name="a", executor="loop")(thread).bind())).returning == "MainThread"
    assert (await ended(app, app.task(name="b", executor=Other)(thread).bind())).returning == "otherwise"
    process = app.task(name="c", executor="process")(who)
    done = await ended(app, process.bind())
    assert done.returning is not None
    assert done.returning[0] != os.getpid()


@shows(OPTIONS, "max_memory")
async def _max_memory(app: QueueTasks) -> None:
    limited = app.task(executor="process", max_memory=200 * 2**20)(take)
    assert "MemoryError" in ((await ended(app, limited.bind(10**9))).error or "")


@shows(OPTIONS, "ack")
async def _ack(app: QueueTasks) -> None:
    async with app:
        gone = this_worker(("default",), 1, app.clock.now())
        consumer = await app.broker.open_consumer(gone, ("default",))
        handle = await app.task(ack="early")(note).add_task()
        await consumer.fetch(1)
        clock(app).advance(2)
        async with _working(app):
            assert (await handle.wait(5)).status == "dead"


@shows(OPTIONS, "unique")
async def _unique(app: QueueTasks) -> None:
    task = app.task(unique=True)(note)
    assert (await task.add_task()).id == (await task.add_task()).id


@shows(OPTIONS, "rate_limit")
async def _rate_limit(app: QueueTasks) -> None:
    starts: list[float] = []

    @app.task(rate_limit="20/s")
    async def start() -> None:
        starts.append(time.monotonic())

    async with _working(app):
        for handle in await app.add_tasks(start.bind() for _ in range(4)):
            await handle.wait(5)
    assert starts[-1] - starts[0] >= 0.14


@shows(OPTIONS, "concurrency", "limit_by")
async def _concurrency(app: QueueTasks) -> None:
    running: list[str] = []
    most = 0

    @app.task(concurrency=1, limit_by="key")
    async def work(key: str) -> None:
        nonlocal most
        running.append(key)
        most = max(most, len(running))
        assert running.count(key) == 1
        await asyncio.sleep(0.02)
        running.remove(key)

    async with _working(app):
        for handle in await app.add_tasks(work.bind("ab"[i % 2]) for i in range(6)):
            assert (await handle.wait(5)).status == "success"
    assert most == 2


@shows(OPTIONS, "decode")
async def _decode(app: QueueTasks) -> None:
    @app.task(decode=lambda value: value + 1)
    async def one() -> int:
        return 1

    assert (await ended(app, one.bind())).returning == 2


@shows(OPTIONS, "generate_handler")
async def _generate_handler(app: QueueTasks) -> None:
    @app.task(generate_handler=lambda value: value * 2)
    def double() -> Iterator[Any]:
        answer: Any = yield 4
        yield answer

    assert (await ended(app, double.bind())).returning == [4, 8]


@shows(OPTIONS, "middlewares_before", "middlewares_after")
async def _middlewares(app: QueueTasks) -> None:
    class Before(TaskMiddleware):
        async def __call__(self) -> None:
            self.task_executor.args = [10]

    class After(TaskMiddleware):
        async def __call__(self) -> None:
            self.task_executor.result += 1

    @app.task(middlewares_before=[Before], middlewares_after=[After])
    async def same(a: int) -> int:
        return a

    assert (await ended(app, same.bind(1))).returning == 11


@shows(CALL_OPTIONS, "id")
async def _call_id(app: QueueTasks) -> None:
    task_id = "0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77"
    task = app.task(note)
    assert (await task.options(id=task_id).add_task()).id == task_id
    await task.options(id=task_id).add_task()
    assert (await app.counts()).total == 1


@shows(CALL_OPTIONS, "queue", "priority")
async def _call_queue(app: QueueTasks) -> None:
    handle = await app.task(queue="a", priority=1)(note).options(queue="b", priority=2).add_task()
    assert (handle.queue, handle.priority) == ("b", 2)


@shows(CALL_OPTIONS, "delay", "eta")
async def _call_delay(app: QueueTasks) -> None:
    task = app.task(note)
    late = await task.options(delay=50).add_task()
    eta = datetime.fromtimestamp(app.clock.now(), UTC) + timedelta(seconds=50)
    at = await task.options(eta=eta).add_task()
    async with _working(app):
        for handle in (late, at):
            with pytest.raises(ResultTimeout):
                await handle.wait(0.05)
        clock(app).advance(51)
        for handle in (late, at):
            assert (await handle.wait(5)).status == "success"


@shows(CALL_OPTIONS, "expires")
async def _call_expires(app: QueueTasks) -> None:
    handle = await app.task(expires=100)(note).options(expires=5).add_task()
    clock(app).advance(6)
    async with _working(app):
        assert (await handle.wait(5)).status == "dead"


@shows(CALL_OPTIONS, "retry")
async def _call_retry(app: QueueTasks) -> None:
    task, runs = failing(app, retry=5, backoff=0)
    await ended(app, task.options(retry=1).bind())
    assert len(runs) == 2


@shows(CALL_OPTIONS, "max_time")
async def _call_max_time(app: QueueTasks) -> None:
    @app.task(max_time=60)
    async def sleep() -> None:
        await asyncio.sleep(60)

    assert (await ended(app, sleep.options(max_time=0.05).bind())).status == "error"


@shows(CALL_OPTIONS, "unique")
async def _call_unique(app: QueueTasks) -> None:
    task = app.task(unique=True)(note)
    assert (await task.add_task()).id != (await task.options(unique=False).add_task()).id


@shows(FIELDS, "max_tasks_process")
async def _field_slots(app: QueueTasks) -> None:
    app.config.max_tasks_process = 2
    now = most = 0

    @app.task
    async def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1

    async with _working(app):
        for handle in await app.add_tasks(work.bind() for _ in range(6)):
            await handle.wait(5)
    assert most == 2


@shows(FIELDS, "queues")
async def _field_queues(app: QueueTasks) -> None:
    app.config.queues = ("slow", "default")
    assert (await ended(app, app.task(queue="slow")(note).bind())).status == "success"


@shows(FIELDS, "task_default_priority")
async def _field_priority(app: QueueTasks) -> None:
    app.config.task_default_priority = 6
    assert (await app.task(note).add_task()).priority == 6


@shows(FIELDS, "task_default_decode")
async def _field_decode(app: QueueTasks) -> None:
    app.config.task_default_decode = lambda _: "decoded"
    assert (await ended(app, app.task(note).bind())).returning == "decoded"


@shows(FIELDS, "serializer")
async def _field_serializer(app: QueueTasks) -> None:
    app.config.serializer = "msgpack"

    @app.task
    async def same(value: list[int]) -> list[int]:
        return value

    done = await ended(app, same.bind([1, 2]))
    assert (done.returning, done.record.body[:1] != b"{") == ([1, 2], True)
    assert done.record.result is not None
    assert done.record.result[:1] != b"{"


@shows(FIELDS, "max_message_size")
async def _field_message_size(app: QueueTasks) -> None:
    app.config.max_message_size = 1000

    @app.task
    async def take(text: str) -> None: ...

    await take.add_task("x" * 100)
    with pytest.raises(EncodeError, match="1000"):
        await take.add_task("x" * 1000)


@shows(FIELDS, "max_result_size")
async def _field_result_size(app: QueueTasks) -> None:
    app.config.max_result_size = 1000

    @app.task
    async def give() -> str:
        return "x" * 1000

    assert "1000" in ((await ended(app, give.bind())).error or "")


@shows(FIELDS, "running_older_tasks")
async def _field_older(app: QueueTasks) -> None:
    """Of workers that are provably gone: here, one of an earlier process of this machine."""
    from msgspec import structs

    app.config.lease, app.config.running_older_tasks = 1000.0, True
    async with app:
        mine = this_worker(("default",), 1, app.clock.now())
        gone = structs.replace(mine, id="gone", pid_started="long ago")
        consumer = await app.broker.open_consumer(gone, ("default",))
        handle = await app.task(note).add_task()
        await consumer.fetch(1)
        async with _working(app):
            assert (await handle.wait(5)).status == "success"


@shows(FIELDS, "delete_finished_tasks")
async def _field_delete(app: QueueTasks) -> None:
    app.config.delete_finished_tasks = True
    async with app:
        done = await ended(app, app.task(note).bind())
        async with _working(app):
            assert await app.read(done.id) is None


@shows(FIELDS, "lease")
async def _field_lease(app: QueueTasks) -> None:
    app.config.lease = 50.0
    async with app:
        gone = this_worker(("default",), 1, app.clock.now())
        consumer = await app.broker.open_consumer(gone, ("default",))
        handle = await app.task(note).add_task()
        await consumer.fetch(1)
        async with _working(app):
            clock(app).advance(40)
            with pytest.raises(ResultTimeout):
                await handle.wait(0.05)
            clock(app).advance(11)
            assert (await handle.wait(5)).status == "success"


@shows(FIELDS, "grace")
async def _field_grace(app: QueueTasks) -> None:
    app.config.grace = 0.01
    begun = asyncio.Event()

    @app.task
    async def long() -> None:
        begun.set()
        await asyncio.sleep(60)

    async with app:
        async with _working(app):
            handle = await long.add_task()
            await begun.wait()
        assert (await handle.refresh()).status == "new"


@shows(FIELDS, "max_deliveries")
async def _field_deliveries(app: QueueTasks) -> None:
    app.config.max_deliveries = 2
    async with app:
        handle = await app.task(note).add_task()
        for _ in range(2):
            gone = this_worker(("default",), 1, app.clock.now())
            consumer = await app.broker.open_consumer(gone, ("default",))
            await consumer.fetch(1)
            clock(app).advance(2)
        async with _working(app):
            assert "2 times" in ((await handle.wait(5)).reason or "")


@shows(FIELDS, "unknown_grace")
async def _field_unknown(app: QueueTasks) -> None:
    app.config.unknown_grace, app.config.max_deliveries = 0.0, 1
    async with app:
        handle = await app.add_task("nobody.knows")
        async with _working(app):
            await until_async(handle, lambda task: task.record.turns > 0)
            clock(app).advance(120)
            assert (await handle.wait(5)).status == "dead"


async def until_async(handle: Task[Any], condition: Callable[[Task[Any]], bool]) -> None:
    """Wait until the task is so."""
    async with asyncio.timeout(5):
        while not condition(await handle.refresh()):
            await asyncio.sleep(0.005)


@shows(FIELDS, "result_ttl")
async def _field_result_ttl(app: QueueTasks) -> None:
    app.config.result_ttl = 5.0
    done = await ended(app, app.task(note).bind())
    clock(app).advance(6)
    assert await app.read(done.id) is None


@shows(FIELDS, "dead_ttl")
async def _field_dead_ttl(app: QueueTasks) -> None:
    app.config.dead_ttl = 5.0
    handle = await app.task(expires=1)(note).add_task()
    clock(app).advance(2)
    async with _working(app):
        await handle.wait(5)
    clock(app).advance(6)
    assert await app.read(handle.id) is None


@shows(FIELDS, "result_time_interval")
async def _field_interval(_app: QueueTasks) -> None:
    """How often a waiter on a file reads by itself: seen in the waiter that the storage makes."""
    from qtasks.status import FINAL
    from qtasks.testing import TestSetup
    from qtasks_sqlite._waiters import Waiter

    setup = TestSetup(config=QueueConfig(result_time_interval=0.25))
    assert Waiter(setup, "x", FINAL).interval == 0.25


@shows(FIELDS, "result_statuses_end")
async def _field_statuses(app: QueueTasks) -> None:
    app.config.result_statuses_end = ("process",)
    gate = asyncio.Event()

    @app.task
    async def hold() -> None:
        await gate.wait()

    async with _working(app):
        handle = await hold.add_task()
        assert (await handle.wait(5)).status == "process"
        gate.set()


@shows(FIELDS, "blocked_loop_time")
async def _field_blocked(app: QueueTasks) -> None:
    app.config.blocked_loop_time = 0.02
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Lines()
    app.log.addHandler(handler)

    @app.task
    async def block() -> None:
        end = time.monotonic() + 5
        while not lines and time.monotonic() < end:
            time.sleep(0.01)  # noqa: ASYNC251 - to block is what it is for

    try:
        await ended(app, block.bind())
    finally:
        app.log.removeHandler(handler)
    assert "0.02 s" in lines[0]


@shows(FIELDS, "max_abandoned")
async def _field_abandoned(app: QueueTasks) -> None:
    app.config.max_abandoned = 1
    let_go = asyncio.Event()

    @app.task(max_time=0.02)
    async def cling() -> None:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    work = asyncio.create_task(app.run())
    await cling.add_task()
    await until(work.done)
    let_go.set()
    with pytest.raises(WorkerExhausted):
        await work


@shows(FIELDS, "hook_timeout")
async def _field_hook(app: QueueTasks) -> None:
    class Slow:
        @hookimpl
        async def qtasks_add_task_before_broker(self, event: TaskAdding) -> None:  # noqa: ARG002
            await asyncio.sleep(60)

    app.config.hook_timeout = 0.02
    app.add_plugin(Slow())
    with pytest.raises(PluginError, match=r"0\.02"):
        await app.task(note).add_task()


async def logged(command: Sequence[str], until_text: str | None, environment: dict[str, str]) -> str:
    """Return what a command logs until this text has come, or until it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "qtasks", *command),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])} | environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    lines = ""
    try:
        async with asyncio.timeout(30):
            while (line := (await process.stderr.readline()).decode()) != "":
                lines += line
                if until_text is not None and until_text in lines:
                    break
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()
    return lines


@shows(FIELDS, "logs_default_level_server", "logs_format")
async def _field_logs_of_a_worker(_app: QueueTasks) -> None:
    command = ["-A", "processes.shop:app", "run", "--url", "memory://"]
    shape = "<%(levelname)s> %(message)s"
    environment = {"QTASKS_LOGS_DEFAULT_LEVEL_SERVER": "10", "QTASKS_LOGS_FORMAT": shape}
    assert "<DEBUG> app " in await logged(command, "is connected", environment)


@shows(FIELDS, "logs_default_level_client")
async def _field_logs_of_a_client(_app: QueueTasks) -> None:
    command = ["ping", "--backend", "--url", "memory://"]
    debug = {"QTASKS_LOGS_DEFAULT_LEVEL_CLIENT": "10"}
    assert "is connected" in await logged(command, None, debug)
    assert await logged(command, None, {}) == ""
