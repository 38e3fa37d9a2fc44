"""`AsyncTestCase` and `SyncTestCase`: they run tasks, and each part of `TestConfig` has an effect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from qtasks import QueueTasks as SyncQueueTasks
from qtasks.asyncio import QueueTasks
from qtasks.errors import ConfigError, ResultTimeout, UsageError
from qtasks.plugins import Plugin, ResultReplace, hookimpl
from qtasks.testing import AsyncTestCase, SyncTestCase, TestConfig


class Doubling(Plugin):
    """Shows whether plugins take part."""

    @hookimpl
    async def task_executor_after_execute_result_replace(self, event: ResultReplace) -> ResultReplace:
        """Double the result."""
        return event.replace(result=event.result * 2)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A file that no test makes."""
    yield f"sqlite:///{tmp_path / 'tasks.db'}"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
async def case(url: str) -> AsyncIterator[AsyncTestCase]:
    """An asynchronous app with a plugin."""
    app = QueueTasks("shop", broker_url=url, plugins=False)
    app.add_plugin(Doubling())

    @app.task(retry=1, backoff=600)
    async def number(n: int) -> int:
        if n < 0:
            raise ValueError("on purpose")
        return n

    async with AsyncTestCase(app) as case:
        yield case


@pytest.fixture
def blocking(url: str) -> Iterator[SyncTestCase]:
    """A blocking app."""
    app = SyncQueueTasks("shop", broker_url=url, plugins=False)

    @app.task
    def number(n: int) -> int:
        return n

    with SyncTestCase(app, "shop") as case:
        yield case


async def test_full_runs_with_a_worker(case: AsyncTestCase) -> None:
    """Tasks wait for the worker, and it has plugins."""
    case.settings(TestConfig.full())
    task = await case.add_task("number", 3, priority=4)
    assert ((await case.get(task.uuid)).status, task.priority) == ("new", 4)

    await case.start()

    assert await task.result(timeout=30) == 6
    assert (await case.add_task("number", 4, timeout=30)).returning == 8


async def test_start_in_background(case: AsyncTestCase) -> None:
    """It returns at once, and the worker works soon."""
    case.start_in_background()

    assert (await case.add_task("number", 4, timeout=30)).returning == 8
    with pytest.raises(UsageError, match="works already"):
        await case.start()
    with pytest.raises(UsageError, match="before the start"):
        case.settings(TestConfig.full())


async def test_timeout_without_a_started_worker_runs_the_task(case: AsyncTestCase) -> None:
    """With its retries; it ends as it ends, and nothing is raised."""
    task = await case.add_task("number", -1, timeout=30)

    assert (task.status, task.attempts, task.error) == ("error", 2, "ValueError: on purpose")


async def test_awaiting_waits_for_each_task(case: AsyncTestCase) -> None:
    """With the worker and without it."""
    case.settings(awaiting=True)
    assert (await case.add_task("number", 3)).returning == 6

    await case.start()
    assert (await case.add_task("number", 3)).returning == 6


async def test_only_worker_has_no_queue(case: AsyncTestCase) -> None:
    """`add_task` runs the task; nothing is started, nothing is kept."""
    case.settings(TestConfig.only_worker())

    task = await case.add_task("number", 3)

    assert (task.status, task.returning) == ("success", 3)
    with pytest.raises(UsageError, match="no storage"):
        await case.get(task.uuid)
    with pytest.raises(UsageError, match="nothing to start"):
        await case.start()
    case.settings(TestConfig.only_worker(plugins=True))
    assert (await case.add_task("number", 3)).returning == 6


async def test_only_broker_takes_tasks(case: AsyncTestCase) -> None:
    """They are queued, and that is all."""
    case.settings(TestConfig.only_broker())

    task = await case.add_task("number", 3)

    assert task.status == "new"
    case.place.assert_enqueued("number", 3)
    with pytest.raises(UsageError, match="no storage"):
        await case.get(task.uuid)
    with pytest.raises(UsageError, match="nothing runs tasks"):
        await case.add_task("number", 3, timeout=1)
    with pytest.raises(UsageError, match="no worker"):
        case.start_in_background()
    with pytest.raises(ConfigError, match="awaiting=True needs a worker"):
        case.settings(awaiting=True)


async def test_full_broker_can_be_asked(case: AsyncTestCase) -> None:
    """Nothing runs them."""
    case.settings(TestConfig.full_broker())

    task = await case.add_task("number", 3)

    assert (await case.get(str(task.uuid))).status == "new"
    with pytest.raises(ResultTimeout):
        await task.wait(timeout=0.05)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "nothing takes part"),
        ({"storage": True, "global_config": True}, "nothing takes part"),
        ({"broker": True, "storage": True}, "together or not at all"),
        ({"broker": True, "global_config": True}, "together or not at all"),
        ({"worker": True, "storage": True, "global_config": True}, "a storage needs a broker"),
        ({"worker": True, "broker": True}, "needs storage and global_config"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(parts: dict[str, bool], text: str) -> None:
    """No part is accepted and ignored."""
    with pytest.raises(ConfigError, match=text):
        TestConfig(**parts)


def test_settings_begin_anew(blocking: SyncTestCase) -> None:
    """The place is a fresh one, with a clock of its own."""
    task = blocking.add_task("number", 3)
    clock = blocking.clock

    blocking.settings(TestConfig.full())

    assert blocking.app.find() == []
    assert blocking.clock is not clock
    assert task.task_name == "number"


def test_a_blocking_case(blocking: SyncTestCase) -> None:
    """The same without `await`."""
    assert blocking.add_task("number", 1, timeout=30).returning == 1
    waiting = blocking.add_task("number", 2)
    assert blocking.get(waiting.uuid).status == "new"

    blocking.start()

    assert waiting.result(timeout=30) == 2
    assert blocking.add_task("number", 3, timeout=30).returning == 3
    blocking.stop()
    blocking.stop()
    with pytest.raises(UsageError, match="is stopped"):
        blocking.add_task("number", 3)
    with pytest.raises(UsageError, match="is stopped"):
        blocking.start()


def test_a_blocking_case_in_the_background(blocking: SyncTestCase) -> None:
    """A task that is sent before the worker works is run by it."""
    blocking.start_in_background()

    assert blocking.add_task("number", 3).result(timeout=30) == 3
    with pytest.raises(UsageError, match="works already"):
        blocking.start()


def test_a_blocking_case_without_a_queue(blocking: SyncTestCase) -> None:
    """`add_task` runs the task."""
    blocking.settings(TestConfig.only_worker())

    assert blocking.add_task("number", 3).returning == 3


async def test_the_app_is_back_at_the_end(url: str) -> None:
    """In its own place."""
    app = QueueTasks("shop", broker_url=url, plugins=False)
    case = AsyncTestCase(app)
    assert app.url is None

    await case.stop()

    assert app.url == url
    with pytest.raises(UsageError, match="is stopped"):
        await case.get("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77")


def test_each_case_wants_its_own_face(url: str) -> None:
    """And the name of the app, where one is given."""
    app, blocking = QueueTasks("shop", broker_url=url), SyncQueueTasks("shop", broker_url=url)

    with pytest.raises(ConfigError, match="see SyncTestCase"):
        AsyncTestCase(blocking)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="see AsyncTestCase"):
        SyncTestCase(app)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="name='other'"):
        AsyncTestCase(app, "other")
