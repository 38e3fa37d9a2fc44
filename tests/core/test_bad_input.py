"""What users get wrong: the error says what and where, nothing half is sent, and no other task is lost.

What is installed and found is in `test_discovery.py`, what `-A` names in `cli/test_load.py`, and how tasks
end that cannot be run in `features/test_ends.py`.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from qtasks import QueueConfig
from qtasks.asyncio import QueueTasks
from qtasks.config import SETTINGS
from qtasks.errors import (
    BackendNotFound,
    ConfigError,
    EncodeError,
    QTasksError,
    TaskArgumentError,
    TaskNameTaken,
)
from qtasks.guards import importing

from .conftest import Working, _working

LOCK = threading.Lock()


def _within(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@asynccontextmanager
async def kept(app: QueueTasks) -> AsyncIterator[None]:
    """Send a task before and one after: both run, and they are all that there is."""

    @app.task(name="kept")
    async def keep(number: int) -> int:
        return number

    before = await keep.add_task(1)
    yield
    after = await keep.add_task(2)
    assert (await app.counts()).total == 2
    async with _working(app):
        assert [await before.result(30), await after.result(30)] == [1, 2]


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((LOCK,), {}, ["argument 1 ('value') of task 'take'", "_thread.lock"]),
        (([{"a": (1, LOCK)}],), {}, ["argument 1 ('value')", "[0]['a'][1]", "_thread.lock"]),
        ((), {"other": {"x": print}}, ["argument 'other'", "['x']", "builtin_function_or_method"]),
        ((1, lambda: 1), {}, ["argument 2", "function"]),
        (((number for number in range(3)),), {}, ["argument 1 ('value')", "generator"]),
        (("\udcff",), {}, ["argument 1 ('value')", "surrogate"]),
        ((_itself(),), {}, ["argument 1 ('value')", "contains itself"]),
        ((_within(200),), {}, ["argument 1 ('value')", "deeper than 100 levels"]),
        (
            ("x" * 2000,),
            {},
            ["argument 1 ('value')", "2002", "max_message_size", "Keep large data elsewhere"],
        ),
    ],
    ids=["lock", "deep inside", "keyword", "function", "generator", "surrogate", "itself", "deep", "large"],
)
@pytest.mark.parametrize("is_known", [True, False])
async def test_an_argument_that_cannot_be_sent(
    app: QueueTasks, args: tuple[Any, ...], kwargs: dict[str, Any], words: list[str], *, is_known: bool
) -> None:
    """The error names the argument, the place in it and the type; also of a task that nobody knows here."""
    app.config.max_message_size = 1000
    if is_known:

        @app.task
        async def take(value: object = None, *rest: object, other: object = None) -> None: ...

    async with kept(app):
        with pytest.raises(EncodeError) as caught:
            await app.add_task("take", *args, **kwargs)

    text = str(caught.value)
    expected = words if is_known else [word.replace(" ('value')", "") for word in words]
    assert [word for word in expected if word not in text] == []
    assert len(text) < 1000


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, ["missing", "'a'"]),
        ((1, 2, 3), {}, ["from 1 to 2 positional arguments", "3 were given"]),
        ((1,), {"bb": 2}, ["unexpected keyword argument 'bb'"]),
        ((1,), {"a": 2}, ["multiple values for argument 'a'"]),
    ],
)
async def test_arguments_that_do_not_fit(
    app: QueueTasks, args: tuple[Any, ...], kwargs: dict[str, Any], words: list[str]
) -> None:
    """The error speaks of the task as Python does of a function: alone, by name, in a batch, in a chain."""

    @app.task
    async def add(a: int, b: int = 0) -> int:
        return a + b

    calls: list[Callable[[], Any]] = [
        lambda: add.add_task(*args, **kwargs),
        lambda: app.add_task("add", *args, **kwargs),
        lambda: add.options(priority=3).add_task(*args, **kwargs),
        lambda: app.add_tasks([add.bind(1), add.bind(*args, **kwargs)]),
        lambda: app.chain(add.bind(*args, **kwargs), add.step(1)).add_task(),
    ]
    async with kept(app):
        for call in calls:
            with pytest.raises(TaskArgumentError) as caught:
                await call()
            assert [word for word in ["add()", *words] if word not in str(caught.value)] == []


async def test_a_name_that_is_taken(app: QueueTasks) -> None:
    """The error names both functions and what to do; the first one stays, with its options."""

    @app.task(name="mail", priority=4)
    async def first() -> str:
        return "first"

    async with kept(app):
        with pytest.raises(TaskNameTaken, match=r"'mail'.*first.*second.*@app\.task\(name="):

            @app.task(name="mail")
            async def second() -> None: ...

    assert (app.tasks["mail"].function, app.tasks["mail"].options.priority) == (first.__wrapped__, 4)


FAR = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delay": -0.001}, ["delay must be 0 … 315360000 seconds", "-0.001"]),
        ({"delay": float("nan")}, ["delay must be", "nan"]),
        ({"delay": float("inf")}, ["delay must be", "inf"]),
        ({"delay": float("-inf")}, ["delay must be", "-inf"]),
        ({"delay": 11 * 365 * 86_400}, ["delay must be", "346896000"]),
        ({"delay": 10**400}, ["delay must be"]),
        ({"delay": "5"}, ["delay must be", "'5'"]),
        ({"delay": True}, ["delay must be", "True"]),
        ({"delay": timedelta(seconds=5)}, ["delay must be", "timedelta"]),
        ({"eta": datetime(2030, 1, 1)}, ["eta must be a datetime with a time zone", "2030, 1, 1"]),  # noqa: DTZ001
        ({"eta": date(2030, 1, 1)}, ["eta must be a datetime with a time zone", "date(2030"]),
        ({"eta": "2030-01-01T00:00:00Z"}, ["eta must be a datetime with a time zone", "'2030"]),
        ({"eta": FAR}, ["eta is more than 10 years ahead", "9999-12-31"]),
        ({"eta": FAR, "delay": 1}, ["either delay or eta"]),
        ({"expires": 0}, ["expires must be a positive number of seconds"]),
        ({"expires": float("nan")}, ["expires must be a positive number of seconds"]),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
async def test_a_moment_that_cannot_be_kept(
    app: QueueTasks, options: dict[str, Any], words: list[str]
) -> None:
    """The error says what is allowed and what was given."""

    @app.task
    async def nothing() -> None: ...

    async with kept(app):
        with pytest.raises(ConfigError) as caught:
            await nothing.options(**options).add_task()

    assert [word for word in words if word not in str(caught.value)] == []


async def test_a_moment_that_is_over(app: QueueTasks, working: Working) -> None:
    """An ETA in the past is no mistake: the task is ready at once."""

    @app.task
    async def one() -> int:
        return 1

    async with working(app):
        task = await one.options(eta=datetime.now(UTC) - timedelta(days=3)).add_task()
        assert await task.result(30) == 1


async def test_an_address_that_nobody_serves() -> None:
    """It is refused where the app is made; while the command imports that, `--url` may still replace it."""
    with pytest.raises(BackendNotFound, match=r"nosuch:// URLs \(found: .*memory"):
        QueueTasks("tests", "nosuch://host", plugins=False)
    with pytest.raises(ConfigError, match="a URL is text"):
        QueueTasks("tests", 7, plugins=False)  # type: ignore[arg-type]

    with importing("shop:app"):
        app = QueueTasks("tests", "nosuch://host", plugins=False)
        app.task(name="nothing")(test_an_address_that_nobody_serves)
    for call in (lambda: app.add_task("nothing"), app.run, app.counts):
        with pytest.raises(BackendNotFound, match="nosuch://"):
            await call()
    with pytest.raises(BackendNotFound, match="nothere://"):
        app.use_url("nothere://")
    app.use_url("memory://")
    async with kept(app):
        pass
    await app.disconnect()


WRONG = {
    "max_tasks_process": ["0", "many", "1.5", ""],
    "queues": ["", ",", "a=0", "x" * 201],
    "task_default_priority": ["10", "-1", "high"],
    "task_default_decode": ["str.upper"],
    "serializer": [""],
    "max_message_size": ["0", "16 MB"],
    "max_result_size": ["0", "64MB"],
    "running_older_tasks": ["perhaps", "2"],
    "delete_finished_tasks": ["perhaps"],
    "lease": ["0", "nan", "inf", "soon", "none"],
    "grace": ["-1", "30s"],
    "max_deliveries": ["0", "five"],
    "unknown_grace": ["-1", "never"],
    "result_ttl": ["-1", "nan", "a day"],
    "dead_ttl": ["-1", "for ever"],
    "max_dead": ["0", "-1", "many"],
    "result_time_interval": ["0", "x"],
    "result_statuses_end": ["done", ""],
    "blocked_loop_time": ["0", "x"],
    "max_abandoned": ["0", "x"],
    "hook_timeout": ["0", "x"],
    "logs_default_level_server": ["INFO", "-1"],
    "logs_default_level_client": ["INFO", "-1"],
    "logs_format": [""],
}


def test_each_setting_has_values_that_are_wrong() -> None:
    """The list below is complete."""
    assert WRONG.keys() == SETTINGS.keys()


@pytest.mark.parametrize(
    ("field", "text"), [(field, text) for field, texts in WRONG.items() for text in texts]
)
def test_a_wrong_value_in_the_environment(monkeypatch: pytest.MonkeyPatch, field: str, text: str) -> None:
    """The error names the variable, what it may be and what it is; without it the default holds."""
    variable = f"QTASKS_{field.upper()}"
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigError) as caught:
        QueueConfig()

    told = str(caught.value)
    assert told.startswith(f"{variable} must be {SETTINGS[field].rule}, not ")
    assert text.strip(",").lower()[:20] in told.lower()
    monkeypatch.delenv(variable)
    assert getattr(QueueConfig(), field) == SETTINGS[field].default


@pytest.mark.parametrize("source", ["the environment", "the code"])
async def test_a_serializer_that_is_not_installed(
    app: QueueTasks, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """It is found at the first call, and named; nothing is sent, and with a right one the app goes on."""
    if source == "the environment":
        monkeypatch.setenv("QTASKS_SERIALIZER", "yaml")
        app.config = QueueConfig(lease=1.0)
    else:
        app.config.serializer = "yaml"
    with pytest.raises(QTasksError, match=r"serializer.*'yaml'"):
        await app.add_task("nothing")

    app.config.serializer = "json"
    async with kept(app):
        pass
