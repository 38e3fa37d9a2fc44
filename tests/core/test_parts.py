"""An app that is put together from parts, in both faces."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtasks import QueueTasks
from qtasks.asyncio import QueueTasks as AsyncQueueTasks
from qtasks.brokers import AsyncSQLiteBroker, SyncSQLiteBroker
from qtasks.configs import AsyncSQLiteGlobalConfig, SyncSQLiteGlobalConfig
from qtasks.errors import ConfigError
from qtasks.starters import AsyncStarter, SyncStarter
from qtasks.storages import AsyncSQLiteStorage, SyncSQLiteStorage
from qtasks.workers import AsyncWorker, SyncThreadWorker

from .conftest import Working


async def test_all_parts_made_by_hand_work_together(tmp_path: Path, working: Working) -> None:
    """Config, storage, broker, worker and app, each given to the next; the settings reach the worker."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    config = AsyncSQLiteGlobalConfig(name="parts", url=url)
    storage = AsyncSQLiteStorage(name="parts", global_config=config, url=url)
    broker = AsyncSQLiteBroker(name="parts", storage=storage, url=url)
    worker = AsyncWorker(name="parts", broker=broker)
    app = AsyncQueueTasks(name="parts", broker=broker, worker=worker, plugins=False)
    app.config.max_tasks_process = 7

    @app.task(name="test")
    async def sample(number: int) -> int:
        return number

    async with working(app):
        assert worker.info is not None
        assert worker.info.slots == 7
        assert (await sample.add_task(5, timeout=30)).returning == 5


def test_blocking_parts_work_together(tmp_path: Path) -> None:
    """The `Sync…` names are faces: the app takes what is behind them."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    config = SyncSQLiteGlobalConfig(url)
    storage = SyncSQLiteStorage(url, global_config=config)
    broker = SyncSQLiteBroker(url, storage=storage)
    worker = SyncThreadWorker(broker=broker)
    app = QueueTasks("parts", broker=broker, worker=worker, plugins=False)

    @app.task
    def sample() -> None: ...

    with app:
        assert sample.add_task().status == "new"
    assert app.broker is broker.engine
    assert app.storage.global_config is config.engine
    assert repr(broker).startswith("<SyncSQLiteBroker over")


async def test_a_starter_of_other_parts_is_refused(tmp_path: Path) -> None:
    """It must hold the app's own worker and broker, and the app's name if it has one."""
    app = AsyncQueueTasks("parts", f"sqlite:///{tmp_path / 'tasks.db'}", plugins=False)
    other = AsyncSQLiteBroker(f"sqlite:///{tmp_path / 'other.db'}")
    for starter in (AsyncStarter(broker=other), SyncStarter(worker=AsyncWorker(broker=other))):
        with pytest.raises(ConfigError, match="another"):
            await app.run(starter)
    with pytest.raises(ConfigError, match="name='else'"):
        await app.run(AsyncStarter(name="else"))
