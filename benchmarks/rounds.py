"""What one round measures of one backend, ours and the raw limit side by side."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from board import VARIABLE, Board
from children import Failed, ask, running, worker
from machine import CORES, Pinning, memory, threads_seconds

LOAD_BATCH = 500
BATCH = 100
LONGEST = 120.0

Values = defaultdict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much a round does."""

    tasks: int
    singles: int
    """Tasks that are enqueued one by one, each of them a commit of its own."""
    round_trips: int
    idle: float
    """Seconds for which an idle worker is watched."""


FULL = Size(tasks=10_000, singles=1_000, round_trips=300, idle=12.0)
QUICK = Size(tasks=3_000, singles=200, round_trips=60, idle=3.0)


@dataclass
class Found:
    """Everything that the rounds have found, ours and raw, by name."""

    ours: Values = field(default_factory=lambda: defaultdict(list))
    raw: Values = field(default_factory=lambda: defaultdict(list))


class Places:
    """Gives each measurement a place of its own to keep tasks in.

    Args:
        scheme: Of the backend.
        url: Of its server; None makes files in the folder.
        folder: Where files go.
    """

    def __init__(self, scheme: str, url: str | None, folder: Path) -> None:
        self.scheme = scheme
        self._url = url
        self.folder = folder
        self._count = 0

    def path(self) -> str:
        """Return a file that is not there yet."""
        self._count += 1
        return str(self.folder / f"{self.scheme}-{self._count}.db")

    def url(self) -> str:
        """Return a URL where there are no tasks yet."""
        if self._url is None:
            return f"{self.scheme}:///{self.path()}"
        ask("producer.py", "flush", CORES, url=self._url)
        return self._url


def shared(places: Places, size: Size, pinning: Pinning, found: Found, *, raw: bool) -> None:
    """Measure a backend that several processes share; the raw limit directly before ours."""
    for batch, count, name in ((1, size.singles, "enqueue_one"), (BATCH, size.tasks, "enqueue_batch")):
        if raw:
            answer = ask(
                "raw_sqlite.py", "publish", pinning.worker, path=places.path(), count=count, batch=batch
            )
            found.raw[name].append(answer["rate"])
        answer = ask("producer.py", "enqueue", pinning.worker, url=places.url(), count=count, batch=batch)
        found.ours[name].append(answer["rate"])
        found.ours[f"{name}_cpu_us"].append(answer["cpu_us"])
    if raw:
        answer = ask("raw_sqlite.py", "process", pinning.worker, path=places.path(), count=size.tasks)
        found.raw["process_1"].append(answer["rate"])
    _process(places, size, pinning.worker, found.ours)
    _process_by_two(places, size, found.ours)
    if raw:
        answer = ask(
            "raw_sqlite.py",
            "chain",
            pinning.caller,
            path=places.path(),
            count=size.round_trips,
            worker_cores=list(pinning.worker),
        )
        found.raw["latency"] += answer["ms"]
    _latency(places, size, pinning, found.ours)


def alone(url: str, size: Size, pinning: Pinning, found: Found) -> None:
    """Measure a backend that lives inside one process."""
    answer = ask(
        "inside.py", "everything", pinning.worker, url=url, tasks=size.tasks, round_trips=size.round_trips
    )
    for role, name in (("one", "enqueue_one"), ("batch", "enqueue_batch")):
        found.ours[name].append(answer[role]["rate"])
        found.ours[f"{name}_cpu_us"].append(answer[role]["cpu_us"])
    found.ours["process_1"].append(answer["rate"])
    found.ours["latency"] += answer["latency"]["ms"]
    found.ours["peak_mb"].append(answer["peak"])


def idle(places: Places, size: Size, pinning: Pinning, found: Found) -> None:
    """Watch a worker that has nothing to do."""
    url = places.url()
    with running(worker(url), pinning.worker) as process:
        _run_one(url, pinning)
        time.sleep(1.0)
        began, cpu = time.perf_counter(), threads_seconds(process.pid)
        time.sleep(size.idle)
        used = threads_seconds(process.pid) - cpu
        found.ours["idle_percent"].append(used / (time.perf_counter() - began) * 100)
        found.ours["idle_mb"].append(memory(process.pid, "VmRSS"))


def _run_one(url: str, pinning: Pinning) -> None:
    ask("producer.py", "latency", pinning.caller, url=url, count=1)


def _load(places: Places, count: int) -> tuple[str, Board, Path]:
    url, path = places.url(), places.folder / "board"
    ask("producer.py", "load", CORES, url=url, count=count, batch=LOAD_BATCH)
    return url, Board(path, count), path


def _process(places: Places, size: Size, cores: Sequence[int], values: Values) -> None:
    url, board, path = _load(places, size.tasks)
    spawned = time.monotonic_ns()
    with running(worker(url), cores, **{VARIABLE: str(path)}) as process:
        first, cpu = _until(board, 1), threads_seconds(process.pid)
        _until(board, size.tasks)
        used = threads_seconds(process.pid) - cpu
        values["peak_mb"].append(memory(process.pid, "VmHWM"))
    moments = board.moments()
    values["process_1"].append(_rate(moments))
    values["process_1_cpu_us"].append(used / (size.tasks - first) * 1e6)
    values["start_s"].append((moments[0] - spawned) / 1e9)
    _check(url, size.tasks)


def _process_by_two(places: Places, size: Size, values: Values) -> None:
    """Two workers on all cores; only the time in which both were at work counts."""
    count = 2 * size.tasks
    url, board, path = _load(places, count)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(running(worker(url), CORES, **{VARIABLE: str(path)}))
        _until(board, count)
    values["process_2"].append(_rate(board.moments_together()))
    _check(url, count)


def _latency(places: Places, size: Size, pinning: Pinning, values: Values) -> None:
    url = places.url()
    with running(worker(url), pinning.worker):
        _run_one(url, pinning)
        answer = ask("producer.py", "latency", pinning.caller, url=url, count=size.round_trips)
    values["latency"] += answer["ms"]


def _rate(moments: Sequence[int]) -> float:
    return (len(moments) - 1) / (moments[-1] - moments[0]) * 1e9


def _until(board: Board, count: int) -> int:
    for _ in _ticks():
        if (done := board.done) >= count:
            return done
    raise Failed(f"only {board.done} of {count} tasks have run within {LONGEST:.0f} s")


def _ticks() -> Iterator[None]:
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        yield
        time.sleep(0.005)


def _check(url: str, expected: int) -> None:
    found: Any = ask("producer.py", "succeeded", CORES, url=url)
    if found["succeeded"] != expected:
        raise Failed(f"{found['succeeded']} tasks have succeeded, not {expected}")
