"""What is not shown: secret arguments, and arguments in the log at all."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Annotated

import msgspec
import pytest
from cases.apps import Place, working
from cli import inside
from processes.place import Place as ProcessPlace

from qtasks import Secret
from qtasks.asyncio import QueueTasks
from qtasks.errors import BackendError, ConfigError, TaskFailed
from qtasks.urls import shown

PASSWORD = "S3cr3t-and-l0ng"


async def test_arguments_are_in_no_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither at INFO nor at DEBUG, not when a task fails, is tried again, is given up or does not fit."""
    caplog.set_level("DEBUG")
    app = place.app(max_deliveries=1, unknown_grace=0.0)

    @app.task(retry=2, backoff=0.01)
    async def log_in(password: str) -> None:
        raise PermissionError("no entry" if password else "no password")

    @app.task
    async def number(value: int) -> int:
        return value

    async with working(app):
        await log_in.add_task(password=PASSWORD, timeout=30)
        await app.add_task("number", PASSWORD, timeout=30)
        await app.add_task("no.such.task", PASSWORD, timeout=30)

    assert caplog.text, "the test must see what is logged"
    assert PASSWORD not in caplog.text


async def test_a_secret_argument_stays_hidden_through_retries(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """After three failures with it in their text neither log, error, task, record nor command shows it."""
    caplog.set_level("DEBUG")
    app = place.app()
    seen: list[str] = []

    @app.task(retry=2, backoff=0.01)
    async def log_in(user: str, password: Annotated[str, Secret]) -> None:
        seen.append(password)
        try:
            dict[str, str]()[password]
        except KeyError as exc:
            raise PermissionError(f"{user} cannot log in with {password!r}") from exc

    async with working(app):
        task = await log_in.add_task("ann", password=PASSWORD)
        with pytest.raises(TaskFailed) as caught:
            await task.result(timeout=30)
        done = await task.refresh()

    assert seen == [PASSWORD] * 3
    assert done.failure is not None
    assert "ann cannot log in with" in done.failure.message
    for text in (caplog.text, repr(done), str(caught.value), done.error, done.traceback, done.reason):
        assert PASSWORD not in (text or "")
    stored = msgspec.structs.asdict(done.record)
    assert {name for name, value in stored.items() if PASSWORD in _text(value)} == {"body"}
    where = ("--url", place.url, "--name", "tests")
    for command in (("show", done.id), ("list",), ("show", done.id, "--json"), ("list", "--json")):
        shown = await asyncio.to_thread(inside.qtasks, "task", *command, *where)
        assert (shown.code, shown.err) == (0, "")
        assert "log_in" in shown.out
        assert PASSWORD not in shown.out


async def test_a_reader_that_does_not_know_the_task_sees_no_secret(place: Place) -> None:
    """The message itself notes what is secret, so a process without the code of the task hides it too."""
    app, stranger = place.app(), place.app()

    @app.task
    async def log_in(user: str, password: Annotated[str, Secret]) -> None:
        raise PermissionError(f"{user} is not {password}")

    async with working(app):
        task = await log_in.add_task("ann", PASSWORD)
        await task.wait(timeout=30)

    done = await stranger.get(task.id)
    assert "ann is not ***" in (done.error or "")
    assert PASSWORD not in f"{done!r} {done.error} {done.traceback} {done.failure}"


async def test_nothing_secret_is_stored_but_the_message(
    processes: ProcessPlace, caplog: pytest.LogCaptureFixture
) -> None:
    """In the file the value stands in the body of its message, and in no error, reason or history."""
    caplog.set_level("DEBUG")
    app = QueueTasks("shop", broker_url=processes.url, plugins=False)

    @app.task(retry=1, backoff=0.01)
    async def log_in(password: Annotated[str, Secret]) -> None:
        raise PermissionError(password)

    async with working(app):
        await log_in.add_task(PASSWORD, timeout=30)
    await app.disconnect()

    with closing(sqlite3.connect(processes.path, timeout=30)) as file:
        file.row_factory = sqlite3.Row
        (row,) = file.execute("SELECT * FROM task").fetchall()
        holding = {name for name in row.keys() if PASSWORD in _text(row[name])}  # noqa: SIM118
    assert holding == {"body"}


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_a_worker_process_prints_no_argument(processes: ProcessPlace, level: str) -> None:
    """Its standard error at any level has the names and ids of failed tasks, and never an argument."""
    worker = await processes.worker("--log-level", level)
    done = await (await processes.client.add_task("nap", PASSWORD, "not a number")).wait(30)
    again = await (await processes.client.add_task("sell", PASSWORD, PASSWORD)).wait(30)
    worker.process.terminate()
    assert await worker.end() == 0

    assert (done.status, again.status) == ("error", "error")
    assert worker.log
    assert PASSWORD not in worker.log


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{PASSWORD}@localhost:1/0",
        f"amqp://user:{PASSWORD}@localhost:1/",
        f"nosuch://user:{PASSWORD}@localhost:1/",
        f"redis://user:{PASSWORD}/@localhost:1/0",
    ],
)
async def test_the_password_of_an_address_is_in_no_error(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever is wrong with it, what is raised and logged has `***` in its place."""
    caplog.set_level("DEBUG")
    with pytest.raises((BackendError, ConfigError)) as caught:
        await QueueTasks("tests", broker_url=url, plugins=False).counts()

    assert PASSWORD not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caplog.text}"
    assert PASSWORD not in shown(url)
