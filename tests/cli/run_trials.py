"""What shows the effect of each flag of `qtasks run`: workers of a file, as processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Final

from cli.command import Folder, wait_for
from cli.flag_trials import Ground
from cli.inside import Place
from cli.tree import Path_

MODULE = """
import asyncio, os
from pathlib import Path
from qtasks.asyncio import QueueTasks
app = QueueTasks("shop", broker_url={url!r})

@app.task
async def note(word: str) -> None:
    print("ran", word, flush=True)

@app.task
async def hold(word: str) -> None:
    print("ran", word, flush=True)
    while Path("gate").exists():
        await asyncio.sleep(0.01)
    print("let go of", word, flush=True)
"""


class Ready:
    """A folder with an app on a file, and its place."""

    def __init__(self, ground: Ground) -> None:
        self.folder = Folder(ground.folder)
        self.place = Place(f"sqlite:///{ground.folder / 'tasks.db'}")
        self.folder.write("shop.py", MODULE.format(url=self.place.url))
        self.gate = ground.folder / "gate"

    def output(self, *flags: str, until: str = "works on", app: tuple[str, ...] = ("-A", "shop")) -> str:
        """Run a worker until a line says so, stop it, and return all that it has printed."""
        lines = ""
        with self.folder.running(*app, "run", *flags) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines += line
                if until in line:
                    process.terminate()
        assert process.returncode == 0, lines
        return lines


def app(ground: Ground, path: Path_) -> None:
    """`-A` says which app works, before the command or behind it; without it nothing does."""
    ready = Ready(ground)
    refused = ready.folder.qtasks(*path)
    assert refused.code == 2
    assert "run needs an app: qtasks -A module:app run" in refused.err
    assert ready.place.url in ready.output("-A", "shop:app", app=())


def processes(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--processes 2` is two workers beside the one that looks after them."""
    ready = Ready(ground)
    assert "worker process" not in ready.output()
    with ready.folder.running("-A", "shop", "run", "--processes", "2") as process:
        for _ in range(2):
            wait_for(process, "works on")
        workers = ready.place.data("worker", "list")
        process.terminate()
        assert process.wait(30) == 0
    assert len(workers) == 2
    assert process.pid not in {worker["pid"] for worker in workers}


def concurrency(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--concurrency 1` begins the second task after the end of the first."""
    ready = Ready(ground)
    assert _begun_together(ready) == ["ran a", "ran b"]
    assert _begun_together(ready, "--concurrency", "1") == ["ran a", "let go of a"]


def _begun_together(ready: Ready, *flags: str) -> list[str]:
    """Return the first two lines of two tasks, which may end as soon as enough of them have begun."""
    ready.gate.touch()
    for word in "ab":
        ready.place.add("hold", word)
    told: list[str] = []
    with ready.folder.running("-A", "shop", "run", *flags) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(("ran ", "let go ")):
                told.append(line.strip())
            if len(told) == (1 if flags else 2):
                ready.gate.unlink(missing_ok=True)
            if len(told) == 4:
                process.terminate()
    assert process.returncode == 0
    return told[:2]


def queues(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--queues own` leaves the others alone, those of the app too."""
    ready = Ready(ground)
    ready.place.add("note", "usual")
    assert "ran usual" in ready.output(until="ran ")
    usual, own = ready.place.add("note", "usual"), ready.place.add("note", "own", queue="own")
    assert "ran own" in ready.output("--queues", "own", until="ran ")
    assert (ready.place.status(own), ready.place.status(usual)) == ("success", "new")


def url(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--url` is where the worker works, in place of the URL of the app."""
    ready, other = Ready(ground), f"sqlite:///{ground.folder / 'other.db'}"
    Place(other).add("note", "there")
    ready.place.add("note", "here")
    assert "ran here" in ready.output(until="ran ")
    assert "ran there" in ready.output("--url", other, until="ran ")


def grace(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """With `--grace 0` what runs goes back at the stop; else it is waited for."""
    ready = Ready(ground)
    assert _stopped(ready) == "success"
    assert _stopped(ready, "--grace", "0") == "new"


def _stopped(ready: Ready, *flags: str) -> str:
    """Stop a worker while it runs a task that ends soon, and return the status of the task."""
    ready.gate.touch()
    task = ready.place.add("hold", "a")
    with ready.folder.running("-A", "shop", "run", *flags) as process:
        wait_for(process, "ran a")
        process.terminate()
        if flags:
            wait_for(process, "they are cancelled and go back")
        ready.gate.unlink()
        assert process.wait(30) == 0
    return ready.place.status(task)


def lease(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--lease 0.5`: a killed worker counts as dead so soon, while one without it is still known."""
    ready = Ready(ground)
    usual, short = _killed(ready), _killed(ready, "--lease", "0.5")
    end = time.monotonic() + 25
    while short in (alive := _pids(ready)):
        assert time.monotonic() < end
    assert usual in alive


def _killed(ready: Ready, *flags: str) -> int:
    with ready.folder.running("-A", "shop", "run", *flags) as process:
        wait_for(process, "works on")
        assert process.pid in _pids(ready)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    return process.pid


def _pids(ready: Ready) -> set[int]:
    return {worker["pid"] for worker in ready.place.data("worker", "list")}


def log_level(ground: Ground, path: Path_) -> None:  # noqa: ARG001
    """`--log-level` is the least level of its lines."""
    ready = Ready(ground)
    assert "DEBUG" not in ready.output()
    assert "DEBUG" in ready.output("--log-level", "debug")


RUN: Final[dict[tuple[Path_, str], Callable[[Ground, Path_], None]]] = {
    (("run",), "--app"): app,
    (("run",), "--processes"): processes,
    (("run",), "--concurrency"): concurrency,
    (("run",), "--queues"): queues,
    (("run",), "--url"): url,
    (("run",), "--grace"): grace,
    (("run",), "--lease"): lease,
    (("run",), "--log-level"): log_level,
}
