"""`in_memory`: an app is put elsewhere for the time of a test, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from qtasks import QueueTasks as SyncQueueTasks
from qtasks.asyncio import QueueTasks, shared_task
from qtasks.clock import SYSTEM_CLOCK
from qtasks.errors import UsageError
from qtasks.memory import AsyncMemoryBroker
from qtasks.plugins import Plugin, ResultReplace, hookimpl
from qtasks.shared import SHARED, get_app
from qtasks.testing import FakeClock, in_memory


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The database that an app is made for."""
    return tmp_path / "tasks.db"


def made(file: Path) -> QueueTasks:
    """Return an asynchronous app for a file."""
    return QueueTasks("shop", broker_url=f"sqlite:///{file}", plugins=False)


class Doubling(Plugin):
    """Doubles results, and knows whether it is started."""

    def __init__(self) -> None:
        self.life: list[str] = []

    async def start(self) -> None:
        """Note it."""
        self.life.append("start")

    async def stop(self) -> None:
        """Note it."""
        self.life.append("stop")

    @hookimpl
    async def task_executor_after_execute_result_replace(self, event: ResultReplace) -> ResultReplace:
        """Double the result."""
        return event.replace(result=event.result * 2)


async def test_the_file_is_not_touched(file: Path) -> None:
    """All that happens in the place stays in memory, and nothing of it is left afterwards."""
    app = made(file)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with in_memory(app) as place:
        task = await add.add_task(1, 2)
        assert [one.returning for one in await place.drain()] == [3]
        assert (await app.get(task.id)).status == "success"
        assert place.app is app

    assert not file.exists()
    async with app:
        assert (await app.counts()).total == 0
    assert file.exists()


async def test_an_app_that_is_connected_stays_connected(file: Path) -> None:
    """What it had in its own place is there again at the end."""
    app = made(file)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with app:
        task = await add.add_task(1, 2)
        async with in_memory(app):
            assert (await app.counts()).total == 0
        assert (await app.get(task.id)).status == "new"


async def test_a_broker_made_by_hand_is_replaced_too() -> None:
    """It does not matter how the app was made."""
    broker = AsyncMemoryBroker()
    app = QueueTasks("shop", broker=broker, plugins=False)

    async with in_memory(app):
        assert app.broker is not broker
        assert app.worker.broker is app.broker

    assert app.broker is broker
    assert app.worker.broker is broker


async def test_clock_and_settings_are_put_back(file: Path) -> None:
    """Whatever the test has changed, also where it fails."""
    app, clock = made(file), FakeClock()
    config = app.config
    config.max_tasks_process = 7

    async def fail() -> None:
        async with in_memory(app, clock=clock):
            app.config.max_tasks_process = 3
            assert app.clock is clock
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await fail()

    assert (app.clock, app.config, config.max_tasks_process) == (SYSTEM_CLOCK, config, 7)


async def test_places_may_be_inside_one_another(file: Path) -> None:
    """The inner one ends first."""
    app = made(file)

    @app.task
    async def nothing() -> None: ...

    async with in_memory(app) as outer:
        await nothing.add_task()
        async with in_memory(app) as inner:
            await nothing.add_task()
            inner.assert_enqueued(nothing)
            with pytest.raises(UsageError, match="leave the last place first"):
                outer.leave()
        outer.assert_enqueued(nothing)
        assert (await app.counts()).total == 1


async def test_an_app_that_works_is_refused(file: Path) -> None:
    """Its worker would go on in the wrong place."""
    app = made(file)
    async with in_memory(app) as place, place.worker():
        with pytest.raises(UsageError, match="works just now"):
            in_memory(app).enter()


async def test_a_place_is_entered_once(file: Path) -> None:
    """It is one place."""
    async with in_memory(made(file)) as place:
        with pytest.raises(UsageError, match="in this place already"):
            place.enter()


async def test_with_is_refused_where_a_loop_runs(file: Path) -> None:
    """It could not wait for the end of what is open."""
    with pytest.raises(UsageError, match="async with"), in_memory(made(file)):
        pass


def test_an_asynchronous_app_in_a_plain_test(file: Path) -> None:
    """Each `asyncio.run` is at home in the same place."""
    app = made(file)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    with in_memory(app) as place:
        asyncio.run(add.add_task(1, 2))
        assert [task.returning for task in asyncio.run(place.drain())] == [3]

    assert not file.exists()


def test_a_blocking_app(file: Path) -> None:
    """The same without `await`, with a worker in a thread of its own."""
    app = SyncQueueTasks("shop", broker_url=f"sqlite:///{file}", plugins=False)

    @app.task
    def add(a: int, b: int) -> int:
        return a + b

    with in_memory(app) as place:
        sent = add.add_task(1, 2)
        assert [task.value() for task in place.drain()] == [3]
        assert [task.id for task in place.enqueued] == [sent.id]
        with place.worker():
            assert add.add_task(2, 2).result(timeout=30) == 4
            with pytest.raises(UsageError, match="a worker runs"):
                place.drain()
        assert place.app is app

    assert not file.exists()


async def test_plugins_take_part_and_are_stopped(file: Path) -> None:
    """They are those of the app."""
    app, plugin = made(file), Doubling()
    app.add_plugin(plugin)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with in_memory(app) as place:
        await add.add_task(1, 2)
        assert [task.returning for task in await place.drain()] == [6]

    assert plugin.life == ["start", "stop"]


async def test_plugins_can_be_left_out(file: Path) -> None:
    """And are there again afterwards."""
    app, plugin = made(file), Doubling()
    app.add_plugin(plugin)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    async with in_memory(app, plugins=False) as place:
        await add.add_task(1, 2)
        assert [task.returning for task in await place.drain()] == [3]
    async with in_memory(app) as place:
        await add.add_task(1, 2)
        assert [task.returning for task in await place.drain()] == [6]


async def test_shared_tasks_are_sent_by_the_app_that_is_tested(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although another one was made last; which is the last one again afterwards."""
    monkeypatch.setattr(SHARED, "_tasks", {})  # what is shared here is not for other tests

    @shared_task(name="tests.shared")
    async def shared() -> str:
        return "shared"

    app, other = made(file), made(file)
    async with in_memory(app) as place:
        await shared.add_task()
        assert [task.returning for task in await place.drain()] == ["shared"]

    assert get_app() is other


def test_only_an_app_can_be_put_elsewhere() -> None:
    """The text says what is wanted."""
    with pytest.raises(UsageError, match="give an app"):
        in_memory("shop")  # type: ignore[call-overload]
