# ruff: noqa: TRY301 - exceptions that misbehave are the point
"""Failures: how often they are tried again, and what is told of them."""

from __future__ import annotations

import asyncio
import importlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydantic
import pytest
from cases import programs
from cases.apps import Place, ends, until_seen, working
from cli import inside
from cli.command import Folder, wait_for
from features import ending

from qtasks.asyncio import QueueTasks
from qtasks.errors import TaskFailed
from qtasks.memory import AsyncMemoryBroker
from qtasks.retry import RetryPolicy, backoff

FOR_EVER = 10**9


class Demanding(Exception):
    """Its constructor cannot be called with what `args` holds."""

    def __init__(self, a: int, *, b: int) -> None:
        super().__init__(f"a={a} b={b}")


def _direct() -> None:
    raise Demanding(1, b=2)


def _cause() -> None:
    try:
        raise Demanding(1, b=2)
    except Demanding as exc:
        raise LookupError("try again") from exc


def _chained() -> None:
    try:
        raise KeyError("first")
    except KeyError as exc:
        raise Demanding(1, b=2) from exc


@pytest.mark.parametrize("kind", ["async", "thread"])
@pytest.mark.parametrize(
    ("raise_it", "name"),
    [(_direct, "Demanding"), (_cause, "LookupError"), (_chained, "Demanding")],
    ids=["raised", "as the cause of a retry", "with a cause"],
)
async def test_an_exception_that_cannot_be_rebuilt_harms_no_worker(
    place: Place, caplog: pytest.LogCaptureFixture, raise_it: Callable[[], None], name: str, kind: str
) -> None:
    """Three runs on two workers end in `error` with type, message and traceback, and both workers go on."""
    apps = [place.app(), place.app()]

    async def on_the_loop() -> None:
        raise_it()

    @apps[0].task
    async def good() -> int:
        return 1

    for app in apps:
        app.task(name="bad", retry=2, backoff=0.01)(on_the_loop if kind == "async" else raise_it)
    apps[1].task(good.__wrapped__)

    async with working(*apps):
        done = await (await apps[0].add_task("bad")).wait(timeout=30)
        tasks = [await good.add_task() for _ in range(20)]
        assert [task.value() for task in await ends(tasks)] == [1] * 20
        assert all(app.worker.info is not None for app in apps)

    assert (done.status, done.attempts) == ("error", 3)
    assert done.failure is not None
    assert done.failure.type.endswith(name)
    assert done.failure.message
    assert "Demanding: a=1 b=2" in done.failure.traceback
    assert "TypeError" not in done.failure.traceback
    assert "TypeError" not in caplog.text


class HttpError(Exception):
    """Built of keywords alone, like those of HTTP clients."""

    def __init__(self, *, status: int, reason: str) -> None:
        super().__init__()
        self.status, self.reason = status, reason

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class DiskError(OSError):
    """With an errno."""


class Prickly(Exception):
    """One of its properties raises."""

    @property
    def args(self) -> Any:  # type: ignore[override]
        """Raise."""
        raise RuntimeError("not to be looked at")

    @property
    def detail(self) -> str:
        """Raise."""
        raise RuntimeError("not to be looked at")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Model(pydantic.BaseModel):
    number: int


def _raising(error: Exception) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


