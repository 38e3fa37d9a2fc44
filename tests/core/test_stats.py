"""`AsyncStats` and `SyncStats`: an app and its tasks described, and live numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from core.conftest import Working

import qtasks
from qtasks import Secret, Unique
from qtasks.asyncio import AsyncRouter, QueueTasks
from qtasks.config import SETTINGS
from qtasks.errors import TaskNotFound, UsageError
from qtasks.executors import TaskExecutor, TaskMiddleware
from qtasks.options import OPTION_NAMES
from qtasks.stats import AsyncStats, InspectStats, SyncStats
from qtasks.status import TaskStatus


class Around(TaskMiddleware):
    """A middleware."""

    async def __call__(self) -> None:
        """Do nothing."""


class Own(TaskExecutor):
    """An executor."""

    async def before_execute(self) -> None:
        """Do nothing."""


def as_text(value: Any) -> str:
    """Return what is stored of a result."""
    return str(value)


def register(app: QueueTasks) -> None:
    """Register a task with every option, and a bare one."""

    @app.task(
        name="mail",
        queue="high",
        priority=7,
        max_time=30.0,
        retry=3,
        retry_on_exc=[OSError, ValueError],
        backoff=0.5,
        backoff_factor=3.0,
        backoff_cap=60.0,
        backoff_jitter=0.2,
        expires=3_600.0,
        result_ttl=60.0,
        tags=["money", "mail"],
        description="Sends a letter.\nAnd another.",
        echo=True,
        executor=Own,
        decode=as_text,
        generate_handler=as_text,
        middlewares_before=[Around],
        middlewares_after=[Around],
        ack="early",
        unique=Unique(args=["to"], ttl=5.0),
        rate_limit="120/m",
        concurrency=2,
        limit_by="to",
        colour="red",
        shape={"points": (1, math.nan), "maker": Around},
    )
    def mail(
        self: object, to: str, password: Annotated[str, Secret] = "hunter2", *, late: bool = False
    ) -> Iterator[int]:
        yield len(f"{self}{to}{password}{late}")

    @app.task
    async def bare() -> None:
        """Do nothing."""


def strict(text: str) -> Any:
    """Read JSON without NaN and its like."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


async def described(app: QueueTasks) -> InspectStats:
    """Return what describes the app once its tasks are registered."""
    register(app)
    return await AsyncStats(app).inspect()


