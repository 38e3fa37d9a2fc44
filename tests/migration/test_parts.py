"""Components of version 1, put together by hand: broker, storage, config, worker, starter."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import qtasks.brokers
import qtasks.configs
import qtasks.storages
from qtasks import QueueTasks as BlockingTasks
from qtasks.asyncio import QueueTasks
from qtasks.errors import ConfigError, UsageError
from qtasks.starters import AsyncStarter, SyncStarter
from qtasks.testing import TestSetup
from qtasks.workers import AsyncWorker, SyncThreadWorker


def parts(face: str, kind: str, url: str, name: str | None) -> tuple[Any, Any, Any]:
    """Make config, storage and broker, as the users' page does."""
    config = getattr(qtasks.configs, f"{face}{kind}GlobalConfig")(name=name, url=url)
    storage = getattr(qtasks.storages, f"{face}{kind}Storage")(name=name, global_config=config, url=url)
    broker = getattr(qtasks.brokers, f"{face}{kind}Broker")(name=name, storage=storage, url=url)
    return config, storage, broker


@pytest.fixture(params=["Memory", "SQLite"])
def kind(request: pytest.FixtureRequest) -> str:
    """A backend, as it stands in the names of its classes."""
    return str(request.param)


@pytest.fixture
def place(kind: str, tmp_path: Path) -> str:
    """A URL for it."""
    return f"memory://{tmp_path.name}" if kind == "Memory" else f"sqlite:///{tmp_path / 'tasks.db'}"


async def test_all_parts_are_made_by_hand(kind: str, place: str) -> None:
    """The settings of the app reach them; version 1 ignored all three here."""
    config, storage, broker = parts("Async", kind, place, "QueueTasks")
    worker = AsyncWorker(name="QueueTasks", broker=broker)
    app = QueueTasks(name="QueueTasks", broker=broker, worker=worker, plugins=False)
    app.config.max_tasks_process = 37
    app.config.running_older_tasks = True
    app.config.delete_finished_tasks = True
    slots = list[int]()

    @app.task(name="test")
    async def sample_task(id: int) -> str:  # noqa: A002 - the name on the page
        slots.extend(each.slots for each in await app.workers())
        await app.stop()
        return f"user {id}"

    async with app:
        task = await app.add_task("test", 5)
        await app.run(AsyncStarter(name="QueueTasks", worker=worker, broker=broker), signals=False)
        assert (await app.get(task.uuid)).returning == "user 5"

    assert (app.broker, app.worker, slots) == (broker, worker, [37])
    assert (broker.storage, storage.global_config) == (storage, config)


def test_all_parts_of_a_blocking_app_are_made_by_hand(kind: str, place: str) -> None:
    """`Sync…` classes are faces, and are taken wherever a part is."""
    _, _, broker = parts("Sync", kind, place, "QueueTasks")
    worker = SyncThreadWorker(name="QueueTasks", broker=broker)
    app = BlockingTasks(name="QueueTasks", broker=broker, worker=worker, plugins=False)

    @app.task(name="test")
    def sample_task(id: int) -> str:  # noqa: A002 - the name on the page
        threading.Thread(target=app.stop, daemon=True).start()
        return f"user {id}"

    with app:
        task = app.add_task("test", 5)
        app.run_forever(starter=SyncStarter(name="QueueTasks", worker=worker, broker=broker))
        assert app.get(task.uuid).returning == "user 5"
    assert (app.broker, app.worker) == (broker.engine, worker.engine)


async def test_what_is_left_out_is_made_from_the_same_url(kind: str, place: str) -> None:
    """As in version 1: a broker alone, or with a storage."""
    broker = getattr(qtasks.brokers, f"Async{kind}Broker")(url=place)
    app = QueueTasks(broker=broker, plugins=False)
    task = await app.add_task("test")
    assert (await app.get(task.uuid)).status == "new"
    assert type(app.storage).__name__ == f"Async{kind}Storage"
    assert type(app.storage.global_config).__name__ == f"Async{kind}GlobalConfig"
    await app.disconnect()


async def test_a_worker_brings_its_broker(place: str) -> None:
    """`QueueTasks(worker=…)` needs no broker of its own; another one is refused."""
    scheme = "Memory" if place.startswith("memory") else "SQLite"
    make = getattr(qtasks.brokers, f"Async{scheme}Broker")
    worker = AsyncWorker(broker=make(url=place))
    assert QueueTasks("x", worker=worker, plugins=False).broker is worker.broker
    with pytest.raises(ConfigError, match="another broker"):
        QueueTasks("x", broker=make(url=place), worker=worker)


def test_names_that_differ_are_an_error(kind: str, place: str) -> None:
    """Version 1 let parts of different names work past each other."""
    _, _, broker = parts("Async", kind, place, "one")
    with pytest.raises(ConfigError, match=r"name='one' is in the app 'other'"):
        QueueTasks("other", broker=broker)
    app = QueueTasks("one", broker=broker)
    with pytest.raises(ConfigError, match="starter with name='other'"):
        AsyncStarter(name="other").attach(app)


async def test_values_are_shared_through_the_global_config(kind: str, place: str) -> None:
    """`set(name, key, value)`, `get(key, name)`, `get_all(key)`; values are JSON and no longer only text."""
    config, _, broker = parts("Async", kind, place, None)
    async with QueueTasks(broker=broker, plugins=False):
        await config.set("shop", "open", True)
        await config.set(name="shop", key="rooms", value=[1, 2])
        assert await config.get("open", "shop") is True
        assert await config.get(key="rooms", name="shop") == [1, 2]
        assert await config.get_all("shop") == {"open": True, "rooms": [1, 2]}
        assert await config.get("closed", "shop") is None


async def test_a_starter_is_started_by_its_app(place: str) -> None:
    """`starter.start()` of version 1 is `app.run_forever(starter=…)`."""
    app = QueueTasks("x", place, plugins=False)
    starter = AsyncStarter(worker=app.worker, broker=app.broker)
    with pytest.raises(UsageError, match="start through the app"):
        await starter.run()
    with pytest.raises(UsageError, match=r"app\.run_forever\(\)"):
        await app.worker.start(TestSetup("x"))


@pytest.mark.parametrize("argument", ["log", "config", "events"])
def test_parts_have_no_settings_of_their_own(kind: str, argument: str) -> None:
    """They are those of the app, so a part that is given its own says no."""
    made: list[Any] = [getattr(qtasks.brokers, f"Async{kind}Broker"), AsyncWorker, AsyncStarter]
    for part in made:
        with pytest.raises(TypeError, match=argument):
            part(**{argument: None})
