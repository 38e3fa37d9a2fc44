"""`qtasks run`: what each of its flags does, and how a worker ends that must be replaced."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli.command import Folder, wait_for
from cli.inside import Place

from qtasks.status import TaskStatus

TASKS = """
import asyncio, threading, time
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url={url!r})
app.config.max_abandoned = 1

@app.task
async def note(word: str) -> str:
    print("ran", word, flush=True)
    return word

@app.task
async def stay() -> None:
    print("ran stay", flush=True)
    await asyncio.sleep(60)

@app.task(max_time=0.05)
async def cling() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue

@app.task(max_time=0.05)
def block() -> None:
    time.sleep(30)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A working directory with the module `shop`."""
    folder = Folder(tmp_path)
    folder.write("shop.py", TASKS.format(url="sqlite:///tasks.db"))
    return folder


@pytest.fixture
def place(folder: Folder) -> Place:
    """The file of the app in the folder."""
    return Place(f"sqlite:///{folder.path / 'tasks.db'}")


def stop(process: subprocess.Popen[str]) -> None:
    """End a worker gracefully."""
    process.terminate()
    assert process.wait(30) == 0


def test_queues_may_have_weights(folder: Folder, place: Place) -> None:
    """`--queues high=2,low=1` takes from both, and begins with the greater weight twice as often."""
    for number in range(6):
        place.add("note", f"high{number}", queue="high")
        place.add("note", f"low{number}", queue="low")
    with folder.running("-A", "shop", "run", "--queues", "high=2, low=1", "--concurrency", "1") as process:
        ran = [wait_for(process, "ran ").split()[1] for _ in range(12)]
        stop(process)
    first = [word.rstrip("0123456789") for word in ran[:6]]
    assert first.count("high") == 4, ran
    assert sorted(ran) == sorted([f"high{n}" for n in range(6)] + [f"low{n}" for n in range(6)])


def test_other_queues_are_left_alone(folder: Folder, place: Place) -> None:
    """A task of a queue that is not named stays where it is."""
    other, own = place.add("note", "other", queue="other"), place.add("note", "own", queue="own")
    with folder.running("-A", "shop", "run", "--queues", "own") as process:
        wait_for(process, "ran own")
        stop(process)
    assert (place.status(own), place.status(other)) == ("success", "new")


@pytest.mark.parametrize("weights", ["high=0,low=1", "high=2=3"])
def test_a_weight_that_is_none_is_refused(folder: Folder, weights: str) -> None:
    """The text says what a weight looks like, and the exit code is 2."""
    result = folder.qtasks("-A", "shop", "run", "--queues", weights)
    assert result.code == 2
    assert "each may have a weight: name=3" in result.err


def test_the_grace_is_that_of_the_flag(folder: Folder, place: Place) -> None:
    """`--grace 0` cancels what runs at once; the task goes back."""
    task = place.add("stay")
    with folder.running("-A", "shop", "run", "--grace", "0") as process:
        wait_for(process, "ran stay")
        process.terminate()
        wait_for(process, "1 tasks still run; they are cancelled and go back")
        assert process.wait(30) == 0
    assert place.status(task) == "new"


def test_the_lease_is_that_of_the_flag(folder: Folder, place: Place) -> None:
    """`--lease 0.5`: what a killed worker held runs again half a second later, not half a minute."""
    place.add("stay")
    call = ("-A", "shop", "run", "--lease", "0.5", "--grace", "0")
    with folder.running(*call) as killed:
        wait_for(killed, "ran stay")
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
    began = time.monotonic()
    with folder.running(*call) as process:
        wait_for(process, "ran stay")
        stop(process)
    assert time.monotonic() - began < 25


def test_the_url_is_that_of_the_flag(folder: Folder) -> None:
    """`--url` wins over the app's own."""
    other = Place(f"sqlite:///{folder.path / 'other.db'}")
    other.add("note", "there")
    with folder.running("-A", "shop", "run", "--url", "sqlite:///other.db") as process:
        wait_for(process, "ran there")
        stop(process)


@pytest.mark.parametrize("name", ["cling", "block"])
def test_an_exhausted_worker_exits_with_3(folder: Folder, place: Place, name: str) -> None:
    """A coroutine or a thread that cannot be ended: one line says so, and the process ends by itself."""
    task = place.add(name)
    with folder.running("-A", "shop:app", "run", "--grace", "0") as process:
        line = wait_for(process, "ERROR", "max_abandoned is 1")
        assert line.rstrip().endswith("(exit code 3)")
        assert process.wait(30) == 3
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()
    assert place.status(task) == TaskStatus.ERROR


def test_an_exhausted_worker_process_is_replaced(folder: Folder, place: Place) -> None:
    """Under `--processes` the supervisor puts a new one in its place, which goes on."""
    place.add("cling")
    with folder.running("-A", "shop:app", "run", "--processes", "1", "--grace", "0") as process:
        wait_for(process, "worker process", "has ended (exit code 3)")
        place.add("note", "after")
        wait_for(process, "ran after")
        stop(process)


@pytest.mark.parametrize(("level", "is_told"), [("10", True), ("20", False)])
def test_commands_log_as_clients(folder: Folder, level: str, is_told: bool) -> None:
    """`logs_default_level_client` is the level of their log, which goes to standard error."""
    result = folder.qtasks("-A", "shop", "counts", "--json", QTASKS_LOGS_DEFAULT_LEVEL_CLIENT=level)
    assert result.code == 0
    assert ("DEBUG] app shop is connected" in result.err) is is_told
    assert result.out.startswith("{")


def test_a_module_in_src_is_pointed_at(folder: Folder) -> None:
    """Where the module lies in `src`, the error says how to get it on the path."""
    folder.app("src/store/inner")
    for target in ("store.inner:app", "store"):
        result = folder.qtasks("-A", target, "run")
        assert result.code == 2
        assert "it is in src: set PYTHONPATH=src" in result.err