async def test_a_task_is_told_with_every_option(app: QueueTasks) -> None:
    """As JSON, under the name of the option, in values that JSON has."""
    told = strict((await described(app)).task("mail", json=True))
    assert set(told) >= OPTION_NAMES | {"extra", "function", "signature"}
    module = __name__
    expected = {
        "name": "mail", "queue": "high", "priority": 7, "max_time": 30.0, "retry": 3,
        "retry_on_exc": ["OSError", "ValueError"], "backoff": 0.5, "backoff_factor": 3.0, "backoff_cap": 60.0,
        "backoff_jitter": 0.2, "expires": 3_600.0, "result_ttl": 60.0, "tags": ["money", "mail"],
        "description": "Sends a letter.\nAnd another.", "echo": True, "executor": f"{module}.Own",
        "max_memory": None, "decode": f"{module}.as_text", "generate_handler": f"{module}.as_text",
        "middlewares_before": [f"{module}.Around"], "middlewares_after": [f"{module}.Around"], "ack": "early",
        "unique": {"key": None, "args": ["to"], "ttl": 5.0, "states": ["delayed", "new", "process", "retry"]},
        "rate_limit": 2.0, "concurrency": 2, "limit_by": "to",
        "extra": {"colour": "red", "shape": {"points": [1, "nan"], "maker": f"{module}.Around"}},
        "is_async": False, "is_generator": True,
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert told["function"] == f"{module}.register.<locals>.mail"


async def test_the_signature_hides_the_default_of_a_secret(app: QueueTasks) -> None:
    """It reads as the function does, without what the worker gives, and without the password."""
    stats = await described(app)
    shown = strict(stats.task("mail", json=True))["signature"]
    assert shown == (
        "(to: str, password: Annotated[str, Secret] = ***, *, late: bool = False) -> Iterator[int]"
    )
    for text in (stats.task("mail"), stats.tasks(), stats.tasks(json=True)):
        assert "hunter2" not in text


async def test_a_bare_task_has_the_defaults(app: QueueTasks) -> None:
    """Where it runs is told, and that nothing limits it."""
    told = strict((await described(app)).task("bare", json=True))
    assert (told["executor"], told["is_async"], told["retry"]) == ("loop", True, 0)
    assert (told["unique"], told["rate_limit"], told["extra"]) == (None, None, {})
    assert told["signature"] == "() -> None"


async def test_words_for_people(app: QueueTasks) -> None:
    """A line for each fact, the values below each other; what there is not is a dash."""
    lines = (await described(app)).task("mail").splitlines()
    assert "queue                      high" in lines
    assert "tags                       money, mail" in lines
    assert "echo                       yes" in lines
    assert "max_memory                 -" in lines
    assert lines[lines.index("description                Sends a letter.") + 1] == " " * 27 + "And another."
    assert "  colour                     red" in lines


async def test_several_tasks(app: QueueTasks) -> None:
    """Those that are named, in that order, else all by name; as JSON an array."""
    stats = await described(app)
    assert [one["name"] for one in strict(stats.tasks(json=True))] == ["bare", "mail"]
    assert [one["name"] for one in strict(stats.tasks("mail", "bare", json=True))] == ["mail", "bare"]
    assert stats.tasks() == f"{stats.task('bare')}\n{'-' * 50}\n{stats.task('mail')}"
    assert (await AsyncStats(QueueTasks("none", "memory://")).inspect()).tasks() == "no tasks are registered"


async def test_a_name_that_is_not_known(app: QueueTasks) -> None:
    """It is an error that names the nearest one."""
    stats = await described(app)
    with pytest.raises(TaskNotFound, match="the app 'tests' has no task 'mial'; did you mean 'mail'"):
        stats.task("mial")
    with pytest.raises(TaskNotFound):
        stats.tasks("mail", "nothing_like_it")


async def test_an_app_is_told_with_its_settings_and_parts(url: str) -> None:
    """Where its tasks are, every setting, the classes of its parts; never a password."""
    app = QueueTasks("shop", url, plugins=False)
    register(app)
    app.include_router(AsyncRouter())
    app.add_middleware(Around)
    app.config.task_default_decode = as_text
    told = strict((await AsyncStats(app).inspect()).app(json=True))
    assert (told["name"], told["version"], told["place"]) == ("shop", qtasks.__version__, app.place)
    assert (told["tasks"], told["routers"]) == (["bare", "mail"], 1)
    assert told["middlewares_before"] == [f"{__name__}.Around"]
    assert told["broker"] == type(app.broker).__name__
    assert (told["worker"], told["starter"]) == ("AsyncWorker", None)
    assert list(told["config"]) == list(SETTINGS)
    assert told["config"]["task_default_decode"] == f"{__name__}.as_text"
    assert told["config"]["queues"] == ["default"]
    assert "  lease                      30.0" in (await AsyncStats(app).inspect()).app().splitlines()


async def test_the_numbers_of_now(app: QueueTasks, working: Working) -> None:
    """What is counted, what waits and who works, in one call."""

    @app.task(queue="later")
    async def note() -> None: ...

    await note.add_task()
    async with working(app):
        now = await AsyncStats(app).now()
    assert now.counts[TaskStatus.NEW] == 1
    assert [(queue.name, queue.ready) for queue in now.queues] == [("later", 1)]
    assert [worker.tasks for worker in now.workers] == [("note",)]


def test_the_blocking_face(url: str) -> None:
    """The same in blocking calls, for an app of either face."""
    app = qtasks.QueueTasks("shop", url, plugins=False)

    @app.task
    def note() -> None: ...

    note.add_task()
    stats = SyncStats(app)
    assert stats.inspect().task("note") == SyncStats(app.engine).inspect().task("note")
    assert stats.app is app
    assert stats.now().counts.total == 1
    assert SyncStats(app.engine).now().counts.total == 1
    app.disconnect()


async def test_the_asynchronous_stats_of_a_blocking_app(url: str) -> None:
    """They look at its engine; blocking ones are refused in a loop."""
    app = qtasks.QueueTasks("shop", url, plugins=False)
    stats = AsyncStats(app)
    assert stats.app is app.engine
    assert (await stats.now()).counts.total == 0
    with pytest.raises(UsageError, match="would block the loop"):
        SyncStats(app).now()
    await app.engine.disconnect()
