"""One file, many processes: locked, full, read-only, read without an end, and left without a word."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from processes.place import TESTS, Place, until

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for line in sys.stdin:
    connection.execute(line).fetchone()
    print("done", flush=True)
"""

PRODUCER = """
import asyncio, sys
from processes.shop import app, count
app.use_url(sys.argv[1])

async def send(first: int, last: int) -> None:
    for number in range(first, last):
        await count.add_task(f"{sys.argv[2]}-{number}")

async def main() -> None:
    async with app:
        await asyncio.gather(*(send(first, first + 50) for first in range(0, 500, 50)))

asyncio.run(main())
"""

SCRIPT = """
import asyncio, sys, time
from qtasks{face} import QueueTasks
app = QueueTasks("shop", broker_url=sys.argv[1], plugins=False)

@app.task
{body} add(a: int, b: int) -> int:
    return a + b
"""

ASYNC = (
    SCRIPT.format(face=".asyncio", body="async def")
    + """
async def main() -> None:
    await add.add_task(1, 2)
    if sys.argv[2] == "close":
        await app.disconnect()
    if sys.argv[2] == "fail":
        raise RuntimeError("boom")

try:
    asyncio.run(main())
finally:
    print(time.monotonic(), flush=True)
"""
)

SYNC = (
    SCRIPT.format(face="", body="def")
    + """
try:
    add.add_task(1, 2)
    if sys.argv[2] == "close":
        app.disconnect()
    if sys.argv[2] == "fail":
        raise RuntimeError("boom")
finally:
    print(time.monotonic(), flush=True)
"""
)

FULL_DISK = """
import asyncio, logging, signal, sqlite3, sys, time
from pathlib import Path
from processes.place import Place, until
from qtasks.errors import BackendRefused

def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as out:
        for size in (65536, 1):
            try:
                while out.write(b"x" * size):
                    pass
            except OSError:
                pass

async def main() -> None:
    place = Place(Path(sys.argv[1]))
    worker = await place.worker("--lease", 30)
    gate = place.gate()
    held = [await place.client.add_task("hold", f"held-{number}", gate) for number in range(5)]
    for number in range(5):
        await place.began(f"held-{number}")
    filler = place.folder / "filler"
    fill(filler)
    before = len(worker.log.splitlines())
    Path(gate).unlink()
    began = time.monotonic()
    try:
        for number in range(100):  # the log may have some room left that it was given before
            await place.client.add_task("count", f"late-{number}", "x" * 3000)
    except BackendRefused as exc:
        print("refused:", "the disk is full; make room" in str(exc), time.monotonic() - began < 15)
    await until(lambda: "wait to be recorded" in worker.log)
    full = time.monotonic()
    while time.monotonic() < full + 4:
        await asyncio.sleep(0.05)
    lines = worker.log.splitlines()[before:]
    print("lines:", len(lines) <= 6, "Traceback" not in worker.log)
    filler.unlink()
    await asyncio.gather(*(task.wait(30) for task in held))
    await place.client.add_task("count", "after", timeout=30)
    print("goes on")
    await place.drained()
    print("once each:", set(place.runs().values()) == {1})
    worker.send(signal.SIGTERM)
    print("end:", await worker.end())
    await place.close()
    with sqlite3.connect(place.path) as connection:
        print(*connection.execute("PRAGMA integrity_check").fetchone())

asyncio.run(main())
"""

READ_ONLY = """
import asyncio, logging, os, sys, time
from pathlib import Path
from qtasks.asyncio import QueueTasks
from qtasks.errors import BackendRefused

def make(url: str) -> QueueTasks:
    app = QueueTasks("shop", broker_url=url, plugins=False)

    @app.task
    async def add(a: int, b: int) -> int:
        return a + b

    return app

async def sum_of(app: QueueTasks, a: int, b: int) -> object:
    return (await app.add_task("add", a, b, timeout=30)).returning

async def come(url: str) -> None:
    app, began = make(url), time.monotonic()
    try:
        print(await sum_of(app, 5, 6))
    except BackendRefused as exc:
        print("refused:", url.removeprefix("sqlite:///") in str(exc), time.monotonic() - began < 15)
    await app.disconnect()

async def main(folder: Path) -> None:
    file = folder / "tasks.db"
    url = f"sqlite:///{file}"
    worker = make(url)
    working = asyncio.ensure_future(worker.run())
    print(await sum_of(worker, 1, 2))
    for mode in (0o444, 0o644):
        file.chmod(mode)
        print(await sum_of(worker, 3, 4))  # it has the file open
        await asyncio.to_thread(lambda: asyncio.run(come(url)))  # a loop has connections of its own
    await worker.stop()
    await working
    await worker.disconnect()

logging.basicConfig(level=logging.WARNING)
folder = Path(sys.argv[1])
if os.geteuid() == 0:  # root may write everywhere
    (folder / "first").mkdir()
    sys.stdout = open(os.devnull, "w")  # it loads what nobody else may read
    asyncio.run(main(folder / "first"))
    sys.stdout = sys.__stdout__
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
asyncio.run(main(folder))
"""

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Return a function that starts a program, which is killed if it outlives the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*command: object) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
        environment = {**os.environ, "PYTHONPATH": path, "SHOP_LEDGER": str(tmp_path / "ledger")}
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=environment,
            cwd=tmp_path,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


