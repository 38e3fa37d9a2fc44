"""The app: what it accepts, what it refuses, and in which loop it lives."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qtasks.asyncio import AsyncRouter, QueueTasks
from qtasks.errors import ConfigError, EncodeError, TaskArgumentError, TaskNameTaken, UsageError
from qtasks.guards import importing
from qtasks.memory import AsyncMemoryBroker
from qtasks.starters import AsyncStarter

from .conftest import Working


async def test_a_task_is_still_its_function(app: QueueTasks) -> None:
    """Calling it runs the function here and now."""

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    assert await add(1, 2) == 3


async def test_wrong_arguments_are_found_by_the_producer(app: QueueTasks) -> None:
    """Number and names are checked in add_task, also by name, and nothing is sent."""

    @app.task
    async def add(a: int, b: int = 0) -> int:
        return a + b

    with pytest.raises(TaskArgumentError, match="'a'"):
        await app.add_task("add")
    with pytest.raises(TaskArgumentError):
        await add.add_task(1, 2, 3)
    with pytest.raises(TaskArgumentError, match="wrong"):
        await app.add_task("add", 1, wrong=2)
    assert (await app.counts()).total == 0


async def test_a_batch_with_one_bad_call_is_not_sent(app: QueueTasks) -> None:
    """All or none: the good calls of the batch are not accepted either."""

    @app.task
    async def take(value: object) -> None: ...

    with pytest.raises(EncodeError, match=r"value|argument"):
        await app.add_tasks([take.bind(1), take.bind(threading.Lock())])
    assert (await app.counts()).total == 0


async def test_a_call_with_an_id_can_be_repeated(app: QueueTasks) -> None:
    """The second call with the same id finds the first task and adds none."""

    @app.task
    async def once() -> None: ...

    first = await once.options(id="01890a5d-ac96-774b-bcce-b302099a8057").add_task()
    second = await once.options(id="01890a5d-ac96-774b-bcce-b302099a8057").add_task()

    assert first.id == second.id
    assert (await app.counts()).total == 1


@pytest.mark.parametrize("priority", [-1, 10, 1.5, True, "9"])
async def test_a_priority_is_a_whole_number_from_0_to_9(app: QueueTasks, priority: object) -> None:
    """Anything else is a ValueError in add_task."""

    @app.task
    async def nothing() -> None: ...

    with pytest.raises(ValueError, match="0 … 9"):
        await nothing.add_task(priority=priority)  # type: ignore[call-overload]


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), 1e12])
async def test_a_delay_that_cannot_be_kept_is_refused(app: QueueTasks, delay: float) -> None:
    """Negative, not a number, infinite and too far away are errors of the call."""

    @app.task
    async def nothing() -> None: ...

    with pytest.raises(ConfigError, match="delay"):
        nothing.options(delay=delay)


async def test_an_eta_needs_a_time_zone(app: QueueTasks) -> None:
    """A naive datetime is refused, since nobody can tell which zone it means."""

    @app.task
    async def nothing() -> None: ...

    with pytest.raises(ConfigError, match="time zone"):
        nothing.options(eta=datetime.now())  # noqa: DTZ005 - the point of the test
    task = await nothing.options(eta=datetime.now(UTC) + timedelta(hours=1)).add_task()
    assert task.status == "delayed"


async def test_two_functions_cannot_have_one_name(app: QueueTasks) -> None:
    """The error names both places."""

    @app.task(name="x")
    async def first() -> None: ...

    with pytest.raises(TaskNameTaken, match=r"first.*second"):

        @app.task(name="x")
        async def second() -> None: ...


async def test_a_keyword_that_is_nearly_an_option_is_refused(app: QueueTasks) -> None:
    """Others are kept as extra keywords."""
    with pytest.raises(ConfigError, match="'priority'"):
        app.task(priorty=3)(lambda: None)
    with pytest.raises(ConfigError, match="'executor'"):
        app.task(executer="thread")(lambda: None)

    @app.task(test="test")
    async def kept() -> None: ...

    assert kept.extra == {"test": "test"}


async def test_a_parameter_named_like_an_option_warns_and_is_reached_by_bind(
    app: QueueTasks, working: Working
) -> None:
    """`timeout` of the body is sent by .bind(…) and by .options().add_task(…)."""
    with pytest.warns(UserWarning, match="parameter 'timeout'"):

        @app.task
        async def wait(timeout: int) -> int:
            return timeout

    async with working(app):
        (bound,) = await app.add_tasks([wait.bind(timeout=7)])
        assert await bound.result(timeout=30) == 7
        assert await (await wait.options().add_task(timeout=8)).result(timeout=30) == 8


async def test_router_tasks_run_in_the_app_that_includes_them(app: QueueTasks, working: Working) -> None:
    """A bare `@router.task` works; before the router is included it says so; names are unique."""
    router = AsyncRouter()

    @router.task
    async def hello(name: str) -> str:
        return f"hello {name}"

    with pytest.raises(UsageError, match="include_router"):
        await hello.add_task("you")
    app.include_router(router)
    async with working(app):
        assert await (await hello.add_task("you")).result(timeout=30) == "hello you"

    other = AsyncRouter()
    other.task(name="hello")(lambda: None)
    with pytest.raises(TaskNameTaken):
        app.include_router(other)


async def test_ping_tells_whether_a_worker_is_alive(app: QueueTasks, working: Working) -> None:
    """`server=False` asks only whether the backend answers."""
    assert await app.ping(server=False)
    assert not await app.ping()
    async with working(app):
        async with asyncio.timeout(30):
            while not await app.ping():
                await asyncio.sleep(0)


def test_an_app_moves_from_one_loop_to_the_next(tmp_path: Path) -> None:
    """asyncio.run twice, with no `async with`, is two homes one after the other."""
    app = QueueTasks("moves", broker_url=f"sqlite:///{tmp_path / 'tasks.db'}", plugins=False)

    @app.task
    async def nothing() -> None: ...

    async def send() -> int:
        await nothing.add_task()
        return (await app.counts()).total

    assert [asyncio.run(send()) for _ in range(3)] == [1, 2, 3]


async def test_a_second_running_loop_is_refused(app: QueueTasks) -> None:
    """The error names the blocking face."""
    await app.connect()

    def elsewhere() -> None:
        asyncio.run(app.counts())

    with pytest.raises(UsageError, match="another running loop"):
        await asyncio.to_thread(elsewhere)


async def test_parts_of_another_app_are_refused() -> None:
    """A component with the name of another app, or two brokers, are errors that name both."""
    with pytest.raises(ConfigError, match=r"'other'.*'mine'"):
        QueueTasks("mine", broker=AsyncMemoryBroker(name="other"))
    with pytest.raises(ConfigError, match="not both"):
        QueueTasks("mine", "memory://", broker=AsyncMemoryBroker())


async def test_run_forever_names_what_to_do_instead(app: QueueTasks) -> None:
    """Inside a loop, while the command imports the module, and with arguments of earlier versions."""
    with pytest.raises(UsageError, match=r"await app\.run\(\)"):
        app.run_forever()
    with pytest.raises(UsageError, match="max_tasks_process"):
        app.run_forever(num_workers=4)
    with importing("shop:app"), pytest.raises(UsageError, match="__main__"):
        app.run_forever()


async def test_use_url_replaces_only_what_was_made_from_a_url() -> None:
    """`--url` with a broker made by hand is an error."""
    app = QueueTasks("a", "memory://", plugins=False)
    app.use_url("memory://shared")
    assert app.url == "memory://shared"
    with pytest.raises(ConfigError, match="--url"):
        QueueTasks("a", broker=AsyncMemoryBroker()).use_url("memory://")


async def test_an_app_is_used_until_its_last_user_leaves(app: QueueTasks) -> None:
    """One of two `async with` ends first, and the other one goes on."""

    @app.task
    async def nothing() -> None: ...

    async with app:
        async with app:
            await nothing.add_task()
        await app.disconnect()
        assert app.home is asyncio.get_running_loop()
        await nothing.add_task()
    assert app.home is None


async def test_a_body_may_use_the_app_that_runs_it(app: QueueTasks, working: Working) -> None:
    """`async with app` and `disconnect` inside a body do not stop the worker under it."""

    @app.task
    async def inner() -> int:
        return 1

    @app.task
    async def outer() -> int | None:
        async with app:
            task = await inner.add_task()
        await app.disconnect()
        return await task.result(timeout=30)

    async with working(app):
        assert await (await outer.add_task()).result(timeout=30) == 1
        assert await (await outer.add_task()).result(timeout=30) == 1


async def test_a_second_run_is_refused_and_the_first_goes_on(app: QueueTasks, working: Working) -> None:
    """The error says how to stop it."""

    @app.task
    async def one() -> int:
        return 1

    async with working(app):
        with pytest.raises(UsageError, match=r"app\.stop"):
            await app.run()
        assert await (await one.add_task()).result(timeout=30) == 1


async def test_a_run_that_cannot_begin_leaves_nothing_behind(app: QueueTasks, working: Working) -> None:
    """After a refused starter the app can be run and stopped as ever."""
    with pytest.raises(ConfigError):
        await app.run(AsyncStarter(name="another"))
    assert app.starter is None
    async with working(app):
        assert app.starter is not None


async def test_a_run_that_is_cancelled_twice_keeps_no_lease(app: QueueTasks) -> None:
    """What it held comes to the next worker when the lease ends."""
    began = asyncio.Event()
    finish = asyncio.Event()

    @app.task
    async def stubborn() -> str:
        began.set()
        while not finish.is_set():
            try:
                await finish.wait()
            except asyncio.CancelledError:
                continue
        return "done"

    work = asyncio.create_task(app.run())
    async with app:
        task = await stubborn.add_task()
        await asyncio.wait_for(began.wait(), 30)
        work.cancel()
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        finish.set()
        again = asyncio.create_task(app.run())
        assert await task.result(timeout=30) == "done"
        await app.stop()
        await again


@pytest.mark.parametrize("timeout", ["5", -1, True, float("nan")])
async def test_a_timeout_that_cannot_be_waited_is_refused_before_sending(
    app: QueueTasks, timeout: object
) -> None:
    """Nothing is sent."""

    @app.task
    async def nothing() -> None: ...

    with pytest.raises(ConfigError, match="timeout"):
        await nothing.add_task(timeout=timeout)  # type: ignore[call-overload]
    assert (await app.counts()).total == 0