TROUBLE: dict[str, tuple[Callable[[], object], str, str]] = {
    "a JSON decode error": (lambda: json.loads("{"), "json.decoder.JSONDecodeError", "Expecting property"),
    "keywords only": (_raising(HttpError(status=503, reason="busy")), "HttpError", "503 busy"),
    "an errno": (_raising(DiskError(28, "no space", "file")), "DiskError", "[Errno 28] no space"),
    "pydantic": (lambda: Model(number="x"), "ValidationError", "valid integer"),  # type: ignore[arg-type]
    "a property that raises": (_raising(Prickly("odd")), "Prickly", "odd"),
    "no words": (_raising(Mute()), "Mute", "not readable"),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_the_true_error_reaches_the_reader(place: Place, trouble: str) -> None:
    """Whatever the class, the result is readable, and raises what has its type, message and traceback."""
    body, name, message = TROUBLE[trouble]
    app = place.app()

    @app.task
    async def bad() -> None:
        body()

    async with working(app):
        task = await bad.add_task()
        with pytest.raises(TaskFailed) as caught:
            await task.result(timeout=30)
        done = await task.refresh()

    assert done.failure is not None
    assert done.failure.type.endswith(name)
    assert message in done.failure.message
    assert "in bad" in done.failure.traceback
    assert done.failure.type in str(caught.value)
    assert message in str(caught.value)


async def test_whoever_reads_a_failure_imports_nothing_for_it(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module of the exception is gone when another app reads, and when the command shows it."""
    (tmp_path / "their_errors.py").write_text("class MyError(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    app, stranger = place.app(), place.app()

    @app.task
    async def bad() -> None:
        raise importlib.import_module("their_errors").MyError("of mine")

    async with working(app):
        task = await (await bad.add_task()).wait(30)
    sys.modules.pop("their_errors")
    (tmp_path / "their_errors.py").write_text("raise SystemExit('nobody may import this')\n")
    read = await stranger.get(task.id)
    shown = await asyncio.to_thread(
        inside.qtasks, "task", "show", task.id, "--url", place.url, "--name", "tests"
    )

    assert read.failure is not None
    assert (read.status, read.failure.type, read.failure.message) == (
        "error",
        "their_errors.MyError",
        "of mine",
    )
    with pytest.raises(TaskFailed, match=r"their_errors\.MyError: of mine"):
        await read.result(30)
    assert (shown.code, "their_errors.MyError: of mine" in shown.out) == (0, True)
    assert "their_errors" not in sys.modules


READER = """
import json
app = qtasks.QueueTasks("shop", broker_url=sys.argv[1], plugins=False)
task = app.get(sys.argv[2])
try:
    task.result(timeout=30)
except qtasks.errors.TaskFailed as error:
    raised = str(error)
print(json.dumps([task.status, task.failure.type, task.failure.message, raised, "mymod" in sys.modules]))
"""


def test_a_failure_is_readable_where_its_module_is_not_there(folder: Folder, tmp_path: Path) -> None:
    """Status, type and message are read without the code of the task, and nothing is imported for it."""
    url = f"sqlite:///{tmp_path / 'tasks.db'}"
    folder.write("code/mymod.py", "class MyError(Exception):\n    pass\n")
    folder.write(
        "code/shop.py",
        "from qtasks import QueueTasks\nfrom mymod import MyError\n"
        f"app = QueueTasks('shop', broker_url={url!r})\n"
        "@app.task\ndef bad() -> None:\n    raise MyError('of mine')\n"
        "if __name__ == '__main__':\n    print(bad.add_task(timeout=30).id)\n",
    )
    code = Folder(tmp_path / "code")
    with code.running("-A", "shop:app", "run") as worker:
        wait_for(worker, " works on ")
        task_id = code.qtasks(start=("shop.py",)).out.strip()
        worker.terminate()
        assert worker.wait(30) == 0

    ended = programs.run(READER, url, task_id, cwd=tmp_path)
    assert ended.code == 0, ended.err
    status, kind, message, raised, imported = json.loads(ended.out)
    assert (status, kind, message, imported) == ("error", "mymod.MyError", "of mine", False)
    assert "mymod.MyError: of mine" in raised


@pytest.mark.parametrize("cap", [None, 60.0])
def test_the_wait_of_ten_thousand_failures_is_finite(cap: float | None) -> None:
    """With base and factor 5 every wait is finite, none is shorter than the one before, up to the cap."""
    policy = RetryPolicy(retries=FOR_EVER, delay=5.0, factor=5.0)
    policy = policy if cap is None else replace(policy, cap=cap)
    waits = [backoff(policy, attempt, lambda: 0.0) for attempt in range(1, 10_001)]

    assert waits == sorted(waits)
    assert waits[0] == 5.0
    assert set(waits[10:]) == {policy.cap}


async def test_a_task_that_is_tried_for_ever_is_planned_again(place: Place) -> None:
    """After 5,000 attempts the next one is due after the cap and the part by chance, and none is lost."""
    app = place.app()

    @app.task(retry=FOR_EVER, backoff=5, backoff_factor=5, backoff_cap=600)
    async def bad() -> None:
        raise OSError("still not")

    task = await bad.add_task()
    _pretend(app, place.url, task.id, 4999)

    async def planned() -> bool:
        return (await task.refresh()).status == "retry"

    began = time.time()
    async with working(app):
        await until_seen(planned)
    ended = time.time()

    after = await task.refresh()
    assert after.attempts == 5000
    assert after.due is not None
    assert began + 600 <= after.due.timestamp() <= ended + 660


def _pretend(app: QueueTasks, url: str, task_id: str, attempts: int) -> None:
    """Let a waiting task have been tried so often."""
    if isinstance(app.broker, AsyncMemoryBroker):
        app.broker.location.hub(app.name, app.clock, keeps=True)._items[task_id].attempts = attempts
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as file:
        file.execute("UPDATE task SET attempt = ?, attempts = ?", (attempts + 1, attempts))
        file.commit()


async def test_many_failures_in_a_row_are_all_counted(place: Place) -> None:
    """A task that fails 300 times with waits of nothing ends well in run 301, as one record."""
    app = place.app()
    runs = 0

    @app.task(retry=FOR_EVER, backoff=0)
    async def stubborn() -> int:
        nonlocal runs
        runs += 1
        if runs <= 300:
            raise OSError("not yet")
        return runs

    async with working(app):
        done = await stubborn.add_task(timeout=30)

    assert (done.value(), done.attempts, runs) == (301, 301, 301)
    assert len(done.record.history) <= 100


async def test_interruptions_are_no_failures(place: Place) -> None:
    """With two retries a task that five stops interrupt succeeds in its first attempt; each stop is noted."""
    began, release = asyncio.Event(), asyncio.Event()

    async def long() -> int:
        began.set()
        await release.wait()
        return 1

    sender = place.app()
    sender.task(retry=2, backoff=0.01)(long)
    task = await sender.add_task("long")
    for _ in range(5):
        began.clear()
        worker = place.app(grace=0.0)
        worker.task(retry=2, backoff=0.01)(long)
        async with working(worker):
            await asyncio.wait_for(began.wait(), 30)
    release.set()
    async with working(sender):
        done = await task.wait(30)

    assert (done.value(), done.attempts, done.losses) == (1, 1, 0)
    assert [event.end for event in done.record.history] == ["stopped"] * 5


async def test_a_body_that_kills_its_process_is_bounded(place: Place) -> None:
    """In a process of its own it takes down neither worker nor others, and ends after its retries."""
    app = place.app(max_tasks_process=4)
    poison = app.task(name="poison", executor="process", retry=2, backoff=0.01)(ending.be_killed)

    @app.task
    async def innocent(number: int) -> int:
        return number

    async with working(app):
        worker = app.worker.info
        guilty = await poison.add_task("x")
        tasks = [await innocent.add_task(number) for number in range(20)]
        assert [task.value() for task in await ends(tasks)] == list(range(20))
        done = await guilty.wait(30)
        assert app.worker.info == worker

    assert (done.status, done.attempts) == ("error", 3)
    assert "SIGKILL" in (done.error or "")