class Other:
    """Another process with the file open, which executes what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def does(self, statement: str) -> None:
        """Wait until it has executed a statement."""
        assert await asyncio.to_thread(self._tell, statement) == "done\n"

    def _tell(self, statement: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{statement}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def _mounted(folder: Path, size: str) -> Iterator[list[str]]:
    """Give the beginning of a command that has a small disk of its own in this folder."""
    own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
    command = ["unshare", *own_user, "--mount", "sh", "-c", mount, str(folder)]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("no disk of its own may be mounted here")
    yield command


async def test_everybody_gets_through_a_locked_file(processes: Place, run: Run) -> None:
    """Four producers, four workers, and a lock on all of it for seconds: each task once."""
    workers = [processes.start("--lease", 30) for _ in range(4)]
    for worker in workers:
        await processes.works(worker)
    other = Other(run(sys.executable, "-c", HOLD, processes.path))
    names = ("north", "east", "south", "west")
    producers = [processes.run([sys.executable, "-c", PRODUCER, processes.url, name]) for name in names]
    recovered = []

    for done, seconds in ((20, 3.0), (200, 1.0)):
        await until(partial(_has_lines, processes, done), 30.0)
        await other.does("BEGIN EXCLUSIVE")
        locked = time.monotonic()
        while time.monotonic() < locked + seconds:
            await asyncio.sleep(0.01)
        before = len(processes.lines())
        await other.does("COMMIT")
        freed = time.monotonic()
        more = min(before + 1, 4 * 500)  # they may have been through before the second lock
        await until(partial(_has_lines, processes, more), 30.0)
        recovered.append(time.monotonic() - freed)
    assert [await producer.end(40) for producer in producers] == [0] * 4
    await processes.drained(40)

    assert max(recovered) < 15
    assert processes.runs() == {f"{name}-{number}": 1 for name in names for number in range(500)}
    assert [producer.log for producer in producers] == [""] * 4
    for worker in workers:
        worker.send(signal.SIGTERM)
    for worker in workers:
        assert await worker.end() == 0
        assert "WARNING" not in worker.log
        assert "Traceback" not in worker.log


@pytest.mark.parametrize("mode", ["leave", "close", "fail"])
@pytest.mark.parametrize("code", [ASYNC, SYNC], ids=["async", "sync"])
def test_a_producer_ends_by_itself(run: Run, tmp_path: Path, code: str, mode: str) -> None:
    """Closed or not, after an exception too: it is gone soon after its last line, the task stays."""
    path = tmp_path / "tasks.db"
    process = run(sys.executable, "-W", "error", "-c", code, f"sqlite:///{path}", mode)
    out, err = process.communicate(timeout=30)
    ended = time.monotonic()

    assert process.returncode == (1 if mode == "fail" else 0)
    assert err.count("Traceback") == (1 if mode == "fail" else 0)
    assert ended - float(out) < 15
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM task").fetchone() == (1,)


def test_a_full_disk_is_told_once_and_waited_out(run: Run, tmp_path: Path) -> None:
    """Calls fail at once, the worker says little and goes on by itself, and nothing runs twice."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with _mounted(folder, "2m") as command:
        out, err = run(*command, sys.executable, "-c", FULL_DISK, folder).communicate(timeout=55)

    assert (out.splitlines(), err) == (
        [
            "refused: True True",
            "lines: True True",
            "goes on",
            "once each: True",
            "end: 0",
            "ok",
        ],
        "",
    )


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs the rights of POSIX")
def test_a_file_that_becomes_read_only_is_told_to_newcomers(run: Run) -> None:
    """Who has it open goes on, who comes is refused at once, and after the remedy the same call succeeds."""
    with tempfile.TemporaryDirectory() as folder:  # the one of pytest is closed to other users
        Path(folder).chmod(0o777)
        out, err = run(sys.executable, "-c", READ_ONLY, folder).communicate(timeout=50)
        with closing(sqlite3.connect(Path(folder) / "tasks.db")) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchone()

    assert (out.splitlines(), err) == (["3", "7", "refused: True True", "7", "11"], "")
    assert sound == ("ok",)


async def test_a_reader_without_an_end_delays_nobody(processes: Place, run: Run) -> None:
    """While another process reads on, tasks run, connections close at once, and a stop is in time."""
    worker = await processes.worker("--grace", 1)
    await processes.client.add_task("count", "before", timeout=30)
    other = Other(run(sys.executable, "-c", HOLD, processes.path))
    await other.does("BEGIN")
    await other.does("SELECT count(*) FROM task")

    for number in range(100):
        await processes.client.add_task("count", f"{number}", timeout=30)
    for _ in range(5):
        begun = time.monotonic()
        await processes.client.disconnect()
        await processes.client.counts()
        assert time.monotonic() - begun < 8
    worker.send(signal.SIGTERM)

    assert await worker.end(1 + 15) == 0
    assert len(processes.runs()) == 101
    assert set(processes.runs().values()) == {1}
    assert "Traceback" not in worker.log


def _has_lines(processes: Place, number: int) -> bool:
    return len(processes.lines()) >= number
